//! The RPC methods of the core that speak of processes: `core.ps`, `core.kill`, `core.tcp_info`.

use super::shared;
use crate::core::rpc::{RpcContext, RpcFault, RpcMethod, RpcValue, register_core};
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
        name: "core.tcp_info",
        func: tcp_info,
        doc: "Returns tcp related info.",
        ret_array: false,
    },
];

/// Adds them; before the first fork.
pub(super) fn register() {
    register_core(METHODS);
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

/// Connections are not there yet.
fn tcp_info(_: &mut dyn RpcContext) -> Result<(), RpcFault> {
    Err(RpcFault::new(500, "tcp support disabled"))
}
