//! Whatever arrives from outside: nothing crashes, nothing hangs, each message gets an answer or is
//! counted where it was dropped, and no memory is lost.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/torture.rs"]
mod messages;

mod corpus;
mod full;
mod lab;
mod torture;
mod volume;
