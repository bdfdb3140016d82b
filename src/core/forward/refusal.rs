//! The answer to a request that is refused before it is parsed: 503 with Retry-After (RFC 3261 §21.5.4), to the
//! place and with the tag that any stateless reply has (§8.2.7). No name is looked up for it, and it carries no
//! Warning.

use super::copied::Copied;
use super::reply::back_to_source;
use super::tag;
use super::text::{host_is_ip, parse_ip, push_number};
use crate::core::module::version::server_header;
use crate::core::msg::{Bump, BumpVec};
use crate::core::net::{SocketInfo, udp};
use crate::core::settings;
use crate::core::sip::Glance;
use std::io;
use std::net::SocketAddr;

/// Room for what is not copied.
const OWN: usize = 256;

/// Answers the request of `glance`, which came from `src` to `socket`, with 503; the client may come back in
/// `retry_after` seconds (0: nothing is said about that).
pub fn refuse(
    glance: &Glance<'_>,
    socket: &SocketInfo,
    src: SocketAddr,
    retry_after: u32,
    arena: &Bump,
) -> io::Result<()> {
    let reply = compose(glance, src, retry_after, arena);
    udp::send_to(socket, reply, destination(glance, src))
}

fn compose<'a>(
    glance: &Glance<'_>,
    src: SocketAddr,
    retry_after: u32,
    arena: &'a Bump,
) -> &'a [u8] {
    let via = &glance.via;
    let copied = Copied {
        buf: glance.buf,
        via: Some(via),
        src,
        rport: via.rport.is_some(),
        received: via.received.is_some() || !host_is_ip(via.host, src.ip()),
    };
    let copies: usize = glance.copied.iter().map(|header| header.raw.len()).sum();
    let mut out = BumpVec::with_capacity_in(copies + OWN, arena);
    out.extend_from_slice_copy(b"SIP/2.0 503 Service Unavailable\r\n");
    let tag = tag::stateless().tag(Some(via));
    let tag = glance.to_tag.is_none().then_some(&tag[..]);
    copied.write(&mut out, glance.copied.iter(), tag);
    if retry_after > 0 {
        out.extend_from_slice_copy(b"Retry-After: ");
        push_number(&mut out, retry_after.into());
        out.extend_from_slice_copy(b"\r\n");
    }
    if settings::get().server_signature {
        out.extend_from_slice_copy(server_header().as_bytes());
        out.extend_from_slice_copy(b"\r\n");
    }
    out.extend_from_slice_copy(b"Content-Length: 0\r\n\r\n");
    out.into_bump_slice()
}

/// As [`super::reply_destination`] has it, but with `reply_to_via` a name in the Via is passed over.
fn destination(glance: &Glance<'_>, src: SocketAddr) -> SocketAddr {
    let via = &glance.via;
    let mut to = back_to_source(src, via, via.rport.is_some());
    if settings::get().reply_to_via
        && let Some(ip) = parse_ip(via.host)
    {
        to.set_ip(ip);
    }
    to
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::sip::request_line;

    fn answer(request: &str, src: &str, retry_after: u32) -> (String, String) {
        let arena = Bump::new();
        let line = request_line(request.as_bytes()).unwrap();
        let glance = Glance::at(request.as_bytes(), &line, &arena).unwrap();
        let src = src.parse().unwrap();
        let reply = compose(&glance, src, retry_after, &arena);
        let text = String::from_utf8(reply.to_vec()).unwrap();
        (text, destination(&glance, src).to_string())
    }

    #[test]
    fn the_503_goes_back_to_the_source_with_vias_tag_and_retry_after() {
        let request = "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5070;rport;branch=z9hG4bK1, SIP/2.0/TCP x\r\n\
            v: SIP/2.0/UDP z\r\nTo: <sip:b@h>\r\nf: <sip:a@h>;tag=1\r\ni: call\r\nSubject: no\r\nCSeq: 1 INVITE\r\n\r\n";
        let (text, to) = answer(request, "192.0.2.1:9", 7);
        assert_eq!(to, "192.0.2.1:9");
        let tag = tag::stateless().tag_of(&[b"10.0.0.1", b"5070", b"z9hG4bK1"]);
        let tag = std::str::from_utf8(&tag).unwrap();
        let expected = format!(
            "SIP/2.0 503 Service Unavailable\r\n\
             Via: SIP/2.0/UDP 10.0.0.1:5070;rport=9;branch=z9hG4bK1;received=192.0.2.1, SIP/2.0/TCP x\r\n\
             v: SIP/2.0/UDP z\r\nTo: <sip:b@h>;tag={tag}\r\nf: <sip:a@h>;tag=1\r\ni: call\r\nCSeq: 1 INVITE\r\n\
             Retry-After: 7\r\n{}\r\nContent-Length: 0\r\n\r\n",
            server_header()
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn without_rport_the_via_names_the_port_and_zero_seconds_are_not_told() {
        let request = "INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5070\r\nTo: x:y\r\nFrom: x:z;tag=1\r\n\
            Call-ID: c\r\nCSeq: 1 INVITE\r\n\r\n";
        let (text, to) = answer(request, "192.0.2.1:9", 0);
        assert_eq!(to, "192.0.2.1:5070");
        assert!(!text.contains("Retry-After"), "{text}");
        assert!(
            text.contains("Via: SIP/2.0/UDP 192.0.2.1:5070\r\n"),
            "{text}"
        );
        let bare = request.replace("192.0.2.1:5070", "192.0.2.1");
        assert_eq!(answer(&bare, "192.0.2.1:9", 0).1, "192.0.2.1:5060");
    }
}
