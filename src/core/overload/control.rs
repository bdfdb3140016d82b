//! From what is seen of a queue to what is done about it. Plain arithmetic: no clock, no state of its own.
//!
//! Invariant: without pressure nothing is refused, however the phase is.

use crate::core::net::Backlog;
use crate::core::settings::Settings;
use std::time::Duration;

/// Pressure must last so long before anything is refused: a burst is what a queue is for.
pub(super) const ONSET: Duration = Duration::from_millis(100);
/// The longest time between two looks that counts as lasting pressure; what was between them nobody saw.
const UNSEEN: Duration = Duration::from_millis(50);
/// An overload is forgotten so many times slower than it is noticed: after two seconds without pressure.
const FORGET: u32 = 20;

/// Unit of shares.
pub(super) const ALL: u32 = 1 << 16;

/// What is seen of a queue.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    /// How full it is.
    pub backlog: Backlog,
    /// How long the datagram waited that was read last; zero where that is not known.
    pub waited: Duration,
}

/// From where on there is pressure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Part of the queue, 0 to 1.
    queue: f64,
    /// Time in the queue; zero: any.
    delay: Duration,
}

impl Limits {
    /// As configured.
    pub(super) fn of(settings: &Settings) -> Limits {
        Limits {
            queue: f64::from(settings.overload_queue.min(99)) / 100.0,
            delay: Duration::from_millis(settings.overload_delay.into()),
        }
    }

    /// 0: none; 1: the queue is full, or datagrams wait twice as long as they may.
    pub(super) fn pressure(&self, seen: &Reading) -> f64 {
        let Backlog { bytes, limit, .. } = seen.backlog;
        let full = f64::from(bytes) / f64::from(limit.max(1));
        let by_size = (full - self.queue) / (1.0 - self.queue);
        let by_time = if self.delay.is_zero() {
            0.0
        } else {
            seen.waited.as_secs_f64() / self.delay.as_secs_f64() - 1.0
        };
        by_size.max(by_time).clamp(0.0, 1.0)
    }

    /// How long there has been pressure, as far as one look can tell: a datagram that waited too long was not alone.
    pub(super) fn lasting(&self, seen: &Reading) -> Duration {
        let too_long = !self.delay.is_zero() && seen.waited > self.delay;
        if too_long {
            seen.waited
        } else {
            Duration::ZERO
        }
    }
}

/// What share of the requests is not served, in 1/[`ALL`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Shares {
    /// Of what would begin something new.
    pub new: u32,
    /// Of REGISTER and OPTIONS.
    pub light: u32,
    /// Of those refused: how many get no answer either.
    pub silent: u32,
}

impl Shares {
    /// At a pressure. New work goes first, then the light requests, then the answers to both.
    pub(super) fn at(pressure: f64) -> Shares {
        let ramp = |from: f64, to: f64| {
            let part = ((pressure - from) / (to - from)).clamp(0.0, 1.0);
            (part * f64::from(ALL)) as u32
        };
        Shares {
            new: ramp(0.0, 0.5),
            light: ramp(0.5, 0.75),
            silent: ramp(0.75, 1.0),
        }
    }
}

/// How a socket is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(super) enum Phase {
    /// No pressure.
    Calm = 0,
    /// There is pressure, but it has not lasted.
    Strained = 1,
    /// New requests are refused as far as there is pressure.
    Overloaded = 2,
}

impl Phase {
    /// The phase of that number.
    pub(super) fn of(number: u32) -> Phase {
        match number {
            1 => Phase::Strained,
            2 => Phase::Overloaded,
            _ => Phase::Calm,
        }
    }

    /// Its name for operators.
    pub(super) fn name(self) -> &'static str {
        match self {
            Phase::Calm => "calm",
            Phase::Strained => "strained",
            Phase::Overloaded => "overloaded",
        }
    }
}

/// A phase, and how much lasting pressure there has been: the memory that makes it slow to change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Strain {
    pub phase: Phase,
    /// At most [`ONSET`].
    pub held: Duration,
}

