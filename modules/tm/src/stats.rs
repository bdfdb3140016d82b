//! Counts of transactions, per process; added up for `tm.stats`.

use ser::ipc::{MAX_PROCESSES, PerProcess, ShmTag};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        /// What is counted.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(usize)]
        pub enum Stat { $($(#[$doc])* $name,)+ }
        const COUNT: usize = [$(Stat::$name),+].len();
    };
}

stats! {
    /// Made for requests that came in.
    Total,
    /// Made here.
    TotalLocal,
    /// Replies made here (SER counts relayed ones as well).
    RepliedLocally,
    Class2,
    Class3,
    Class4,
    Class5,
    Class6,
    /// Requests and replies sent again.
    Retransmissions,
}

ser::shm_struct! {
    struct Row {
        cells: [AtomicI64; COUNT],
    }
}

static ROWS: OnceLock<&'static PerProcess<Row>> = OnceLock::new();

/// Makes the counters; before the first fork.
pub fn init() -> Result<(), String> {
    let make = || Row {
        cells: [const { AtomicI64::new(0) }; COUNT],
    };
    let rows = PerProcess::create(MAX_PROCESSES, ShmTag::register("tm"), make)
        .map_err(|_| "no shared memory")?;
    let _ = ROWS.set(rows);
    Ok(())
}

/// Adds to a count of this process.
#[inline]
pub fn add(stat: Stat, n: i64) {
    if let Some(rows) = ROWS.get() {
        // Only this process writes its row: a load and a store are enough.
        let cell = &rows.mine().cells[stat as usize];
        cell.store(cell.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }
}

/// The sum over all processes.
pub fn sum(stat: Stat) -> i64 {
    let rows = ROWS.get().into_iter().flat_map(|rows| rows.iter());
    rows.map(|row| row.cells[stat as usize].load(Ordering::Relaxed))
        .sum()
}

/// A transaction was made.
pub fn created(local: bool) {
    add(if local { Stat::TotalLocal } else { Stat::Total }, 1);
}

/// A reply went upstream, or ended a local transaction.
pub fn replied(code: u16, local: bool) {
    let class = match code {
        200..=299 => Stat::Class2,
        300..=399 => Stat::Class3,
        400..=499 => Stat::Class4,
        500..=599 => Stat::Class5,
        600.. => Stat::Class6,
        _ => return,
    };
    add(class, 1);
    if local {
        add(Stat::RepliedLocally, 1);
    }
}
