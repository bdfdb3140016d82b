//! ser.cfg from outside: what is accepted and refused, what the messages say, what the script does.

mod check;
#[path = "../common/mod.rs"]
mod common;
mod messages;
mod new_dialect;
mod old_dialect;
mod parameters;
mod properties;
mod script;
mod server;
mod wild;
