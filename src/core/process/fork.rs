//! The one place that forks, and the one that ends a forked process.

#![allow(unsafe_code)]

use nix::unistd::{ForkResult, Pid};

/// Which of the two processes goes on here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Forked {
    /// The old one, with the pid of the new.
    Parent(Pid),
    /// The new one.
    Child,
}

/// Forks. To be called by a process with one thread only: the attendant keeps that rule.
pub fn fork() -> nix::Result<Forked> {
    // SAFETY: the process has one thread (the attendant starts its only helper thread when it will not
    // fork again), so no lock or allocator can be left half-done in the child.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Forked::Parent(child)),
        ForkResult::Child => Ok(Forked::Child),
    }
}

/// Ends a process without running what the attendant registered for its own exit.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: _exit has no preconditions; nothing of this process is used afterwards.
    unsafe { libc::_exit(status) }
}
