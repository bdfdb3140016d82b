//! What messages meet when a number of children serve a socket.

use super::Service;
use super::capacity::Capacity;
use super::full::{Full, OVERLOADED, lost};
use super::wait::Waits;

/// The share of messages that the times of a [`Prediction`] are for: one in a hundred takes longer.
const SHARE: f64 = 0.99;
/// States that are less likely are left out.
const IGNORED: f64 = 1e-7;
/// Where the search for a time starts and ends, in seconds, and how near to the truth.
const SMALLEST: f64 = 1e-6;
const LARGEST: f64 = 1e6;
const EXACT: f64 = 1e-4;

/// What is asked of the children of a socket.
#[derive(Clone, PartialEq, Debug)]
pub struct Demand {
    /// Messages that arrive in a second.
    pub rate: f64,
    /// What each of them asks.
    pub service: Service,
    /// Cores that the children have for themselves.
    pub cores: f64,
    /// Messages that the socket's queue in the kernel holds.
    pub room: f64,
    /// Requests are refused when messages wait so long (overload control); infinite: they are not.
    pub refused_after: f64,
}

/// What messages meet; times in seconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Prediction {
    /// With so many children.
    pub children: usize,
    /// Messages that arrive while one is worked on: how many children work at the same time, if there are enough. Erlang.
    pub erlang: f64,
    /// Share of the most that these children can do; 1 and more is too much.
    pub used: f64,
    /// Share of the cores that is used.
    pub cores_used: f64,
    /// Probability that a message finds all children busy.
    pub waits: f64,
    /// One message in a hundred waits longer, until a child takes it.
    pub wait_p99: f64,
    /// One in a hundred takes longer, from its arrival until its processing ends.
    pub total_p99: f64,
    /// Probability that a message finds the kernel's queue full, or is refused.
    pub lost: f64,
}

/// With `children`, at least one.
pub fn predict(demand: &Demand, children: usize) -> Prediction {
    let service = &demand.service;
    let capacity = Capacity::of(service, children, demand.cores);
    let used = demand.rate / capacity.limit();
    let longest = stretched(service, capacity.duration(children));
    let full = Full::of(demand.room, &longest, children).or_refused(demand.refused_after);
    let waits = Waits::of(&longest, children, used.min(OVERLOADED));
    let found = capacity.found_busy(used.min(OVERLOADED) * capacity.limit());
    let (at_once, waiting) = match used < OVERLOADED {
        true => (at_once(service, &capacity, &found), found[children]),
        false => (Vec::new(), 1.0),
    };
    let waits_longer = |time: f64| match used < OVERLOADED {
        true => full
            .longer_than(time)
            .min(waiting * waits.longer_than(time)),
        false => full.longer_than(time),
    };
    let takes_longer = |time: f64| {
        let behind = longest.iter().map(|&(own, share)| match own > time {
            true => share * waiting,
            false => share * waits_longer(time - own),
        });
        share_above(&at_once, time) + behind.sum::<f64>()
    };
    Prediction {
        children,
        erlang: demand.rate * service.mean(),
        used,
        cores_used: demand.rate.min(capacity.limit()) * service.cpu() / demand.cores,
        waits: waiting,
        wait_p99: quantile(waits_longer),
        total_p99: quantile(takes_longer),
        lost: lost(used, found[children] * waits.longer_than(full.mean)),
    }
}

/// Service times, with shares, where a message is worked on so long on average: sharing of the cores stretches what they compute.
fn stretched(service: &Service, mean: f64) -> Vec<(f64, f64)> {
    let factor = match service.cpu() {
        0.0 => 1.0,
        cpu => ((mean - service.blocked()) / cpu).max(1.0),
    };
    let time = |k: &super::Kind| (k.cpu * factor + k.blocked, k.share);
    service.kinds().iter().map(time).collect()
}

/// Times of messages that find a child free, with how likely they are.
fn at_once(service: &Service, capacity: &Capacity, found: &[f64]) -> Vec<(f64, f64)> {
    let free = found.split_last().map_or(&[][..], |(_, free)| free);
    let likely = free.iter().enumerate().filter(|(_, p)| **p > IGNORED);
    let times = likely.flat_map(|(busy, p)| {
        let times = stretched(service, capacity.duration(busy + 1));
        times
            .into_iter()
            .map(move |(time, share)| (time, share * p))
    });
    times.collect()
}

fn share_above(times: &[(f64, f64)], limit: f64) -> f64 {
    let above = times.iter().filter(|(time, _)| *time > limit);
    above.map(|(_, share)| share).sum()
}

