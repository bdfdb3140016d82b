//! The process `timer`: 16 times a second it brings the timer wheel to the present, runs the fast
//! handlers and hands the others to the slow timer process.
//!
//! Invariant: the wheel follows the clock, not the number of wake-ups: a tick that was missed is run
//! with the next one, in order, and no error adds up.

use super::pulse::Pulse;
use super::signals::{idle, stop_if_told};
use crate::core::stats::{Counter, count_n};
use crate::core::time::{self, TICKS_HZ};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::time::Duration;

/// More ticks than this at once (a second) mean that the process was kept from running.
const LATE: u32 = TICKS_HZ;

/// The work loop; returns only when the clock cannot be had.
pub(super) fn run() -> Result<(), String> {
    let clock = start_clock().map_err(|e| format!("cannot make a timer: {e}"))?;
    let mut pulse = Pulse::new("timer", Counter::TimerRuns);
    loop {
        // An interrupted wait only means an early look at the clock.
        let _ = idle(|| clock.wait());
        let done = time::advance();
        let late = done.ticks.saturating_sub(1);
        count_n(Counter::TimerLateTicks, late.into());
        pulse.ran(done.fast, late);
        if done.ticks > LATE {
            log::warn!("WARNING: timer: {} ticks late", late);
        }
        if done.overflow {
            log::error!("ERROR: slow timer too slow: overflow");
        }
        stop_if_told();
    }
}

fn start_clock() -> nix::Result<TimerFd> {
    let clock = TimerFd::new(ClockId::CLOCK_BOOTTIME, TimerFlags::TFD_CLOEXEC)?;
    let tick = Duration::from_secs(1) / TICKS_HZ;
    let every = Expiration::Interval(tick.into());
    clock.set(every, TimerSetTimeFlags::empty())?;
    Ok(clock)
}
