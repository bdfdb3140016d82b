//! Builds the datagram of a forwarded request (SER's build_req_buf_from_sip_req): our Via, `received` and
//! `rport` of the sender's, the rewritten Request-URI, and the edits that modules queued.
//!
//! One walk over the edits in order of offset; what lies between them is copied.

use super::text::{end_line, host_is_ip, parse_ip, push_ip, push_number, push_reverse_hex};
use crate::core::dns;
use crate::core::msg::{Anchor, BumpVec, Cond, Group, Piece, SerError, SipMsg, Subst};
use crate::core::net::{Proto, SocketInfo};
use crate::core::settings;
use crate::core::sip::{HdrType, ParseError, Via};
use std::io::Write;
use std::net::IpAddr;

/// Room for our Via, received, rport and some headers.
const EXTRA: usize = 512;

/// An edit made by the builder itself.
struct Edit<'a> {
    offset: usize,
    delete: usize,
    insert: &'a [u8],
}

/// Sockets between which a message goes, for `Subst` and `Cond`, and what we call ourselves there.
struct Sides<'a> {
    rcv: Option<&'static SocketInfo>,
    snd: &'static SocketInfo,
    /// Instead of the sending socket's address.
    advertised_address: Option<&'a [u8]>,
    /// Instead of its port; 0: none.
    advertised_port: u16,
}

impl<'a> Sides<'a> {
    fn of(msg: &SipMsg<'a>, snd: &'static SocketInfo) -> Sides<'a> {
        Sides {
            rcv: msg.rcv.socket,
            snd,
            advertised_address: msg.advertised_address,
            advertised_port: msg.advertised_port,
        }
    }
}

/// The request as it is sent from `socket` with `branch` in our Via.
pub fn build_request<'a>(
    msg: &mut SipMsg<'a>,
    socket: &'static SocketInfo,
    branch: &[u8],
) -> Result<&'a [u8], SerError> {
    let bad_via = |_: ParseError| SerError::BAD_VIA;
    let sides = Sides::of(msg, socket);
    let content_length = content_length(msg, &sides).map_err(|_| SerError::BAD_REQ)?;
    let via_start = first_via_offset(msg).map_err(bad_via)?;
    let mut edits: BumpVec<'_, Edit<'a>> = BumpVec::with_capacity_in(6, msg.arena);
    if let Some(uri) = msg.new_uri() {
        let old = msg.original_uri();
        edits.push(Edit {
            offset: msg.sip.offset_of(old),
            delete: old.len(),
            insert: uri,
        });
    }
    edits.push(Edit {
        offset: via_start,
        delete: 0,
        insert: our_via(msg, socket, branch),
    });
    sender_params(msg, &mut edits);
    edits.extend(content_length);
    edits.sort_by_key(|e| e.offset);
    Ok(weave(msg, &sides, &edits))
}

/// The message with its queued edits and nothing else; for tests and for messages that get no Via.
pub fn render<'a>(msg: &SipMsg<'a>, socket: &'static SocketInfo) -> &'a [u8] {
    weave(msg, &Sides::of(msg, socket), &[])
}

fn first_via_offset(msg: &mut SipMsg<'_>) -> Result<usize, ParseError> {
    let via = msg.sip.header(HdrType::Via)?.ok_or(ParseError::Missing)?;
    Ok(msg.sip.offset_of(via.raw))
}

