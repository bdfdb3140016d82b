//! The parser from outside: torture messages, generated messages, arbitrary bytes.

mod accessors;
mod building;
mod message;
#[path = "../common/torture.rs"]
mod messages;
mod properties;
mod round_trip;
mod torture;
