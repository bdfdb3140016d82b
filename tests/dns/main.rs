//! Name resolution, seen from outside.

#[path = "../common/mod.rs"]
mod common;

mod cache;
mod destinations;
mod local;
mod servers;
mod site;
mod waiting;
