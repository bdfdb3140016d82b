//! RPC methods of what is measured: `core.routes`, `core.commands`, `core.metrics`.

use super::{RpcContext, RpcFault, RpcMethod, RpcValue};
use crate::core::stats::metrics::{self, BOUNDS, Family, Samples, Times, Value};
use crate::core::stats::{cycles, script};

/// The table.
pub(super) const METHODS: &[RpcMethod] = &[
    RpcMethod {
        name: "core.routes",
        func: routes,
        doc: "Returns how often each route block ran, and how long it took.",
        ret_array: true,
    },
    RpcMethod {
        name: "core.commands",
        func: commands,
        doc: "Returns how often each command of a module ran, how often it failed, and how long it took.",
        ret_array: true,
    },
    RpcMethod {
        name: "core.metrics",
        func: all_metrics,
        doc: "Returns all metrics, or those whose names begin with the given text: name, type, help, samples.",
        ret_array: true,
    },
];

fn count(n: u64) -> RpcValue {
    RpcValue::Int(n as i64)
}

fn micros(cycles: u64) -> RpcValue {
    RpcValue::Int(cycles::to_us(cycles) as i64)
}

fn text(text: &str) -> RpcValue {
    RpcValue::Str(text.into())
}

fn check_on() -> Result<(), RpcFault> {
    match script::is_on() {
        true => Ok(()),
        false => Err(RpcFault::new(
            500,
            "the script is not measured (see script_stats)",
        )),
    }
}

fn routes(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    check_on()?;
    script::routes().into_iter().try_for_each(|route| {
        ctx.add(RpcValue::Struct(vec![
            ("kind", text(route.kind)),
            ("name", text(&route.name)),
            ("calls", count(route.times.count())),
            ("total_us", micros(route.total)),
            ("own_us", micros(route.own)),
            ("p50_us", micros(route.times.quantile(0.5))),
            ("p99_us", micros(route.times.quantile(0.99))),
        ]))
    })
}

fn commands(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    check_on()?;
    script::commands().into_iter().try_for_each(|command| {
        ctx.add(RpcValue::Struct(vec![
            ("module", text(command.module)),
            ("name", text(command.name)),
            ("calls", count(command.calls)),
            ("errors", count(command.errors)),
            ("total_us", micros(command.total)),
        ]))
    })
}

fn all_metrics(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let wanted = match ctx.has_next() {
        true => ctx.next_str()?,
        false => Vec::new(),
    };
    let all = metrics::all();
    let wanted = |family: &&&Family| family.full_name().as_bytes().starts_with(&wanted);
    all.iter()
        .filter(wanted)
        .try_for_each(|family| ctx.add(shown(family)))
}

fn shown(family: &'static Family) -> RpcValue {
    let mut samples = Vec::new();
    Samples::of(family, &mut |labels, value| {
        samples.push(sample(family, labels, value));
    });
    RpcValue::Struct(vec![
        ("name", text(&family.full_name())),
        ("type", text(family.kind.name())),
        ("help", text(family.help)),
        ("samples", RpcValue::Array(samples)),
    ])
}

fn sample(family: &'static Family, labels: &[&str], value: Value) -> RpcValue {
    let labels = family.labels.iter().zip(labels);
    let labels = labels.map(|(name, value)| (*name, text(value)));
    let mut members = vec![("labels", RpcValue::Struct(labels.collect()))];
    match value {
        Value::Int(n) => members.push(("value", RpcValue::Int(n))),
        Value::Float(n) => members.push(("value", RpcValue::Double(n))),
        Value::Times(times) => members.extend(buckets(&times)),
    }
    RpcValue::Struct(members)
}

/// Bounds are text: BINRPC cuts numbers to thousandths.
fn buckets(times: &Times) -> [(&'static str, RpcValue); 3] {
    let bucket = |(bound, n): (&f64, &u64)| {
        RpcValue::Struct(vec![("le", text(&bound.to_string())), ("count", count(*n))])
    };
    let all = BOUNDS.iter().zip(&times.at_most).map(bucket);
    [
        ("count", count(times.count)),
        ("sum", RpcValue::Double(times.sum)),
        ("buckets", RpcValue::Array(all.collect())),
    ]
}
