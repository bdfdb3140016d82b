//! What the two-letter specifiers stand for.

use super::branches::write_branches;
use super::spec::Spec;
use crate::core::forward::push_contacts;
use crate::core::forward::text::{push_ip, push_number};
use crate::core::msg::{BumpVec, SipMsg};
use crate::core::script::status_text;
use crate::core::sip::{FirstLine, HdrType, NameAddr};
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

fn body<'a>(msg: &mut SipMsg<'a>, kind: HdrType) -> Option<&'a [u8]> {
    msg.sip.header(kind).ok().flatten().map(|h| h.body)
}

/// Writes one specifier; `None`: it has no value for this message.
pub(super) fn write_spec<'a>(
    spec: Spec,
    msg: &mut SipMsg<'a>,
    out: &mut BumpVec<'a, u8>,
) -> Option<()> {
    let request = msg.sip.is_request();
    let text: &[u8] = match spec {
        Spec::Branch => msg.branches.as_slice().first().filter(|_| request)?.uri,
        Spec::Branches => return write_branches(msg, out),
        Spec::CallId => msg.sip.call_id().ok()?,
        Spec::CSeq => msg.sip.cseq().ok()?.0,
        Spec::Contact => body(msg, HdrType::Contact)?,
        Spec::DestinationSet => return push_contacts(msg, out).then_some(()),
        Spec::FromUri => msg.sip.from().ok()?.uri,
        Spec::FromTag => msg.sip.from().ok()?.tag.filter(|t| !t.is_empty())?,
        Spec::HostName => host().0.split('.').next()?.as_bytes(),
        Spec::HostDomain => host().0.split_once('.')?.1.as_bytes(),
        Spec::HostFull => host().0.as_bytes(),
        Spec::HostIp => host().1.as_deref()?.as_bytes(),
        Spec::Buffer => msg.buf(),
        Spec::NextHop => msg.next_hop(),
        Spec::Method => match *msg.sip.first() {
            FirstLine::Request { method_name, .. } => method_name,
            FirstLine::Reply { .. } => return None,
        },
        Spec::RequestUri if request => msg.request_uri(),
        Spec::RequestUri => return None,
        Spec::Status => match *msg.sip.first() {
            FirstLine::Reply { code, .. } => status_text(msg, code),
            FirstLine::Request { .. } => return None,
        },
        Spec::Reason => match *msg.sip.first() {
            FirstLine::Reply { reason, .. } => reason,
            FirstLine::Request { .. } => return None,
        },
        Spec::ReferTo => NameAddr::parse(body(msg, HdrType::ReferTo)?).ok()?.uri,
        Spec::ToUri => msg.sip.to().ok()?.uri,
        Spec::ToTag => msg.sip.to().ok()?.tag.filter(|t| !t.is_empty())?,
        Spec::UserAgent => body(msg, HdrType::UserAgent)?,
        other => return write_number(other, msg, out),
    };
    out.extend_from_slice_copy(text);
    Some(())
}

fn write_number<'a>(spec: Spec, msg: &mut SipMsg<'a>, out: &mut BumpVec<'a, u8>) -> Option<()> {
    let hex = |out: &mut BumpVec<'a, u8>, n: u64| write!(out, "{n:08x}").ok();
    match spec {
        Spec::Flags => push_number(out, msg.flags.into()),
        Spec::Id => push_number(out, msg.id.into()),
        Spec::IdHex => hex(out, msg.id.into())?,
        Spec::Length => push_number(out, msg.buf().len() as u64),
        Spec::Pid => push_number(out, crate::core::log::pid().into()),
        Spec::PidHex => hex(out, crate::core::log::pid().into())?,
        Spec::ReceivedIp => push_ip(out, msg.rcv.dst.ip()),
        Spec::ReceivedPort => push_number(out, msg.rcv.dst.port().into()),
        Spec::SourceIp => push_ip(out, msg.rcv.src.ip()),
        Spec::SourcePort => push_number(out, msg.rcv.src.port().into()),
        Spec::Time => push_number(out, msg.now().unsigned_abs()),
        Spec::TimeHex => hex(out, msg.now().unsigned_abs())?,
        Spec::TimeText => {
            let now = msg.now();
            out.extend_from_slice_copy(&crate::core::time::format_time(now, true, None));
        }
        Spec::Unique => {
            write!(out, "{:016x}", next_unique()).ok()?;
        }
        _ => return None,
    }
    Some(())
}

/// A counter with a random start in each process.
fn next_unique() -> u64 {
    static START: OnceLock<u64> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let start = START.get_or_init(|| {
        use std::hash::{BuildHasher, Hasher};
        let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
        hasher.write_u32(crate::core::log::pid());
        hasher.finish()
    });
    start.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Full host name and its first address.
fn host() -> &'static (String, Option<String>) {
    static HOST: OnceLock<(String, Option<String>)> = OnceLock::new();
    HOST.get_or_init(|| {
        let name = nix::unistd::gethostname().map_or_else(
            |_| String::from("localhost"),
            |name| name.to_string_lossy().into_owned(),
        );
        let ip = crate::core::dns::resolve_host(name.as_bytes())
            .ok()
            .map(|ip| ip.to_string());
        (name, ip)
    })
}
