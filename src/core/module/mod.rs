//! Plug-ins: the ABI between core and module, the loader, and the registry of what is loaded.
//!
//! The only folder beside `net`, `process` and `ipc` that may hold `unsafe`: it crosses the border to
//! foreign code (dlopen, libc's regular expressions).

mod abi;
pub mod api;
mod args;
pub mod loader;
mod macros;
mod params;
mod regex;
mod regex_cost;
pub mod registry;
pub mod retired;
pub mod version;

pub use abi::{
    ChildInit, CmdFn, Command, FixupFn, ModuleExports, ModuleFn, MsgFn, Param, ParamKind,
    ResponseFn, RouteMask,
};
pub use args::{Arg, ArgType, Args, StrValue, VarStr};
pub use params::{IntParam, StrParam};
pub use regex::{Match, Regex};
