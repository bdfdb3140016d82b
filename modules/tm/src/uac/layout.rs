//! The text of a request of our own in SER's order: request line, (our Via,) To, From, CSeq, Call-ID, Route,
//! Max-Forwards, Content-Length, User-Agent, the caller's headers, body.

use super::ids;
use ser::core::dialog::{self, Hooks, Party};
use ser::core::forward::text::push_number;
use ser::core::forward::user_agent_header;
use ser::core::module::api::tm::UacRequest;
use ser::core::msg::{Bump, BumpVec, SerError};
use ser::core::settings;
use ser::core::sip::{HdrType, Header, Message, Method, NameAddr, Uri};
use std::ops::Range;

/// SER's first CSeq number of a call.
const FIRST_CSEQ: u32 = 10;
/// RFC 3261 §8.1.1.6. (SER sent none.)
const MAX_FORWARDS: &[u8] = b"Max-Forwards: 70\r\n";

/// A request without our Via, and parts of its text.
#[derive(Clone, Copy, Debug)]
pub struct Laid<'a> {
    pub text: &'a [u8],
    pub call_id: &'a [u8],
    /// The number.
    pub cseq: &'a [u8],
    /// The URI it is sent to.
    pub next_hop: &'a [u8],
}

/// Lays a request out.
pub fn lay_out<'a>(r: &UacRequest<'a>, arena: &'a Bump) -> Result<Laid<'a>, SerError> {
    check(r)?;
    let to = NameAddr::parse(r.to).map_err(|_| SerError::BAD_TO)?;
    let from = NameAddr::parse(r.from).map_err(|_| SerError::INVALID_PARAMS)?;
    let hooks = hooks(r, to.uri, arena)?;
    let call_id = match r.call_id {
        b"" => ids::call_id(arena),
        given => given,
    };
    let cseq = if r.cseq == 0 { FIRST_CSEQ } else { r.cseq };
    let mut out = BumpVec::with_capacity_in(r.headers.len() + r.body.len() + 1024, arena);
    for part in [r.method, b" ", hooks.request_uri, b" SIP/2.0\r\nTo: "] {
        out.extend_from_slice_copy(part);
    }
    push_address(&mut out, &to, b"");
    out.extend_from_slice_copy(b"\r\nFrom: ");
    push_address(&mut out, &from, &ids::from_tag(call_id));
    out.extend_from_slice_copy(b"\r\nCSeq: ");
    let cseq_at = push_part(&mut out, |out| push_number(out, cseq.into()));
    for part in [b" ", r.method, b"\r\nCall-ID: "] {
        out.extend_from_slice_copy(part);
    }
    let call_id_at = push_part(&mut out, |out| out.extend_from_slice_copy(call_id));
    out.extend_from_slice_copy(b"\r\n");
    push_rest(&mut out, r, hooks.route);
    let text = out.into_bump_slice();
    verify(text, r, arena)?;
    Ok(Laid {
        text,
        call_id: &text[call_id_at],
        cseq: &text[cseq_at],
        next_hop: hooks.next_hop,
    })
}

/// No part may break out of its line.
fn check(r: &UacRequest<'_>) -> Result<(), SerError> {
    let breaks = |part: &[u8]| part.iter().any(|b| matches!(b, b'\r' | b'\n' | 0));
    let lines = [r.ruri, r.to, r.from, r.next_hop, r.route, r.call_id];
    // A CANCEL goes with its INVITE's branch: see Tm::cancel.
    if !is_token(r.method)
        || Method::parse(r.method) == Method::Cancel
        || lines.into_iter().any(breaks)
    {
        return Err(SerError::INVALID_PARAMS);
    }
    Ok(())
}

/// Whether a field is `name: value`; the parser passes over lines that are not.
pub fn is_header(header: &Header<'_>) -> bool {
    let behind = &header.raw[header.name.len()..];
    is_token(header.name) && behind.trim_ascii_start().starts_with(b":")
}

/// RFC 3261 §25.1.
fn is_token(text: &[u8]) -> bool {
    let token = |b: &u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(b);
    !text.is_empty() && text.iter().all(token)
}