/// The time that a hundredth exceeds, by the probability that a time is exceeded.
fn quantile(longer: impl Fn(f64) -> f64) -> f64 {
    let rare = 1.0 - SHARE;
    if longer(0.0) <= rare {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, SMALLEST);
    while longer(high) > rare && high < LARGEST {
        (low, high) = (high, high * 2.0);
    }
    while high - low > high * EXACT {
        let middle = (low + high) / 2.0;
        if longer(middle) > rare {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::simulate::{Run, simulate};
    use super::*;

    /// Share, CPU time and blocked time of a kind of messages.
    type Triple = (f64, f64, f64);

    fn demand(rate: f64, cores: f64, kinds: &[Triple]) -> Demand {
        let kind = |&(share, cpu, blocked): &Triple| Kind {
            share,
            cpu,
            blocked,
        };
        Demand {
            rate,
            service: Service::new(kinds.iter().map(kind)).unwrap(),
            cores,
            room: f64::INFINITY,
            refused_after: f64::INFINITY,
        }
    }

    /// Exponential times in so many steps.
    fn exponential(mean: f64) -> Vec<Triple> {
        let steps = 200;
        let at = |i: usize| -(1.0 - (i as f64 + 0.5) / f64::from(steps)).ln() * mean;
        (0..steps as usize).map(|i| (1.0, 0.0, at(i))).collect()
    }

    /// Kinds of messages, as share, CPU time and blocked time, on so many cores.
    fn scripts() -> Vec<(&'static str, f64, Vec<Triple>)> {
        let jitter = (0..20).map(|i| (1.0, 0.003, 0.016 + 0.0005 * f64::from(i)));
        vec![
            ("all are blocked alike", 2.0, vec![(1.0, 0.0001, 0.020)]),
            ("programs that compute, too", 2.0, jitter.collect()),
            ("exponential", 8.0, exponential(0.01)),
            (
                "one in ten is blocked",
                2.0,
                vec![(0.9, 0.000_03, 0.0), (0.1, 0.0005, 0.020)],
            ),
            (
                "one in fifty is blocked for long",
                4.0,
                vec![(0.98, 0.0001, 0.001), (0.02, 0.0005, 0.1)],
            ),
            (
                "nobody is blocked",
                2.0,
                vec![(0.5, 0.001, 0.0), (0.5, 0.003, 0.0)],
            ),
            (
                "half and half",
                1.5,
                vec![(0.5, 0.002, 0.001), (0.5, 0.001, 0.01)],
            ),
        ]
    }

    /// Whether two times are within a quarter of each other, or of no interest beside the service time.
    fn near(one: f64, other: f64, service: &Service) -> bool {
        (one - other).abs() <= 0.25 * one.max(other) + 0.05 * service.mean()
    }

    #[test]
    fn what_is_predicted_happens_in_the_simulation() {
        for (script, cores, kinds) in scripts() {
            for (children, used) in [(1, 0.7), (2, 0.5), (3, 0.8), (6, 0.7), (6, 0.85), (16, 0.8)] {
                let mut demand = demand(1.0, cores, &kinds);
                demand.rate = used * Capacity::of(&demand.service, children, cores).limit();
                let met = predict(&demand, children);
                let seen = simulate(
                    &demand,
                    children,
                    Run {
                        messages: 200_000,
                        seed: 7,
                    },
                );
                let compared = format!("{script}, {children} at {used}: {met:?} {seen:?}");
                assert!(
                    near(met.wait_p99, seen.wait_p99, &demand.service),
                    "{compared}"
                );
                assert!(
                    near(met.total_p99, seen.total_p99, &demand.service),
                    "{compared}"
                );
                assert!((met.waits - seen.waits).abs() < 0.05, "{compared}");
            }
        }
    }

    #[test]
    fn a_full_queue_loses_what_the_simulation_loses() {
        for (script, cores, kinds) in scripts() {
            for used in [0.9, 1.1, 1.5] {
                let mut demand = demand(1.0, cores, &kinds);
                demand.rate = used * Capacity::of(&demand.service, 3, cores).limit();
                demand.room = 60.0;
                let met = predict(&demand, 3);
                let seen = simulate(
                    &demand,
                    3,
                    Run {
                        messages: 200_000,
                        seed: 11,
                    },
                );
                let compared = format!("{script} at {used}: {met:?} {seen:?}");
                assert!(
                    near(met.wait_p99, seen.wait_p99, &demand.service),
                    "{compared}"
                );
                assert!(
                    near(met.total_p99, seen.total_p99, &demand.service),
                    "{compared}"
                );
                assert!((met.lost - seen.lost).abs() < 0.02, "{compared}");
            }
        }
    }
}
