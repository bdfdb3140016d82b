//! Keeps docs/ in step with the code: links and paths lead somewhere, pages of modules name what the modules
//! export, examples work.

#[path = "../common/mod.rs"]
mod common;

mod architecture;
mod benchmarks;
mod examples;
mod links;
mod metrics;
mod migrating;
mod pages;
mod text;
mod writing_a_module;
