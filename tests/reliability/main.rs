//! It does not go down: what the death, the panic or the silence of a process costs, and what not; how it goes on
//! while processes come and go and its config changes, while there is too much to do or too little memory.

#[path = "../common/mod.rs"]
mod common;

mod auto_children;
mod deaths;
mod fragmentation;
mod kills;
mod lab;
mod load;
mod memory;
mod overload;
mod panics;
mod points;
mod quarantine;
mod reload;
mod reload_calls;
mod saturated;
mod scaling;
mod site;
mod strace;
mod stuck;
mod syscalls;
mod syscalls_at_start;
mod upgrade;
