//! The module's metrics.

use crate::domain::{self, Table};
use ser::core::stats::metrics::{Family, Kind, Samples};
use std::sync::atomic::Ordering;

/// All of them.
pub const METRICS: &[Family] = &[
    Family {
        name: "ser_usrloc_users",
        kind: Kind::Gauge,
        labels: &["table"],
        help: "Users with contacts in a table, expired ones that were not removed yet included.",
        sample: |s| each_table(s, |table| table.count().0 as i64),
    },
    Family {
        name: "ser_usrloc_contacts",
        kind: Kind::Gauge,
        labels: &["table"],
        help: "Contacts in a table, expired ones that were not removed yet included.",
        sample: |s| each_table(s, |table| table.count().1 as i64),
    },
    Family {
        name: "ser_usrloc_expired_contacts",
        kind: Kind::Counter,
        labels: &["table"],
        help: "Contacts that expired and were removed.",
        sample: |s| each_table(s, |table| table.counters.expired.load(Ordering::Relaxed)),
    },
];

fn each_table(samples: &mut Samples<'_>, value: fn(&Table) -> i64) {
    for table in domain::all() {
        let name = String::from_utf8_lossy(&table.name);
        samples.int(&[&name], value(table));
    }
}