/// Copies the message, carrying out queued edits and `own`, both sorted by offset; at the same place
/// the queued ones come first.
fn weave<'a>(msg: &SipMsg<'a>, sides: &Sides<'_>, own: &[Edit<'a>]) -> &'a [u8] {
    let buf = msg.buf();
    let mut out = BumpVec::with_capacity_in(buf.len() + EXTRA, msg.arena);
    let mut at = 0;
    let mut own = own.iter().peekable();
    let mut queued = msg.lumps.anchors().iter().peekable();
    loop {
        let next_own = own.peek().map_or(usize::MAX, |e| e.offset);
        let next_queued = queued.peek().map_or(usize::MAX, |a| a.offset);
        if next_queued <= next_own {
            let Some(anchor) = queued.next() else { break };
            copy_up_to(&mut out, buf, &mut at, anchor.offset);
            end_header_before(msg, anchor.offset, &mut out);
            write_anchor(&mut out, buf, &mut at, anchor, sides);
        } else if let Some(edit) = own.next() {
            // What a queued edit deletes cannot be edited any more, only put before.
            if edit.offset < at && edit.delete > 0 {
                continue;
            }
            copy_up_to(&mut out, buf, &mut at, edit.offset);
            end_header_before(msg, edit.offset, &mut out);
            out.extend_from_slice_copy(edit.insert);
            at = at.max(edit.offset + edit.delete);
        }
    }
    copy_up_to(&mut out, buf, &mut at, buf.len());
    out.into_bump_slice()
}

/// Text that is put behind a header must not become part of it: the message may end inside that header,
/// and a CR alone ends lines only where no LF follows.
#[inline]
fn end_header_before(msg: &SipMsg<'_>, offset: usize, out: &mut BumpVec<'_, u8>) {
    let cut_off = offset == msg.buf().len();
    if (cut_off || out.last() == Some(&b'\r')) && offset <= msg.sip.headers_end() {
        end_line(out);
    }
}

#[inline]
fn copy_up_to(out: &mut BumpVec<'_, u8>, buf: &[u8], at: &mut usize, to: usize) {
    if let Some(part) = buf.get(*at..to) {
        out.extend_from_slice_copy(part);
        *at = to;
    }
}

fn write_anchor(
    out: &mut BumpVec<'_, u8>,
    buf: &[u8],
    at: &mut usize,
    anchor: &Anchor<'_>,
    sides: &Sides<'_>,
) {
    for group in &anchor.before {
        write_group(out, group, sides);
    }
    *at = (*at).max((anchor.offset + anchor.delete).min(buf.len()));
    for group in anchor.after.iter().rev() {
        write_group(out, group, sides);
    }
}

fn write_group(out: &mut BumpVec<'_, u8>, group: &Group<'_>, sides: &Sides<'_>) {
    if !holds(group.cond, sides) {
        return;
    }
    for piece in group.pieces {
        match piece {
            Piece::Text(text) => out.extend_from_slice_copy(text),
            Piece::Subst(what) => substitute(out, *what, sides),
        }
    }
}

fn holds(cond: Cond, sides: &Sides<'_>) -> bool {
    let Some(rcv) = sides.rcv else {
        return cond == Cond::True;
    };
    let snd = sides.snd;
    match cond {
        Cond::True => true,
        Cond::False => false,
        Cond::DiffRealms => rcv.addr != snd.addr || rcv.proto != snd.proto,
        Cond::DiffAf => rcv.addr.is_ipv4() != snd.addr.is_ipv4(),
        Cond::DiffProto => rcv.proto != snd.proto,
        Cond::DiffPort => rcv.port() != snd.port(),
        Cond::DiffIp => rcv.ip() != snd.ip(),
        Cond::Rand => crate::core::time::unix_time() & 1 == 0,
    }
}

fn substitute(out: &mut BumpVec<'_, u8>, what: Subst, sides: &Sides<'_>) {
    let receiving = matches!(
        what,
        Subst::RcvIp | Subst::RcvPort | Subst::RcvProto | Subst::RcvAll
    );
    let (socket, address, port) = match sides.rcv.filter(|_| receiving) {
        Some(rcv) => (rcv, None, 0),
        None => (sides.snd, sides.advertised_address, sides.advertised_port),
    };
    match what {
        Subst::RcvIp | Subst::SndIp => {
            out.extend_from_slice_copy(address.unwrap_or(socket.addr_str.as_bytes()));
        }
        Subst::RcvPort | Subst::SndPort if port != 0 => push_number(out, port.into()),
        Subst::RcvPort | Subst::SndPort => out.extend_from_slice_copy(socket.port_str.as_bytes()),
        Subst::RcvProto | Subst::SndProto => {
            out.extend_from_slice_copy(socket.proto.name().as_bytes())
        }
        Subst::RcvAll | Subst::SndAll => {
            push_host_port(out, socket, address, port);
            if socket.proto != Proto::Udp {
                out.extend_from_slice_copy(b";transport=");
                out.extend_from_slice_copy(socket.proto.name().as_bytes());
            }
        }
    }
}

