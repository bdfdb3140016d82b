//! Requests for one hop that are made from a branch's own: the ACK of a negative reply (RFC 3261 §17.1.1.3)
//! and a CANCEL of our own (§9.1). Same request line, branch, From, Call-ID, CSeq number and Routes.

use ser::core::forward::user_agent_header;
use ser::core::msg::{Bump, BumpVec};
use ser::core::settings;
use ser::core::sip::{FirstLine, HdrType, Header, Message, ParseError};

/// Makes one; `to`: the To header to be used instead of the request's, with its line end.
pub fn build<'a>(
    request: &'a [u8],
    method: &[u8],
    to: Option<&[u8]>,
    arena: &'a Bump,
) -> Result<&'a [u8], ParseError> {
    let mut sip = Message::parse(request, arena)?;
    sip.parse_all()?;
    let mut out = BumpVec::with_capacity_in(request.len() + 128, arena);
    let FirstLine::Request { uri, .. } = *sip.first() else {
        return Err(ParseError::Missing);
    };
    out.extend_from_slice_copy(method);
    out.push(b' ');
    out.extend_from_slice_copy(uri);
    out.extend_from_slice_copy(b" SIP/2.0\r\nVia: ");
    out.extend_from_slice_copy(sip.via1().ok_or(ParseError::Missing)?.raw);
    out.extend_from_slice_copy(b"\r\n");
    copy(&mut out, sip.seen(HdrType::From));
    copy(&mut out, sip.seen(HdrType::CallId));
    match to {
        Some(to) => out.extend_from_slice_copy(to),
        None => copy(&mut out, sip.seen(HdrType::To)),
    }
    let (number, _) = sip.cseq()?;
    for part in [b"CSeq: ", number, b" ", method, b"\r\n"] {
        out.extend_from_slice_copy(part);
    }
    for route in sip.headers_of(HdrType::Route)? {
        out.extend_from_slice_copy(route.raw);
    }
    if settings::get().server_signature {
        out.extend_from_slice_copy(user_agent_header().as_bytes());
        out.extend_from_slice_copy(b"\r\n");
    }
    out.extend_from_slice_copy(b"Content-Length: 0\r\n\r\n");
    Ok(out.into_bump_slice())
}

fn copy(out: &mut BumpVec<'_, u8>, header: Option<Header<'_>>) {
    out.extend_from_slice_copy(header.map_or(b"", |h| h.raw));
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] = b"INVITE sip:bob@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1.2.0\r\n\
        Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKx\r\nRoute: <sip:10.0.0.3;lr>\r\nFrom: <sip:a@b>;tag=1\r\n\
        To: <sip:b@b>\r\nCall-ID: 7\r\nCSeq: 5 INVITE\r\nContact: <sip:a@10.0.0.9>\r\nContent-Length: 0\r\n\r\n";

    #[test]
    fn an_ack_has_our_via_alone_and_the_to_of_the_reply() {
        let arena = Bump::new();
        let ack = build(INVITE, b"ACK", Some(b"To: <sip:b@b>;tag=t\r\n"), &arena).unwrap();
        let text = std::str::from_utf8(ack).unwrap();
        let expected = format!(
            "ACK sip:bob@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1.2.0\r\nFrom: <sip:a@b>;tag=1\r\n\
             Call-ID: 7\r\nTo: <sip:b@b>;tag=t\r\nCSeq: 5 ACK\r\nRoute: <sip:10.0.0.3;lr>\r\n{}\r\n\
             Content-Length: 0\r\n\r\n",
            user_agent_header()
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn a_cancel_keeps_the_to_of_the_request() {
        let arena = Bump::new();
        let cancel = build(INVITE, b"CANCEL", None, &arena).unwrap();
        let text = std::str::from_utf8(cancel).unwrap();
        assert!(
            text.contains("\r\nTo: <sip:b@b>\r\nCSeq: 5 CANCEL\r\n"),
            "{text}"
        );
    }
}
