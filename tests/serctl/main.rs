//! `serctl` against a running server.

#[path = "../common/mod.rs"]
mod common;

mod check;
mod children;
mod fifo;
mod lab;
mod live;
mod request;
mod route;
mod rpc;
mod screen;
mod service;
mod sight;
mod top;
mod usrloc;
mod variables;
