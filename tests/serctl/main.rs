//! `serctl` against a running server.

#[path = "../common/mod.rs"]
mod common;

mod check;
mod fifo;
mod lab;
mod request;
mod route;
mod rpc;
mod service;
mod sight;
mod usrloc;
mod variables;
