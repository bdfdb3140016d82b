//! Processes that modules add to the tree.
//!
//! Invariant: the list grows only before the first fork (`init` of the modules, `child_init(PROC_MAIN)`);
//! afterwards it is closed, and a module that comes too late is told so.

use super::table::{Role, Table};
use parking_lot::Mutex;

/// A kind of process that a module wants.
#[derive(Clone, Debug)]
pub struct ProcessSpec {
    /// What `ps` shows, such as `ctl handler`.
    pub desc: String,
    /// What `child_init` gets in it; [`super::rank::PROC_NOCHLDINIT`]: it is not called.
    pub rank: i32,
    /// How many of them.
    pub count: u32,
    /// What it does, until it returns (which ends the process) or is told to stop: see
    /// [`super::idle`] and [`super::stop_if_told`].
    pub run: fn(),
}

#[derive(Debug)]
struct Registered {
    specs: Vec<ProcessSpec>,
    announced: u32,
    closed: bool,
}

static REGISTERED: Mutex<Registered> = Mutex::new(Registered {
    specs: Vec::new(),
    announced: 0,
    closed: false,
});

/// Asks for processes; they are started after `child_init(PROC_MAIN)`. In no-fork mode they are not.
pub fn register_process(spec: ProcessSpec) -> Result<(), String> {
    let mut registered = REGISTERED.lock();
    if registered.closed {
        return Err(format!(
            "BUG: process \"{}\" registered at runtime",
            spec.desc
        ));
    }
    registered.specs.push(spec);
    Ok(())
}

/// Announces processes that a module forks itself, so that the estimate of SER's process table
/// stays right.
pub fn register_procs(n: u32) -> Result<(), String> {
    let mut registered = REGISTERED.lock();
    if registered.closed {
        return Err(format!("BUG: register_procs({n}) called at runtime"));
    }
    registered.announced += n;
    Ok(())
}

/// How many processes modules asked for or announced.
pub fn registered_procs() -> u32 {
    let registered = REGISTERED.lock();
    let wanted: u32 = registered.specs.iter().map(|s| s.count).sum();
    wanted + registered.announced
}

/// Closes the list and puts what it holds into the table.
pub(super) fn take_into(table: &mut Table) {
    put(table, take());
}

/// Closes the list; what it holds.
pub(super) fn take() -> Vec<ProcessSpec> {
    let mut registered = REGISTERED.lock();
    registered.closed = true;
    std::mem::take(&mut registered.specs)
}

/// Puts processes into the table.
pub(super) fn put(table: &mut Table, specs: Vec<ProcessSpec>) {
    for spec in specs {
        for _ in 0..spec.count {
            table.add(Role::Module(spec.run), spec.rank, spec.desc.clone());
        }
    }
}
