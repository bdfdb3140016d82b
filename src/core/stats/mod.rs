//! Counters of what happens to messages ([`Counter`]), what processes do with their time ([`work`]) and at this
//! moment ([`activity`]): one row a process, read by anybody.
//!
//! Invariant: a row is written by its own process only, so counting is a load and a store without
//! contention; the sum over all rows may lag by what is being counted at that moment.

pub mod activity;
mod counter;
pub mod cycles;
pub mod histogram;
pub mod queueing;
pub mod work;

pub use counter::Counter;

use crate::ipc::{PerProcess, ShmFull, ShmTag};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

const COUNTERS: usize = Counter::ALL.len();

crate::shm_struct! {
    /// The counters of one process.
    #[derive(Debug)]
    pub struct Row {
        cells: [AtomicU64; COUNTERS],
    }
}

impl Row {
    /// All zero.
    pub const fn new() -> Row {
        Row {
            cells: [const { AtomicU64::new(0) }; COUNTERS],
        }
    }

    /// The value of one counter.
    pub fn get(&self, counter: Counter) -> u64 {
        self.cells[counter as usize].load(Ordering::Relaxed)
    }

    #[inline]
    fn add(&self, counter: Counter, n: u64) {
        let cell = &self.cells[counter as usize];
        let sum = cell.load(Ordering::Relaxed).wrapping_add(n);
        cell.store(sum, Ordering::Relaxed);
    }
}

impl Default for Row {
    fn default() -> Self {
        Row::new()
    }
}

/// Where a process counts while there is no shared table.
static PRIVATE: Row = Row::new();
static ROWS: OnceLock<&'static PerProcess<Row>> = OnceLock::new();

/// Makes the shared table with rows for `processes`. Before the first fork; the first call counts.
pub fn create(processes: usize) -> Result<(), ShmFull> {
    let rows = PerProcess::create(processes, ShmTag::CORE, Row::new)?;
    ROWS.get_or_init(|| rows);
    work::create(processes)
}

/// Counts one event.
#[inline]
pub fn count(counter: Counter) {
    count_n(counter, 1);
}

/// Counts `n` events.
#[inline]
pub fn count_n(counter: Counter, n: u64) {
    match ROWS.get() {
        Some(rows) => rows.mine().add(counter, n),
        None => PRIVATE.add(counter, n),
    }
}

/// The row of the process with that slot.
pub fn of_process(slot: u16) -> Option<&'static Row> {
    Some(ROWS.get()?.of(slot))
}

/// The value of a counter over all processes, those that ended included.
pub fn total(counter: Counter) -> u64 {
    let rows = ROWS.get().into_iter().flat_map(|rows| rows.iter());
    let values = rows.map(|row| row.get(counter));
    values.fold(PRIVATE.get(counter), u64::wrapping_add)
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
