//! When the replacement of a process that died is forked: at once, unless its kind dies again and again.
//!
//! A process that lived for a while is replaced without delay. From the third death in a row that came soon
//! after its start, the delay doubles up to ten seconds, so that a process that cannot live (its
//! `child_init` fails, its first message kills it) neither eats a core nor fills the log.

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
    not_before: Option<Instant>,
}

impl Respawn {
    /// A process was forked.
    pub fn started(&mut self, now: Instant) {
        self.started = Some(now);
        self.not_before = None;
    }

    /// Its process died; returns how long the next one has to wait.
    pub fn died(&mut self, now: Instant) -> Duration {
        let lived = self.started.map_or(Duration::ZERO, |from| now - from);
        self.quick = if lived < LIVED { self.quick + 1 } else { 0 };
        self.restarts += 1;
        let delay = match self.quick.saturating_sub(FREE) {
            0 => Duration::ZERO,
            n => FIRST_DELAY
                .saturating_mul(1 << (n - 1).min(16))
                .min(LONGEST_DELAY),
        };
        self.wait(now, delay);
        delay
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
            respawn.started(now);
            now += Duration::from_millis(1);
            let delay = respawn.died(now);
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
    fn who_lived_is_replaced_at_once() {
        let mut respawn = Respawn::default();
        let mut now = Instant::now();
        for _ in 0..20 {
            respawn.started(now);
            now += LIVED;
            assert_eq!(respawn.died(now), Duration::ZERO);
        }
    }
}
