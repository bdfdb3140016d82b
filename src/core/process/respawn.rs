//! When the replacement of a process that died is forked: at once, unless its kind dies again and again.
//!
//! A process that lived for a while, or has done a piece of work, is replaced without delay. From the third death
//! in a row that came before that, the delay doubles up to ten seconds, so that a process that cannot live (its
//! `child_init` fails, its first message kills it) neither eats a core nor fills the log.

use crate::ipc::turns;
use std::time::{Duration, Instant};

/// A process that lived longer than this did not die of its start.
const LIVED: Duration = Duration::from_millis(500);
/// So many quick deaths in a row are replaced at once.
const FREE: u32 = 2;
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// The deaths of one entry of the table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Respawn {
    /// How many processes the entry had before the present one.
    pub restarts: u32,
    quick: u32,
    started: Option<Instant>,
    /// [`turns`] of the slot at that moment.
    turns: u64,
    not_before: Option<Instant>,
    /// When the last one was found dead; `None` once its replacement is at work.
    died: Option<Instant>,
}

impl Respawn {
    /// A process was forked for `slot`.
    pub fn started(&mut self, now: Instant, slot: u16) {
        self.turns = turns(slot);
        self.started = Some(now);
        self.not_before = None;
    }

    /// Its process died, which had `worked` or not, and was `killed` by somebody or died by itself; returns how long
    /// the next one has to wait.
    pub fn died(&mut self, now: Instant, worked: bool, killed: bool) -> Duration {
        let lived = self.started.map_or(Duration::ZERO, |from| now - from);
        let long = if killed { LIVED / 10 } else { LIVED };
        let in_vain = lived < long && !worked;
        self.quick = if in_vain { self.quick + 1 } else { 0 };
        self.restarts += 1;
        self.died = Some(now);
        let delay = match self.quick.saturating_sub(FREE) {
            0 => Duration::ZERO,
            n => FIRST_DELAY
                .saturating_mul(1 << (n - 1).min(16))
                .min(LONGEST_DELAY),
        };
        self.wait(now, delay);
        delay
    }

    /// Whether the process of `slot` has done a piece of work since it started: it waited for one, and again.
    pub fn has_worked(&self, slot: u16) -> bool {
        turns(slot).wrapping_sub(self.turns) > 1
    }

    /// A process is at work; how long there was none. `None`: it replaces nobody.
    pub fn ready(&mut self, now: Instant) -> Option<Duration> {
        self.died.take().map(|died| now - died)
    }

    /// Nothing is forked for this entry before `delay` has passed.
    pub fn wait(&mut self, now: Instant, delay: Duration) {
        self.not_before = Some(now + delay);
    }

    /// How long it has to wait still; zero: its process may be forked.
    pub fn delay(&self, now: Instant) -> Duration {
        let until = self.not_before.unwrap_or(now);
        until.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_dies_soon_after_each_start_waits_longer_and_longer() {
        let mut respawn = Respawn::default();
        let mut now = Instant::now();
        let mut delays = Vec::new();
        for _ in 0..12 {
            respawn.started(now, 900);
            now += Duration::from_millis(1);
            let delay = respawn.died(now, respawn.has_worked(900), false);
            assert_eq!(respawn.delay(now), delay);
            now += delay;
            assert_eq!(respawn.delay(now), Duration::ZERO);
            delays.push(delay.as_millis());
        }
        let wanted = [
            0, 0, 50, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000,
        ];
        assert_eq!(delays, wanted);
        assert_eq!(respawn.restarts, 12);
    }

    #[test]
    fn who_lived_or_worked_is_replaced_at_once() {
        let mut respawn = Respawn::default();
        let mut now = Instant::now();
        for _ in 0..20 {
            respawn.started(now, 900);
            now += LIVED;
            assert_eq!(respawn.died(now, false, false), Duration::ZERO);
        }
        for _ in 0..20 {
            respawn.started(now, 900);
            now += LIVED / 5;
            assert_eq!(respawn.died(now, false, true), Duration::ZERO);
        }
        let gap = Duration::from_millis(3);
        assert_eq!(respawn.ready(now + gap), Some(gap));
        assert_eq!(respawn.ready(now + gap), None);
        for _ in 0..20 {
            respawn.started(now, 900);
            assert_eq!(respawn.died(now, true, false), Duration::ZERO);
        }
    }
}
