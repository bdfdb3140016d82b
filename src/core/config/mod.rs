//! The ser.cfg language: scanner, parser, diagnostics, the table of core parameters, and the compiler
//! that turns a file into a [`crate::core::script`] program.
//!
//! All errors of a file are reported in one run; [`load`] does everything that must happen before
//! modules are initialised, [`crate::core::script::Program::fixup`] what comes after.

pub mod ast;
mod catalog;
mod commands;
mod compile;
mod diagnostics;
mod load;
mod params;
mod parser;
mod retired;
mod scanner;
mod suggest;

pub use diagnostics::{Diagnostic, Diagnostics, Severity, SourceFile};
pub use load::{Loaded, Modules, load};
pub use params::{FOREIGN_POLL_METHODS, POLL_METHODS, Target};
pub use parser::parse;
