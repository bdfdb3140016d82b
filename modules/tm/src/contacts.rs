//! Serial forking (SER's and OpenSER's load_contacts, next_contacts): the destinations of a request, grouped
//! by their q value, wait in an attribute until their turn has come.
//!
//! Invariant: the attribute's values stand in the order in which they are tried, best q first; the last of a
//! group has the attribute flag `q_flag`. A value is URI, dst_uri, number of the socket and q, one a line.

use crate::params;
use ser::core::forward::text::push_number;
use ser::core::msg::{Avp, AvpName, AvpSpec, AvpValue, Branch, BumpVec, RouteKind, SipMsg};
use ser::core::net::{SocketInfo, socket_by_number};
use ser::core::script::declare_avp_flag;
use std::sync::OnceLock;

/// The attribute flag of the last contact of a group.
const FLAG: &str = "q_flag";

static BIT: OnceLock<u32> = OnceLock::new();

/// Declares the attribute flag; before routes that may use it are compiled.
pub fn register() {
    match declare_avp_flag(FLAG) {
        Ok(bit) => {
            let _ = BIT.set(bit);
        }
        Err(why) => log::error!("ERROR: tm: avpflag {FLAG}: {why}"),
    }
}

fn bit() -> u32 {
    BIT.get().copied().unwrap_or(0)
}

/// The attribute that they wait in.
fn spec() -> &'static AvpSpec {
    &params::get().contact_avp
}

/// What t_relay would send now: in a failure route the branch set alone.
fn destinations<'a>(msg: &SipMsg<'a>) -> BumpVec<'a, Branch<'a>> {
    let mut all = BumpVec::new_in(msg.arena);
    if msg.route_kind == RouteKind::Request {
        all.push(Branch {
            uri: msg.request_uri(),
            dst_uri: msg.dst_uri,
            q: msg.ruri_q,
            socket: msg.force_send_socket,
        });
    }
    all.extend_from_slice(msg.branches.as_slice());
    all
}

/// Puts the destinations aside; false: they all have the same q, and nothing was done.
pub fn load<'a>(msg: &mut SipMsg<'a>) -> bool {
    let mut all = destinations(msg);
    if all.iter().all(|b| b.q == all[0].q) {
        return false;
    }
    // Stable: what has the same q keeps its order.
    all.sort_by_key(|b| std::cmp::Reverse(b.q));
    let AvpName::Literal(name) = &spec().name else {
        return false;
    };
    let (track, class) = spec().place();
    msg.avps.remove(spec());
    for (i, one) in all.iter().enumerate() {
        let ends_group = all.get(i + 1).is_none_or(|next| next.q != one.q);
        let value = AvpValue::Str(pack(msg, one));
        msg.avps.push(Avp {
            track,
            class,
            name,
            value,
            flags: if ends_group { bit() } else { 0 },
        });
    }
    msg.branches.clear();
    true
}

fn pack<'a>(msg: &SipMsg<'a>, one: &Branch<'a>) -> &'a [u8] {
    let mut out = BumpVec::new_in(msg.arena);
    out.extend_from_slice_copy(one.uri);
    out.push(b'\n');
    out.extend_from_slice_copy(one.dst_uri.unwrap_or_default());
    out.push(b'\n');
    if let Some(socket) = one.socket {
        push_number(&mut out, SocketInfo::number(socket).into());
    }
    out.push(b'\n');
    if let Ok(q) = u64::try_from(one.q) {
        push_number(&mut out, q);
    }
    out.into_bump_slice()
}

/// Reads what [`pack`] wrote; a script's own value is a URI.
fn unpack<'a>(value: AvpValue<'a>) -> Option<Branch<'a>> {
    let AvpValue::Str(text) = value else {
        return None;
    };
    let mut lines = text.split(|b| *b == b'\n');
    let uri = lines.next().filter(|uri| !uri.is_empty())?;
    let dst_uri = lines.next().filter(|uri| !uri.is_empty());
    let mut number = || std::str::from_utf8(lines.next()?).ok()?.parse().ok();
    let socket: Option<i32> = number();
    Some(Branch {
        uri,
        dst_uri,
        q: number().unwrap_or(ser::core::msg::Q_UNSPECIFIED),
        socket: socket.and_then(|n| socket_by_number(n.try_into().ok()?)),
    })
}

/// What taking the next group gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// Nobody waits.
    Nothing,
    /// A group; others wait still.
    Group,
    /// The last group.
    Last,
}

/// Takes the next group: in a main route its first becomes the Request-URI, all others become branches.
pub fn next<'a>(msg: &mut SipMsg<'a>) -> Taken {
    let waiting = BumpVec::from_iter_in(
        msg.avps
            .as_slice()
            .iter()
            .filter(|avp| is_ours(avp))
            .copied(),
        msg.arena,
    );
    let mut taken = 0;
    let mut is_first = msg.route_kind == RouteKind::Request;
    for avp in &waiting {
        if let Some(one) = unpack(avp.value) {
            if std::mem::take(&mut is_first) {
                become_target(msg, &one);
            } else if !msg.branches.push(one) {
                // The set is full: the rest of the group comes next.
                break;
            }
        }
        taken += 1;
        if avp.flags & bit() != 0 {
            break;
        }
    }
    if taken == 0 {
        return Taken::Nothing;
    }
    let mut seen = 0;
    msg.avps.retain(|avp| {
        let goes = is_ours(avp) && seen < taken;
        seen += usize::from(goes);
        !goes
    });
    if taken == waiting.len() {
        Taken::Last
    } else {
        Taken::Group
    }
}

fn is_ours(avp: &Avp<'_>) -> bool {
    let (track, class) = spec().place();
    avp.track == track && avp.class == class && spec().names(avp.name)
}

fn become_target<'a>(msg: &mut SipMsg<'a>, one: &Branch<'a>) {
    msg.set_uri(one.uri);
    msg.dst_uri = one.dst_uri;
    msg.ruri_q = one.q;
    msg.force_send_socket = one.socket;
}
