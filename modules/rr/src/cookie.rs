//! Attributes that travel in the parameter `avp` of the Record-Route URI, so that later requests of the
//! dialog bring them back.
//!
//! The text is base64 without padding of a checksum (2 bytes) and records: one byte whose low half says
//! whether name and value are text and whose high half is the list (URI and user attributes of either
//! track), then name and value, each a 2-byte length and its bytes, or a plain number (2 bytes for a
//! name, 4 for a value). Numbers are little endian, as the machines that SER runs on write them.

use crate::params::{COOKIE_SECRET, compiled};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ser::core::forward::tag::crc16;
use ser::core::msg::{Avp, AvpClass, AvpTrack, AvpValue, BumpVec, SipMsg};
use ser::core::script::select::{Part, SelectFn, SelectResult, register_select, select_fn};
use ser::core::script::{avp_flag, declare_avp_flag};
use ser::core::sip::Params;
use std::sync::OnceLock;

/// Attributes with this flag travel.
const FLAG: &str = "dialog_cookie";
/// Longest cookie in bytes.
const MAX_COOKIE: usize = 1024;
const NAME_IS_TEXT: u8 = 1;
const VALUE_IS_TEXT: u8 = 2;

/// Announces the flag and the select `@rr.dialog_cookie`, before routes that use them are compiled.
pub fn register() {
    if let Err(why) = declare_avp_flag(FLAG) {
        log::error!("ERROR: rr: avpflag {FLAG}: {why}");
    }
    register_select("rr", resolve);
}

fn resolve(parts: &[Part]) -> Result<Box<SelectFn>, usize> {
    match parts.get(1).map(|part| part.name.as_str()) {
        Some(FLAG) if parts.len() == 2 => Ok(select_fn(|msg| SelectResult::or_null(encode(msg)))),
        _ => Err(1),
    }
}

fn flag() -> u32 {
    static BIT: OnceLock<u32> = OnceLock::new();
    *BIT.get_or_init(|| avp_flag(FLAG).unwrap_or(0))
}

/// The number of a list.
fn list_number(track: AvpTrack, class: AvpClass) -> Option<u8> {
    let track = u8::from(track == AvpTrack::To);
    match class {
        AvpClass::Uri => Some(track),
        AvpClass::User => Some(2 + track),
        AvpClass::Domain | AvpClass::Global => None,
    }
}

fn checksum(records: &[u8]) -> [u8; 2] {
    crc16(&[COOKIE_SECRET.bytes(), records]).to_le_bytes()
}

/// The cookie of the attributes that have the flag; `None` when there is none.
pub fn encode<'a>(msg: &SipMsg<'a>) -> Option<&'a [u8]> {
    let mut bytes = BumpVec::new_in(msg.arena);
    bytes.extend_from_slice_copy(&[0; 2]);
    for avp in msg
        .avps
        .as_slice()
        .iter()
        .filter(|avp| avp.flags & flag() != 0)
    {
        let before = bytes.len();
        if push_record(&mut bytes, avp).is_none() || encoded_length(bytes.len()) > MAX_COOKIE {
            log::error!(
                "ERROR: rr: attribute {} does not fit the cookie",
                String::from_utf8_lossy(avp.name)
            );
            bytes.truncate(before);
        }
    }
    let (sum, records) = bytes.split_at_mut(2);
    if records.is_empty() {
        return None;
    }
    sum.copy_from_slice(&checksum(records));
    let mut text = BumpVec::new_in(msg.arena);
    text.resize(encoded_length(bytes.len()), 0);
    let length = STANDARD_NO_PAD.encode_slice(&bytes, &mut text).ok()?;
    text.truncate(length);
    Some(text.into_bump_slice())
}

