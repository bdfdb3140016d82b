//! The server as a part of the system: what an installation puts where, and what starts it from there.

#[path = "../common/mod.rs"]
mod common;
mod layout;
mod notify;
