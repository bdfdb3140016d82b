//! `serctl` against a running server.

mod check;
#[path = "../common/mod.rs"]
mod common;
mod lab;
mod route;
mod rpc;
