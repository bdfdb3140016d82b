//! `@sys.…`, `@src.…`, `@dst.…`, `@received.…`, `@branch.…`.

use super::super::variables::variable;
use super::{Part, SelectFn, SelectResult, select_fn};
use crate::core::forward::text::{push_ip, push_number};
use crate::core::msg::{BumpVec, SipMsg};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

/// A select's text, written into the arena.
pub(super) fn text<'a>(
    msg: &SipMsg<'a>,
    write: impl FnOnce(&mut BumpVec<'a, u8>),
) -> SelectResult<'a> {
    let mut out = BumpVec::with_capacity_in(48, msg.arena);
    write(&mut out);
    SelectResult::Value(out.into_bump_slice())
}

/// The second element, which is the last one.
fn last(parts: &[Part]) -> Result<&str, usize> {
    match parts {
        [_, part] => Ok(&part.name),
        [_] => Err(1),
        _ => Err(2),
    }
}

/// `@src.{ip,port,ip_port}`, `@dst.{…}`.
pub fn address(
    parts: &[Part],
    of: for<'a, 'b> fn(&'b SipMsg<'a>) -> SocketAddr,
) -> Result<Box<SelectFn>, usize> {
    let (ip, port) = match last(parts)? {
        "ip" => (true, false),
        "port" => (false, true),
        "ip_port" => (true, true),
        _ => return Err(1),
    };
    Ok(select_fn(move |msg| {
        text(msg, |out| write_address(out, of(msg), ip, port))
    }))
}

fn write_address(out: &mut BumpVec<'_, u8>, addr: SocketAddr, ip: bool, port: bool) {
    if ip {
        push_ip(out, addr.ip());
    }
    if ip && port {
        out.push(b':');
    }
    if port {
        push_number(out, addr.port().into());
    }
}

/// `@received.{proto,ip,port,ip_port,proto_ip_port}`.
pub fn received(parts: &[Part]) -> Result<Box<SelectFn>, usize> {
    let (proto, ip, port) = match last(parts)? {
        "proto" => (true, false, false),
        "ip" => (false, true, false),
        "port" => (false, false, true),
        "ip_port" => (false, true, true),
        "proto_ip_port" => (true, true, true),
        _ => return Err(1),
    };
    Ok(select_fn(move |msg| {
        text(msg, |out| {
            if proto {
                out.extend_from_slice_copy(msg.rcv.proto.name().as_bytes());
            }
            if proto && ip {
                out.push(b':');
            }
            write_address(out, msg.rcv.dst, ip, port);
        })
    }))
}

/// `@cfg_get.group.name`: a variable of ser.cfg.
pub fn cfg_get(parts: &[Part]) -> Result<Box<SelectFn>, usize> {
    let [_, group, name] = parts else {
        return Err(parts.len().min(3));
    };
    let value = variable(&group.name, &name.name).ok_or(2usize)?;
    Ok(select_fn(move |_| SelectResult::Value(value)))
}

/// `@sys.pid`, `@sys.server_id`, `@sys.unique`, `@sys.now[.local|gmt|utc["format"]]`.
pub fn sys(parts: &[Part]) -> Result<Box<SelectFn>, usize> {
    let second = parts.get(1).ok_or(1usize)?;
    match (second.name.as_str(), parts.get(2)) {
        ("pid", None) => Ok(select_fn(|msg| {
            text(msg, |out| push_number(out, crate::core::log::pid().into()))
        })),
        ("server_id", None) => Ok(select_fn(|msg| {
            let id = crate::core::settings::get().server_id;
            text(msg, |out| push_number(out, id.into()))
        })),
        ("unique", None) => Ok(select_fn(|msg| text(msg, unique))),
        ("now", None) => Ok(select_fn(|msg| {
            let now = msg.now();
            text(msg, |out| push_number(out, now.unsigned_abs()))
        })),
        ("now", Some(zone)) => {
            let local = match zone.name.as_str() {
                "local" => true,
                "gmt" | "utc" => false,
                _ => return Err(2),
            };
            let format = zone.text().map(<[u8]>::to_vec);
            Ok(select_fn(move |msg| {
                let now = msg.now();
                let shown = crate::core::time::format_time(now, local, format.as_deref());
                SelectResult::Value(msg.store(&shown))
            }))
        }
        _ => Err(1),
    }
}

static UNIQUE: AtomicU32 = AtomicU32::new(0);

/// `pppp-tttttttt-xxxxxxxx`: process, start of the counter, counter.
fn unique(out: &mut BumpVec<'_, u8>) {
    let n = UNIQUE.fetch_add(1, Ordering::Relaxed);
    let pid = crate::core::log::pid();
    let written = write!(
        out,
        "{:04x}-{:08x}-{n:08x}",
        pid & 0xffff,
        crate::core::time::unix_time() as u32
    );
    debug_assert!(written.is_ok(), "a growing buffer takes everything");
}
