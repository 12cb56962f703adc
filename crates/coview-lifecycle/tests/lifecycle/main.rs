//! The lifecycle against its table, against a hostile server, and against being dropped half way.

#![expect(clippy::std_instead_of_alloc, reason = "tests have the standard library")]

mod bounds;
mod cancel;
mod changes;
mod closed;
mod confirming;
mod documents;
mod door;
mod late;
mod model;
mod redaction;
mod resumed;
mod screen;
mod steps;
mod support;
mod transitions;
mod words;
