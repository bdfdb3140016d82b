//! `core.*`, as far as it needs no process table; the rest stands in [`crate::core::process`].

use super::{RpcContext, RpcFault, RpcMethod, RpcValue};
use crate::core::module::version;
use crate::core::time::{format_time, unix_time};
use crate::ipc::{shm_stats, tag_stats};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::sync::OnceLock;

const fn method(
    name: &'static str,
    func: super::RpcFn,
    doc: &'static str,
    ret_array: bool,
) -> RpcMethod {
    RpcMethod {
        name,
        func,
        doc,
        ret_array,
    }
}

/// The table.
pub(super) const METHODS: &[RpcMethod] = &[
    method(
        "core.prints",
        prints,
        "Returns the string given as parameter.",
        false,
    ),
    method(
        "core.version",
        core_version,
        "Returns the version string of the server.",
        false,
    ),
    method(
        "core.uptime",
        uptime,
        "Returns uptime of SER server.",
        false,
    ),
    method(
        "core.pwd",
        pwd,
        "Returns the working directory of SER server.",
        false,
    ),
    method(
        "core.arg",
        arg,
        "Returns the list of command line arguments used on SER startup.",
        true,
    ),
    method("core.shmmem", shmmem, "Returns shared memory info.", false),
    method(
        "core.shm_by_module",
        shm_by_module,
        "Returns the shared memory that the core and each module use, in bytes.",
        true,
    ),
];

fn text(text: impl Into<Vec<u8>>) -> RpcValue {
    RpcValue::Str(text.into())
}

fn prints(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let given = ctx.next_str()?;
    ctx.add(text(given))
}

fn core_version(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    ctx.add(text(version::server_header()))
}

/// The start of the server.
struct Start {
    /// Unix time.
    at: i64,
    /// The command line; where the kernel keeps it stands the title of each process later.
    words: Vec<OsString>,
}

static START: OnceLock<Start> = OnceLock::new();

fn start() -> &'static Start {
    START.get_or_init(|| Start {
        at: unix_time(),
        words: std::env::args_os().collect(),
    })
}

/// Notes when and how the server was started; the first call counts.
pub fn note_start() {
    start();
}

/// When the server was started, in seconds since 1970.
pub fn start_time() -> i64 {
    start().at
}

/// As ctime(3) writes it, with its line end.
fn ctime(seconds: i64) -> RpcValue {
    let mut line = format_time(seconds, true, None);
    line.push(b'\n');
    RpcValue::Str(line)
}

fn uptime(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let (since, now) = (start_time(), unix_time());
    ctx.add(RpcValue::Struct(vec![
        ("now", ctime(now)),
        ("up_since", ctime(since)),
        ("uptime", RpcValue::Int(now - since)),
    ]))
}

fn pwd(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let path = std::env::current_dir().map_err(|_| RpcFault::new(500, "getcwd Failed"))?;
    ctx.add(text(path.as_os_str().as_bytes()))
}

fn arg(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let mut words = start().words.iter();
    words.try_for_each(|word| ctx.add(text(word.as_bytes())))
}

fn shmmem(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let stats = shm_stats();
    let number = |n: u64| RpcValue::Int(i64::try_from(n).unwrap_or(i64::MAX));
    ctx.add(RpcValue::Struct(vec![
        ("total", number(stats.total)),
        ("free", number(stats.free)),
        ("used", number(stats.used)),
        ("real_used", number(stats.real_used)),
        ("max_used", number(stats.max_used)),
        ("fragments", number(stats.fragments)),
    ]))
}

fn shm_by_module(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    tag_stats().into_iter().try_for_each(|tag| {
        ctx.add(RpcValue::Struct(vec![
            ("module", text(tag.name)),
            ("used", RpcValue::Int(tag.used)),
            ("real_used", RpcValue::Int(tag.real_used)),
            ("allocations", RpcValue::Int(tag.allocations)),
        ]))
    })
}
