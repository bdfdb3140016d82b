//! Signals: the attendant reads them from a descriptor, so that none is lost; every other process is
//! stopped by TERM or INT, at once while it waits for work, else when its piece of work is done.
//!
//! A process that is retired always finishes what it has: a handler that ended it could lose what a system
//! call has just taken (a datagram). So that is a word in shared memory which work loops look at, and
//! [`NUDGE`] only ends the wait of those who wait. Who works is not nudged, so that no call of the work
//! ends early.
//!
//! Invariant: a worker's handler acts by itself only while [`idle`] runs, that is while the process
//! sits in one blocking system call and has nothing half-done: no lock held, no borrow open. At any
//! other time it leaves a note, and the work loop looks at it before it waits again.

#![allow(unsafe_code)]

use super::fork::exit_now;
use super::shared;
use crate::core::stats::work;
use crate::ipc::settle;
use nix::errno::Errno;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering, compiler_fence};

/// What the attendant wants to know about.
const ATTENDED: [Signal; 9] = [
    Signal::SIGINT,
    Signal::SIGTERM,
    Signal::SIGCHLD,
    Signal::SIGHUP,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGPIPE,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
];
/// What makes a worker look whether it is retired.
pub(super) const NUDGE: Signal = Signal::SIGUSR2;
/// A worker that was told so often to stop and did not look is stuck: it ends in its handler.
const INSIST: i32 = 10;
/// Seconds that a busy worker has left once its attendant is gone.
const ORPHAN: u32 = 3;

fn attended() -> SigSet {
    ATTENDED.into_iter().collect()
}

/// The attendant's descriptor.
#[derive(Debug)]
pub struct Attended(SignalFd);

impl Attended {
    /// From now on these signals wait until they are read.
    pub fn begin() -> nix::Result<Attended> {
        let set = attended();
        // The Rust runtime's handler swallows the first SEGV that another process sends.
        set_action(Signal::SIGSEGV, SigHandler::SigDfl)?;
        set_action(Signal::SIGBUS, SigHandler::SigDfl)?;
        // The Rust runtime ignores SIGPIPE, and what is ignored never arrives.
        set_action(Signal::SIGPIPE, SigHandler::SigDfl)?;
        set.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        Ok(Attended(SignalFd::with_flags(&set, flags)?))
    }

    /// The next signal that arrived; `None`: there is none.
    pub fn next(&self) -> Option<siginfo> {
        match self.0.read_signal() {
            Ok(signal) => signal,
            Err(Errno::EINTR) => None,
            Err(e) => {
                log::error!("reading signals: {e}");
                None
            }
        }
    }
}

impl AsFd for Attended {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

static IDLE: AtomicBool = AtomicBool::new(false);
static STOP: AtomicI32 = AtomicI32::new(0);
static ATTENDANT: AtomicI32 = AtomicI32::new(0);

/// Makes this process a worker: TERM and INT stop it, [`NUDGE`] wakes it, the others do not reach it. `attendant` is
/// the pid of its parent. Signals that arrived since the fork are delivered now.
pub(super) fn become_worker(attendant: i32) -> nix::Result<()> {
    ATTENDANT.store(attendant, Ordering::Relaxed);
    STOP.store(0, Ordering::Relaxed);
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        set_action(signal, SigHandler::Handler(on_stop))?;
    }
    set_action(NUDGE, SigHandler::Handler(on_nudge))?;
    for signal in [
        Signal::SIGHUP,
        Signal::SIGUSR1,
        Signal::SIGPIPE,
        Signal::SIGTTIN,
        Signal::SIGTTOU,
    ] {
        set_action(signal, SigHandler::SigIgn)?;
    }
    set_action(Signal::SIGCHLD, SigHandler::SigDfl)?;
    attended().thread_unblock()
}

fn set_action(signal: Signal, handler: SigHandler) -> nix::Result<()> {
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: the handlers installed here are `on_stop` and `on_nudge`; they touch atomics only, except
    // while IDLE is set, and then the interrupted code is a bare system call (see `idle`).
    unsafe { sigaction(signal, &action) }.map(drop)
}

extern "C" fn on_stop(signal: i32) {
    if IDLE.load(Ordering::Relaxed) {
        end_worker(signal);
    }
    let times = STOP.load(Ordering::Relaxed) >> 8;
    STOP.store(((times + 1) << 8) | signal, Ordering::Relaxed);
    if times + 1 >= INSIST {
        exit_now(0);
    }
    if std::os::unix::process::parent_id() as i32 != ATTENDANT.load(Ordering::Relaxed) {
        nix::unistd::alarm::set(ORPHAN);
    }
}

/// The call that it interrupts returns; that is all.
extern "C" fn on_nudge(_: i32) {}

/// Ends this process as one that was told to.
fn end_worker(signal: i32) -> ! {
    // The log lines below may themselves be interrupted by the next TERM.
    IDLE.store(false, Ordering::Relaxed);
    settle();
    log::info!("INFO: signal {signal} received");
    super::memory::log_private();
    exit_now(0)
}

/// Runs one blocking system call; a signal that wants this process to stop ends it right there.
/// `wait` must do nothing else: no allocation, no lock, no log.
#[inline]
pub fn idle<T>(wait: impl FnOnce() -> T) -> T {
    settle();
    work::rest();
    // Only this thread's own handler looks on: the order that the compiler keeps is enough.
    IDLE.store(true, Ordering::Relaxed);
    shared::set_waiting(true);
    compiler_fence(Ordering::SeqCst);
    stop_if_stopped();
    let result = wait();
    compiler_fence(Ordering::SeqCst);
    shared::set_waiting(false);
    IDLE.store(false, Ordering::Relaxed);
    work::wake();
    result
}

/// Ends this process if it was told to, by TERM or by being retired. A work loop calls this between two
/// pieces of work, before it waits again.
#[inline]
pub fn stop_if_told() {
    stop_unless_busy(false);
}

/// The same for a process that serves clients: while it is `busy` with one it does not retire.
#[inline]
pub fn stop_unless_busy(busy: bool) {
    stop_if_stopped();
    if !busy && is_retiring() {
        settle();
        log::debug!("retired");
        exit_now(0);
    }
}

/// Whether the attendant retires this process: it takes no new work, finishes what it has and ends.
#[inline]
pub fn is_retiring() -> bool {
    shared::is_retiring()
}

#[inline]
fn stop_if_stopped() {
    let told = STOP.load(Ordering::Relaxed);
    if told != 0 {
        end_worker(told & 0xff);
    }
}
