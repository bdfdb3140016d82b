//! Questions and answers on the wire (RFC 1035 §4), read and written by crate `domain`.
//!
//! Invariant: an answer counts only if id, question and direction are those of the question sent
//! (RFC 5452 §9.1); whatever else comes in is as if it had not come.

use super::name::HostName;
use super::records::{Naptr, Question, RecordType, SetWriter, Srv};
use domain::base::iana::{Class, Opcode, Rcode};
use domain::base::name::{Name, ParsedName, ToName};
use domain::base::{Message, MessageBuilder, ParsedRecord, Rtype};
use domain::rdata;
use std::net::IpAddr;

/// Longest chain of CNAME records that is followed.
pub(super) const MAX_ALIASES: usize = 10;

/// What an answer says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// The packed records, their shortest time to live in seconds, and the name that has them.
    Records {
        set: Vec<u8>,
        ttl: u32,
        owner: HostName,
    },
    /// Only aliases, which end here: this name is to be asked.
    Alias { to: HostName, ttl: u32 },
    /// There is no such name; for so many seconds, if the answer says.
    NoName { ttl: Option<u32> },
    /// The name has no record of this type; for so many seconds, if the answer says.
    NoData { ttl: Option<u32> },
    /// It did not fit: ask again by TCP.
    Truncated,
    /// The server cannot or will not say; another one may.
    Refused,
}

/// The question as a message of its own, recursion desired.
pub(super) fn query(question: &Question, id: u16) -> Option<Vec<u8>> {
    let name = Name::from_octets(question.name.to_wire()).ok()?;
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_id(id);
    builder.header_mut().set_rd(true);
    let mut builder = builder.question();
    builder.push((name, rtype(question.rtype))).ok()?;
    Some(builder.finish())
}

fn rtype(rtype: RecordType) -> Rtype {
    Rtype::from_int(rtype as u16)
}

/// Reads the answer to `question` with that id; `None`: it is not one.
pub(super) fn read(message: &[u8], question: &Question, id: u16) -> Option<Answer> {
    let message = Message::from_octets(message).ok()?;
    let header = message.header();
    if header.id() != id || !header.qr() || header.opcode() != Opcode::QUERY {
        return None;
    }
    let asked = message.sole_question();
    let rcode = header.rcode();
    let same = asked.is_ok_and(|asked| {
        asked.qtype() == rtype(question.rtype)
            && asked.qclass() == Class::IN
            && text_of(asked.qname()).is_some_and(|name| is_same(&name, &question.name))
    });
    if !same {
        // Some servers that refuse leave the question out.
        let bare = message.header_counts().qdcount() == 0;
        let refusal = rcode != Rcode::NOERROR && rcode != Rcode::NXDOMAIN;
        return (bare && refusal).then_some(Answer::Refused);
    }
    if header.tc() {
        return Some(Answer::Truncated);
    }
    match rcode {
        Rcode::NOERROR | Rcode::NXDOMAIN => Some(contents(&message, question, rcode)),
        _ => Some(Answer::Refused),
    }
}

fn is_same(complete: &HostName, asked: &HostName) -> bool {
    let bare = |name: &HostName| name.as_bytes().strip_suffix(b".").map(<[u8]>::len);
    let whole = asked
        .as_bytes()
        .strip_suffix(b".")
        .unwrap_or(asked.as_bytes());
    bare(complete).is_some_and(|len| complete.as_bytes()[..len] == *whole)
}

/// The records asked for, followed through the aliases; a message that breaks off is a refusal.
fn contents(message: &Message<&[u8]>, question: &Question, rcode: Rcode) -> Answer {
    let Ok(mut owner) = question.name.complete() else {
        return Answer::Refused;
    };
    let mut ttl = u32::MAX;
    for hops in 0..=MAX_ALIASES {
        let found = match records_of(message, &owner, question.rtype) {
            Ok(found) => found,
            Err(Broken) => return Answer::Refused,
        };
        match found {
            Found::Set { set, ttl: own } => {
                let ttl = ttl.min(own);
                return Answer::Records { set, ttl, owner };
            }
            Found::Alias { to, ttl: own } if hops < MAX_ALIASES => {
                (owner, ttl) = (to, ttl.min(own));
            }
            Found::Alias { .. } => return Answer::Refused,
            Found::Nothing if rcode == Rcode::NXDOMAIN => {
                let ttl = negative_ttl(message);
                return Answer::NoName { ttl };
            }
            // Aliases without an end, and nobody says that there is none.
            Found::Nothing if hops > 0 && negative_ttl(message).is_none() => {
                return Answer::Alias { to: owner, ttl };
            }
            Found::Nothing if is_referral(message) => return Answer::Refused,
            Found::Nothing => {
                let ttl = negative_ttl(message);
                return Answer::NoData { ttl };
            }
        }
    }
    Answer::Refused
}

/// The message cannot be read.
struct Broken;

#[allow(clippy::large_enum_variant, reason = "short-lived, on the stack")]
enum Found {
    Set { set: Vec<u8>, ttl: u32 },
    Alias { to: HostName, ttl: u32 },
    Nothing,
}