/// Request-URI, Route and next hop.
fn hooks<'a>(r: &UacRequest<'a>, to: &'a [u8], arena: &'a Bump) -> Result<Hooks<'a>, SerError> {
    let target = if r.ruri.is_empty() { to } else { r.ruri };
    Uri::parse(target).map_err(|_| SerError::BAD_URI)?;
    let hooks = dialog::address(target, r.route, arena);
    let mut hooks = hooks.map_err(|_| SerError::BAD_URI)?;
    if !r.next_hop.is_empty() {
        hooks.next_hop = r.next_hop;
    }
    Ok(hooks)
}

/// Writes a part and says where.
fn push_part(out: &mut BumpVec<'_, u8>, push: impl FnOnce(&mut BumpVec<'_, u8>)) -> Range<usize> {
    let start = out.len();
    push(out);
    start..out.len()
}

/// A To or From in brackets, its parameters kept; `tag` is added (empty: none) where it has none.
fn push_address(out: &mut BumpVec<'_, u8>, address: &NameAddr<'_>, tag: &[u8]) {
    let party = Party {
        display: address.display,
        uri: address.uri,
        tag: b"",
    };
    party.push_to(out);
    if !address.params.is_empty() {
        out.push(b';');
        out.extend_from_slice_copy(address.params.0);
    }
    if address.tag.is_none() && !tag.is_empty() {
        out.extend_from_slice_copy(b";tag=");
        out.extend_from_slice_copy(tag);
    }
}

fn push_rest(out: &mut BumpVec<'_, u8>, r: &UacRequest<'_>, route: &[u8]) {
    if !route.is_empty() {
        for part in [b"Route: ", route, b"\r\n"] {
            out.extend_from_slice_copy(part);
        }
    }
    if !has_header(r.headers, HdrType::MaxForwards) {
        out.extend_from_slice_copy(MAX_FORWARDS);
    }
    if !r.body.is_empty() && !has_header(r.headers, HdrType::ContentLength) {
        out.extend_from_slice_copy(b"Content-Length: ");
        push_number(out, r.body.len() as u64);
        out.extend_from_slice_copy(b"\r\n");
    }
    if settings::get().server_signature && !has_header(r.headers, HdrType::UserAgent) {
        out.extend_from_slice_copy(user_agent_header().as_bytes());
        out.extend_from_slice_copy(b"\r\n");
    }
    out.extend_from_slice_copy(r.headers);
    if !r.headers.is_empty() && !r.headers.ends_with(b"\n") {
        out.extend_from_slice_copy(b"\r\n");
    }
    out.extend_from_slice_copy(b"\r\n");
    out.extend_from_slice_copy(r.body);
}

/// Whether header lines have one of that type.
fn has_header(lines: &[u8], kind: HdrType) -> bool {
    let mut names = lines.split(|b| *b == b'\n').filter_map(|line| {
        Some(
            line.split_at_checked(line.iter().position(|b| *b == b':')?)?
                .0,
        )
    });
    names.any(|name| HdrType::of_name(name.trim_ascii_end()) == kind)
}

