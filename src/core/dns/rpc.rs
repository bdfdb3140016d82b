//! RPC methods of name resolution and of the destination blacklist: SER's, and `delete_all` of both.

use super::blacklist;
use super::cache::{Cache, Entry};
use super::records::RecordType;
use super::service;
use crate::core::rpc::{RpcContext, RpcFault, RpcMethod, RpcValue};
use crate::core::time::{TICKS_HZ, get_ticks_raw};

/// The methods of this folder.
pub static METHODS: &[RpcMethod] = &[
    method("dns.mem_info", mem_info, "dns cache memory info."),
    method("dns.debug", debug, "dns debug info."),
    method("dns.debug_all", debug_all, "complete dns debug info."),
    method(
        "dns.delete_all",
        delete_all,
        "Forgets everything in the dns cache.",
    ),
    method(
        "dst_blacklist.mem_info",
        blacklist_mem_info,
        "dst blacklist memory usage info.",
    ),
    method(
        "dst_blacklist.debug",
        blacklist_debug,
        "dst blacklist debug info.",
    ),
    method(
        "dst_blacklist.delete_all",
        blacklist_delete_all,
        "Empties the dst blacklist.",
    ),
];

const fn method(name: &'static str, func: crate::core::rpc::RpcFn, doc: &'static str) -> RpcMethod {
    RpcMethod {
        name,
        func,
        doc,
        ret_array: false,
    }
}

fn cache() -> Result<&'static Cache, RpcFault> {
    let cache = service::shared().and_then(|shared| shared.cache.as_ref());
    cache.ok_or_else(|| RpcFault::new(500, "dns cache support disabled (see use_dns_cache)"))
}

fn blacklist_is_off() -> RpcFault {
    RpcFault::new(
        500,
        "dst blacklist support disabled (see use_dst_blacklist)",
    )
}

fn mem_info(context: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let cache = cache()?;
    context.add(RpcValue::Int(cache.used()))?;
    context.add(RpcValue::Int(cache.max()))
}

/// An entry as it is shown, so that nothing is written while its bucket is locked.
struct Shown {
    values: [RpcValue; 7],
    records: Vec<String>,
    left: i64,
    flags: i64,
}

/// SER's bit for names that lead nowhere.
const BAD_NAME: i64 = 1;

impl Shown {
    fn of(entry: &Entry, now: u32) -> Shown {
        let left = i64::from(entry.left(now) / TICKS_HZ.cast_signed());
        let flags = if entry.failure.is_some() { BAD_NAME } else { 0 };
        Shown {
            values: [
                RpcValue::Str(without_dot(&entry.name).to_vec()),
                RpcValue::Int(entry.rtype as i64),
                RpcValue::Int(entry.size() as i64),
                // Entries are copied, not referred to: the table alone holds them.
                RpcValue::Int(1),
                RpcValue::Int(left),
                RpcValue::Int((entry.idle(now) / TICKS_HZ).into()),
                RpcValue::Int(flags),
            ],
            records: describe_records(entry),
            left,
            flags,
        }
    }
}

/// As SER shows names.
fn without_dot(name: &[u8]) -> &[u8] {
    name.strip_suffix(b".").unwrap_or(name)
}

fn describe_records(entry: &Entry) -> Vec<String> {
    let set = entry.records();
    let text = |name: &[u8]| String::from_utf8_lossy(without_dot(name)).into_owned();
    match entry.rtype {
        RecordType::A | RecordType::Aaaa => set.addresses().map(|ip| ip.to_string()).collect(),
        RecordType::Srv => set
            .srvs()
            .map(|srv| format!("{}:{}", text(srv.target), srv.port))
            .collect(),
        RecordType::Naptr => set
            .naptrs()
            .map(|n| format!("{} {}", text(n.services), text(n.replacement)))
            .collect(),
        RecordType::Ptr => set.names().map(text).collect(),
    }
}

fn shown() -> Result<Vec<Shown>, RpcFault> {
    let now = get_ticks_raw();
    let mut all = Vec::new();
    cache()?.for_each(|entry| all.push(Shown::of(entry, now)));
    Ok(all)
}

/// For each entry: name, type, size, references, seconds to live, seconds since it was used, flags.
fn debug(context: &mut dyn RpcContext) -> Result<(), RpcFault> {
    for entry in shown()? {
        for value in entry.values {
            context.add(value)?;
        }
    }
    Ok(())
}

/// The same for each record, with what it says, its seconds to live, its flags.
fn debug_all(context: &mut dyn RpcContext) -> Result<(), RpcFault> {
    for entry in shown()? {
        for record in &entry.records {
            for value in &entry.values {
                context.add(value.clone())?;
            }
            context.add(RpcValue::Str(record.clone().into_bytes()))?;
            context.add(RpcValue::Int(entry.left))?;
            context.add(RpcValue::Int(entry.flags))?;
        }
    }
    Ok(())
}

/// How many entries were forgotten.
fn delete_all(context: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let gone = cache()?.forget_all(|_| true);
    context.add(RpcValue::Int(gone as i64))
}

fn blacklist_mem_info(context: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let (used, max) = blacklist::memory().ok_or_else(blacklist_is_off)?;
    context.add(RpcValue::Int(used))?;
    context.add(RpcValue::Int(max))
}

/// For each entry: protocol, address, port, seconds to live, flags.
fn blacklist_debug(context: &mut dyn RpcContext) -> Result<(), RpcFault> {
    for entry in blacklist::entries().ok_or_else(blacklist_is_off)? {
        let to = entry.to;
        context.add(RpcValue::Str(to.proto.name().into()))?;
        context.add(RpcValue::Str(to.ip.to_string().into_bytes()))?;
        context.add(RpcValue::Int(to.port.into()))?;
        context.add(RpcValue::Int(entry.seconds_left().into()))?;
        context.add(RpcValue::Int(entry.flags.into()))?;
    }
    Ok(())
}

/// How many destinations were listed.
fn blacklist_delete_all(context: &mut dyn RpcContext) -> Result<(), RpcFault> {
    blacklist::memory().ok_or_else(blacklist_is_off)?;
    context.add(RpcValue::Int(blacklist::clear() as i64))
}
