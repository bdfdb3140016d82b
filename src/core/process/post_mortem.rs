//! What a process died of: the piece of work that it was at is told once and counted.

use super::at_work::AtWork;
use crate::core::stats::{Counter, count, work};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

/// Tells and counts what the process of `slot`, which was reaped, left undone.
pub(super) fn examine(slot: u16, pid: Pid, desc: &str, status: WaitStatus) {
    count(Counter::Deaths);
    let Some(work) = AtWork::of(slot) else { return };
    // The next process of the slot begins with nothing.
    work::forget_activity(slot);
    count(Counter::DeathsAtWork);
    let how = cause(status);
    match &work.message {
        Some(message) => {
            let (length, text) = (message.bytes.len(), message.beginning());
            log::error!(
                "ERROR: process {pid} ({desc}) died of {how} after {work}; {length} bytes: <{text}>"
            );
        }
        None => log::error!("ERROR: process {pid} ({desc}) died of {how} after {work}"),
    }
}

fn cause(status: WaitStatus) -> String {
    match status {
        WaitStatus::Signaled(_, signal, _) => format!("signal {} ({signal})", signal as i32),
        WaitStatus::Exited(_, code) => format!("its own exit, status={code},"),
        other => format!("{other:?}"),
    }
}
