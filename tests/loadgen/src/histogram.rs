//! A histogram of latencies: 32 steps for each power of two, so a value is off by 3 % at most.

const STEP_BITS: u32 = 5;
const STEPS: u64 = 1 << STEP_BITS;
/// Up to 2^40 ns, 18 minutes.
const BUCKETS: usize = (41 - STEP_BITS as usize) * STEPS as usize;

/// Counts of nanoseconds.
pub struct Histogram {
    buckets: Box<[u64]>,
    total: u64,
    largest: u64,
}

impl Histogram {
    /// An empty one.
    pub fn new() -> Histogram {
        Histogram {
            buckets: vec![0; BUCKETS].into(),
            total: 0,
            largest: 0,
        }
    }

    /// Counts a value.
    pub fn add(&mut self, nanos: u64) {
        self.buckets[bucket(nanos).min(BUCKETS - 1)] += 1;
        self.total += 1;
        self.largest = self.largest.max(nanos);
    }

    /// Number of values.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The largest value, in ns.
    pub fn largest(&self) -> u64 {
        self.largest
    }

    /// The value that `share` (0 to 1) of all values do not exceed, in ns, rounded up; 0 without values.
    pub fn quantile(&self, share: f64) -> u64 {
        let wanted = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        for (i, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper_end(i).min(self.largest);
            }
        }
        self.largest
    }
}

/// Below [`STEPS`] each value has its own bucket; above, the bits behind the highest one choose.
fn bucket(nanos: u64) -> usize {
    if nanos < STEPS {
        return nanos as usize;
    }
    let shift = nanos.ilog2() - STEP_BITS;
    (u64::from(shift + 1) * STEPS + (nanos >> shift) - STEPS) as usize
}

fn upper_end(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let shift = bucket / STEPS - 1;
    ((bucket % STEPS + STEPS + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_step_of_the_truth() {
        let mut histogram = Histogram::new();
        (1..=100_000).for_each(|n| histogram.add(n));
        for (share, truth) in [(0.5, 50_000.0), (0.99, 99_000.0), (1.0, 100_000.0)] {
            let got = histogram.quantile(share) as f64;
            assert!(got >= truth && got <= truth * 1.04, "{share}: {got}");
        }
        assert_eq!(histogram.total(), 100_000);
    }

    #[test]
    fn every_value_lies_in_its_bucket() {
        for nanos in (0..5_000).chain([1 << 20, (1 << 30) + 12_345, (1 << 40) - 1]) {
            let at = bucket(nanos);
            assert!(nanos <= upper_end(at), "{nanos}");
            assert!(at == 0 || nanos > upper_end(at - 1), "{nanos}");
        }
        assert_eq!(Histogram::new().quantile(0.5), 0);
    }
}
