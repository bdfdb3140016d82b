//! The parser from outside: torture messages, generated messages, arbitrary bytes.

mod accessors;
mod message;
mod properties;
mod torture;
