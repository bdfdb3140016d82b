//! Whose bindings: the uid of a message.
//!
//! The attribute `$t.uid` decides where the script has set it. Else it is the user of the To URI in lower
//! case (2.x), with `use_domain` user@domain (0.8/0.9). What was found is kept in `$tu.uid`.
//!
//! In 0.8/0.9 `lookup` went by the Request-URI, and scripts rely on it: `lookup("aliases")` or a
//! `strip()` rewrites it for the next lookup. In 2.x a Request-URI that the script leaves alone does
//! not count. So a rewritten one decides, an untouched one only with `use_domain`.

use crate::params::{CASE_SENSITIVE, USE_DOMAIN};
use ser::core::msg::{Avp, AvpClass, AvpTrack, AvpValue, RouteKind, SipMsg};
use ser::core::rpc::{RpcContext, RpcFault, RpcValue};
use ser::core::sip::{Method, Uri};

const NAME: &[u8] = b"uid";
/// Marks the attribute that this module made itself; flags with names have lower bits.
const OURS: u32 = 1 << 31;

/// The uid of the user that the To header names; `None` when there is no usable To.
pub fn of_to<'a>(msg: &mut SipMsg<'a>) -> Option<&'a [u8]> {
    if let Some(uid) = found_before(msg, true) {
        return Some(uid);
    }
    let uri = to_uri(msg)?;
    Some(keep(msg, &uri))
}

/// The uid of the user that `lookup` looks for. The script may have rewritten the Request-URI since
/// the last call.
pub fn of_target<'a>(msg: &mut SipMsg<'a>) -> Option<&'a [u8]> {
    if let Some(uid) = found_before(msg, false) {
        return Some(uid);
    }
    let decides = USE_DOMAIN.get() != 0 || msg.new_uri().is_some();
    if !decides || msg.route_kind != RouteKind::Request || msg.sip.method() == Method::Register {
        return of_to(msg);
    }
    match msg.parsed_uri() {
        Ok(uri) if !uri.user.is_empty() => Some(keep(msg, &uri)),
        Ok(_) | Err(_) => of_to(msg),
    }
}

/// The uid that `registered` asks for: that of an earlier `lookup`, which has rewritten the
/// Request-URI to a contact.
pub fn of_registered<'a>(msg: &mut SipMsg<'a>) -> Option<&'a [u8]> {
    found_before(msg, true).or_else(|| of_target(msg))
}

fn to_uri<'a>(msg: &mut SipMsg<'a>) -> Option<Uri<'a>> {
    let to = msg.sip.to().ok()?;
    Uri::parse(to.uri).ok()
}

fn is_uid(avp: &Avp<'_>) -> bool {
    avp.track == AvpTrack::To && avp.name == NAME
}

/// What `$t.uid` says, if the script set it, or (with `ours`) this module.
fn found_before<'a>(msg: &SipMsg<'a>, ours: bool) -> Option<&'a [u8]> {
    let mut all = msg.avps.as_slice().iter().rev();
    all.find_map(|avp| match avp.value {
        AvpValue::Str(uid) if is_uid(avp) && (ours || avp.flags & OURS == 0) => Some(uid),
        _ => None,
    })
}

fn keep<'a>(msg: &mut SipMsg<'a>, uri: &Uri<'a>) -> &'a [u8] {
    let uid = key(msg, uri);
    msg.avps.retain(|avp| !is_uid(avp) || avp.flags & OURS == 0);
    msg.avps.push(Avp {
        track: AvpTrack::To,
        class: AvpClass::User,
        name: NAME,
        value: AvpValue::Str(uid),
        flags: OURS,
    });
    uid
}

fn key<'a>(msg: &SipMsg<'a>, uri: &Uri<'a>) -> &'a [u8] {
    let key: &'a mut [u8] = msg.arena.alloc_slice_fill_copy(key_length(uri), b'@');
    write_key(uri, key);
    key
}

fn has_domain(uri: &Uri<'_>) -> bool {
    USE_DOMAIN.get() != 0 && !uri.host.is_empty()
}

fn key_length(uri: &Uri<'_>) -> usize {
    let domain = if has_domain(uri) {
        1 + uri.host.len()
    } else {
        0
    };
    uri.user.len() + domain
}

/// Into a slice of that length, all of it `@`.
fn write_key(uri: &Uri<'_>, key: &mut [u8]) {
    let (user, domain) = key.split_at_mut(uri.user.len());
    user.copy_from_slice(uri.user);
    if CASE_SENSITIVE.get() == 0 {
        user.make_ascii_lowercase();
    }
    if has_domain(uri) {
        domain[1..].copy_from_slice(uri.host);
        domain[1..].make_ascii_lowercase();
    }
}

/// `registrar.uid user`: the uid that `save` and `lookup` make of a user who is named `user`, `user@domain` or by a
/// URI, where the script sets none.
pub fn rpc_uid(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let name = ctx.next_str()?;
    let bad = |_| RpcFault::new(400, "Bad user");
    let uri = match name.contains(&b'@') {
        true if name.contains(&b':') => name,
        true => [b"sip:", &name[..]].concat(),
        false if USE_DOMAIN.get() != 0 => return Err(RpcFault::new(400, "Domain missing")),
        false => [b"sip:", &name[..], b"@localhost"].concat(),
    };
    let uri = Uri::parse(&uri).map_err(bad)?;
    let mut key = vec![b'@'; key_length(&uri)];
    write_key(&uri, &mut key);
    ctx.add(RpcValue::Str(key))
}
