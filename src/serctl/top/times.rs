//! Service times as `core.service_times` tells them: how many messages took how long.

use crate::Failure;
use std::collections::BTreeMap;

/// Counts by time in nanoseconds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Times(BTreeMap<u64, u64>);

impl Times {
    /// Reads `NANOSECONDS:COUNT ...`.
    pub fn parse(text: &str) -> Result<Times, Failure> {
        let pair = |word: &str| {
            let (time, count) = word.split_once(':')?;
            Some((time.parse().ok()?, count.parse().ok()?))
        };
        let pairs: Option<_> = text.split_whitespace().map(pair).collect();
        pairs
            .map(Times)
            .ok_or_else(|| Failure::Other(format!("core.service_times: \"{text}\" cannot be read")))
    }

    /// What came since `earlier`.
    pub fn since(&self, earlier: &Times) -> Times {
        let new = |(time, count): (&u64, &u64)| {
            let before = earlier.0.get(time).copied().unwrap_or(0);
            (*time, count.saturating_sub(before))
        };
        Times(self.0.iter().map(new).filter(|(_, n)| *n > 0).collect())
    }

    /// Adds those of another process.
    pub fn add(&mut self, other: &Times) {
        for (time, count) in &other.0 {
            *self.0.entry(*time).or_default() += count;
        }
    }

    /// The time in microseconds that so many of all (0.0 to 1.0) do not exceed; `None` without any.
    pub fn quantile_us(&self, part: f64) -> Option<f64> {
        let all: u64 = self.0.values().sum();
        let wanted = (all as f64 * part).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.0.iter().find(|(_, count)| {
            seen += **count;
            seen >= wanted
        });
        found.map(|(time, _)| *time as f64 / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_interval() {
        let before = Times::parse("1000:100 2000:1").unwrap();
        let now = Times::parse("1000:100 2000:91 9000:10").unwrap();
        let interval = now.since(&before);
        assert_eq!(interval.quantile_us(0.5), Some(2.0));
        assert_eq!(interval.quantile_us(0.99), Some(9.0));
        assert_eq!(now.since(&now).quantile_us(0.5), None);
        let mut both = interval.clone();
        both.add(&interval);
        assert_eq!(both.quantile_us(0.5), Some(2.0));
    }

    #[test]
    fn what_is_no_pair_is_refused() {
        for text in ["1", "a:1", "1:", "1:2:3"] {
            assert!(Times::parse(text).is_err(), "{text}");
        }
        assert_eq!(Times::parse("").unwrap(), Times::default());
    }
}
