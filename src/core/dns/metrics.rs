//! The metrics of name resolution and of the destination blacklist; what is switched off has no values.

use super::{blacklist, service};
use crate::core::stats::metrics::{Family, Kind, Samples};
use crate::core::stats::{Counter, total};

/// The table.
pub const METRICS: &[Family] = &[
    Family {
        name: "ser_dns_cache_bytes",
        kind: Kind::Gauge,
        labels: &[],
        help: "Memory that the cache of names uses.",
        sample: |s| {
            if let Some(cache) = cache() {
                s.int(&[], cache.used());
            }
        },
    },
    Family {
        name: "ser_dns_cache_limit_bytes",
        kind: Kind::Gauge,
        labels: &[],
        help: "Memory that the cache of names may use.",
        sample: |s| {
            if let Some(cache) = cache() {
                s.int(&[], cache.max());
            }
        },
    },
    Family {
        name: "ser_dns_lookups",
        kind: Kind::Counter,
        labels: &["result"],
        help: "Names of next hops that the cache knew (hit), and that had to be looked up (miss).",
        sample: |s| {
            s.int(&["hit"], total(Counter::DnsHits));
            s.int(&["miss"], total(Counter::DnsMisses));
        },
    },
    Family {
        name: "ser_dns_queries",
        kind: Kind::Counter,
        labels: &[],
        help: "Questions sent to name servers, repeated ones included.",
        sample: |s| s.int(&[], total(Counter::DnsQueries)),
    },
    Family {
        name: "ser_dns_timeouts",
        kind: Kind::Counter,
        labels: &[],
        help: "Questions that a name server did not answer in time, or at all.",
        sample: |s| s.int(&[], total(Counter::DnsTimeouts)),
    },
    Family {
        name: "ser_dst_blacklist_entries",
        kind: Kind::Gauge,
        labels: &[],
        help: "Destinations on the blacklist, expired ones that were not removed yet included.",
        sample: |s| {
            if let Some(n) = blacklist::len() {
                s.int(&[], n);
            }
        },
    },
    Family {
        name: "ser_dst_blacklist_bytes",
        kind: Kind::Gauge,
        labels: &[],
        help: "Memory that the blacklist uses.",
        sample: |s| memory(s, |(used, _)| used),
    },
    Family {
        name: "ser_dst_blacklist_limit_bytes",
        kind: Kind::Gauge,
        labels: &[],
        help: "Memory that the blacklist may use.",
        sample: |s| memory(s, |(_, max)| max),
    },
    Family {
        name: "ser_dst_blacklist_hits",
        kind: Kind::Counter,
        labels: &[],
        help: "Sends that were not tried because the destination is on the blacklist.",
        sample: |s| s.int(&[], total(Counter::BlacklistHits)),
    },
];

fn cache() -> Option<&'static super::Cache> {
    service::shared().and_then(|shared| shared.cache.as_ref())
}

fn memory(samples: &mut Samples<'_>, which: fn((i64, i64)) -> i64) {
    if let Some(memory) = blacklist::memory() {
        samples.int(&[], which(memory));
    }
}