/// `host[:port]` of ours: what is advertised, else the socket's own, a port of 5060 left out.
fn push_host_port(
    out: &mut BumpVec<'_, u8>,
    socket: &SocketInfo,
    advertised_address: Option<&[u8]>,
    advertised_port: u16,
) {
    out.extend_from_slice_copy(advertised_address.unwrap_or(socket.addr_str.as_bytes()));
    if advertised_port != 0 {
        out.push(b':');
        push_number(out, advertised_port.into());
    } else if socket.port() != 5060 {
        out.push(b':');
        out.extend_from_slice_copy(socket.port_str.as_bytes());
    }
}

/// `Via: SIP/2.0/UDP host[:port];branch=…[;i=…]` CRLF.
fn our_via<'a>(msg: &SipMsg<'a>, socket: &SocketInfo, branch: &[u8]) -> &'a [u8] {
    let mut out = BumpVec::with_capacity_in(96, msg.arena);
    let advertised = (msg.advertised_address, msg.advertised_port);
    push_via(&mut out, socket, advertised, branch, msg.rcv.conn_id);
    out.into_bump_slice()
}

/// Our Via as a header line; `advertised`: what stands there instead of the socket's address and port (0: its
/// own), `conn_id`: the connection that replies must find, 0: none.
pub fn push_via(
    out: &mut BumpVec<'_, u8>,
    socket: &SocketInfo,
    (address, port): (Option<&[u8]>, u16),
    branch: &[u8],
    conn_id: u64,
) {
    out.extend_from_slice_copy(match socket.proto {
        Proto::Tcp => &b"Via: SIP/2.0/TCP "[..],
        Proto::Tls => b"Via: SIP/2.0/TLS ",
        Proto::Sctp => b"Via: SIP/2.0/SCTP ",
        Proto::Ws => b"Via: SIP/2.0/WS ",
        Proto::Wss => b"Via: SIP/2.0/WSS ",
        Proto::Udp | Proto::None => b"Via: SIP/2.0/UDP ",
    });
    push_host_port(out, socket, address, port);
    out.extend_from_slice_copy(b";branch=");
    out.extend_from_slice_copy(branch);
    if conn_id != 0 {
        out.extend_from_slice_copy(b";i=");
        push_reverse_hex(out, conn_id as u32);
    }
    out.extend_from_slice_copy(b"\r\n");
}

/// Whether the topmost Via needs `received`: it has one already, or its host is not the source.
pub(super) fn needs_received(msg: &SipMsg<'_>, via: &Via<'_>) -> bool {
    let ip = msg.rcv.src.ip();
    via.received.is_some() || !(host_is_ip(via.host, ip) || is_name_of(via.host, ip))
}

/// Whether the sender wrote its name, as far as `dns` (`-r`) and `rev_dns` (`-R`) tell to ask for it.
fn is_name_of(host: &[u8], ip: IpAddr) -> bool {
    let ask = settings::get().received_dns;
    ask != 0
        && parse_ip(host).is_none()
        && (ask & 1 != 0 && dns::name_has_address(host, ip)
            || ask & 2 != 0 && dns::address_has_name(ip, host))
}

