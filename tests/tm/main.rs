//! Module `tm` seen from outside: a server with a script of the test's own, callers and next hops that are
//! plain sockets.

#[path = "../common/mod.rs"]
mod common;
mod kit;
#[path = "../common/torture.rs"]
mod messages;

mod application;
mod cancel;
mod chaos;
mod crowd;
mod failure;
mod matching;
mod replies;
mod script;
mod selects;
mod serial;
mod timers;
mod torture;
mod waiting;