/// The caller's headers are header lines, and none of those that are written here.
fn verify(text: &[u8], r: &UacRequest<'_>, arena: &Bump) -> Result<(), SerError> {
    let bad = |_| SerError::INVALID_PARAMS;
    let mut sip = Message::parse(text, arena).map_err(bad)?;
    sip.parse_all().map_err(bad)?;
    let once = [HdrType::To, HdrType::From, HdrType::CSeq, HdrType::CallId];
    let count = |kind| {
        sip.parsed_headers()
            .iter()
            .filter(|h| h.kind == kind)
            .count()
    };
    let good = once.into_iter().all(|kind| count(kind) == 1) && count(HdrType::Via) == 0;
    let named = sip.parsed_headers().iter().all(is_header);
    if !good || !named || sip.body().map_err(bad)? != Some(r.body) {
        return Err(SerError::INVALID_PARAMS);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: UacRequest<'static> = UacRequest {
        method: b"OPTIONS",
        ruri: b"sip:bob@10.0.0.2",
        to: b"sip:bob@b",
        from: b"\"A\" <sip:alice@a>",
        headers: b"",
        body: b"",
        next_hop: b"",
        route: b"",
        call_id: b"c1",
        cseq: 0,
        socket: None,
        callback: None,
        events: 0,
    };

    fn text(r: &UacRequest<'_>) -> String {
        let arena = Bump::new();
        let laid = lay_out(r, &arena).unwrap();
        assert!(laid.text.windows(laid.cseq.len()).any(|w| w == laid.cseq));
        String::from_utf8(laid.text.to_vec()).unwrap()
    }

    #[test]
    fn headers_stand_in_the_original_s_order() {
        let tag = String::from_utf8(ids::from_tag(b"c1").to_vec()).unwrap();
        let r = UacRequest {
            headers: b"Contact: <sip:alice@a>\r\nContent-Type: text/plain",
            body: b"hi\r\n",
            route: b"<sip:p1;lr>",
            ..PLAIN
        };
        assert_eq!(
            text(&r),
            format!(
                "OPTIONS sip:bob@10.0.0.2 SIP/2.0\r\nTo: <sip:bob@b>\r\nFrom: \"A\" <sip:alice@a>;tag={tag}\r\n\
                 CSeq: 10 OPTIONS\r\nCall-ID: c1\r\nRoute: <sip:p1;lr>\r\nMax-Forwards: 70\r\nContent-Length: 4\r\n\
                 {}\r\nContact: <sip:alice@a>\r\nContent-Type: text/plain\r\n\r\nhi\r\n",
                user_agent_header()
            )
        );
    }

    #[test]
    fn what_the_caller_gives_is_not_made() {
        let r = UacRequest {
            ruri: b"",
            to: b"<sip:bob@b>;tag=9;x=y",
            from: b"<sip:alice@a>;tag=7",
            headers: b"max-forwards: 10\r\nUser-Agent: me\r\n",
            cseq: 11,
            ..PLAIN
        };
        assert_eq!(
            text(&r),
            "OPTIONS sip:bob@b SIP/2.0\r\nTo: <sip:bob@b>;tag=9;x=y\r\nFrom: <sip:alice@a>;tag=7\r\n\
             CSeq: 11 OPTIONS\r\nCall-ID: c1\r\nmax-forwards: 10\r\nUser-Agent: me\r\n\r\n"
        );
    }

    #[test]
    fn the_next_hop_is_given_or_the_first_route_or_the_request_uri() {
        let arena = Bump::new();
        let hop = |r: &UacRequest<'static>| lay_out(r, &arena).unwrap().next_hop.to_vec();
        assert_eq!(hop(&PLAIN), b"sip:bob@10.0.0.2");
        let routed = UacRequest {
            route: b"<sip:p1;lr>, <sip:p2;lr>",
            ..PLAIN
        };
        assert_eq!(hop(&routed), b"sip:p1;lr");
        let forced = UacRequest {
            next_hop: b"sip:proxy",
            ..routed
        };
        assert_eq!(hop(&forced), b"sip:proxy");
    }

    #[test]
    fn nothing_breaks_out_of_its_place() {
        let arena = Bump::new();
        let bad = [
            UacRequest {
                method: b"",
                ..PLAIN
            },
            UacRequest {
                method: b"OP TIONS",
                ..PLAIN
            },
            UacRequest {
                method: b"CANCEL",
                ..PLAIN
            },
            UacRequest {
                ruri: b"bob",
                ..PLAIN
            },
            UacRequest {
                ruri: b"sip:b@c SIP/2.0\r\nX: y",
                ..PLAIN
            },
            UacRequest {
                to: b"<sip:b@c",
                ..PLAIN
            },
            UacRequest { from: b"", ..PLAIN },
            UacRequest {
                call_id: b"a\r\nX: y",
                ..PLAIN
            },
            UacRequest {
                route: b"sip:p",
                ..PLAIN
            },
            UacRequest {
                headers: b"no header",
                ..PLAIN
            },
            UacRequest {
                headers: b"A: b\r\n\r\nbody",
                ..PLAIN
            },
            UacRequest {
                headers: b"\r\nA: b",
                ..PLAIN
            },
            UacRequest {
                headers: b"t: <sip:x>\r\n",
                ..PLAIN
            },
            UacRequest {
                headers: b"Call-ID: 2\r\n",
                ..PLAIN
            },
            UacRequest {
                headers: b"Via: SIP/2.0/UDP x\r\n",
                ..PLAIN
            },
        ];
        for r in bad {
            assert!(lay_out(&r, &arena).is_err(), "{r:?}");
        }
    }
}
