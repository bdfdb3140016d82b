//! Counts of transactions, per process; added up for `tm.stats` and the metrics.

use crate::table;
use ser::core::stats::metrics::{Family, Kind};
use ser::ipc::{MAX_PROCESSES, ShmRows, ShmTag};
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
    /// Requests sent again.
    ResentRequests,
    /// Replies sent again by a timer.
    ResentReplies,
    /// Requests that came again.
    AbsorbedRequests,
    /// ACKs that came again.
    AbsorbedAcks,
    /// Final replies that came again and were not passed on.
    AbsorbedReplies,
}

/// A cell for each [`Stat`].
static ROWS: ShmRows<AtomicI64> = ShmRows::new();

/// Makes the counters; before the first fork.
pub fn init() -> Result<(), String> {
    ROWS.create(MAX_PROCESSES, COUNT, ShmTag::register("tm"))
        .map_err(|_| "no shared memory".into())
}

/// Adds to a count of this process.
#[inline]
pub fn add(stat: Stat, n: i64) {
    if let Some(cell) = ROWS.mine().get(stat as usize) {
        // Only this process writes its row: a load and a store are enough.
        cell.store(cell.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }
}

/// The sum over all processes.
pub fn sum(stat: Stat) -> i64 {
    let cells = ROWS.iter().filter_map(|row| row.get(stat as usize));
    cells.map(|cell| cell.load(Ordering::Relaxed)).sum()
}

/// The module's metrics.
pub const METRICS: &[Family] = &[
    Family {
        name: "ser_tm_transactions",
        kind: Kind::Gauge,
        labels: &["state"],
        help: "Transactions in memory: active ones, and those that have ended and linger (waiting).",
        sample: |s| {
            let (current, waiting) = table::count();
            s.int(&["active"], current - waiting);
            s.int(&["waiting"], waiting);
        },
    },
    Family {
        name: "ser_tm_created_transactions",
        kind: Kind::Counter,
        labels: &["origin"],
        help: "Transactions made for requests received, and for requests made here (local).",
        sample: |s| {
            s.int(&["received"], sum(Stat::Total));
            s.int(&["local"], sum(Stat::TotalLocal));
        },
    },
    Family {
        name: "ser_tm_final_replies",
        kind: Kind::Counter,
        labels: &["class"],
        help: "Final replies passed on to callers or ending requests made here.",
        sample: |s| {
            let classes = [
                ("2xx", Stat::Class2),
                ("3xx", Stat::Class3),
                ("4xx", Stat::Class4),
                ("5xx", Stat::Class5),
                ("6xx", Stat::Class6),
            ];
            classes
                .iter()
                .for_each(|(name, stat)| s.int(&[name], sum(*stat)));
        },
    },
    Family {
        name: "ser_tm_local_replies",
        kind: Kind::Counter,
        labels: &[],
        help: "Of these, replies made here.",
        sample: |s| s.int(&[], sum(Stat::RepliedLocally)),
    },
    Family {
        name: "ser_tm_retransmissions",
        kind: Kind::Counter,
        labels: &["kind"],
        help: "Requests sent again because no reply came, replies sent again because no ACK came.",
        sample: |s| {
            s.int(&["request"], sum(Stat::ResentRequests));
            s.int(&["reply"], sum(Stat::ResentReplies));
        },
    },
    Family {
        name: "ser_tm_absorbed_retransmissions",
        kind: Kind::Counter,
        labels: &["kind"],
        help: "Retransmissions that were received and went no further: of requests, of ACKs, of final replies.",
        sample: |s| {
            s.int(&["request"], sum(Stat::AbsorbedRequests));
            s.int(&["ack"], sum(Stat::AbsorbedAcks));
            s.int(&["reply"], sum(Stat::AbsorbedReplies));
        },
    },
];

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
