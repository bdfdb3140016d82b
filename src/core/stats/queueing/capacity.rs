//! How much a number of children can do: the messages that leave in a second while so many are worked on, and
//! from that how often all children are busy.
//!
//! Messages that are worked on share the cores (processor sharing) or are blocked (nobody is in anybody's way there).
//! This is a closed network of two stations, and from outside a server whose speed depends on how many
//! messages it holds (flow-equivalent server: Chandy, Herzog, Woo 1975; passive resources: Sauer, Chandy 1981). With
//! cores for all children it is Erlang's M/M/c.

use super::Service;

/// What n children do with messages.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Capacity {
    /// Messages that leave in a second while 1, 2, ... n are worked on.
    rates: Vec<f64>,
}

impl Capacity {
    /// Of `children` (at least one) on so many cores; parts of a core count.
    pub fn of(service: &Service, children: usize, cores: f64) -> Capacity {
        let (cpu, blocked) = (service.cpu(), service.blocked());
        // ln of the weights of m messages at a station: products of (time / how many it serves at once).
        let weights = |time: f64, at_once: &dyn Fn(f64) -> f64| {
            let next = |sum: f64, m: usize| sum + (time / at_once(m as f64)).ln();
            let mut sums = vec![0.0];
            (1..=children).for_each(|m| sums.push(next(sums[m - 1], m)));
            sums
        };
        let computing = weights(cpu, &|m| m.min(cores));
        let waiting = weights(blocked, &|m| m);
        let norms: Vec<f64> = (0..=children)
            .map(|j| ln_sum((0..=j).map(|i| computing[i] + waiting[j - i])))
            .collect();
        let rates = norms.windows(2).map(|two| (two[0] - two[1]).exp());
        Capacity {
            rates: rates.collect(),
        }
    }

    /// Messages a second when all children are busy.
    pub fn limit(&self) -> f64 {
        self.rates.last().copied().unwrap_or(0.0)
    }

    /// How long a message is worked on while so many are (1 to n), on average.
    pub fn duration(&self, worked_on: usize) -> f64 {
        worked_on as f64 / self.rates[worked_on - 1]
    }

    /// Probabilities that a message finds 0, 1, ... n - 1 children busy, and all of them, at a rate of arrivals below
    /// [`Capacity::limit`].
    pub fn found_busy(&self, rate: f64) -> Vec<f64> {
        let next = |weight: &mut f64, leaving: &f64| {
            let now = *weight;
            *weight *= rate / leaving;
            Some(now)
        };
        let mut found: Vec<f64> = self.rates.iter().scan(1.0, next).collect();
        let ratio = rate / self.limit();
        let full = found.last().copied().unwrap_or(1.0) * ratio / (1.0 - ratio);
        found.push(full);
        let all: f64 = found.iter().sum();
        found.iter_mut().for_each(|p| *p /= all);
        found
    }
}

/// ln of a sum of what these are the ln of.
fn ln_sum(logs: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = logs.clone().fold(f64::NEG_INFINITY, f64::max);
    largest + logs.map(|x| (x - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::*;

    fn service(cpu: f64, blocked: f64) -> Service {
        Service::new([Kind {
            share: 1.0,
            cpu,
            blocked,
        }])
        .unwrap()
    }

    #[test]
    fn blocked_messages_are_in_nobodys_way() {
        let capacity = Capacity::of(&service(0.0, 0.02), 300, 2.0);
        assert!(
            (capacity.limit() - 15_000.0).abs() < 1.0,
            "{}",
            capacity.limit()
        );
    }

    #[test]
    fn computing_ends_at_the_cores() {
        let rates = Capacity::of(&service(0.001, 0.0), 8, 2.5).rates;
        let expected = [
            1000.0, 2000.0, 2500.0, 2500.0, 2500.0, 2500.0, 2500.0, 2500.0,
        ];
        for (rate, expected) in rates.iter().zip(expected) {
            assert!((rate - expected).abs() < 1e-6, "{rates:?}");
        }
    }

    #[test]
    fn a_mix_nears_what_the_cores_can_do() {
        let mix = service(0.001, 0.009);
        let limit = |n| Capacity::of(&mix, n, 1.0).limit();
        assert!((limit(1) - 100.0).abs() < 1e-6);
        assert!(limit(5) < 500.0 && limit(5) > 400.0, "{}", limit(5));
        assert!(limit(40) < 1000.0001 && limit(40) > 990.0, "{}", limit(40));
    }

    #[test]
    fn the_probability_to_wait_is_erlangs() {
        // Erlang C of 2 Erlang: tables give 0.4444 for 3 servers, 0.1739 for 4.
        for (children, expected) in [(3, 0.4444), (4, 0.1739)] {
            let found = Capacity::of(&service(0.0, 0.01), children, 1.0).found_busy(200.0);
            assert!((found[children] - expected).abs() < 1e-4, "{found:?}");
            let busy: f64 = found.iter().enumerate().map(|(i, p)| i as f64 * p).sum();
            assert!((busy - 2.0).abs() < 1e-9, "{busy}");
        }
    }
}
