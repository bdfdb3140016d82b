//! The RPC methods that `serctl children` asks: `core.receivers`, `core.machine`.

use super::methods::service_times_of;
use super::{shared, usage};
use crate::core::net::all_sockets;
use crate::core::rpc::{RpcContext, RpcFault, RpcMethod, RpcValue};
use crate::core::stats::{self, Counter, work};
use std::thread::available_parallelism;
use std::time::Duration;

/// The table.
pub(super) const METHODS: &[RpcMethod] = &[
    RpcMethod {
        name: "core.receivers",
        func: receivers,
        doc: "Returns for each receiver its socket, what it did and used, and its service times.",
        ret_array: true,
    },
    RpcMethod {
        name: "core.machine",
        func: machine,
        doc: "Returns how many cores the server may use and what all processes used of them.",
        ret_array: false,
    },
];

fn micros(time: Duration) -> RpcValue {
    RpcValue::Int(time.as_micros() as i64)
}

fn receivers(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    for process in shared::processes() {
        let Some(socket) = socket_of(&process.desc) else {
            continue;
        };
        let done = work::of_process(process.slot).unwrap_or_default();
        let blocked = done.blocked_us.iter().sum::<f64>() + done.lock_us;
        let counted = |counter| stats::of_process(process.slot).map_or(0, |row| row.get(counter));
        let mut members = vec![
            ("slot", RpcValue::Int(process.slot.into())),
            ("pid", RpcValue::Int(process.pid.into())),
            ("socket", RpcValue::Str(socket.into())),
            (
                "packets",
                RpcValue::Int(counted(Counter::RcvPackets) as i64),
            ),
            ("bytes", RpcValue::Int(counted(Counter::RcvBytes) as i64)),
            ("messages", RpcValue::Int(done.messages as i64)),
            ("busy_us", RpcValue::Int(done.busy_us as i64)),
            ("blocked_us", RpcValue::Int(blocked as i64)),
        ];
        if let Some(cpu) = usage::cpu_time(process.pid) {
            members.push(("cpu_us", micros(cpu.own)));
            members.push(("exec_cpu_us", micros(cpu.programs)));
        }
        if let Some(memory) = usage::private_memory(process.pid) {
            members.push(("memory", RpcValue::Int(memory as i64)));
        }
        members.push((
            "service_times",
            RpcValue::Str(service_times_of(&done).into()),
        ));
        ctx.add(RpcValue::Struct(members))?;
    }
    Ok(())
}

/// `PROTO:ADDRESS:PORT` of the socket that the description of a receiver names.
fn socket_of(desc: &str) -> Option<String> {
    let (_, name) = desc.strip_prefix("receiver child=")?.split_once(" sock=")?;
    let is_named = |host: &str, port: u16| {
        name.strip_prefix(host)
            .and_then(|rest| rest.strip_prefix(':'))
            == Some(&port.to_string())
    };
    let socket = all_sockets().find(|socket| is_named(&socket.name, socket.port()))?;
    let proto = socket.proto.name();
    Some(format!("{proto}:{}:{}", socket.addr_str, socket.port()))
}

fn machine(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let time = usage::machine_time();
    let time = time.ok_or_else(|| RpcFault::new(500, "/proc/stat cannot be read"))?;
    let cores = available_parallelism().map_or(1, usize::from);
    ctx.add(RpcValue::Struct(vec![
        ("cores", RpcValue::Int(cores as i64)),
        ("busy_us", micros(time.busy)),
        ("stolen_us", micros(time.stolen)),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_processes_than_receivers_have_no_socket() {
        for desc in [
            "attendant",
            "slow timer",
            "receiver child=0 sock=192.0.2.1:1",
            "receiver",
        ] {
            assert_eq!(socket_of(desc), None, "{desc}");
        }
    }
}
