//! The map of the house.
//!
//! [`core`] is what happens to a message and who does it; [`ipc`] is the only place that knows that
//! memory is shared between processes. Plug-ins live in `modules/NAME`, one crate each, and link this
//! library dynamically, as `src/serctl` does, the operator's tool. Imports go down these floors only; where something below must call up, it
//! gets a function or a trait object from above:
//!
//! | floor | folder | what lives there |
//! |---|---|---|
//! | 10 | [`core::cli`] | flags, start order, exit codes |
//! | 9 | [`core::process`] | attendant, process table, fork, ranks, signals; one file a role |
//! | 8 | [`core::receive`], [`core::overload`] | `receive_msg`, script callbacks, non-SIP hooks; 503 to what is too much |
//! | 7 | [`core::config`] | lexer, parser, checker, compiler of ser.cfg |
//! | 6 | [`core::script`] | the program and what runs it: actions, expressions, selects, formats |
//! | 5 | [`core::forward`] | message building, Via, stateless forward and reply |
//! | 4 | [`core::module`], [`core::rpc`], [`core::msg`], [`core::dialog`], [`core::dns`] | ABI and loader; RPC methods; one message and what is decided about it; what messages of a dialog share; where names lead |
//! | 3 | [`core::net`] | addresses, listening sockets, UDP reading and sending |
//! | 2 | [`core::sip`] | the parser: bytes in, structure out |
//! | 1 | [`core::log`], [`core::stats`], [`core::time`], [`core::settings`], [`core::in_force`], [`core::isolation`] | |
//! | 0 | [`ipc`] | segment, allocator, locks, tables, wheel |

pub mod core;
pub mod ipc;
