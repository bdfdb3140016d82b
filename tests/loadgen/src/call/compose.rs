//! What the two phones write once a call has begun: the callee's replies (RFC 3261 §8.2.6, §12.1.1) and the caller's
//! requests within the dialog (§12.2.1.1, §13.2.2.4).

use super::parts::{Parts, lines};
use crate::request::{BRANCH, FROM_TAG, SDP};
use std::io::Write;
use std::net::SocketAddrV4;

/// A Via as long as the one that a proxy adds: through the floor the messages have it from the start.
pub const FLOOR_VIA: &str =
    "Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKcydzigwkX.7f3a0192.0\r\n";
/// Likewise what a proxy records.
pub const FLOOR_RECORD_ROUTE: &str = "Record-Route: <sip:127.0.0.1:5060;ftag=a73kszlfl;lr>\r\n";

/// Replies of the callee.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// 180
    Ringing,
    /// 200 of INVITE
    PickedUp,
    /// 200 of BYE
    HungUp,
}

/// Writes a reply to a request; `contact` is the callee's URI.
pub fn reply(out: &mut Vec<u8>, reply: Reply, request: &[u8], contact: &[u8]) {
    let first: &[u8] = match reply {
        Reply::Ringing => b"SIP/2.0 180 Ringing\r\n",
        Reply::PickedUp | Reply::HungUp => b"SIP/2.0 200 OK\r\n",
    };
    out.extend_from_slice(first);
    for line in lines(request).take_while(|line| *line != b"\r\n") {
        copy(out, line);
    }
    if reply != Reply::HungUp {
        write(out, &[b"Contact: <", contact, b">\r\n"]);
    }
    let body = if reply == Reply::PickedUp { SDP } else { "" };
    end(out, body);
}

/// Copies a line that a reply has from its request; a To without tag gets one.
fn copy(out: &mut Vec<u8>, line: &[u8]) {
    let name = line.split(|&c| c == b':').next().unwrap_or_default();
    match name {
        b"To" if !line.windows(5).any(|w| w == b";tag=") => {
            write(out, &[line.trim_ascii_end(), b";tag=b84lrtmgm\r\n"]);
        }
        b"Via" | b"Record-Route" | b"From" | b"To" | b"Call-ID" | b"CSeq" => {
            out.extend_from_slice(line);
        }
        _ => {}
    }
}

/// What the caller's requests within the dialog say.
pub struct Within {
    /// The caller.
    pub from: SocketAddrV4,
    /// No proxy is there: the request has the form that a proxy would give it.
    pub floor: bool,
}

impl Within {
    /// Writes ACK or BYE of call `number`, along the route set of the 200 in `answer`.
    pub fn request(
        &self,
        out: &mut Vec<u8>,
        method: &str,
        cseq: u32,
        number: u64,
        answer: &Parts<'_>,
    ) {
        let from = self.from;
        write(out, &[method.as_bytes(), b" ", answer.target()]);
        // Each request has a branch of its own.
        let branch = &method[..1];
        put(
            out,
            format_args!(
                " SIP/2.0\r\nVia: SIP/2.0/UDP {from};{BRANCH}{number:010}{branch};rport\r\n"
            ),
        );
        if self.floor {
            out.extend_from_slice(FLOOR_VIA.as_bytes());
        } else {
            for line in answer.recorded().iter().rev() {
                out.extend_from_slice(line.strip_prefix(b"Record-").unwrap_or(line));
            }
        }
        let hops = if self.floor { 69 } else { 70 };
        put(
            out,
            format_args!(
                "Max-Forwards: {hops}\r\nFrom: \"Alice\" <sip:alice@{from}>;tag={FROM_TAG}\r\n"
            ),
        );
        out.extend_from_slice(answer.to);
        put(
            out,
            format_args!("Call-ID: load-{number:010}@127.0.0.1\r\nCSeq: {cseq} {method}\r\n"),
        );
        end(out, "");
    }
}

fn end(out: &mut Vec<u8>, body: &str) {
    if !body.is_empty() {
        out.extend_from_slice(b"Content-Type: application/sdp\r\n");
    }
    put(
        out,
        format_args!("Content-Length: {}\r\n\r\n{body}", body.len()),
    );
}

fn write(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector never fails.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"INVITE sip:b@h SIP/2.0\r\nRecord-Route: <sip:p;lr>\r\nVia: one\r\nVia: two\r\nMax-Forwards: 69\r\n\
        From: f\r\nTo: t\r\nCall-ID: load-0000000007@127.0.0.1\r\nCSeq: 1 INVITE\r\nContact: x\r\n\r\nVia: body\r\n";

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_reply_has_vias_and_recorded_routes_in_order_and_a_tag() {
        let mut out = Vec::new();
        reply(&mut out, Reply::Ringing, INVITE, b"sip:b@h");
        let wanted = "SIP/2.0 180 Ringing\r\nRecord-Route: <sip:p;lr>\r\nVia: one\r\nVia: two\r\nFrom: f\r\n\
            To: t;tag=b84lrtmgm\r\nCall-ID: load-0000000007@127.0.0.1\r\nCSeq: 1 INVITE\r\nContact: <sip:b@h>\r\n\
            Content-Length: 0\r\n\r\n";
        assert_eq!(text(&out), wanted);
    }

    #[test]
    fn a_bye_follows_the_reversed_route_set_to_the_remote_target() {
        let answer = b"SIP/2.0 200 OK\r\nRecord-Route: <a;lr>\r\nRecord-Route: <b;lr>\r\nTo: t;tag=1\r\nContact: <sip:b@h>\r\n\r\n";
        let from = "127.0.0.1:9".parse().unwrap();
        let within = Within { from, floor: false };
        let mut out = Vec::new();
        within.request(&mut out, "BYE", 2, 7, &Parts::of(answer));
        let wanted = "BYE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK-load-0000000007B;rport\r\n\
            Route: <b;lr>\r\nRoute: <a;lr>\r\nMax-Forwards: 70\r\n\
            From: \"Alice\" <sip:alice@127.0.0.1:9>;tag=a73kszlfl\r\nTo: t;tag=1\r\n\
            Call-ID: load-0000000007@127.0.0.1\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(text(&out), wanted);
    }
}
