//! The RPC methods that change what the attendant keeps: receivers and configuration ([`super::orders`]).

use super::orders::{self, Verb};
use super::replace;
use crate::core::rpc::{RpcContext, RpcFault, RpcFn, RpcMethod, RpcValue};
use crate::core::time::format_time;

const fn method(name: &'static str, func: RpcFn, doc: &'static str) -> RpcMethod {
    RpcMethod {
        name,
        func,
        doc,
        ret_array: false,
    }
}

/// The table.
pub(super) const METHODS: &[RpcMethod] = &[
    RpcMethod {
        ret_array: true,
        ..method(
            "core.children",
            children,
            "Returns the number of receivers of UDP sockets, or changes that of one: socket, number.",
        )
    },
    method(
        "core.replace",
        core_replace,
        "Kills a process, by its number in core.workers or its pid, and returns that of its replacement.",
    ),
    method(
        "core.reload",
        reload,
        "Reads ser.cfg again; returns the generation that is in force once all processes run with it.",
    ),
    method(
        "core.rollback",
        rollback,
        "Goes back to the configuration before.",
    ),
    method(
        "core.upgrade",
        upgrade,
        "Starts the program file anew and lets it take over; returns its pid once all processes are its own.",
    ),
    method(
        "core.generation",
        generation,
        "Returns which configuration is in force, since when, and which was before.",
    ),
];

/// `core.children [SOCKET [NUMBER]]`; the reply comes when it is so.
fn children(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let mut order = Vec::new();
    if ctx.has_next() {
        order.extend(ctx.next_str()?);
    }
    order.push(b'\n');
    if ctx.has_next() {
        order.extend(ctx.next_int()?.to_string().into_bytes());
    }
    orders::carry_out(ctx, Verb::Children, &order, show_children)
}

fn show_children(answer: &[u8]) -> Vec<RpcValue> {
    let answer = String::from_utf8_lossy(answer);
    answer.lines().map(show_receivers).collect()
}

fn show_receivers(line: &str) -> RpcValue {
    let mut words = line.split(' ');
    let mut text = || RpcValue::Str(words.next().unwrap_or("").into());
    let mut members = vec![("proto", text()), ("name", text()), ("address", text())];
    let numbers = words.map(|word| RpcValue::Int(word.parse().unwrap_or(0)));
    members.extend(
        ["port", "children", "starting", "retiring"]
            .into_iter()
            .zip(numbers),
    );
    RpcValue::Struct(members)
}

/// `core.replace NUMBER`; the reply comes when another process is at work.
fn core_replace(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let number = ctx.next_int()?.to_string();
    orders::carry_out(ctx, Verb::Replace, number.as_bytes(), replace::show)
}

/// A file that is wrong is a fault with all findings.
fn reload(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    orders::carry_out(ctx, Verb::Reload, b"", show_reloaded)
}

fn rollback(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    orders::carry_out(ctx, Verb::RollBack, b"", show_reloaded)
}

fn upgrade(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    orders::carry_out(ctx, Verb::Upgrade, b"", show_upgraded)
}

/// The number of the generation in a line, then the pid of the attendant.
fn show_upgraded(answer: &[u8]) -> Vec<RpcValue> {
    let answer = String::from_utf8_lossy(answer);
    let (generation, pid) = answer.split_once('\n').unwrap_or((&answer, ""));
    vec![RpcValue::Struct(vec![
        ("generation", number_of(generation)),
        ("pid", number_of(pid)),
    ])]
}

/// The number of the generation in a line, then the warnings.
fn show_reloaded(answer: &[u8]) -> Vec<RpcValue> {
    let answer = String::from_utf8_lossy(answer);
    let (number, warnings) = answer.split_once('\n').unwrap_or((&answer, ""));
    vec![RpcValue::Struct(vec![
        ("generation", number_of(number)),
        ("warnings", RpcValue::Str(warnings.into())),
    ])]
}

fn number_of(text: &str) -> RpcValue {
    RpcValue::Int(text.parse().unwrap_or(0))
}

fn generation(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    orders::carry_out(ctx, Verb::Generation, b"", show_generation)
}

/// Lines: this generation, the one before (number, whose file it is, since when, hash), path, older processes.
fn show_generation(answer: &[u8]) -> Vec<RpcValue> {
    let answer = String::from_utf8_lossy(answer);
    let mut lines = answer.lines();
    let mut line = || lines.next().unwrap_or("");
    let (this, before, path, old) = (line(), line(), line(), line());
    let word = |line: &str, n: usize| line.split(' ').nth(n).unwrap_or("").to_owned();
    let text = |text: String| RpcValue::Str(text.into_bytes());
    let since = word(this, 2).parse().unwrap_or(0);
    vec![RpcValue::Struct(vec![
        ("generation", number_of(&word(this, 0))),
        ("file_of", number_of(&word(this, 1))),
        ("since", RpcValue::Int(since)),
        (
            "time",
            text(String::from_utf8_lossy(&format_time(since, true, None)).into()),
        ),
        ("file", text(path.to_owned())),
        ("hash", text(word(this, 3))),
        ("previous", number_of(&word(before, 0))),
        ("previous_hash", text(word(before, 3))),
        ("old_processes", number_of(old)),
    ])]
}
