//! What a process died of: the piece of work that it was at is told once and counted, and a message that did it twice
//! goes into quarantine.

use super::at_work::{AtWork, Seen};
use super::watch::Watch;
use crate::core::receive::quarantine::{self, Death};
use crate::core::stats::{Counter, count, work};
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;

/// Signals that a process gets for what it does itself. KILL is not among them: an operator or the kernel's OOM killer
/// sends it to whom they like.
const FAULTS: [Signal; 8] = [
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGILL,
    Signal::SIGFPE,
    Signal::SIGABRT,
    Signal::SIGTRAP,
    Signal::SIGSYS,
    Signal::SIGXCPU,
];

/// Tells and counts what the process of `slot`, which was reaped, left undone.
pub(super) fn examine(slot: u16, pid: Pid, desc: &str, status: WaitStatus, watch: &Watch) {
    count(Counter::Deaths);
    let Some(work) = AtWork::of(slot) else { return };
    // The next process of the slot begins with nothing.
    work::forget_activity(slot);
    count(Counter::DeathsAtWork);
    let how = cause(status);
    let Some(message) = &work.message else {
        log::error!("ERROR: process {pid} ({desc}) died of {how} after {work}");
        return;
    };
    let (length, text) = (message.bytes.len(), message.beginning());
    log::error!(
        "ERROR: process {pid} ({desc}) died of {how} after {work}; {length} bytes: <{text}>"
    );
    // One that held its process up was counted then.
    if is_own_fault(status) && !watch.has_told(slot, work.activity.since) {
        suspect(message);
    }
}

/// A process died of the message, or was held up by it for too long.
pub(super) fn suspect(message: &Seen) {
    let fingerprint = quarantine::note_death(&Death {
        message: &message.bytes,
        source: &message.source.to_string(),
        method: &message.method(),
        call_id: message.call_id().as_deref().unwrap_or_default(),
    });
    if let Some(fingerprint) = fingerprint {
        log::error!(
            "ERROR: {message} has cost more than one process: {fingerprint} is in quarantine"
        );
    }
}

fn is_own_fault(status: WaitStatus) -> bool {
    match status {
        WaitStatus::Signaled(_, signal, _) => FAULTS.contains(&signal),
        WaitStatus::Exited(_, code) => code != 0,
        _ => false,
    }
}

fn cause(status: WaitStatus) -> String {
    match status {
        WaitStatus::Signaled(_, signal, _) => format!("signal {} ({signal})", signal as i32),
        WaitStatus::Exited(_, code) => format!("its own exit, status={code},"),
        other => format!("{other:?}"),
    }
}
