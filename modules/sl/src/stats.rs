//! Counts of the replies sent, per process, added up for `sl.stats`.

use ser::core::rpc::{RpcContext, RpcFault, RpcMethod, RpcValue};
use ser::ipc::{MAX_PROCESSES, PerProcess, ShmTag};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names in the order of the reply; a class counts only codes that are not listed themselves.
const NAMES: [&str; 19] = [
    "200", "202", "2xx", "300", "301", "302", "3xx", "400", "401", "403", "404", "407", "408",
    "483", "4xx", "500", "5xx", "6xx", "xxx",
];

ser::shm_struct! {
    struct Row {
        counts: [AtomicU64; NAMES.len()],
    }
}

static ROWS: OnceLock<&'static PerProcess<Row>> = OnceLock::new();

/// The module's RPC methods.
pub const METHODS: &[RpcMethod] = &[RpcMethod {
    name: "sl.stats",
    func: stats,
    doc: "Print reply statistics",
    ret_array: false,
}];

/// Makes the counters, before the first fork.
pub fn init() -> Result<(), String> {
    let make = || Row {
        counts: [const { AtomicU64::new(0) }; NAMES.len()],
    };
    let rows = PerProcess::create(MAX_PROCESSES, ShmTag::register("sl"), make)
        .map_err(|_| "no shared memory")?;
    let _ = ROWS.set(rows);
    Ok(())
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
    if let Some(rows) = ROWS.get() {
        // Only this process writes its row: a load and a store are enough.
        let cell = &rows.mine().counts[index(code)];
        cell.store(cell.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

fn stats(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let rows = ROWS
        .get()
        .ok_or_else(|| RpcFault::new(500, "not initialized"))?;
    let sum = |i: usize| {
        rows.iter()
            .map(|row| row.counts[i].load(Ordering::Relaxed))
            .sum::<u64>()
    };
    let fields = NAMES
        .iter()
        .enumerate()
        .map(|(i, name)| (*name, RpcValue::Int(sum(i) as i64)));
    ctx.add(RpcValue::Struct(fields.collect()))
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
