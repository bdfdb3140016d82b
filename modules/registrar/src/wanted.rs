//! What a REGISTER asks for: its contacts with their expiry and preference worked out, before any lock
//! is taken (RFC 3261 §10.3).

use crate::error::RegError;
use crate::params::{
    DEFAULT_EXPIRES, DEFAULT_Q, MAX_EXPIRES, MIN_EXPIRES, SAVE_NAT_FLAG, TRUST_ALL,
    TRUST_RECEIVED_FLAG, flag_bit,
};
use ser::core::module::api::usrloc::{ContactInfo, contact_flags};
use ser::core::msg::BumpVec;
use ser::core::msg::SipMsg;
use ser::core::net::Proto;
use ser::core::sip::value::q_value;
use ser::core::sip::{Contact, ContactOrder, Contacts, HdrType};
use std::io::Write;

/// Where a Contact's `expires` is no number.
const BAD_EXPIRES: i64 = 3600;
/// Longest time that can be asked for (RFC 3261 §20.19: 2**32 - 1 seconds).
const LONGEST: u64 = u32::MAX as u64;
/// What usrloc keeps where there is no User-Agent.
const NO_USER_AGENT: &[u8] = b"Unknown";

/// The request of one REGISTER. `ContactInfo::expires` is absolute, 0 for "remove".
pub enum Wanted<'a> {
    /// Only tell what there is.
    List,
    /// `Contact: *`
    RemoveAll,
    /// Add, refresh or remove these, in SER's order.
    Change(BumpVec<'a, ContactInfo<'a>>),
}

/// Reads the whole message. `aor` is stored with each contact; `extra_flags` too.
pub fn wanted<'a>(msg: &mut SipMsg<'a>, extra_flags: u32) -> Result<Wanted<'a>, RegError> {
    msg.sip.parse_all().map_err(|_| RegError::BadMessage)?;
    if msg.sip.seen(HdrType::To).is_none() {
        return Err(RegError::NoTo);
    }
    let call_id = msg
        .sip
        .seen(HdrType::CallId)
        .ok_or(RegError::NoCallId)?
        .body;
    if msg.sip.seen(HdrType::CSeq).is_none() {
        return Err(RegError::NoCseq);
    }
    let header_expires = msg.sip.seen(HdrType::Expires).map(|h| number(h.body));
    let contacts = match msg
        .sip
        .contacts(ContactOrder::Ser)
        .map_err(|_| RegError::BadContact)?
    {
        None => return Ok(Wanted::List),
        Some(contacts) => contacts,
    };
    let contacts = match contacts {
        Contacts {
            star: true,
            list,
            headers,
            ..
        } => {
            return star(header_expires, headers, list.is_empty());
        }
        Contacts { list, .. } => list,
    };
    let cseq = cseq(msg)?;
    let aor = crate::attributes::aor(msg).ok_or(RegError::BadAor)?;
    let common = ContactInfo {
        aor,
        call_id,
        cseq,
        user_agent: msg
            .sip
            .seen(HdrType::UserAgent)
            .map_or(NO_USER_AGENT, |h| h.body),
        flags: extra_flags | nat_flag(msg),
        socket: msg.rcv.socket,
        avps: crate::usrloc().attributes(msg),
        ..ContactInfo::default()
    };
    let now = msg.now();
    let behind_nat = if common.flags & contact_flags::NAT != 0 {
        source_uri(msg)
    } else {
        b""
    };
    let trusted = is_received_trusted(msg);
    let mut all = BumpVec::with_capacity_in(contacts.len(), msg.arena);
    for contact in contacts {
        let relative = relative_expires(contact, header_expires);
        all.push(ContactInfo {
            uri: contact.uri,
            received: contact
                .received
                .filter(|r| trusted && !r.is_empty())
                .unwrap_or(behind_nat),
            instance: contact.instance.unwrap_or_default(),
            q: preference(contact)?,
            expires: if relative == 0 { 0 } else { now + relative },
            ..common
        });
    }
    Ok(Wanted::Change(all))
}

fn star<'a>(
    expires: Option<Option<u64>>,
    headers: usize,
    alone: bool,
) -> Result<Wanted<'a>, RegError> {
    if expires != Some(Some(0)) {
        return Err(RegError::StarExpires);
    }
    if headers > 1 || !alone {
        return Err(RegError::StarContacts);
    }
    Ok(Wanted::RemoveAll)
}

fn cseq(msg: &mut SipMsg<'_>) -> Result<u32, RegError> {
    let (number, _) = msg.sip.cseq().map_err(|_| RegError::NoCseq)?;
    let value = self::number(number).ok_or(RegError::BadCseq)?;
    u32::try_from(value).map_err(|_| RegError::BadCseq)
}

fn nat_flag(msg: &SipMsg<'_>) -> u32 {
    if msg.flags & flag_bit(&SAVE_NAT_FLAG) != 0 {
        contact_flags::NAT
    } else {
        0
    }
}

/// Whether a Contact may say itself where requests go.
fn is_received_trusted(msg: &SipMsg<'_>) -> bool {
    TRUST_RECEIVED_FLAG.get() == TRUST_ALL || msg.flags & flag_bit(&TRUST_RECEIVED_FLAG) != 0
}

/// Seconds from now; 0: remove. Contact parameter, else Expires header, else the default; what is
/// not 0 is brought between `min_expires` and `max_expires`.
fn relative_expires(contact: &Contact<'_>, header: Option<Option<u64>>) -> i64 {
    let asked = match contact.expires.filter(|text| !text.is_empty()) {
        Some(text) => number(text).map_or(BAD_EXPIRES, |n| n.min(LONGEST) as i64),
        None => match header {
            Some(Some(n)) => n.min(LONGEST) as i64,
            Some(None) | None => DEFAULT_EXPIRES.get(),
        },
    };
    if asked == 0 {
        return 0;
    }
    let raised = asked.max(MIN_EXPIRES.get());
    if MAX_EXPIRES.get() > 0 {
        raised.min(MAX_EXPIRES.get())
    } else {
        raised
    }
}

fn preference(contact: &Contact<'_>) -> Result<i32, RegError> {
    match contact.q.filter(|text| !text.is_empty()) {
        Some(text) => q_value(text).map(i32::from).map_err(|_| RegError::BadQ),
        None => Ok(DEFAULT_Q.get() as i32),
    }
}

/// `sip:IP:PORT[;transport=P];dstip=OURS;dstport=OURS`: where a request reaches the phone behind its NAT.
fn source_uri<'a>(msg: &SipMsg<'a>) -> &'a [u8] {
    let mut text = BumpVec::with_capacity_in(96, msg.arena);
    let transport = match msg.rcv.proto {
        Proto::Tcp => ";transport=TCP",
        Proto::Tls => ";transport=TLS",
        Proto::Sctp => ";transport=SCTP",
        Proto::Ws => ";transport=WS",
        Proto::Wss => ";transport=WSS",
        Proto::Udp | Proto::None => "",
    };
    // SocketAddr prints as ip:port, an IPv6 address in brackets.
    let dst = msg.rcv.dst;
    let written = write!(
        text,
        "sip:{}{transport};dstip={};dstport={}",
        msg.rcv.src,
        dst.ip(),
        dst.port()
    );
    debug_assert!(written.is_ok(), "a growing buffer takes everything");
    text.into_bump_slice()
}

/// Digits with blanks around them; numbers beyond 2**64 count as the largest.
fn number(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii();
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0u64, |n, d| {
        n.saturating_mul(10).saturating_add(u64::from(d - b'0'))
    }))
}
