//! `serctl` against a running server.

#[path = "../common/mod.rs"]
mod common;
mod lab;
mod rpc;
