//! The ser.cfg language: what turns a file into settings and a [`crate::core::script`] program.
//!
//! | file | what |
//! |---|---|
//! | `scanner`, `parser`, `ast` | from bytes to the syntax tree |
//! | `params`, `commands` | tables: core parameters, core commands |
//! | `load` | carries a tree out in the order of the file: parameters, modules, declarations |
//! | `compile` | route blocks become the program |
//! | `facts` | what can change while a server runs, and what cannot |
//! | `catalog`, `retired` | what modules have, and what older generations called otherwise |
//! | `diagnostics`, `suggest` | findings with place, line, caret, and what would be right |
//!
//! All errors of a file are reported in one run; [`load`] does everything that must happen before
//! modules are initialised, [`crate::core::script::Program::fixup`] what comes after.
//! Invariant: whatever the file holds, it is read or refused; the depth of recursion is bounded.

pub mod ast;
mod catalog;
mod commands;
mod compile;
mod diagnostics;
mod facts;
mod load;
mod params;
mod parser;
mod retired;
mod scanner;
mod suggest;

pub use catalog::modules as known_modules;
pub use commands::command_docs;
pub use diagnostics::{Diagnostic, Diagnostics, Severity, SourceFile};
pub use facts::{Facts, ParamChange};
pub use load::{Loaded, Modules, load};
pub use params::{FOREIGN_POLL_METHODS, POLL_METHODS, ParamDoc, Target, param_docs};
pub use parser::parse;
