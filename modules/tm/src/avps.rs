//! The attributes of a transaction as they lie in shared memory. Routes of several processes may work on
//! copies of them at the same time: what one of them has changed is put back, the rest stays as it is there.

use crate::pack::{Packer, Unpacker};
use crate::table;
use crate::transaction::Transaction;
use ser::core::msg::{Avp, AvpClass, AvpTrack, AvpValue, Bump, BumpVec, SipMsg};
use ser::ipc::{ShmFull, ShmStr};

const CLASSES: [AvpClass; 4] = [
    AvpClass::Uri,
    AvpClass::User,
    AvpClass::Domain,
    AvpClass::Global,
];

/// The attributes of a message as bytes; empty when there are none.
pub fn pack<'a>(msg: &SipMsg<'a>) -> &'a [u8] {
    pack_list(msg.avps.as_slice(), msg.arena)
}

fn pack_list<'a>(list: &[Avp<'_>], arena: &'a Bump) -> &'a [u8] {
    if list.is_empty() {
        return b"";
    }
    let mut row = Packer::new_in(arena);
    for avp in list {
        row.number(u32::from(avp.track == AvpTrack::To));
        let class = CLASSES.iter().position(|c| *c == avp.class);
        row.number(class.unwrap_or(0) as u32);
        row.number(avp.flags);
        row.text(avp.name);
        match avp.value {
            AvpValue::Int(n) => {
                row.number(0);
                row.number(n as u32);
            }
            AvpValue::Str(text) => {
                row.number(1);
                row.text(text);
            }
        }
    }
    row.finish()
}

/// Reads what [`pack`] wrote.
fn read(bytes: &[u8]) -> impl Iterator<Item = Avp<'_>> {
    let mut row = Unpacker(bytes);
    std::iter::from_fn(move || {
        if row.is_empty() {
            return None;
        }
        let track = if row.number() != 0 {
            AvpTrack::To
        } else {
            AvpTrack::From
        };
        let class = CLASSES[row.number() as usize % CLASSES.len()];
        let flags = row.number();
        let name = row.text();
        let value = match row.number() {
            0 => AvpValue::Int(row.number() as i32),
            _ => AvpValue::Str(row.text()),
        };
        Some(Avp {
            track,
            class,
            name,
            value,
            flags,
        })
    })
}

/// Gives a message the attributes of its transaction.
pub fn unpack<'a>(bytes: &'a [u8], msg: &mut SipMsg<'a>) {
    for avp in read(bytes) {
        msg.avps.push(avp);
    }
    msg.avps.take_changed();
}

/// Keeps the attributes of a message, whatever there was.
pub fn save(t: &mut Transaction, msg: &mut SipMsg<'_>) -> Result<(), ShmFull> {
    msg.avps.take_changed();
    let avps = ShmStr::try_new_in(pack(msg), table::tag())?;
    t.avps.replace(avps);
    Ok(())
}

/// Keeps what a route has changed: the message flags and attributes that differ from `flags` and `avps`, which
/// were those of the transaction when the route began. Without memory attributes are lost, which is logged.
pub fn save_changes(t: &mut Transaction, msg: &mut SipMsg<'_>, flags: u32, avps: &[u8]) {
    let differ = flags ^ msg.flags;
    t.msg_flags = t.msg_flags & !differ | msg.flags & differ;
    if !msg.avps.take_changed() {
        return;
    }
    let packed = if *t.avps == *avps {
        pack(msg)
    } else {
        merge(avps, &t.avps, msg.avps.as_slice(), msg.arena)
    };
    match ShmStr::try_new_in(packed, table::tag()) {
        Ok(packed) => t.avps.replace(packed),
        Err(full) => log::error!("ERROR: tm: attributes are lost: {full}"),
    }
}

/// What `mine` has made of `base`, done to `theirs`.
fn merge<'a>(base: &[u8], theirs: &[u8], mine: &[Avp<'_>], arena: &'a Bump) -> &'a [u8] {
    let base = BumpVec::from_iter_in(read(base), arena);
    let is_changed = |one: &Avp<'_>| !same_values(&base, mine, one);
    let mut out = BumpVec::new_in(arena);
    out.extend(read(theirs).filter(|avp| !is_changed(avp)));
    out.extend(mine.iter().copied().filter(is_changed));
    pack_list(&out, arena)
}

/// Whether both lists have the same values where `like` belongs.
fn same_values(a: &[Avp<'_>], b: &[Avp<'_>], like: &Avp<'_>) -> bool {
    let there = |avp: &&Avp<'_>| {
        avp.track == like.track && avp.class == like.class && avp.name == like.name
    };
    let (a, b) = (a.iter().filter(there), b.iter().filter(there));
    a.map(|avp| (avp.value, avp.flags))
        .eq(b.map(|avp| (avp.value, avp.flags)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list<'t>(text: &'t str) -> Vec<Avp<'t>> {
        let one = |pair: &'t str| {
            let (name, value) = pair.split_once('=').unwrap();
            Avp {
                track: AvpTrack::From,
                class: AvpClass::Uri,
                name: name.as_bytes(),
                value: AvpValue::Str(value.as_bytes()),
                flags: 0,
            }
        };
        text.split_whitespace().map(one).collect()
    }

    fn merged(base: &str, theirs: &str, mine: &str) -> String {
        let arena = Bump::new();
        let pack = |text| pack_list(&list(text), &arena);
        let packed = merge(pack(base), pack(theirs), &list(mine), &arena);
        let words: Vec<String> = read(packed)
            .map(|avp| {
                let AvpValue::Str(value) = avp.value else {
                    panic!("a number");
                };
                let name = String::from_utf8_lossy(avp.name);
                format!("{name}={}", String::from_utf8_lossy(value))
            })
            .collect();
        words.join(" ")
    }

    #[test]
    fn what_two_routes_have_changed_is_kept_of_both() {
        assert_eq!(merged("a=1 b=1", "a=2 b=1", "a=1 b=3"), "a=2 b=3");
        assert_eq!(merged("", "a=1", "b=1"), "a=1 b=1");
        assert_eq!(merged("a=1 b=1", "a=1 b=2 c=1", "b=1"), "b=2 c=1");
        assert_eq!(merged("a=1", "a=1 a=2", "a=1 b=1"), "a=1 a=2 b=1");
        assert_eq!(merged("a=1", "a=2", "a=3"), "a=3");
    }
}
