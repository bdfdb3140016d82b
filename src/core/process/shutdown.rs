//! Stopping the tree: tell everybody, wait, insist, clean up.
//!
//! Invariant: a stop ends. Processes that outlast `exit_timeout` are killed, and an attendant that is
//! not done after the same time again aborts, whatever it waits for.

use super::attendant::{Attendant, Stop};
use super::memory;
use crate::alert;
use crate::core::log::{self as ser_log, level};
use crate::core::module::registry;
use nix::poll::PollTimeout;
use nix::sys::signal::{Signal, kill};
use std::time::{Duration, Instant};

/// How often a process is told again that did not end.
const AGAIN: Duration = Duration::from_millis(200);

impl Attendant {
    /// Stops all processes and destroys what the modules hold. `stop`: `None` when the start failed.
    pub fn shut_down(mut self, stop: Option<Stop>) {
        // Deaths are expected from here on.
        self.stop = Some(Stop::Told);
        self.log_table();
        start_watchdog(2 * self.heritage.exit_timeout);
        self.stop_children();
        clean_up();
        if stop.is_some() {
            memory::log_private();
            memory::log_shared();
        }
    }

    fn log_table(&self) {
        log::info!("Process Table:");
        for (entry, pid) in self.table.alive() {
            log::info!("{:2}. ({pid}) > {}", entry.slot, entry.desc);
        }
    }

    pub(super) fn stop_children(&mut self) {
        let started = Instant::now();
        let limit = self.heritage.exit_timeout;
        let mut told: Option<Instant> = None;
        loop {
            self.reap();
            if self.table.alive().next().is_none() {
                return;
            }
            if !limit.is_zero() && started.elapsed() >= limit {
                log::error!("exit_timeout of {} s is over, killing", limit.as_secs());
                self.signal_children(Signal::SIGKILL);
            } else if told.is_none_or(|t| t.elapsed() >= AGAIN) {
                self.signal_children(Signal::SIGTERM);
                told = Some(Instant::now());
            }
            self.step(PollTimeout::from(AGAIN.as_millis() as u16));
        }
    }

    fn signal_children(&self, signal: Signal) {
        for (entry, pid) in self.table.alive() {
            if let Err(e) = kill(pid, signal) {
                log::warn!("cannot send {signal} to {} ({pid}): {e}", entry.desc);
            }
        }
    }
}

/// Destroys what the modules hold, and removes FIFOs and sockets of the core.
pub fn clean_up() {
    registry::destroy_modules();
    super::remove_fifos();
    super::remove_unixsock();
}

/// The last line of a server that was told to stop.
pub fn say_thanks() {
    ser_log::print_stderr(format_args!("Thank you for flying ser"));
}

/// Aborts the process when the stop takes longer than `limit`. The thread is the first beside the main
/// one; nothing is forked any more.
fn start_watchdog(limit: Duration) {
    if limit.is_zero() {
        return;
    }
    let watch = move || {
        std::thread::sleep(limit);
        alert!("BUG: shutdown timeout triggered, dying...");
        std::process::abort();
    };
    let thread = std::thread::Builder::new().name("watchdog".into());
    if let Err(e) = thread.spawn(watch) {
        ser_log::log_fmt(
            level::WARN,
            format_args!("no watchdog for the shutdown: {e}"),
        );
    }
}
