//! Counts of the replies sent, per process, added up for `sl.stats` and the metrics.

use ser::core::rpc::{RpcContext, RpcFault, RpcMethod, RpcValue};
use ser::core::stats::add;
use ser::core::stats::metrics::{Family, Kind, Samples};
use ser::ipc::{MAX_PROCESSES, ShmRows, ShmTag};
use std::sync::atomic::{AtomicU64, Ordering};

/// Names in the order of the reply; a class counts only codes that are not listed themselves.
const NAMES: [&str; 19] = [
    "200", "202", "2xx", "300", "301", "302", "3xx", "400", "401", "403", "404", "407", "408",
    "483", "4xx", "500", "5xx", "6xx", "xxx",
];

/// A cell for each name.
static ROWS: ShmRows<AtomicU64> = ShmRows::new();

/// The module's RPC methods.
pub const METHODS: &[RpcMethod] = &[RpcMethod {
    name: "sl.stats",
    func: stats,
    doc: "Print reply statistics",
    ret_array: false,
}];

/// The module's metrics.
pub const METRICS: &[Family] = &[Family {
    name: "ser_sl_replies",
    kind: Kind::Counter,
    labels: &["code"],
    help: "Replies sent without a transaction, by code; a class has the codes that are not listed themselves.",
    sample: metrics,
}];

/// Makes the counters, before the first fork.
pub fn init() -> Result<(), String> {
    ROWS.create(MAX_PROCESSES, NAMES.len(), ShmTag::register("sl"))
        .map_err(|_| "no shared memory".into())
}

fn index(code: u16) -> usize {
    match code {
        200 => 0,
        202 => 1,
        201..=299 => 2,
        300 => 3,
        301 => 4,
        302 => 5,
        303..=399 => 6,
        400 => 7,
        401 => 8,
        403 => 9,
        404 => 10,
        407 => 11,
        408 => 12,
        483 => 13,
        402..=499 => 14,
        500 => 15,
        501..=599 => 16,
        600..=699 => 17,
        _ => 18,
    }
}

/// Counts one reply of this process.
pub fn count_reply(code: u16) {
    if let Some(cell) = ROWS.mine().get(index(code)) {
        add(cell, 1);
    }
}

/// Names with their sums over all processes.
fn sums() -> impl Iterator<Item = (&'static str, u64)> {
    let sum = |i: usize| {
        let cells = ROWS.iter().filter_map(|row| row.get(i));
        cells.map(|cell| cell.load(Ordering::Relaxed)).sum()
    };
    NAMES
        .iter()
        .enumerate()
        .map(move |(i, name)| (*name, sum(i)))
}

fn stats(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let fields = sums().map(|(name, n)| (name, RpcValue::Int(n as i64)));
    ctx.add(RpcValue::Struct(fields.collect()))
}

fn metrics(samples: &mut Samples<'_>) {
    sums().for_each(|(name, n)| samples.int(&[name], n));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_counts_what_is_not_listed_itself() {
        let names: Vec<_> = [200, 299, 399, 404, 405, 599, 603, 100, 700]
            .map(|c| NAMES[index(c)])
            .into();
        assert_eq!(
            names,
            [
                "200", "2xx", "3xx", "404", "4xx", "5xx", "6xx", "xxx", "xxx"
            ]
        );
    }
}
