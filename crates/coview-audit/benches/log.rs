//! How many records a second get onto the disk, and how fast a log is checked.

fn main() {}
