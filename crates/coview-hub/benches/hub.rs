//! Placeholder until the hub is filled in.
fn main() {}
