//! All methods: the core's in the order of its table, then those of the modules, the newest loaded first.
//!
//! Invariant: methods are added before the first fork only, so every process knows the same ones.

use super::{RpcContext, RpcFault, RpcMethod, core_methods, stats_methods, system};
use crate::core::isolation;
use crate::core::module::registry;
use crate::core::stats::activity::Task;
use parking_lot::RwLock;

static ADDED: RwLock<Vec<&'static [RpcMethod]>> = RwLock::new(Vec::new());

/// Adds the methods of a floor above this one; before the first fork.
pub(in crate::core) fn register_core(methods: &'static [RpcMethod]) {
    ADDED.write().push(methods);
}

/// Every method, in the order in which `system.listMethods` tells them.
pub fn all() -> Vec<&'static RpcMethod> {
    let mut all: Vec<&'static RpcMethod> = Vec::new();
    all.extend(system::METHODS);
    all.extend(core_methods::METHODS);
    all.extend(stats_methods::METHODS);
    all.extend(ADDED.read().iter().flat_map(|table| table.iter()));
    all.extend(registry::rpc_methods());
    all
}

/// The method of that name.
pub fn find(name: &[u8]) -> Option<&'static RpcMethod> {
    all().into_iter().find(|m| m.name.as_bytes() == name)
}

/// Runs a method; a panic in it is a fault.
pub fn call(method: &RpcMethod, ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let what = format_args!("RPC method {}", method.name);
    isolation::task(Task::Rpc, what, || (method.func)(ctx))
        .unwrap_or_else(|| Err(RpcFault::new(500, "Internal Server Error")))
}
