//! Attributes kept with a contact (`reg_avp_flag`): taken from the REGISTER, given back by
//! `read_reg_avps`.
//!
//! Format, one attribute after the other: `s` or `n` (string, number), length of the name, `:`, length
//! of the value, `:`, flags, `:`, name, value.

use crate::domain;
use crate::params::REG_AVP_FLAG;
use ser::core::module::Args;
use ser::core::module::api::usrloc::Domain;
use ser::core::msg::{Avp, AvpClass, AvpTrack, AvpValue, BumpVec, SipMsg};
use ser::core::script;
use std::io::Write;
use std::sync::OnceLock;

/// The bit of `reg_avp_flag`; 0: the feature is off.
static FLAG: OnceLock<u32> = OnceLock::new();

/// Looks the flag up; it must be declared with `avpflags`.
pub fn init() -> Result<(), String> {
    let Some(name) = REG_AVP_FLAG.get() else {
        return Ok(());
    };
    let name = String::from_utf8_lossy(name);
    let bit = script::avp_flag(&name)
        .ok_or_else(|| format!("reg_avp_flag: avpflag not declared: {name}"))?;
    let _ = FLAG.set(bit);
    Ok(())
}

fn flag() -> u32 {
    FLAG.get().copied().unwrap_or(0)
}

/// The attributes of a message that carry the flag, serialized.
pub fn of_message<'a>(msg: &SipMsg<'a>) -> &'a [u8] {
    let flag = flag();
    if flag == 0 {
        return b"";
    }
    let mut text = BumpVec::new_in(msg.arena);
    for avp in msg
        .avps
        .as_slice()
        .iter()
        .filter(|avp| avp.flags & flag != 0)
    {
        serialize(&mut text, avp);
    }
    text.into_bump_slice()
}

fn serialize(text: &mut BumpVec<'_, u8>, avp: &Avp<'_>) {
    let number;
    let (kind, value) = match avp.value {
        AvpValue::Str(s) => ('s', s),
        AvpValue::Int(n) => {
            number = n.to_string();
            ('n', number.as_bytes())
        }
    };
    let written = write!(
        text,
        "{kind}{}:{}:{}:",
        avp.name.len(),
        value.len(),
        avp.flags
    );
    debug_assert!(written.is_ok(), "a growing buffer takes everything");
    text.extend_from_slice_copy(avp.name);
    text.extend_from_slice_copy(value);
}

/// The next attribute and what follows it; `None` at the end or where the text is damaged.
fn parse<'a>(text: &'a [u8]) -> Option<(Avp<'a>, &'a [u8])> {
    let (&kind, rest) = text.split_first()?;
    let (name_len, rest) = number(rest)?;
    let (value_len, rest) = number(rest)?;
    let (flags, rest) = number(rest)?;
    let (name, rest) = rest.split_at_checked(name_len)?;
    let (value, rest) = rest.split_at_checked(value_len)?;
    let value = match kind {
        b's' => AvpValue::Str(value),
        b'n' => AvpValue::Int(std::str::from_utf8(value).ok()?.parse().ok()?),
        _ => return None,
    };
    let flags = u32::try_from(flags).ok()?;
    Some((
        Avp {
            track: AvpTrack::To,
            class: AvpClass::User,
            name,
            value,
            flags,
        },
        rest,
    ))
}

/// Digits up to a colon.
fn number(text: &[u8]) -> Option<(usize, &[u8])> {
    let colon = text.iter().position(|&b| b == b':')?;
    let digits = std::str::from_utf8(&text[..colon]).ok()?;
    Some((digits.parse().ok()?, &text[colon + 1..]))
}

/// `read_reg_avps(table, uid)`: gives the message the attributes of the contact that its current
/// Request-URI names. 1 (also with the feature off), -1 when there is no such contact.
pub fn read_reg_avps(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    if flag() == 0 {
        return 1;
    }
    let Some(domain) = args.custom::<Domain>(0) else {
        return -1;
    };
    let Some(uid) = args.str(1, msg) else {
        return -1;
    };
    let uri = msg.request_uri();
    let mut found = None;
    let arena = msg.arena;
    domain::get(*domain).with_record(uid, &mut |record| {
        record.for_each(&mut |_, contact| {
            if contact.uri == uri {
                found = Some(arena.alloc_slice_copy(contact.avps));
            }
            found.is_none()
        });
    });
    let Some(mut text) = found.map(|text| &*text) else {
        return -1;
    };
    while let Some((avp, rest)) = parse(text) {
        msg.avps.push(avp);
        text = rest;
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;
    use ser::core::msg::Bump;

    #[test]
    fn attributes_come_back_as_they_were() {
        let arena = Bump::new();
        let mut text = BumpVec::new_in(&arena);
        let avp = |name, value| Avp {
            track: AvpTrack::To,
            class: AvpClass::Uri,
            name,
            value,
            flags: 5,
        };
        serialize(&mut text, &avp(b"lang", AvpValue::Str(b"de:at")));
        serialize(&mut text, &avp(b"n", AvpValue::Int(-7)));
        assert_eq!(&text[..], b"s4:5:5:langde:atn1:2:5:n-7");
        let (first, rest) = parse(&text).unwrap();
        assert_eq!(
            (first.name, first.value, first.flags),
            (&b"lang"[..], AvpValue::Str(b"de:at"), 5)
        );
        let (second, rest) = parse(rest).unwrap();
        assert_eq!(second.value, AvpValue::Int(-7));
        assert!(parse(rest).is_none());
    }

    #[test]
    fn damaged_text_ends_the_reading() {
        for text in [&b"s4:5"[..], b"s4:5:5:la", b"x1:1:1:ab", b"n1:1:1:ab", b""] {
            assert!(parse(text).is_none());
        }
    }
}