type Record<'m> = ParsedRecord<'m, &'m [u8]>;

fn records_of(
    message: &Message<&[u8]>,
    owner: &HostName,
    rtype: RecordType,
) -> Result<Found, Broken> {
    let (mut set, mut ttl, mut count) = (SetWriter::default(), u32::MAX, 0);
    let mut alias = None;
    for record in message.answer().map_err(|_| Broken)? {
        let record = record.map_err(|_| Broken)?;
        if record.class() != Class::IN || text_of(&record.owner()).as_ref() != Some(owner) {
            continue;
        }
        let own_ttl = record.ttl().as_secs();
        if record.rtype() == Rtype::CNAME {
            alias = alias_of(&record)?.map(|to| Found::Alias { to, ttl: own_ttl });
        } else if record.rtype() == Rtype::from_int(rtype as u16) && push(&record, rtype, &mut set)?
        {
            (count, ttl) = (count + 1, ttl.min(own_ttl));
        }
    }
    match alias {
        _ if count > 0 => Ok(Found::Set {
            set: set.finish(),
            ttl,
        }),
        Some(alias) => Ok(alias),
        None => Ok(Found::Nothing),
    }
}

fn alias_of(record: &Record<'_>) -> Result<Option<HostName>, Broken> {
    let data = record.to_record::<rdata::Cname<_>>().map_err(|_| Broken)?;
    Ok(data.and_then(|r| text_of(r.data().cname())))
}

/// Adds the record's data to the set. False if it is of no use: no host's name, or no room.
fn push(record: &Record<'_>, rtype: RecordType, set: &mut SetWriter) -> Result<bool, Broken> {
    let pushed = match rtype {
        RecordType::A => record
            .to_record::<rdata::A>()
            .map_err(|_| Broken)?
            .map(|r| set.address(IpAddr::V4(r.data().addr()))),
        RecordType::Aaaa => record
            .to_record::<rdata::Aaaa>()
            .map_err(|_| Broken)?
            .map(|r| set.address(IpAddr::V6(r.data().addr()))),
        RecordType::Ptr => record
            .to_record::<rdata::Ptr<_>>()
            .map_err(|_| Broken)?
            .and_then(|r| Some(set.name(text_of(r.data().ptrdname())?.as_bytes()))),
        RecordType::Srv => record
            .to_record::<rdata::Srv<_>>()
            .map_err(|_| Broken)?
            .and_then(|r| push_srv(r.data(), set)),
        RecordType::Naptr => record
            .to_record::<rdata::Naptr<_, _>>()
            .map_err(|_| Broken)?
            .and_then(|r| push_naptr(r.data(), set)),
    };
    Ok(pushed.unwrap_or(false))
}

fn push_srv(data: &rdata::Srv<ParsedName<&[u8]>>, set: &mut SetWriter) -> Option<bool> {
    let name = text_of(data.target());
    let target = match &name {
        Some(name) => name.as_bytes(),
        None if data.target().is_root() => b".",
        None => return None,
    };
    Some(set.srv(&Srv {
        priority: data.priority(),
        weight: data.weight(),
        port: data.port(),
        target,
    }))
}

fn push_naptr(data: &rdata::Naptr<&[u8], ParsedName<&[u8]>>, set: &mut SetWriter) -> Option<bool> {
    let replacement = text_of(data.replacement());
    Some(set.naptr(&Naptr {
        order: data.order(),
        preference: data.preference(),
        flags: data.flags().as_slice(),
        services: data.services().as_slice(),
        regexp: data.regexp().as_slice(),
        replacement: replacement.as_ref().map_or(b".", HostName::as_bytes),
    }))
}

/// The name as text with its final dot; `None`: it is not the name of a host or service.
fn text_of(name: &impl ToName) -> Option<HostName> {
    let mut text = Vec::with_capacity(super::name::MAX_NAME);
    for label in name.iter_labels().filter(|label| !label.is_root()) {
        if label.as_slice().contains(&b'.') {
            return None;
        }
        text.extend_from_slice(label.as_slice());
        text.push(b'.');
    }
    HostName::parse(&text).ok()
}

/// How long "no" is true: the lesser of the SOA record's own time to live and its last field
/// (RFC 2308 §5), in seconds.
fn negative_ttl(message: &Message<&[u8]>) -> Option<u32> {
    let authority = message.authority().ok()?;
    let mut all = authority.limit_to_in::<rdata::Soa<ParsedName<_>>>();
    let soa = all.next()?.ok()?;
    Some(soa.ttl().as_secs().min(soa.data().minimum().as_secs()))
}

/// A server that knows nothing itself and names others: it does not do our work.
fn is_referral(message: &Message<&[u8]>) -> bool {
    let names_servers = message.authority().is_ok_and(|authority| {
        authority
            .limit_to_in::<rdata::Ns<ParsedName<_>>>()
            .any(|r| r.is_ok())
    });
    !message.header().ra() && names_servers && negative_ttl(message).is_none()
}

#[cfg(test)]
mod tests;
