//! The RPC method `core.overload`.

use super::control::{ALL, Phase};
use super::load::{self, Load};
use super::look::look;
use crate::core::net::{Proto, SocketInfo, all_sockets};
use crate::core::rpc::{RpcContext, RpcFault, RpcMethod, RpcValue};
use crate::core::settings;
use crate::core::stats::cycles;
use std::sync::atomic::Ordering::Relaxed;

pub(super) const METHODS: &[RpcMethod] = &[RpcMethod {
    name: "core.overload",
    func: overload,
    doc: "Returns for each UDP socket whether it is overloaded, its queue, and what share of new requests is refused.",
    ret_array: true,
}];

fn overload(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    for socket in all_sockets().filter(|socket| socket.proto == Proto::Udp) {
        match load::of(socket) {
            Some(load) => ctx.add(RpcValue::Struct(shown(socket, load)))?,
            None => return Err(RpcFault::new(500, "overload_control is off")),
        }
    }
    Ok(())
}

/// Of now, and not of when somebody received last.
fn shown(socket: &SocketInfo, load: &Load) -> Vec<(&'static str, RpcValue)> {
    look(socket, load, cycles::now(), 1);
    let (seen, shares) = (load.reading(), load.shares());
    let percent = |share: u32| RpcValue::Int(i64::from(share) * 100 / i64::from(ALL));
    let text = |text: &str| RpcValue::Str(text.into());
    let overloaded = load.phase() == Phase::Overloaded;
    vec![
        ("address", text(&socket.addr_str)),
        ("port", RpcValue::Int(socket.port().into())),
        ("state", text(load.phase().name())),
        ("queue_bytes", RpcValue::Int(seen.backlog.bytes.into())),
        ("queue_limit", RpcValue::Int(seen.backlog.limit.into())),
        (
            "delay_limit_ms",
            RpcValue::Int(settings::get().overload_delay.into()),
        ),
        ("wait_ms", RpcValue::Int(seen.waited.as_millis() as i64)),
        ("refused_percent", percent(shares.new)),
        ("light_refused_percent", percent(shares.light)),
        ("silent_percent", percent(shares.silent)),
        ("refused", RpcValue::Int(load.refused.load(Relaxed) as i64)),
        ("dropped", RpcValue::Int(load.dropped.load(Relaxed) as i64)),
        ("overloads", RpcValue::Int(load.overloads().into())),
        (
            "overloaded_since",
            RpcValue::Time(if overloaded { load.since() as i64 } else { 0 }),
        ),
    ]
}
