//! It does not go down: what the death, the panic or the silence of a process costs, and what not.

#[path = "../common/mod.rs"]
mod common;

mod deaths;
mod lab;