impl Strain {
    /// After a look `passed` after the one before. A datagram that has waited is pressure that has lasted.
    pub(super) fn after(self, pressed: bool, waited: Duration, passed: Duration) -> Strain {
        let (phase, held) = (self.phase, self.held);
        if !pressed {
            let fade = match phase {
                Phase::Overloaded => passed / FORGET,
                Phase::Strained | Phase::Calm => passed,
            };
            let held = held.saturating_sub(fade);
            let phase = if held.is_zero() { Phase::Calm } else { phase };
            return Strain { phase, held };
        }
        let seen = match phase {
            Phase::Calm => Duration::ZERO,
            Phase::Strained | Phase::Overloaded => passed.min(UNSEEN),
        };
        let held = (held + seen.max(waited)).min(ONSET);
        let phase = match phase {
            Phase::Calm | Phase::Strained if held < ONSET => Phase::Strained,
            _ => Phase::Overloaded,
        };
        Strain { phase, held }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        queue: 0.5,
        delay: Duration::from_millis(250),
    };

    fn pressure(bytes: u32, waited_ms: u64) -> f64 {
        LIMITS.pressure(&Reading {
            backlog: Backlog {
                bytes,
                limit: 1000,
                drops: 0,
            },
            waited: Duration::from_millis(waited_ms),
        })
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    const CALM: Strain = Strain {
        phase: Phase::Calm,
        held: Duration::ZERO,
    };

    #[test]
    fn the_fuller_mark_of_size_and_time_counts() {
        assert_eq!(pressure(500, 250), 0.0);
        assert_eq!(pressure(750, 0), 0.5);
        assert_eq!(pressure(600, 375), 0.5);
        assert_eq!(pressure(1200, 10_000), 1.0);
        let any = Limits {
            delay: Duration::ZERO,
            ..LIMITS
        };
        let slow = Reading {
            waited: ms(10_000),
            ..Reading::default()
        };
        assert_eq!(any.pressure(&slow), 0.0, "no limit of time, and no queue");
    }

    #[test]
    fn new_work_goes_first_then_light_requests_then_the_answers() {
        let at = |pressure| {
            let Shares { new, light, silent } = Shares::at(pressure);
            [new, light, silent].map(|share| share * 100 / ALL)
        };
        assert_eq!(at(0.0), [0, 0, 0]);
        assert_eq!(at(0.25), [50, 0, 0]);
        assert_eq!(at(0.5), [100, 0, 0]);
        assert_eq!(at(0.625), [100, 50, 0]);
        assert_eq!(at(0.75), [100, 100, 0]);
        assert_eq!(at(1.0), [100, 100, 100]);
    }

    #[test]
    fn a_burst_is_no_overload_and_pressure_that_lasts_is() {
        let mut strain = CALM.after(true, ms(0), ms(3_600_000));
        assert_eq!(strain.phase, Phase::Strained);
        for _ in 0..99 {
            strain = strain.after(true, ms(0), ms(1));
        }
        assert_eq!(strain.phase, Phase::Strained);
        assert_eq!(
            strain.after(false, ms(0), ms(99)),
            CALM,
            "a burst that ended"
        );
        strain = strain.after(true, ms(0), ms(1));
        assert_eq!(strain.phase, Phase::Overloaded);
    }

    #[test]
    fn gaps_in_the_pressure_only_delay_the_beginning() {
        let mut strain = CALM;
        let mut looks = 0;
        while strain.phase != Phase::Overloaded {
            strain = strain.after(looks % 4 != 3, ms(0), ms(5));
            looks += 1;
        }
        assert!((30..60).contains(&looks), "{looks} looks of 5 ms");
    }

    #[test]
    fn a_datagram_that_waited_long_is_enough_and_one_long_silence_is_not() {
        assert_eq!(CALM.after(true, ms(260), ms(1)).phase, Phase::Overloaded);
        let strain = CALM.after(true, ms(0), ms(1));
        let later = strain.after(true, ms(0), ms(3_600_000));
        assert_eq!(later.phase, Phase::Strained, "nobody looked for an hour");
    }

    #[test]
    fn an_overload_ends_two_seconds_after_the_last_pressure() {
        let mut strain = CALM.after(true, ONSET, ms(1));
        for _ in 0..199 {
            strain = strain.after(false, ms(0), ms(10));
            assert_eq!(strain.phase, Phase::Overloaded);
        }
        assert_eq!(strain.after(true, ms(0), ms(10)).phase, Phase::Overloaded);
        assert_eq!(strain.after(false, ms(0), ms(10)), CALM);
    }
}
