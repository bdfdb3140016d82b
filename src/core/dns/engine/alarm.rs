//! The alarm clock of the engine: one timer, set to the earliest thing that is due.
//!
//! Invariant: it rings no later than the earliest moment it was told of since it rang last. It may ring
//! early, for something that is over already.

use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Alarm {
    timer: TimerFd,
    /// The earliest moment that is due.
    next: Option<Instant>,
    /// What the timer is set to.
    set: Option<Instant>,
}

impl Alarm {
    /// One that does not ring.
    pub fn new() -> nix::Result<Alarm> {
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        Ok(Alarm {
            timer: TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?,
            next: None,
            set: None,
        })
    }

    /// Something is due at `at`.
    pub fn by(&mut self, at: Instant) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    /// Whether something is due at `now`. Then it forgets: whoever looks tells it again of what is left.
    pub fn take_due(&mut self, now: Instant) -> bool {
        let due = self.next.is_some_and(|next| next <= now);
        if due {
            self.next = None;
        }
        due
    }

    /// Makes a timer that rang silent.
    pub fn silence(&mut self) {
        // Nothing to read: it was another reason to wake up.
        let _ = self.timer.wait();
        self.set = None;
    }

    /// Sets the timer.
    pub fn arm(&mut self) {
        if self.next == self.set {
            return;
        }
        let set = match self.next {
            None => self.timer.unset(),
            Some(at) => {
                let left = at.saturating_duration_since(Instant::now());
                // Zero would switch it off.
                let left = left.max(Duration::from_micros(1));
                let once = Expiration::OneShot(left.into());
                self.timer.set(once, TimerSetTimeFlags::empty())
            }
        };
        match set {
            Ok(()) => self.set = self.next,
            Err(why) => log::error!("ERROR: dns resolver: timer: {why}"),
        }
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_moment_counts_and_is_told_once() {
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let mut alarm = Alarm::new().unwrap();
        assert!(!alarm.take_due(now));
        alarm.by(now + 2 * second);
        alarm.by(now + second);
        alarm.by(now + 3 * second);
        assert!(!alarm.take_due(now));
        assert!(alarm.take_due(now + second));
        assert!(!alarm.take_due(now + 9 * second));
    }

    #[test]
    fn the_timer_rings() {
        let mut alarm = Alarm::new().unwrap();
        alarm.by(Instant::now());
        alarm.arm();
        let mut fds = [nix::poll::PollFd::new(
            alarm.as_fd(),
            nix::poll::PollFlags::POLLIN,
        )];
        assert_eq!(nix::poll::poll(&mut fds, 30_000u16), Ok(1));
        alarm.silence();
        assert!(alarm.take_due(Instant::now()));
    }
}