fn encoded_length(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

fn push_record(out: &mut BumpVec<'_, u8>, avp: &Avp<'_>) -> Option<()> {
    let list = list_number(avp.track, avp.class)?;
    let text = if matches!(avp.value, AvpValue::Str(_)) {
        VALUE_IS_TEXT
    } else {
        0
    };
    out.push(NAME_IS_TEXT | text | list << 4);
    push_text(out, avp.name)?;
    match avp.value {
        AvpValue::Str(value) => push_text(out, value)?,
        AvpValue::Int(n) => out.extend_from_slice_copy(&n.to_le_bytes()),
    }
    Some(())
}

fn push_text(out: &mut BumpVec<'_, u8>, text: &[u8]) -> Option<()> {
    out.extend_from_slice_copy(&u16::try_from(text.len()).ok()?.to_le_bytes());
    out.extend_from_slice_copy(text);
    Some(())
}

/// Adds the attributes of a cookie in the parameters of our own URI. One that was changed on its way,
/// or made with another secret, is left alone.
pub fn take(msg: &mut SipMsg<'_>, params: Params<'_>) {
    let Some(Some(text)) = params.get(b"avp") else {
        return;
    };
    let mut bytes = BumpVec::new_in(msg.arena);
    bytes.resize(text.len(), 0);
    let Ok(length) = STANDARD_NO_PAD.decode_slice(trim_padding(text), &mut bytes) else {
        log::error!("ERROR: rr: malformed cookie");
        return;
    };
    bytes.truncate(length);
    let bytes = bytes.into_bump_slice();
    let Some((sum, records)) = bytes
        .split_at_checked(2)
        .filter(|(sum, r)| **sum == checksum(r))
    else {
        log::error!("ERROR: rr: the checksum of a cookie is wrong");
        return;
    };
    debug_assert_eq!(sum.len(), 2);
    // The other side of the dialog sent this request: what was "from" is now "to".
    let tag = msg.sip.from().ok().and_then(|from| from.tag);
    let reversed = params
        .get(b"ftag")
        .flatten()
        .is_some_and(|ftag| Some(ftag) != tag);
    let mut rest = records;
    while !rest.is_empty() {
        let Some(avp) = take_record(&mut rest, reversed) else {
            log::error!("ERROR: rr: a cookie is cut short");
            return;
        };
        let wanted = compiled().cookie_filter.as_ref();
        if wanted.is_none_or(|filter| filter.is_match(avp.name)) {
            msg.avps.push(avp);
        }
    }
}

fn trim_padding(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|&b| b != b'=').map_or(0, |n| n + 1);
    &text[..end]
}

fn take_record<'a>(rest: &mut &'a [u8], reversed: bool) -> Option<Avp<'a>> {
    let head = *take_bytes(rest, 1)?.first()?;
    let list = head >> 4;
    let to = (list & 1 == 1) != reversed;
    // A name that is a number is not used any more.
    if head & NAME_IS_TEXT == 0 || list > 3 {
        return None;
    }
    let name = take_text(rest)?;
    let value = if head & VALUE_IS_TEXT != 0 {
        AvpValue::Str(take_text(rest)?)
    } else {
        AvpValue::Int(i32::from_le_bytes(take_bytes(rest, 4)?.try_into().ok()?))
    };
    Some(Avp {
        track: if to { AvpTrack::To } else { AvpTrack::From },
        class: if list < 2 {
            AvpClass::Uri
        } else {
            AvpClass::User
        },
        name,
        value,
        flags: flag(),
    })
}

fn take_bytes<'a>(rest: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(n)?;
    *rest = left;
    Some(taken)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u16::from_le_bytes(take_bytes(rest, 2)?.try_into().ok()?);
    take_bytes(rest, length.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ser::core::msg::Bump;

    fn avp(track: AvpTrack, value: AvpValue<'static>) -> Avp<'static> {
        Avp {
            track,
            class: AvpClass::User,
            name: b"uid",
            value,
            flags: 0,
        }
    }

    #[test]
    fn a_record_comes_back_as_it_went_and_changes_sides_when_reversed() {
        let arena = Bump::new();
        let mut bytes = BumpVec::new_in(&arena);
        push_record(&mut bytes, &avp(AvpTrack::From, AvpValue::Str(b"alice"))).unwrap();
        push_record(&mut bytes, &avp(AvpTrack::To, AvpValue::Int(-7))).unwrap();
        let mut rest = &bytes[..];
        let first = take_record(&mut rest, false).unwrap();
        assert_eq!(
            (first.track, first.value),
            (AvpTrack::From, AvpValue::Str(b"alice"))
        );
        let second = take_record(&mut rest, true).unwrap();
        assert_eq!(
            (second.track, second.class, second.value),
            (AvpTrack::From, AvpClass::User, AvpValue::Int(-7))
        );
        assert!(rest.is_empty());
    }

    #[test]
    fn a_record_that_is_cut_short_is_none() {
        let arena = Bump::new();
        let mut bytes = BumpVec::new_in(&arena);
        push_record(&mut bytes, &avp(AvpTrack::From, AvpValue::Str(b"alice"))).unwrap();
        for end in 1..bytes.len() {
            assert!(take_record(&mut &bytes[..end], false).is_none(), "{end}");
        }
    }
}
