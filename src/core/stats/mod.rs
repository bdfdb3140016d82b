//! Counters of what happens to messages ([`Counter`]), what processes do with their time ([`work`]) and at this
//! moment ([`activity`]), what the script costs ([`script`]): one row a process, read by anybody. What can be told of
//! all that stands in [`metrics`].
//!
//! Invariant: a row is written by its own process only, so counting is a load and a store without
//! contention; the sum over all rows may lag by what is being counted at that moment.

pub mod activity;
mod counter;
pub mod cycles;
pub mod histogram;
pub mod memory_limit;
mod meters;
pub mod metrics;
pub mod queueing;
pub mod script;
pub mod work;

pub use counter::Counter;

use crate::ipc::{ShmFull, ShmRows, ShmTag, named};
use std::sync::atomic::{AtomicU64, Ordering};

const COUNTERS: usize = Counter::ALL.len();

crate::shm_counters! {
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
        match counter.parts() {
            None => self.cells[counter as usize].load(Ordering::Relaxed),
            Some(parts) => parts.iter().map(|part| self.get(*part)).sum(),
        }
    }

    #[inline]
    fn add(&self, counter: Counter, n: u64) {
        debug_assert!(counter.parts().is_none(), "a sum is not counted");
        add(&self.cells[counter as usize], n);
    }
}

impl Default for Row {
    fn default() -> Self {
        Row::new()
    }
}

/// Adds to a cell that only this process writes: a load and a store are enough.
#[inline]
pub fn add(cell: &AtomicU64, n: u64) {
    let sum = cell.load(Ordering::Relaxed).wrapping_add(n);
    cell.store(sum, Ordering::Relaxed);
}

/// Where a process counts while there are no shared rows.
static PRIVATE: Row = Row::new();
static ROWS: ShmRows<Row> = ShmRows::new();

/// Makes rows for `processes`. Before the first fork; the first call counts.
pub fn create(processes: usize) -> Result<(), ShmFull> {
    // Cells of other names in another order are others.
    let names: Vec<&str> = Counter::ALL.iter().map(|c| c.name()).collect();
    named(&names.join(" "), || ROWS.create(processes, 1, ShmTag::CORE))?;
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
    let row = ROWS.my_first();
    row.unwrap_or(&PRIVATE).add(counter, n);
}

/// Counts one event under the counter that stands `n` places behind `first`: the members of a group, methods say,
/// stand one behind the other. Behind the last one nothing is counted.
#[inline]
pub fn count_behind(first: Counter, n: usize) {
    let row = ROWS.my_first().unwrap_or(&PRIVATE);
    if let Some(cell) = row.cells.get(first as usize + n) {
        add(cell, 1);
    }
}

/// The row of the process with that slot.
pub fn of_process(slot: u16) -> Option<&'static Row> {
    ROWS.of(slot).first()
}

/// The value of a counter over all processes, those that ended included.
pub fn total(counter: Counter) -> u64 {
    let values = ROWS.iter().flatten().map(|row| row.get(counter));
    values.fold(PRIVATE.get(counter), u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_counts_each_counter_by_itself() {
        let row = Row::new();
        row.add(Counter::RcvInvite, 2);
        row.add(Counter::RcvInvite, 1);
        row.add(Counter::RcvOther, 1);
        row.add(Counter::DropParse, 1);
        assert_eq!(row.get(Counter::RcvInvite), 3);
        assert_eq!(row.get(Counter::RcvRequests), 4);
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
