//! It does not go down: what the death, the panic or the silence of a process costs, and what not; how it goes on
//! while processes come and go and its config changes.

#[path = "../common/mod.rs"]
mod common;

mod deaths;
mod lab;
mod load;
mod points;
mod quarantine;
mod scaling;
mod site;
