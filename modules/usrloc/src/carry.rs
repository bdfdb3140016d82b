//! Bindings on their way from one program to the next, where those do not see the same in shared memory.
//!
//! A record is a table, a uid and a binding: texts and numbers in a fixed order, each with its length in front. Sockets go by
//! protocol and address, because their numbers may be others. Whoever changes this gives the form another name.

use crate::contact::texts_of;
use crate::domain;
use ser::core::module::api::usrloc::{ContactInfo, Full};
use ser::core::net::{self, SocketInfo};
use ser::core::process::carry_over;
use ser::core::time::unix_time;

/// From the module's `init`.
pub fn init() {
    carry_over("usrloc 1", export, import);
}

fn export(out: &mut Vec<u8>) {
    for table in domain::all() {
        for bucket in table.users.iter_buckets().filter(|b| !b.looks_empty()) {
            for user in bucket.lock().iter() {
                for contact in user.contacts.iter() {
                    put_all(out, &table.name, &user.uid, &contact.info());
                }
            }
        }
    }
}

fn put(out: &mut Vec<u8>, text: &[u8]) {
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text);
}

fn put_all(out: &mut Vec<u8>, table: &[u8], uid: &[u8], info: &ContactInfo<'_>) {
    let socket = info
        .socket
        .map(|s| format!("{} {}", s.proto.name(), s.addr));
    let numbers = format!("{} {} {} {}", info.cseq, info.q, info.expires, info.flags);
    [table, uid].into_iter().for_each(|text| put(out, text));
    texts_of(info).into_iter().for_each(|text| put(out, text));
    put(out, numbers.as_bytes());
    put(out, socket.as_deref().unwrap_or("").as_bytes());
}

/// What was written and could not be taken.
#[derive(Default)]
struct Lost {
    full: usize,
    unreadable: bool,
}

fn import(bytes: &[u8]) -> Result<(), String> {
    let (mut rest, mut lost, now) = (bytes, Lost::default(), unix_time());
    while !rest.is_empty() && !lost.unreadable {
        match take_all(&mut rest) {
            Some((table, uid, info)) if info.is_valid(now) => {
                if insert(table, uid, &info).is_err() {
                    lost.full += 1;
                }
            }
            // It has expired meanwhile.
            Some(_) => {}
            None => lost.unreadable = true,
        }
    }
    match lost {
        Lost {
            unreadable: true, ..
        } => Err("bindings are lost: they cannot be read".into()),
        Lost { full: 0, .. } => Ok(()),
        Lost { full, .. } => Err(format!("{full} bindings are lost: no shared memory")),
    }
}

fn insert(table: &[u8], uid: &[u8], info: &ContactInfo<'_>) -> Result<(), Full> {
    let domain = domain::register(table).map_err(|_| Full)?;
    let mut inserted = Ok(());
    domain::get(domain).update_record(uid, &mut |record| inserted = record.insert(info))?;
    inserted
}

fn take<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (length, behind) = rest.split_first_chunk::<4>()?;
    let (text, behind) = behind.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    *rest = behind;
    Some(text)
}

fn take_all<'b>(rest: &mut &'b [u8]) -> Option<(&'b [u8], &'b [u8], ContactInfo<'b>)> {
    let mut text = || take(rest);
    let (table, uid) = (text()?, text()?);
    let info = ContactInfo {
        uri: text()?,
        aor: text()?,
        received: text()?,
        instance: text()?,
        user_agent: text()?,
        call_id: text()?,
        avps: text()?,
        cseq: 0,
        q: 0,
        expires: 0,
        flags: 0,
        socket: None,
    };
    let numbers = std::str::from_utf8(text()?).ok()?;
    let socket = std::str::from_utf8(text()?).ok()?;
    let mut numbers = numbers.split(' ');
    let mut number = || numbers.next();
    let info = ContactInfo {
        cseq: number()?.parse().ok()?,
        q: number()?.parse().ok()?,
        expires: number()?.parse().ok()?,
        flags: number()?.parse().ok()?,
        socket: find(socket),
        ..info
    };
    Some((table, uid, info))
}

/// Our socket of that protocol and address, if there is one still.
fn find(text: &str) -> Option<&'static SocketInfo> {
    let (proto, addr) = text.split_once(' ')?;
    let mut sockets = net::all_sockets();
    sockets.find(|s| s.proto.name() == proto && s.addr.to_string() == addr)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_is_read_as_it_was_written_and_half_a_one_is_not() {
        let info = ContactInfo {
            uri: b"sip:bob@10.0.0.1",
            aor: b"sip:bob@example.org",
            received: b"",
            instance: b"\"<urn:uuid:1>\"",
            user_agent: b"a \xff phone",
            call_id: b"x@y",
            avps: b"",
            cseq: 7,
            q: -1,
            expires: 1 << 40,
            flags: 5,
            socket: None,
        };
        let mut out = Vec::new();
        put_all(&mut out, b"location", b"bob", &info);
        let length = out.len();
        put_all(&mut out, b"aliases", b"", &info);
        let mut rest = &out[..];
        let (table, uid, read) = take_all(&mut rest).unwrap();
        assert_eq!((table, uid), (&b"location"[..], &b"bob"[..]));
        assert_eq!((read.uri, read.user_agent), (info.uri, info.user_agent));
        assert_eq!((read.cseq, read.q), (info.cseq, info.q));
        assert_eq!((read.expires, read.flags), (info.expires, info.flags));
        assert_eq!(rest.len(), out.len() - length);
        assert!(take_all(&mut &out[..length - 1]).is_none());
        assert!(import(&out[..length - 1]).is_err());
    }
}
