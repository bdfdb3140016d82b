//! What is measured, from outside: a server does something, and the page of module prometheus and RPC tell it.

#[path = "../common/mod.rs"]
mod common;

mod counts;
mod http;
mod lab;
mod measures;
mod tools;
