//! Whose bindings: the uid of a message, and its address of record.
//!
//! The attribute `$t.uid` decides where a script has set it. Else it is the user of the To URI in lower
//! case (2.x), with `use_domain` user@domain (0.8/0.9); found once, it is kept in `$tu.uid`.

use crate::params::{CASE_SENSITIVE, USE_DOMAIN};
use ser::core::msg::{Avp, AvpClass, AvpTrack, AvpValue, SipMsg};
use ser::core::sip::Uri;

const NAME: &[u8] = b"uid";

/// The uid of the user that the To header names; `None` when there is no usable To.
pub fn uid<'a>(msg: &mut SipMsg<'a>) -> Option<&'a [u8]> {
    let known = msg
        .avps
        .as_slice()
        .iter()
        .rev()
        .find_map(|avp| match avp.value {
            AvpValue::Str(uid) if avp.track == AvpTrack::To && avp.name == NAME => Some(uid),
            _ => None,
        });
    if known.is_some() {
        return known;
    }
    let to = msg.sip.to().ok()?;
    let uri = Uri::parse(to.uri).ok()?;
    let uid = key(msg, &uri);
    msg.avps.push(Avp {
        track: AvpTrack::To,
        class: AvpClass::User,
        name: NAME,
        value: AvpValue::Str(uid),
        flags: 0,
    });
    Some(uid)
}

fn key<'a>(msg: &SipMsg<'a>, uri: &Uri<'a>) -> &'a [u8] {
    let with_domain = USE_DOMAIN.get() != 0 && !uri.host.is_empty();
    let length = uri.user.len() + if with_domain { 1 + uri.host.len() } else { 0 };
    let key: &'a mut [u8] = msg.arena.alloc_slice_fill_copy(length, b'@');
    let (user, domain) = key.split_at_mut(uri.user.len());
    user.copy_from_slice(uri.user);
    if CASE_SENSITIVE.get() == 0 {
        user.make_ascii_lowercase();
    }
    if with_domain {
        domain[1..].copy_from_slice(uri.host);
        domain[1..].make_ascii_lowercase();
    }
    key
}
