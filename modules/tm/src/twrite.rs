//! The request as `t_write_req` and `t_write_unix` hand it to an application: twenty lines, in SER's order
//! (interface version 0.3). The application answers with RPC `tm.reply`.

use crate::table::TxId;
use crate::tw_append::{Append, push_unfolded};
use ser::core::forward::text::{push_ip, push_number, push_reverse_hex};
use ser::core::msg::{BumpVec, SipMsg};
use ser::core::sip::{ContactOrder, HdrType, Method, NameAddr, ParseError, Uri};

/// Stands for a value that is not there.
const NONE: &[u8] = b".";
const VERSION: &[u8] = b"0.3";
const SIP_PORT: u16 = 5060;

/// What an application is to do, and what it wants to be told in addition.
#[derive(Debug)]
pub struct Order {
    pub action: Box<[u8]>,
    pub append: Option<&'static Append>,
}

/// Where later requests of the dialog go.
struct Way<'a> {
    /// The remote target, or the first hop where that is a strict router.
    uri: &'a [u8],
    route: &'a [u8],
    next_hop: &'a [u8],
}

/// Writes the lines.
///
/// # Errors
/// A header that is needed cannot be read, or the body is missing where it is wanted.
pub fn write<'a>(msg: &mut SipMsg<'a>, id: TxId, order: &Order) -> Result<&'a [u8], ParseError> {
    msg.sip.parse_all()?;
    let (from, to) = (msg.sip.from()?, msg.sip.to()?);
    let (cseq, _) = msg.sip.cseq()?;
    let call_id = msg.sip.call_id()?;
    let uri = msg.parsed_uri()?;
    let way = way(msg, from.uri)?;
    let body = body(msg, order)?;
    let mut out = BumpVec::with_capacity_in(msg.buf().len() + 1024, msg.arena);
    line(&mut out, VERSION);
    line(&mut out, &[b"sip_request.", &*order.action].concat());
    line(&mut out, msg.sip.method_name());
    line(&mut out, uri.user);
    line(&mut out, uri.host);
    push_ip(&mut out, msg.rcv.dst.ip());
    out.push(b'\n');
    match msg.rcv.dst.port() {
        SIP_PORT => line(&mut out, NONE),
        port => number_line(&mut out, port.into()),
    }
    for text in [
        msg.original_uri(),
        way.uri,
        from.raw,
        to.raw,
        call_id,
        from.tag.unwrap_or_default(),
        to.tag.unwrap_or_default(),
        cseq,
    ] {
        line(&mut out, text);
    }
    push_number(&mut out, id.index.into());
    out.push(b':');
    number_line(&mut out, id.uid.into());
    line(&mut out, way.route);
    line(&mut out, way.next_hop);
    out.extend_from_slice_copy(b"P-MsgFlags: ");
    push_reverse_hex(&mut out, msg.flags);
    out.push(b'\n');
    if let Some(append) = order.append {
        append.write(&mut out, msg);
    }
    line(&mut out, NONE);
    out.extend_from_slice_copy(body);
    out.push(b'\n');
    Ok(out.into_bump_slice())
}

fn line(out: &mut BumpVec<'_, u8>, text: &[u8]) {
    push_unfolded(out, text);
    out.push(b'\n');
}

fn number_line(out: &mut BumpVec<'_, u8>, n: u64) {
    push_number(out, n);
    out.push(b'\n');
}

/// What an INVITE or INFO must have, and others only where the order wants it.
fn body<'a>(msg: &mut SipMsg<'a>, order: &Order) -> Result<&'a [u8], ParseError> {
    let wanted = matches!(msg.sip.method(), Method::Invite | Method::Info)
        || order.append.is_some_and(|append| append.body);
    if !wanted {
        return Ok(NONE);
    }
    // All that stands behind the empty line, Content-Length aside (as SER).
    msg.sip.body()?.ok_or(ParseError::Missing)
}

/// The dialog's route set and target as a UAS has them (RFC 3261 §12.1.1).
fn way<'a>(msg: &mut SipMsg<'a>, from: &'a [u8]) -> Result<Way<'a>, ParseError> {
    let contacts = msg.sip.contacts(ContactOrder::Text)?;
    let contact = contacts.and_then(|all| all.list.first().map(|c| c.uri));
    // Without Contact: From, as before RFC 3261.
    let target = contact.unwrap_or(from);
    let route = msg.sip.routes(HdrType::RecordRoute)?;
    let Some(first) = route.first() else {
        return Ok(Way {
            uri: target,
            route: NONE,
            next_hop: NONE,
        });
    };
    let is_loose = Uri::parse(first.uri).is_ok_and(|uri| uri.params.get(b"lr").is_some());
    if is_loose {
        return Ok(Way {
            uri: target,
            route: in_brackets(msg, route, None),
            next_hop: first.uri,
        });
    }
    Ok(Way {
        uri: first.uri,
        route: in_brackets(msg, &route[1..], Some(target)),
        next_hop: NONE,
    })
}

/// `<uri>,<uri>`
fn in_brackets<'a>(msg: &SipMsg<'a>, route: &[NameAddr<'a>], last: Option<&'a [u8]>) -> &'a [u8] {
    let mut out = BumpVec::new_in(msg.arena);
    for uri in route.iter().map(|r| r.uri).chain(last) {
        if !out.is_empty() {
            out.push(b',');
        }
        out.push(b'<');
        out.extend_from_slice_copy(uri);
        out.push(b'>');
    }
    out.into_bump_slice()
}
