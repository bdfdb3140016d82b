//! Which number of children a socket should have, and why.
//!
//! With hysteresis, so that a load that goes up and down a little does not change the number: a number is too small
//! when it breaks a limit now, and the advised one bears [`GROWTH`] times the load; a number is too large only when that
//! bears so much again.

use super::capacity::Capacity;
use super::{Demand, Prediction, predict};
use std::ops::RangeInclusive;

/// What the advised number must be able to bear, as a multiple of the load.
pub const GROWTH: f64 = 1.25;
/// So much of what the cores can do is nearly all: more children add nothing.
const NEARLY_ALL: f64 = 0.9;

/// What children are there for.
#[derive(Clone, PartialEq, Debug)]
pub struct Limits {
    /// One message in a hundred may wait longer, in seconds.
    pub wait_p99: f64,
    /// Largest share of the most that the children can do.
    pub used: f64,
    /// Largest share of messages lost in a full queue.
    pub lost: f64,
    /// Numbers that come into question.
    pub children: RangeInclusive<usize>,
}

impl Default for Limits {
    /// 50 ms, a tenth of the time after which SIP sends a request again (T1, RFC 3261 17.1.1.1); two children at least, so
    /// that a message that takes long does not stop the socket.
    fn default() -> Limits {
        Limits {
            wait_p99: 0.050,
            used: 0.7,
            lost: 1e-4,
            children: 2..=512,
        }
    }
}

/// A limit that a number of children breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Broken {
    /// Messages get lost.
    Lost,
    /// Messages wait too long.
    Wait,
    /// The children have too little time left for a burst.
    Used,
}

/// Why a number is advised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// It is the present one, and right.
    Right,
    /// The present one breaks a limit.
    TooFew(Broken),
    /// It is below the range that comes into question.
    Least,
    /// Fewer do as well, with a load that is larger by a half, too.
    TooMany,
    /// No number keeps the limits, because the cores have too much to do; more than the advised one could do no more.
    Cores,
    /// The largest number that comes into question breaks a limit.
    Most(Broken),
}

/// An advice for one socket.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Advice {
    /// The advised number.
    pub children: usize,
    /// Why.
    pub reason: Reason,
}

impl Limits {
    /// The gravest limit that a prediction breaks.
    pub fn broken_by(&self, met: &Prediction) -> Option<Broken> {
        let breaks = [
            (met.lost > self.lost, Broken::Lost),
            (met.wait_p99 > self.wait_p99, Broken::Wait),
            (met.used > self.used, Broken::Used),
        ];
        breaks
            .iter()
            .find(|(broken, _)| *broken)
            .map(|(_, which)| *which)
    }

    /// The smallest number that keeps the limits under `growth` times the demand.
    fn smallest(&self, demand: &Demand, growth: f64) -> Option<usize> {
        let grown = Demand {
            rate: demand.rate * growth,
            ..demand.clone()
        };
        self.first(|n| self.broken_by(&predict(&grown, n)).is_none())
    }

    /// The smallest number that is `good`, where all larger ones are too.
    fn first(&self, good: impl Fn(usize) -> bool) -> Option<usize> {
        let (mut low, mut high) = (*self.children.start(), *self.children.end());
        if !good(high) {
            return None;
        }
        while low < high {
            let middle = low.midpoint(high);
            if good(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        Some(high)
    }
}

/// What a socket with `present` children should have.
pub fn advise(demand: &Demand, present: usize, limits: &Limits) -> Advice {
    let advice = |children, reason| Advice { children, reason };
    let Some(now) = limits.smallest(demand, 1.0) else {
        return at_the_end(demand, present, limits);
    };
    let enough = limits.smallest(demand, GROWTH).unwrap_or(now);
    let plenty = limits.smallest(demand, GROWTH * GROWTH);
    if present < *limits.children.start() {
        return advice(enough, Reason::Least);
    }
    match limits.broken_by(&predict(demand, present)) {
        Some(broken) => advice(enough, Reason::TooFew(broken)),
        None if plenty.is_some_and(|plenty| present > plenty) => advice(enough, Reason::TooMany),
        None => advice(present, Reason::Right),
    }
}

/// Where no number is enough.
fn at_the_end(demand: &Demand, present: usize, limits: &Limits) -> Advice {
    let most = *limits.children.end();
    let cores = demand.cores / demand.service.cpu();
    if demand.rate > limits.used * cores {
        let limit = |n| Capacity::of(&demand.service, n, demand.cores).limit();
        let useful = limits.first(|n| limit(n) > NEARLY_ALL * cores);
        return Advice {
            children: useful.unwrap_or(most),
            reason: Reason::Cores,
        };
    }
    let broken = limits.broken_by(&predict(demand, most));
    Advice {
        children: most.max(present),
        reason: Reason::Most(broken.unwrap_or(Broken::Used)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, Service};
    use super::*;

    /// Messages that block for 20 ms and compute for `cpu`, on two cores.
    fn blocking(rate: f64, cpu: f64) -> Demand {
        Demand {
            rate,
            service: Service::new([Kind {
                share: 1.0,
                cpu,
                blocked: 0.020,
            }])
            .unwrap(),
            cores: 2.0,
            room: 200.0,
            refused_after: f64::INFINITY,
        }
    }

    #[test]
    fn too_few_children_become_enough_for_a_larger_load() {
        let demand = blocking(200.0, 0.000_1);
        let advice = advise(&demand, 4, &Limits::default());
        assert_eq!(advice.reason, Reason::TooFew(Broken::Lost));
        let larger = Demand {
            rate: 200.0 * GROWTH,
            ..demand
        };
        let met = predict(&larger, advice.children);
        assert_eq!(Limits::default().broken_by(&met), None, "{met:?}");
        let fewer = predict(&larger, advice.children - 1);
        assert!(Limits::default().broken_by(&fewer).is_some(), "{fewer:?}");
    }

    #[test]
    fn the_advised_number_stays_when_the_load_changes_a_little() {
        let limits = Limits::default();
        let advised = advise(&blocking(200.0, 0.000_1), 2, &limits).children;
        for rate in [180.0, 200.0, 220.0, 245.0] {
            let advice = advise(&blocking(rate, 0.000_1), advised, &limits);
            assert_eq!(advice.reason, Reason::Right, "{rate}: {advice:?}");
            assert_eq!(advice.children, advised);
        }
    }

    #[test]
    fn far_too_many_become_fewer() {
        let advice = advise(&blocking(200.0, 0.000_1), 40, &Limits::default());
        assert_eq!(advice.reason, Reason::TooMany);
        assert!((6..12).contains(&advice.children), "{advice:?}");
    }

    #[test]
    fn children_do_not_replace_cores() {
        let advice = advise(&blocking(900.0, 0.002), 16, &Limits::default());
        assert_eq!(advice.reason, Reason::Cores);
        assert!((12..60).contains(&advice.children), "{advice:?}");
    }

    #[test]
    fn the_range_of_numbers_is_kept() {
        let limits = Limits {
            children: 3..=6,
            ..Limits::default()
        };
        let advice = advise(&blocking(1.0, 0.000_1), 2, &limits);
        assert_eq!((advice.children, advice.reason), (3, Reason::Least));
        let advice = advise(&blocking(1_000.0, 0.000_1), 4, &limits);
        assert_eq!(
            (advice.children, advice.reason),
            (6, Reason::Most(Broken::Lost))
        );
    }
}
