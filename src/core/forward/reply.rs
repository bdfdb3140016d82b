//! Replies that the server itself makes to a request (SER's build_res_buf_from_sip_req; RFC 3261 §8.2.6).

use super::build::needs_received;
use super::copied::Copied;
use super::next_hop;
use super::request::transmit;
use super::text::{push_ip, push_number};
use crate::core::dns::Query;
use crate::core::module::version::server_header;
use crate::core::msg::{BumpVec, ReplyLumpKind, SerError, SipMsg};
use crate::core::net::Proto;
use crate::core::settings;
use crate::core::sip::{HdrType, Via};
use std::net::SocketAddr;

/// Longest Warning header that is sent.
const MAX_WARNING_LEN: usize = 256;

/// Builds and sends a reply; `to_tag` is given to a To that has none.
pub fn send_reply(
    msg: &mut SipMsg<'_>,
    code: u16,
    reason: &[u8],
    to_tag: Option<&[u8]>,
) -> Result<(), SerError> {
    let buf = build_reply(msg, code, reason, to_tag)?;
    let to = reply_destination(msg)?;
    let socket = msg.rcv.socket.ok_or(SerError::NO_SOCKET)?;
    transmit(socket, buf, to)?;
    msg.settled |= code >= 200;
    Ok(())
}

/// Where replies to this request go: back to the source, to its port if it asks for that (`rport`),
/// else to the Via's port; with `reply_to_via` to the Via's host.
pub fn reply_destination(msg: &SipMsg<'_>) -> Result<SocketAddr, SerError> {
    let via = msg.sip.via1().ok_or(SerError::BAD_VIA)?;
    let to_source_port = msg.force_rport || via.rport.is_some();
    if settings::get().reply_to_via {
        let port = if to_source_port {
            msg.rcv.src.port()
        } else {
            via.port_no
        };
        let query = Query::new(via.host, port, msg.rcv.proto);
        return Ok(next_hop::first(query)?.addr());
    }
    let to_source_port = to_source_port || msg.rcv.proto != Proto::Udp;
    Ok(back_to_source(msg.rcv.src, via, to_source_port))
}

/// The source, with its own port or with the Via's (RFC 3261 §18.2.2).
pub(super) fn back_to_source(src: SocketAddr, via: &Via<'_>, own_port: bool) -> SocketAddr {
    let port = match (own_port, via.port_no) {
        (true, _) => src.port(),
        (false, 0) => 5060,
        (false, port) => port,
    };
    SocketAddr::new(src.ip(), port)
}

/// The reply as a datagram.
pub fn build_reply<'a>(
    msg: &mut SipMsg<'a>,
    code: u16,
    reason: &[u8],
    to_tag: Option<&[u8]>,
) -> Result<&'a [u8], SerError> {
    msg.sip.parse_all().map_err(|_| SerError::BAD_REQ)?;
    if !msg.sip.is_request() {
        return Err(SerError::BUG);
    }
    let mut out = BumpVec::with_capacity_in(msg.sip.headers_end() + 512, msg.arena);
    // Our own version, also where the request names another (RFC 3261 §8.2.6, §7.1).
    out.extend_from_slice_copy(b"SIP/2.0 ");
    push_number(&mut out, code.into());
    out.push(b' ');
    push_one_line(&mut out, reason);
    out.extend_from_slice_copy(b"\r\n");
    copy_headers(msg, &mut out, code, to_tag);
    for lump in msg
        .reply_lumps
        .iter()
        .filter(|l| l.kind == ReplyLumpKind::Header)
    {
        out.extend_from_slice_copy(lump.text);
    }
    write_tail(msg, &mut out);
    Ok(out.into_bump_slice())
}

/// A reason cannot hold a line end.
fn push_one_line(out: &mut BumpVec<'_, u8>, reason: &[u8]) {
    let end = reason
        .iter()
        .position(|b| matches!(b, b'\r' | b'\n'))
        .unwrap_or(reason.len());
    out.extend_from_slice_copy(&reason[..end]);
}

fn copy_headers(msg: &SipMsg<'_>, out: &mut BumpVec<'_, u8>, code: u16, to_tag: Option<&[u8]>) {
    let via = msg.sip.via1();
    let copied = Copied {
        buf: msg.buf(),
        via,
        src: msg.rcv.src,
        rport: msg.force_rport || via.is_some_and(|via| via.rport.is_some()),
        received: via.is_some_and(|via| needs_received(msg, via)),
    };
    let wanted = |kind| match kind {
        HdrType::Via | HdrType::To | HdrType::From | HdrType::CallId | HdrType::CSeq => true,
        HdrType::RecordRoute => (180..300).contains(&code),
        _ => false,
    };
    let headers = msg.sip.parsed_headers().iter();
    copied.write(out, headers.filter(|header| wanted(header.kind)), to_tag);
}

/// Server, Content-Length, Warning, empty line, body.
fn write_tail(msg: &SipMsg<'_>, out: &mut BumpVec<'_, u8>) {
    let settings = settings::get();
    if settings.server_signature {
        out.extend_from_slice_copy(server_header().as_bytes());
        out.extend_from_slice_copy(b"\r\n");
    }
    let body = msg
        .reply_lumps
        .iter()
        .find(|l| l.kind == ReplyLumpKind::Body)
        .map_or(&b""[..], |l| l.text);
    out.extend_from_slice_copy(b"Content-Length: ");
    push_number(out, body.len() as u64);
    out.extend_from_slice_copy(b"\r\n");
    if settings.sip_warning {
        write_warning(msg, out);
    }
    out.extend_from_slice_copy(b"\r\n");
    out.extend_from_slice_copy(body);
}

/// `Warning: 392 HOST:PORT "Noisy feedback tells:  pid=… …"`; left out when it gets too long.
fn write_warning(msg: &SipMsg<'_>, out: &mut BumpVec<'_, u8>) {
    let start = out.len();
    out.extend_from_slice_copy(b"Warning: 392 ");
    if let Some(socket) = msg.rcv.socket {
        out.extend_from_slice_copy(socket.name.as_bytes());
        out.push(b':');
        out.extend_from_slice_copy(socket.port_str.as_bytes());
    }
    out.extend_from_slice_copy(b" \"Noisy feedback tells:  pid=");
    push_number(out, crate::core::log::pid().into());
    out.extend_from_slice_copy(b" req_src_ip=");
    push_ip(out, msg.rcv.src.ip());
    out.extend_from_slice_copy(b" req_src_port=");
    push_number(out, msg.rcv.src.port().into());
    out.extend_from_slice_copy(b" in_uri=");
    out.extend_from_slice_copy(msg.original_uri());
    out.extend_from_slice_copy(b" out_uri=");
    out.extend_from_slice_copy(msg.request_uri());
    out.extend_from_slice_copy(b" via_cnt==");
    let vias = msg.sip.parsed_via_count();
    push_number(out, vias as u64);
    out.push(b'"');
    if out.len() - start > MAX_WARNING_LEN {
        log::warn!("WARNING: warning skipped -- too big");
        out.truncate(start);
        return;
    }
    out.extend_from_slice_copy(b"\r\n");
}
