//! How REGISTERs and lookups end: counted per process, added up for the metrics.

use crate::error::RegError;
use ser::core::stats::add;
use ser::core::stats::metrics::{Family, Kind, Samples};
use ser::ipc::{MAX_PROCESSES, ShmRows, ShmTag};
use std::sync::atomic::{AtomicU64, Ordering};

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Stat {
    /// REGISTERs accepted; the others were refused with that code.
    Saved,
    Refused400,
    Refused500,
    Refused503,
    /// Lookups that found a contact.
    Found,
    /// No user could be made out.
    NoUid,
    /// Nobody is registered under that name.
    NoRecord,
    /// No contact is valid.
    NoContact,
}

const COUNT: usize = Stat::NoContact as usize + 1;

static ROWS: ShmRows<AtomicU64> = ShmRows::new();

/// The module's metrics.
pub const METRICS: &[Family] = &[
    Family {
        name: "ser_registrar_registrations",
        kind: Kind::Counter,
        labels: &["code"],
        help: "REGISTER requests processed, by the code of the answer.",
        sample: |s| {
            let all = [
                ("200", Stat::Saved),
                ("400", Stat::Refused400),
                ("500", Stat::Refused500),
                ("503", Stat::Refused503),
            ];
            tell(s, &all);
        },
    },
    Family {
        name: "ser_registrar_lookups",
        kind: Kind::Counter,
        labels: &["result"],
        help: "Lookups of contacts: found, no_uid (no user could be made out), no_record (nobody is registered), no_contact (none is valid).",
        sample: |s| {
            let all = [
                ("found", Stat::Found),
                ("no_uid", Stat::NoUid),
                ("no_record", Stat::NoRecord),
                ("no_contact", Stat::NoContact),
            ];
            tell(s, &all);
        },
    },
];

/// Makes the counters; before the first fork.
pub fn init() -> Result<(), String> {
    ROWS.create(MAX_PROCESSES, COUNT, ShmTag::register("registrar"))
        .map_err(|_| "no shared memory".into())
}

/// Counts one.
pub fn count(stat: Stat) {
    if let Some(cell) = ROWS.mine().get(stat as usize) {
        add(cell, 1);
    }
}

/// Counts the end of a REGISTER.
pub fn count_register(result: Result<(), RegError>) {
    count(match result.map_err(RegError::answer) {
        Ok(()) => Stat::Saved,
        Err((400, _)) => Stat::Refused400,
        Err((503, _)) => Stat::Refused503,
        Err(_) => Stat::Refused500,
    });
}

fn tell(samples: &mut Samples<'_>, all: &[(&str, Stat)]) {
    for (label, stat) in all {
        let cells = ROWS.iter().filter_map(|row| row.get(*stat as usize));
        let sum: u64 = cells.map(|cell| cell.load(Ordering::Relaxed)).sum();
        samples.int(&[label], sum);
    }
}
