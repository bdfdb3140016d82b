//! What happens to a datagram.

use fastrand::Rng;
use std::time::Duration;

/// How bad the network is: shares from 0 to 1.
#[derive(Clone, Copy, Default, Debug)]
pub struct Odds {
    /// Vanish.
    pub drop: f64,
    /// Of those that are left, arrive twice.
    pub duplicate: f64,
    /// Of those that are left, are held back.
    pub reorder: f64,
    /// Longest time that something is held back.
    pub hold: Duration,
}

/// The fate of a datagram: how long each copy is held back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It vanishes.
    Dropped,
    /// It arrives.
    Sent {
        /// The first copy; `None`: at once.
        first: Option<Duration>,
        /// The second, if there is one.
        second: Option<Duration>,
    },
}

/// Throws the dice for one direction of a link.
pub struct Dice {
    odds: Odds,
    random: Rng,
}

impl Dice {
    /// The same seed and number bring the same sequence.
    pub fn new(odds: Odds, seed: u64, number: usize) -> Dice {
        // Far from each other, so that neighbouring seeds and numbers have nothing in common.
        let mixed = (seed << 16 | number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Dice {
            odds,
            random: Rng::with_seed(mixed),
        }
    }

    /// The fate of the next datagram. Every call takes as many random numbers, whatever they say, so that one
    /// percentage does not move the other decisions.
    pub fn throw(&mut self) -> Fate {
        let Odds {
            drop,
            duplicate,
            reorder,
            ..
        } = self.odds;
        let [lost, twice, late] = [drop, duplicate, reorder].map(|share| self.random.f64() < share);
        let (first, second) = (self.pause(), self.pause());
        if lost {
            return Fate::Dropped;
        }
        Fate::Sent {
            first: late.then_some(first),
            second: twice.then_some(second),
        }
    }

    fn pause(&mut self) -> Duration {
        self.odds.hold.mul_f64(self.random.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ODDS: Odds = Odds {
        drop: 0.05,
        duplicate: 0.1,
        reorder: 0.2,
        hold: Duration::from_millis(20),
    };

    fn fates(odds: Odds, seed: u64, number: usize) -> Vec<Fate> {
        let mut dice = Dice::new(odds, seed, number);
        (0..20_000).map(|_| dice.throw()).collect()
    }

    #[test]
    fn a_seed_repeats_itself_and_others_differ() {
        assert_eq!(fates(ODDS, 7, 0), fates(ODDS, 7, 0));
        assert_ne!(fates(ODDS, 7, 0), fates(ODDS, 7, 1));
        assert_ne!(fates(ODDS, 7, 0), fates(ODDS, 8, 0));
    }

    #[test]
    fn the_shares_are_those_that_were_asked_for() {
        let fates = fates(ODDS, 3, 1);
        let share = |of: &dyn Fn(&Fate) -> bool| {
            fates.iter().filter(|f| of(f)).count() as f64 / fates.len() as f64
        };
        let lost = share(&|f| *f == Fate::Dropped);
        let twice = share(&|f| {
            matches!(
                f,
                Fate::Sent {
                    second: Some(_),
                    ..
                }
            )
        });
        let late = share(&|f| matches!(f, Fate::Sent { first: Some(_), .. }));
        for (got, wanted) in [(lost, 0.05), (twice, 0.095), (late, 0.19)] {
            assert!((got - wanted).abs() < 0.01, "{got} instead of {wanted}");
        }
    }

    #[test]
    fn a_good_network_does_nothing_and_a_dead_one_everything() {
        let sent = Fate::Sent {
            first: None,
            second: None,
        };
        assert!(fates(Odds::default(), 1, 0).iter().all(|f| *f == sent));
        let dead = Odds { drop: 1.0, ..ODDS };
        assert!(fates(dead, 1, 0).iter().all(|f| *f == Fate::Dropped));
    }
}
