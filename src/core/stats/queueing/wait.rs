//! How long a message waits that finds all children busy, from the whole distribution of service times.
//!
//! Its wait is made of the time until the first of the busy children is free, and of a geometric number of further
//! steps, each the rest of a service time that n children work on together:
//! Tijms, van Hoorn, Federgruen 1981 ("Approximations for the steady-state probabilities in the M/G/c queue"; Tijms, A
//! First Course in Stochastic Models, 9.6.2). With one child this is exact (Pollaczek, Khinchine), and
//! with exponential service times for any number.

/// Points of the time axis.
const POINTS: usize = 1024;
/// The axis is long enough when so few waits are longer.
const BEYOND: f64 = 1e-5;
/// So often it is doubled at most.
const DOUBLINGS: usize = 8;

/// Waits of those who wait, as the probability that they are longer than a time.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Waits {
    step: f64,
    /// Of waits longer than 0, 1, 2, ... steps.
    longer: Vec<f64>,
}

impl Waits {
    /// `times`: service times with all children busy, with their shares, which add up to 1; `load`: rate of arrivals by what the
    /// children can do, below 1.
    pub fn of(times: &[(f64, f64)], children: usize, load: f64) -> Waits {
        let rest = Rest::of(times);
        let n = children as f64;
        let mean = rest.first_mean(n) + load / (1.0 - load) * rest.mean / n;
        let mut step = 12.0 * mean / POINTS as f64;
        for _ in 0..DOUBLINGS {
            let waits = Waits::on(&rest, n, load, step);
            if waits.longer.last() < Some(&BEYOND) {
                return waits;
            }
            step *= 2.0;
        }
        Waits::on(&rest, n, load, step)
    }

    fn on(rest: &Rest, n: f64, load: f64, step: f64) -> Waits {
        // Each point stands for what is within half a step of it.
        let cells = |longer: &dyn Fn(f64) -> f64| -> Vec<f64> {
            let edge = |i: usize| {
                if i == 0 {
                    1.0
                } else {
                    longer((i as f64 - 0.5) * step)
                }
            };
            (0..POINTS).map(|i| edge(i) - edge(i + 1)).collect()
        };
        let first = cells(&|t| rest.longer(t).powf(n));
        let further = geometric_sum(&cells(&|t| rest.longer(t * n)), load);
        let mut left = 1.0;
        let mut longer = Vec::with_capacity(POINTS);
        for i in 0..POINTS {
            let here: f64 = (0..=i).map(|j| first[j] * further[i - j]).sum();
            // The point's own probability lies on both sides of it.
            longer.push((left - here / 2.0).max(0.0));
            left -= here;
        }
        longer[0] = 1.0;
        Waits { step, longer }
    }

    /// Probability that a wait is longer than `time`.
    pub fn longer_than(&self, time: f64) -> f64 {
        let at = time.max(0.0) / self.step;
        if at >= (POINTS - 1) as f64 {
            return self.far(at);
        }
        let (before, part) = (at as usize, at.fract());
        let [from, to] = [before, before + 1].map(|i| self.longer[i]);
        from + (to - from) * part
    }

    /// Behind the axis it falls on as at the axis' end, by the same factor in each step.
    fn far(&self, at: f64) -> f64 {
        let (last, middle) = (self.longer[POINTS - 1], self.longer[POINTS * 3 / 4]);
        if last <= 0.0 || middle <= last {
            return 0.0;
        }
        let per_step = (last / middle).ln() / (POINTS - 1 - POINTS * 3 / 4) as f64;
        last * (per_step * (at - (POINTS - 1) as f64)).exp()
    }
}

/// The probabilities of a sum of N values, where P(N = m) = (1 - p) p^m (Panjer's recursion).
fn geometric_sum(value: &[f64], p: f64) -> Vec<f64> {
    let scale = 1.0 / (1.0 - p * value[0]);
    let mut sum = vec![(1.0 - p) * scale];
    for i in 1..value.len() {
        let convolved: f64 = (1..=i).map(|j| value[j] * sum[i - j]).sum();
        sum.push(p * scale * convolved);
    }
    sum
}

/// What is left of a service time at a moment at which it is seen going on (its equilibrium distribution).
struct Rest {
    /// Service times, ascending, with the shares of the longer ones and the integral of those shares up to there.
    times: Vec<(f64, f64, f64)>,
    service: f64,
    mean: f64,
}

impl Rest {
    fn of(times: &[(f64, f64)]) -> Rest {
        let mut sorted: Vec<_> = times.to_vec();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let service: f64 = times.iter().map(|t| t.0 * t.1).sum();
        let square: f64 = times.iter().map(|t| t.0 * t.0 * t.1).sum();
        let (mut before, mut longer, mut integral) = (0.0, 1.0, 0.0);
        let steps = sorted.iter().map(|&(time, share)| {
            integral += longer * (time - before);
            (before, longer) = (time, longer - share);
            (time, longer, integral)
        });
        Rest {
            times: steps.collect(),
            service,
            mean: square / (2.0 * service),
        }
    }

    /// Probability that more than `time` is left.
    fn longer(&self, time: f64) -> f64 {
        let next = self.times.partition_point(|t| t.0 <= time);
        let (from, longer, integral) = match next {
            0 => (0.0, 1.0, 0.0),
            _ => self.times[next - 1],
        };
        (1.0 - (integral + longer * (time - from)) / self.service).max(0.0)
    }

    /// Mean time until the first of `n` is over.
    fn first_mean(&self, n: f64) -> f64 {
        let end = self.times.last().map_or(0.0, |t| t.0);
        let step = end / POINTS as f64;
        let heights = (0..POINTS).map(|i| self.longer((i as f64 + 0.5) * step).powf(n));
        heights.sum::<f64>() * step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_child_and_equal_times_wait_as_erlang_says() {
        // M/D/1 (Erlang 1909): P(W <= service time) = (1 - a) e^a.
        for load in [0.3, 0.5, 0.8_f64] {
            let waits = Waits::of(&[(0.01, 1.0)], 1, load);
            let exact = 1.0 - (1.0 - load) * load.exp();
            let got = load * waits.longer_than(0.01);
            assert!((got - exact).abs() < 0.003, "{load}: {got} {exact}");
        }
    }

    #[test]
    fn exponential_times_wait_exponentially() {
        let steps = 400;
        let time = |i| -(1.0 - (f64::from(i) + 0.5) / f64::from(steps)).ln() * 0.01;
        let times: Vec<_> = (0..steps)
            .map(|i| (time(i), 1.0 / f64::from(steps)))
            .collect();
        let waits = Waits::of(&times, 4, 0.75);
        for time in [0.002, 0.01, 0.03] {
            let exact = (-time / 0.01_f64).exp();
            let got = waits.longer_than(time);
            assert!((got - exact).abs() < 0.01, "{time}: {got} {exact}");
        }
    }

    #[test]
    fn long_waits_get_rarer_without_end() {
        let waits = Waits::of(&[(0.01, 1.0)], 2, 0.9);
        let axis_end = waits.step * POINTS as f64;
        let far = [1.0, 1.1, 1.5].map(|times| waits.longer_than(axis_end * times));
        assert!(
            far[0] > far[1] && far[1] > far[2] && far[2] > 0.0,
            "{far:?}"
        );
        assert!(waits.longer_than(0.0) == 1.0);
    }
}
