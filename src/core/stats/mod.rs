//! Counters of what happens to messages: one row a process, read by anybody.
//!
//! Invariant: a row is written by its own process only, so counting is a load and a store without
//! contention; the sum over all rows may lag by what is being counted at that moment.

mod counter;

pub use counter::Counter;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const COUNTERS: usize = Counter::ALL.len();

/// The counters of one process.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Row([AtomicU64; COUNTERS]);

impl Row {
    /// All zero.
    pub const fn new() -> Row {
        Row([const { AtomicU64::new(0) }; COUNTERS])
    }

    /// The value of one counter.
    pub fn get(&self, counter: Counter) -> u64 {
        self.0[counter as usize].load(Ordering::Relaxed)
    }

    #[inline]
    fn add(&self, counter: Counter, n: u64) {
        let cell = &self.0[counter as usize];
        let sum = cell.load(Ordering::Relaxed).wrapping_add(n);
        cell.store(sum, Ordering::Relaxed);
    }
}

impl Default for Row {
    fn default() -> Self {
        Row::new()
    }
}

/// Where a process counts that has no row in the shared table.
static PRIVATE: Row = Row::new();
static MINE: AtomicUsize = AtomicUsize::new(0);
static ROWS: OnceLock<&'static [Row]> = OnceLock::new();

/// Gives the shared table, one row a process slot. Before the first fork; the first call counts.
pub fn attach(rows: &'static [Row]) -> bool {
    ROWS.set(rows).is_ok()
}

/// Chooses the row of this process; to be called after each fork.
pub fn set_process(slot: usize) {
    MINE.store(slot, Ordering::Relaxed);
}

/// Counts one event.
#[inline]
pub fn count(counter: Counter) {
    count_n(counter, 1);
}

/// Counts `n` events.
#[inline]
pub fn count_n(counter: Counter, n: u64) {
    row().add(counter, n);
}

#[inline]
fn row() -> &'static Row {
    let shared = ROWS
        .get()
        .and_then(|rows| rows.get(MINE.load(Ordering::Relaxed)));
    shared.unwrap_or(&PRIVATE)
}

/// The row of the process with that slot.
pub fn of_process(slot: usize) -> Option<&'static Row> {
    ROWS.get()?.get(slot)
}

/// The value of a counter over all processes, those that ended included.
pub fn total(counter: Counter) -> u64 {
    let shared = ROWS.get().copied().unwrap_or_default();
    let sum = |sum: u64, row: &Row| sum.wrapping_add(row.get(counter));
    shared.iter().fold(PRIVATE.get(counter), sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_counts_each_counter_by_itself() {
        let row = Row::new();
        row.add(Counter::RcvRequests, 2);
        row.add(Counter::RcvRequests, 1);
        row.add(Counter::DropParse, 1);
        assert_eq!(row.get(Counter::RcvRequests), 3);
        assert_eq!(row.get(Counter::DropParse), 1);
        assert_eq!(row.get(Counter::RcvReplies), 0);
    }

    #[test]
    fn names_are_unique_and_in_the_order_of_their_numbers() {
        for (i, counter) in Counter::ALL.iter().enumerate() {
            assert_eq!(*counter as usize, i);
            let same = Counter::ALL.iter().filter(|c| c.name() == counter.name());
            assert_eq!(same.count(), 1);
        }
    }
}