/// `;received=IP` and `;rport=N` in the sender's Via: replaced where they stand, new ones right behind
/// host[:port], rport first if both are new.
fn sender_params<'a>(msg: &SipMsg<'a>, edits: &mut BumpVec<'_, Edit<'a>>) {
    let Some(via) = msg.sip.via1() else { return };
    let behind_host = msg.sip.offset_of(via.hostport) + via.hostport.len();
    let place = |old: Option<&[u8]>| match old {
        Some(raw) => (msg.sip.offset_of(raw), raw.len()),
        None => (behind_host, 0),
    };
    // Edits keep the order of the message: an rport that stands there comes behind a new received.
    let first = edits.len();
    if msg.force_rport || via.rport.is_some() {
        let mut text = BumpVec::with_capacity_in(12, msg.arena);
        text.extend_from_slice_copy(b";rport=");
        push_number(&mut text, msg.rcv.src.port().into());
        let (offset, delete) = place(via.rport_raw);
        edits.push(Edit {
            offset,
            delete,
            insert: text.into_bump_slice(),
        });
    }
    if needs_received(msg, via) {
        let (offset, delete) = place(via.received_raw);
        edits.push(Edit {
            offset,
            delete,
            insert: received_param(msg),
        });
    }
    if via.rport_raw.is_some() && edits.len() == first + 2 {
        edits.swap(first, first + 1);
    }
    // A comment may stand right behind (RFC 2543 §6.40); it must not become part of the parameter.
    if msg.buf().get(behind_host) == Some(&b'(') {
        edits.push(Edit {
            offset: behind_host,
            delete: 0,
            insert: b" ",
        });
    }
}

/// `;received=IP` of the message's source.
fn received_param<'a>(msg: &SipMsg<'a>) -> &'a [u8] {
    let mut text = BumpVec::with_capacity_in(56, msg.arena);
    text.extend_from_slice_copy(b";received=");
    push_ip(&mut text, msg.rcv.src.ip());
    text.into_bump_slice()
}

/// The edit of Content-Length: its value when the body is edited, the header itself when it is
/// missing and the transport is a stream.
fn content_length<'a>(
    msg: &mut SipMsg<'a>,
    sides: &Sides<'_>,
) -> Result<Option<Edit<'a>>, ParseError> {
    let stream = matches!(sides.snd.proto, Proto::Tcp | Proto::Tls);
    if !stream && msg.lumps.is_empty() {
        return Ok(None);
    }
    let edited = body_edited(msg)?;
    if !stream && !edited {
        return Ok(None);
    }
    let header = msg.sip.header(HdrType::ContentLength)?;
    if header.is_some() && !edited {
        return Ok(None);
    }
    let length = body_length(msg, sides)?;
    let mut text = BumpVec::with_capacity_in(32, msg.arena);
    Ok(match header {
        Some(header) => {
            push_number(&mut text, length as u64);
            let offset = msg.sip.offset_of(header.body);
            Some(Edit {
                offset,
                delete: header.body.len(),
                insert: text.into_bump_slice(),
            })
        }
        None if stream => {
            let written = write!(text, "Content-Length: {length}\r\n");
            debug_assert!(written.is_ok(), "a growing buffer takes everything");
            msg.sip.parse_all()?;
            Some(Edit {
                offset: msg.sip.headers_end(),
                delete: 0,
                insert: text.into_bump_slice(),
            })
        }
        None => None,
    })
}

fn body_start(msg: &mut SipMsg<'_>) -> Result<usize, ParseError> {
    let body = msg.sip.body()?.unwrap_or_default();
    Ok(if body.is_empty() {
        msg.buf().len()
    } else {
        msg.sip.offset_of(body)
    })
}

fn body_edited(msg: &mut SipMsg<'_>) -> Result<bool, ParseError> {
    // The last edit has the largest offset; only a body edit makes the rest worth parsing.
    let Some(last) = msg.lumps.anchors().last().map(|a| a.offset) else {
        return Ok(false);
    };
    if last < msg.sip.headers_end() {
        return Ok(false);
    }
    let start = body_start(msg)?;
    Ok(last >= start && start < msg.buf().len())
}

/// Length of the body once edited: its edits are carried out on a scratch copy of the count.
fn body_length(msg: &mut SipMsg<'_>, sides: &Sides<'_>) -> Result<usize, ParseError> {
    let start = body_start(msg)?;
    let mut scratch = BumpVec::new_in(msg.arena);
    let mut at = start;
    let buf = msg.buf();
    for anchor in msg.lumps.anchors().iter().filter(|a| a.offset >= start) {
        copy_up_to(&mut scratch, buf, &mut at, anchor.offset);
        write_anchor(&mut scratch, buf, &mut at, anchor, sides);
    }
    copy_up_to(&mut scratch, buf, &mut at, buf.len());
    Ok(scratch.len())
}
