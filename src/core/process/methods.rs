//! The RPC methods of the core that speak of processes: `core.ps`, `core.kill` and others.

use super::metrics::METRICS;
use super::{order_methods, receivers, shared};
use crate::core::net::{all_sockets, backlog_of};
use crate::core::receive::quarantine;
use crate::core::rpc::{RpcContext, RpcFault, RpcMethod, RpcValue, register_core};
use crate::core::script::program;
use crate::core::stats::{self, Counter, cycles, work};
use crate::ipc::check_all;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const METHODS: &[RpcMethod] = &[
    RpcMethod {
        name: "core.ps",
        func: ps,
        doc: "Returns the description of running SER processes.",
        ret_array: true,
    },
    RpcMethod {
        name: "core.kill",
        func: core_kill,
        doc: "Sends the given signal to SER.",
        ret_array: false,
    },
    RpcMethod {
        name: "core.workers",
        func: workers,
        doc: "Returns what each process does with its time: messages, busy and blocked time, service times.",
        ret_array: true,
    },
    RpcMethod {
        name: "core.service_times",
        func: service_times,
        doc: "Returns how long each process took for how many messages: slot and pairs of nanoseconds and count.",
        ret_array: true,
    },
    RpcMethod {
        name: "core.counters",
        func: counters,
        doc: "Returns the counters of messages, drops and errors, of the process with the given number or of all.",
        ret_array: false,
    },
    RpcMethod {
        name: "core.sockets",
        func: sockets,
        doc: "Returns the listening sockets with what waits in their queues and was dropped by the kernel.",
        ret_array: true,
    },
    RpcMethod {
        name: "core.shm_check",
        func: shm_check,
        doc: "Verifies every structure in shared memory; a fault says what is wrong.",
        ret_array: false,
    },
    RpcMethod {
        name: "core.tcp_info",
        func: tcp_info,
        doc: "Returns tcp related info.",
        ret_array: false,
    },
];

/// Adds them; before the first fork.
pub(super) fn register() {
    register_core(METHODS);
    register_core(order_methods::METHODS);
    register_core(quarantine::METHODS);
    register_core(receivers::METHODS);
    stats::metrics::register(METRICS);
}

fn ps(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    for process in shared::processes() {
        ctx.add(RpcValue::Int(process.pid.into()))?;
        ctx.add(RpcValue::Str(process.desc.into()))?;
    }
    Ok(())
}

/// `core.kill [signal]`: 15 without one. The reply leaves before the signal does its work where the transport
/// sends it at once; SER sends it to its whole process group, and so do we.
fn core_kill(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let number = if ctx.has_next() { ctx.next_int()? } else { 15 };
    let signal = i32::try_from(number)
        .ok()
        .and_then(|n| Signal::try_from(n).ok())
        .ok_or_else(|| RpcFault::new(400, format!("{number} is no signal")))?;
    ctx.finish()?;
    kill(Pid::from_raw(0), signal).map_err(|e| RpcFault::new(500, format!("kill: {e}")))
}

fn micros(us: f64) -> RpcValue {
    RpcValue::Int(us as i64)
}

