//! Remote control from outside: every transport with real clients, what breaks their rules, and SIP that goes on
//! meanwhile.

#[path = "../common/mod.rs"]
mod common;

mod ctl;
mod every_method;
mod fifo;
mod jsonrpc;
mod lab;
mod late;
mod shapes;
mod unixsock;
mod xmlrpc;
