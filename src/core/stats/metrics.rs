//! What can be measured of the server: families of values under one name, with a help text, read on demand.
//!
//! The core has a table of them, and so has each module (`metrics` in its exports); all stand in one list, from which
//! RPC (`core.metrics`) and the page of module prometheus are made. Names are Prometheus's: base units (seconds,
//! bytes), small letters; a counter is written with `_total` behind its name.
//!
//! Invariant: the list is complete before the first fork; a family reads shared memory, so every process can tell it.

use super::cycles;
use super::histogram::Sums;
use parking_lot::RwLock;

/// What kind of value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Never gets less.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts of times by size.
    Histogram,
}

impl Kind {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// Values under one name that differ in their labels.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Without the `_total` of a counter.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// Names of the labels that each value has.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
    /// Gives all values of now. No lock may be held while it gives one: whoever takes it may have to wait.
    pub sample: fn(&mut Samples<'_>),
}

impl Family {
    /// The name in tables: with the `_total` of a counter.
    pub fn full_name(&self) -> String {
        match self.kind {
            Kind::Counter => format!("{}_total", self.name),
            Kind::Gauge | Kind::Histogram => self.name.to_owned(),
        }
    }
}

/// One value.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Value {
    Int(i64),
    Float(f64),
    Times(Times),
}

/// A histogram of times.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Times {
    /// How many took at most as long as each of [`BOUNDS`].
    pub at_most: [u64; BOUNDS.len()],
    /// How many there were.
    pub count: u64,
    /// How long all of them took, in seconds.
    pub sum: f64,
}

/// Upper ends of the buckets of histograms, in seconds.
pub const BOUNDS: [f64; 19] = [
    0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
    0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
];

impl Times {
    /// Of counted times whose sum is `total`, all in the unit of [`cycles`]. A time that is shorter than a bound by
    /// less than the width of its bucket there may count for the next one.
    pub fn new(times: &Sums, total: u64) -> Times {
        let mut at_most = [0; BOUNDS.len()];
        let mut count = 0;
        for (end, n) in times.buckets() {
            count += n;
            let seconds = seconds(end);
            // Bounds are few, and most times are short.
            let first = BOUNDS.iter().position(|bound| seconds <= *bound);
            at_most[first.unwrap_or(BOUNDS.len())..]
                .iter_mut()
                .for_each(|sum| *sum += n);
        }
        Times {
            at_most,
            count,
            sum: seconds(total),
        }
    }
}

/// Units of [`cycles`] as seconds.
pub fn seconds(cycles: u64) -> f64 {
    cycles::to_us(cycles) / 1e6
}

/// Where a family's values go.
pub struct Samples<'s> {
    labels: usize,
    take: &'s mut dyn FnMut(&[&str], Value),
}

impl<'s> Samples<'s> {
    /// Gives all values of `family` to `take`, with the values of its labels in their order.
    pub fn of(family: &Family, take: &'s mut dyn FnMut(&[&str], Value)) {
        let labels = family.labels.len();
        (family.sample)(&mut Samples { labels, take });
    }

    /// A value.
    pub fn add(&mut self, labels: &[&str], value: Value) {
        assert_eq!(labels.len(), self.labels, "a value for each label");
        (self.take)(labels, value);
    }

    /// A whole number.
    pub fn int(&mut self, labels: &[&str], n: impl TryInto<i64>) {
        self.add(labels, Value::Int(n.try_into().unwrap_or(i64::MAX)));
    }

    /// A number with a fraction.
    pub fn float(&mut self, labels: &[&str], n: f64) {
        self.add(labels, Value::Float(n));
    }

    /// Counted times and their sum, in the unit of [`cycles`].
    pub fn times(&mut self, labels: &[&str], times: &Sums, total: u64) {
        self.add(labels, Value::Times(Times::new(times, total)));
    }
}

static FAMILIES: RwLock<Vec<&'static Family>> = RwLock::new(Vec::new());

/// Adds a table; before the first fork. A name that is taken already is left out, with an error in the log.
pub fn register(table: &'static [Family]) {
    let mut all = FAMILIES.write();
    for family in table {
        match all.iter().any(|known| known.name == family.name) {
            true => log::error!("BUG: there are two metrics called {}", family.name),
            false => all.push(family),
        }
    }
}

/// All families, by name.
pub fn all() -> Vec<&'static Family> {
    let mut all = FAMILIES.read().clone();
    all.sort_unstable_by_key(|family| family.name);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::stats::histogram::Histogram;

    fn two(samples: &mut Samples<'_>) {
        samples.int(&["a"], 1_u64);
        samples.float(&["b"], 0.5);
    }

    static TABLE: &[Family] = &[Family {
        name: "ser_test",
        kind: Kind::Counter,
        labels: &["which"],
        help: "A test.",
        sample: two,
    }];

    #[test]
    fn a_family_is_listed_once_and_gives_its_values_with_their_labels() {
        register(TABLE);
        register(TABLE);
        let mine = all().into_iter().filter(|f| f.name == "ser_test");
        let mine: Vec<_> = mine.collect();
        assert_eq!(mine.len(), 1);
        assert_eq!(mine[0].full_name(), "ser_test_total");
        let mut seen = Vec::new();
        Samples::of(mine[0], &mut |labels, value| {
            seen.push((labels[0].to_owned(), value));
        });
        let expected = [("a".into(), Value::Int(1)), ("b".into(), Value::Float(0.5))];
        assert_eq!(seen, expected);
    }

    #[test]
    fn times_are_counted_up_to_each_bound() {
        cycles::calibrate();
        let histogram = Histogram::new();
        let us = |n: f64| (n * cycles::per_us()) as u64;
        for time in [5.0, 15.0, 1_200.0, 30e6] {
            histogram.add(us(time));
        }
        let mut sums = Sums::default();
        histogram.add_to(&mut sums);
        let times = Times::new(&sums, us(1_220.0));
        assert_eq!(times.count, 4);
        assert_eq!(times.at_most[0], 1);
        assert_eq!(times.at_most[1], 2);
        assert_eq!(times.at_most[6], 2, "1 ms");
        assert_eq!(times.at_most[7], 3, "2 ms");
        assert_eq!(times.at_most[18], 3, "30 s are longer than all");
        assert!((times.sum - 0.00122).abs() < 1e-6);
    }
}
