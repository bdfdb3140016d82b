//! The ser.cfg language: lexer, parser, checker, diagnostics, the table of core parameters, and the
//! compiler that turns a checked file into a [`crate::core::script`] program.

pub mod ast;