fn workers(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    for process in shared::processes() {
        let done = work::of_process(process.slot).unwrap_or_default();
        let quantile = |part| micros(cycles::to_us(done.latency.quantile(part)));
        let mut members = vec![
            ("slot", RpcValue::Int(process.slot.into())),
            ("pid", RpcValue::Int(process.pid.into())),
            ("rank", RpcValue::Int(process.rank.into())),
            ("description", RpcValue::Str(process.desc.into())),
            ("restarts", RpcValue::Int(process.restarts.into())),
            ("messages", RpcValue::Int(done.messages as i64)),
            ("busy_us", micros(done.busy_us)),
            ("squares_us2", RpcValue::Double(done.squares_us2)),
        ];
        let names = work::Blocked::ALL.iter();
        for ((_, name), us) in names.zip(done.blocked_us) {
            members.push((*name, micros(us)));
        }
        members.push(("blocked_locks_us", micros(done.lock_us)));
        let script = cycles::to_us(stats::script::of_process(process.slot));
        members.push(("script_us", micros(script)));
        members.push(("awake_us", micros(done.awake_us)));
        members.push(("idle_us", micros(done.idle_us)));
        members.push(("p50_us", quantile(0.5)));
        members.push(("p99_us", quantile(0.99)));
        let delay = |part| micros(cycles::to_us(done.delay.quantile(part)));
        members.push(("send_p50_us", delay(0.5)));
        members.push(("send_p99_us", delay(0.99)));
        let working = done.working;
        members.push(("working_us", micros(working.map_or(0.0, |now| now.us))));
        let line = working.map_or(0, |now| now.line);
        members.push(("stuck", RpcValue::Int(process.stuck.into())));
        members.push(("line", RpcValue::Int(line.into())));
        let place = program().and_then(|program| program.place(line));
        let place = place.map_or(String::new(), |place| place.to_string());
        members.push(("place", RpcValue::Str(place.into())));
        ctx.add(RpcValue::Struct(members))?;
    }
    Ok(())
}

/// Since the start; who asks twice knows what came between. Processes without messages are left out.
fn service_times(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    for process in shared::processes() {
        let done = work::of_process(process.slot).unwrap_or_default();
        let times = service_times_of(&done);
        if !times.is_empty() {
            ctx.add(RpcValue::Struct(vec![
                ("slot", RpcValue::Int(process.slot.into())),
                ("times", RpcValue::Str(times.into())),
            ]))?;
        }
    }
    Ok(())
}

/// `NANOSECONDS:COUNT` with blanks between: how many messages took at most so long, and longer than the pair before.
pub(super) fn service_times_of(done: &work::Done) -> String {
    let pair = |(end, count)| format!("{:.0}:{count}", cycles::to_us(end) * 1000.0);
    let pairs: Vec<String> = done.latency.buckets().map(pair).collect();
    pairs.join(" ")
}

/// `core.counters [slot]`
fn counters(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let row = match ctx.has_next() {
        true => Some(row_of(ctx.next_int()?)?),
        false => None,
    };
    let value = |c| row.map_or_else(|| stats::total(c), |row| row.get(c));
    let all = Counter::ALL.iter();
    let members = all.map(|c| (c.name(), RpcValue::Int(value(*c) as i64)));
    ctx.add(RpcValue::Struct(members.collect()))
}

/// The counters of the process with that number; it may have died.
fn row_of(number: i64) -> Result<&'static stats::Row, RpcFault> {
    let slot = u16::try_from(number).ok();
    let slot = slot.filter(|slot| usize::from(*slot) < shared::max_procs());
    let row = slot.and_then(stats::of_process);
    row.ok_or_else(|| RpcFault::new(404, format!("there is no process {number}")))
}

fn sockets(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    for socket in all_sockets() {
        let queue = backlog_of(socket).unwrap_or_default();
        ctx.add(RpcValue::Struct(vec![
            ("proto", RpcValue::Str(socket.proto.name().into())),
            ("name", RpcValue::Str(socket.name.as_str().into())),
            ("address", RpcValue::Str(socket.addr_str.as_str().into())),
            ("port", RpcValue::Int(socket.port().into())),
            ("queue_bytes", RpcValue::Int(queue.bytes.into())),
            ("queue_limit", RpcValue::Int(queue.limit.into())),
            ("drops", RpcValue::Int(queue.drops.into())),
            ("number", RpcValue::Int(socket.index as i64)),
        ]))?;
    }
    Ok(())
}

/// Each structure is locked while it is looked at.
fn shm_check(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    check_all().map_err(|why| RpcFault::new(500, why))?;
    ctx.add(RpcValue::Str("ok".into()))
}

/// Connections are not there yet.
fn tcp_info(_: &mut dyn RpcContext) -> Result<(), RpcFault> {
    Err(RpcFault::new(500, "tcp support disabled"))
}
