//! A histogram of times with a relative error below an eighth: eight buckets to a doubling.
//!
//! One process writes, anybody reads and adds up.

use std::sync::atomic::{AtomicU64, Ordering};

const SUB_BITS: u32 = 3;
const SUB: usize = 1 << SUB_BITS;
/// Values below 2^LOW have buckets of one width, those from 2^HIGH on share the last.
const LOW: u32 = 7;
const HIGH: u32 = 40;
/// Number of buckets.
pub const BUCKETS: usize = (HIGH - LOW + 1) as usize * SUB;

crate::shm_counters! {
    /// Counts by size.
    #[derive(Debug)]
    pub struct Histogram {
        counts: [AtomicU64; BUCKETS],
    }
}

/// The bucket of a value: its highest bits behind their position. No branch.
#[inline]
pub(super) fn bucket(value: u64) -> usize {
    let octave = (value | 1 << LOW).ilog2();
    // From SUB on, except below 2^LOW.
    let high = (value >> (octave - SUB_BITS)) as usize;
    ((octave - LOW) as usize * SUB + high).min(BUCKETS - 1)
}

/// The largest value of a bucket.
fn upper(bucket: usize) -> u64 {
    let (octave, high) = match bucket {
        ..SUB => (LOW, bucket),
        _ => (LOW + (bucket / SUB) as u32 - 1, SUB + bucket % SUB),
    };
    ((high as u64 + 1) << (octave - SUB_BITS)) - 1
}

impl Histogram {
    /// Empty.
    pub const fn new() -> Histogram {
        Histogram {
            counts: [const { AtomicU64::new(0) }; BUCKETS],
        }
    }

    /// Counts a value; by the owner only.
    #[inline]
    pub fn add(&self, value: u64) {
        super::add(&self.counts[bucket(value)], 1);
    }

    /// Adds its counts to `sums`.
    pub fn add_to(&self, sums: &mut Sums) {
        for (sum, count) in sums.counts.iter_mut().zip(&self.counts) {
            *sum += count.load(Ordering::Relaxed);
        }
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram::new()
    }
}

/// Counts that were read and added up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sums {
    counts: [u64; BUCKETS],
}

impl Default for Sums {
    fn default() -> Self {
        Sums {
            counts: [0; BUCKETS],
        }
    }
}

impl Sums {
    /// Adds counts of which each stands for two buckets, under the larger of the two.
    pub(super) fn add_pairs(&mut self, counts: &[AtomicU64]) {
        for (pair, count) in counts.iter().enumerate() {
            let upper = (2 * pair + 1).min(BUCKETS - 1);
            self.counts[upper] += count.load(Ordering::Relaxed);
        }
    }

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The sum of the squares of the values, each taken for the middle of its bucket.
    pub fn squares(&self) -> f64 {
        let square = |(i, n): (usize, &u64)| {
            let low = if i == 0 { 0 } else { upper(i - 1) };
            let middle = (low + upper(i)) as f64 / 2.0;
            middle * middle * *n as f64
        };
        self.counts.iter().enumerate().map(square).sum()
    }

    /// The value that so many of all (0.0 to 1.0) do not exceed; 0 without any.
    pub fn quantile(&self, part: f64) -> u64 {
        let wanted = (self.count() as f64 * part).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (i, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper(i);
            }
        }
        0
    }

    /// What came since `earlier` was read.
    pub fn since(&self, earlier: &Sums) -> Sums {
        let mut since = self.clone();
        for (count, before) in since.counts.iter_mut().zip(&earlier.counts) {
            *count = count.saturating_sub(*before);
        }
        since
    }

    /// The upper ends of the buckets that hold anything, with their counts.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let filled = self.counts.iter().enumerate().filter(|(_, n)| **n > 0);
        filled.map(|(i, n)| (upper(i), *n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_ends_at_most_an_eighth_above_its_values() {
        for value in [256, 257, 1000, 4095, 4096, 1_000_000, 123_456_789_012] {
            let end = upper(bucket(value));
            assert!(
                end >= value && (end - value) as f64 <= value as f64 / 8.0,
                "{value}: {end}"
            );
        }
        assert_eq!(bucket(0), 0);
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        assert_eq!(bucket((1 << HIGH) - 1), BUCKETS - 1);
        for i in 0..BUCKETS {
            assert_eq!(bucket(upper(i)), i);
            assert_eq!(bucket(upper(i) + 1), (i + 1).min(BUCKETS - 1));
        }
    }

    #[test]
    fn quantiles_are_those_of_the_values() {
        let histogram = Histogram::new();
        for value in 1..=1000_u64 {
            histogram.add(value * 1000);
        }
        let mut sums = Sums::default();
        histogram.add_to(&mut sums);
        assert_eq!(sums.count(), 1000);
        let median = sums.quantile(0.5) as f64;
        assert!((500_000.0..570_000.0).contains(&median), "{median}");
        assert!(sums.quantile(1.0) >= 1_000_000);
        let squares: f64 = (1..=1000).map(|v| (f64::from(v) * 1000.0).powi(2)).sum();
        let error = (sums.squares() / squares - 1.0).abs();
        assert!(error < 0.01, "{error}");
        assert_eq!(sums.since(&sums).count(), 0);
        assert_eq!(Sums::default().quantile(0.5), 0);
    }
}
