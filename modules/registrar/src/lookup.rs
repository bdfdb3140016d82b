//! `lookup` and `registered`: the contacts of the user that a request is for.

use crate::metrics::{Stat, count};
use crate::params::{APPEND_BRANCHES, LOAD_NAT_FLAG, RECEIVED_TO_URI, flag_bit};
use crate::save::aor_filter;
use crate::{domain, uid, usrloc};
use ser::core::module::Args;
use ser::core::module::api::usrloc::{ContactInfo, contact_flags};
use ser::core::msg::BumpVec;
use ser::core::msg::{Branch, MAX_BRANCHES, SipMsg};
use ser::core::net::SocketInfo;

/// No uid.
const NO_UID: i32 = -1;
/// Nobody registered.
const NO_RECORD: i32 = -3;
/// All bindings have expired or belong to another AOR.
const NO_VALID_CONTACT: i32 = -5;

/// What lookup takes from a binding, copied out of the lock.
struct Found<'a> {
    uri: &'a [u8],
    received: &'a [u8],
    q: i32,
    nat: bool,
    socket: Option<&'static SocketInfo>,
}

/// A lookup, counted by its end. 1, or -1 no uid, -3 nobody registered, -5 nothing valid.
pub fn lookup(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let value = look_up(msg, args);
    count(match value {
        NO_UID => Stat::NoUid,
        NO_RECORD => Stat::NoRecord,
        NO_VALID_CONTACT => Stat::NoContact,
        _ => Stat::Found,
    });
    value
}

/// Rewrites the Request-URI to the first valid contact and makes branches of the others.
fn look_up(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let Ok(aor) = aor_filter(msg, args) else {
        return NO_UID;
    };
    let Some(uid) = uid::of_target(msg) else {
        return NO_UID;
    };
    let Some(found) = find(msg, args, uid, aor) else {
        return NO_RECORD;
    };
    let mut contacts = found.into_iter();
    let Some(first) = contacts.next() else {
        return NO_VALID_CONTACT;
    };
    use_first(msg, &first);
    if APPEND_BRANCHES.get() != 0 {
        for contact in contacts {
            add_branch(msg, &contact);
        }
    }
    1
}

/// 1 if the user has a valid binding, else -1.
pub fn registered(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let Ok(aor) = aor_filter(msg, args) else {
        return -1;
    };
    let found = uid::of_registered(msg).and_then(|uid| find(msg, args, uid, aor));
    if found.is_some_and(|found| !found.is_empty()) {
        1
    } else {
        -1
    }
}

/// The valid bindings of a user (those of one address of record, if given); `None`: there is no user.
fn find<'a>(
    msg: &mut SipMsg<'a>,
    args: Args,
    uid: &[u8],
    aor: Option<&[u8]>,
) -> Option<BumpVec<'a, Found<'a>>> {
    let now = msg.now();
    let arena = msg.arena;
    let mut found = BumpVec::new_in(arena);
    let mut any = false;
    usrloc().with_record(domain(args), uid, &mut |record| {
        record.for_each(&mut |_, contact| {
            any = true;
            if contact.is_valid(now) && aor.is_none_or(|a| contact.aor.eq_ignore_ascii_case(a)) {
                found.push(copy(arena, &contact));
            }
            found.len() < MAX_BRANCHES
        });
    });
    any.then_some(found)
}

fn copy<'a>(arena: &'a ser::core::msg::Bump, contact: &ContactInfo<'_>) -> Found<'a> {
    let to_uri = RECEIVED_TO_URI.get() != 0 && !contact.received.is_empty();
    let uri = if to_uri {
        let mut uri =
            BumpVec::with_capacity_in(contact.uri.len() + contact.received.len() + 12, arena);
        uri.extend_from_slice_copy(contact.uri);
        uri.extend_from_slice_copy(b";received=\"");
        uri.extend_from_slice_copy(contact.received);
        uri.push(b'"');
        uri.into_bump_slice()
    } else {
        arena.alloc_slice_copy(contact.uri)
    };
    Found {
        uri,
        received: if to_uri {
            b""
        } else {
            arena.alloc_slice_copy(contact.received)
        },
        q: contact.q,
        nat: contact.flags & contact_flags::NAT != 0,
        socket: contact.socket,
    }
}

fn use_first<'a>(msg: &mut SipMsg<'a>, contact: &Found<'a>) {
    msg.set_uri(contact.uri);
    msg.dst_uri = destination(contact);
    if contact.socket.is_some() {
        msg.force_send_socket = contact.socket;
    }
    msg.ruri_q = contact.q;
    set_nat_flag(msg, contact);
}

fn add_branch<'a>(msg: &mut SipMsg<'a>, contact: &Found<'a>) {
    let branch = Branch {
        uri: contact.uri,
        dst_uri: destination(contact),
        q: contact.q,
        socket: contact.socket,
    };
    if msg.branches.push(branch) {
        set_nat_flag(msg, contact);
    }
}

fn destination<'a>(contact: &Found<'a>) -> Option<&'a [u8]> {
    (!contact.received.is_empty()).then_some(contact.received)
}

fn set_nat_flag(msg: &mut SipMsg<'_>, contact: &Found<'_>) {
    if contact.nat {
        msg.flags |= flag_bit(&LOAD_NAT_FLAG);
    }
}
