//! A request read at a glance: the request line and the headers that a reply copies (RFC 3261 §8.2.6.2). One walk
//! over the lines; of the bodies the topmost Via and To alone are decoded.
//!
//! Invariant: what is seen is what [`super::Message`] sees. What the parser would refuse may pass here, so a
//! message that is to be processed is parsed all the same.

use super::header_line::{self, Stop};
use super::{FirstLine, HdrType, Header, NameAddr, Via};
use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

/// Room for the headers that a reply copies; more of them cost a copy.
const USUAL: usize = 12;

/// What is seen.
#[derive(Debug)]
pub struct Glance<'a> {
    /// The whole datagram.
    pub buf: &'a [u8],
    /// The topmost Via.
    pub via: Via<'a>,
    /// Value of To's `tag`; `None`: outside of a dialog.
    pub to_tag: Option<&'a [u8]>,
    /// Call-ID.
    pub call_id: &'a [u8],
    /// Via, To, From, Call-ID and CSeq, in the order of the request.
    pub copied: BumpVec<'a, Header<'a>>,
}

/// The request line of `buf`; `None` for what is no request of SIP/2.0.
#[inline]
pub fn request_line(buf: &[u8]) -> Option<RequestLine<'_>> {
    let (line, headers_at) = FirstLine::parse(buf).ok()?;
    let FirstLine::Request { version, .. } = line else {
        return None;
    };
    let line = RequestLine { line, headers_at };
    version.eq_ignore_ascii_case(b"SIP/2.0").then_some(line)
}

/// A request line, and where the headers begin.
#[derive(Clone, Copy, Debug)]
pub struct RequestLine<'a> {
    /// The line.
    pub line: FirstLine<'a>,
    headers_at: usize,
}

impl<'a> Glance<'a> {
    /// Looks at the headers behind `line` of `buf`. `None` where a reply could not be made: one of the five
    /// headers is missing or cannot be read.
    pub fn at(buf: &'a [u8], line: &RequestLine<'a>, arena: &'a Bump) -> Option<Glance<'a>> {
        let mut copied = BumpVec::with_capacity_in(USUAL, arena);
        let mut at = line.headers_at;
        while let Some(left) = header_line::starts(buf, at) {
            let (kind, field) = header_line::plain(left).or_else(|| header_line::loose(left))?;
            if is_copied(kind) {
                copied.push(Header {
                    kind,
                    name: &left[..field.name],
                    body: &left[field.body],
                    raw: &left[..field.end],
                });
            }
            at += field.end;
        }
        let (Stop::Empty(_) | Stop::End) = header_line::stop(buf, at).ok()?;
        let body = |kind| copied.iter().find(|h| h.kind == kind).map(|h| h.body);
        body(HdrType::From)?;
        body(HdrType::CSeq)?;
        let call_id = body(HdrType::CallId)?;
        let to_tag = tag(body(HdrType::To)?)?;
        let (via, _) = Via::parse(body(HdrType::Via)?).ok()?;
        Some(Glance {
            buf,
            via,
            to_tag,
            call_id,
            copied,
        })
    }
}

/// Whether replies have that header from their request.
fn is_copied(kind: HdrType) -> bool {
    matches!(
        kind,
        HdrType::Via | HdrType::To | HdrType::From | HdrType::CallId | HdrType::CSeq
    )
}

/// The tag in the body of To, an empty one counting for none; `None` where it cannot be read.
fn tag(to: &[u8]) -> Option<Option<&[u8]>> {
    let to = NameAddr::parse(to).ok()?;
    Some(to.tag.filter(|tag| !tag.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::sip::{Message, Method};

    const INVITE: &[u8] =
        b"INVITE sip:b@h SIP/2.0\r\nv: SIP/2.0/UDP a;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
        t: \"x;tag=no\" <sip:b@h>\r\nFrom: <sip:a@h>;tag=1\r\nVia: SIP/2.0/UDP c\r\ni: call\r\nCSeq: 1\r\n INVITE\r\n\
        Content-Length: 4\r\n\r\nbody";

    fn seen<'a>(buf: &'a [u8], arena: &'a Bump) -> Option<Glance<'a>> {
        Glance::at(buf, &request_line(buf)?, arena)
    }

    #[test]
    fn what_a_reply_needs_is_seen_in_any_order_and_spelling() {
        let arena = Bump::new();
        let glance = seen(INVITE, &arena).unwrap();
        assert_eq!((glance.via.host, glance.call_id), (&b"a"[..], &b"call"[..]));
        assert_eq!(glance.to_tag, None);
        let kinds: Vec<HdrType> = glance.copied.iter().map(|h| h.kind).collect();
        use HdrType::{CSeq, CallId, From, To, Via};
        assert_eq!(kinds, [Via, To, From, Via, CallId, CSeq]);
        let parsed = Message::parse(INVITE, &arena).unwrap();
        assert_eq!(parsed.via1().unwrap().raw, glance.via.raw);
        let line = request_line(INVITE).unwrap().line;
        let FirstLine::Request { method, uri, .. } = line else {
            panic!("no request")
        };
        assert_eq!((method, uri), (Method::Invite, &b"sip:b@h"[..]));
    }

    #[test]
    fn a_tag_of_to_means_inside_of_a_dialog_and_an_empty_one_does_not() {
        let arena = Bump::new();
        let with = |to: &str| {
            let text = format!(
                "BYE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n{to}\r\nf: x:y\r\ni: 1\r\nCSeq: 1 BYE\r\n\r\n"
            );
            seen(text.as_bytes(), &arena).map(|g| g.to_tag.map(<[u8]>::to_vec))
        };
        assert_eq!(with("To: <sip:b@h>;tag=2"), Some(Some(b"2".to_vec())));
        assert_eq!(with("t: sip:b@h ; TAG = 2"), Some(Some(b"2".to_vec())));
        assert_eq!(with("To: <sip:b@h>;tag="), Some(None));
        assert_eq!(with("To: <sip:b@h;tag=2>"), Some(None));
        assert_eq!(with("To: <sip:b@h"), None);
        assert_eq!(with("Subject: no To"), None);
    }

    #[test]
    fn replies_and_other_protocols_are_left_to_others() {
        for text in [
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
            "nonsense\r\n\r\n",
        ] {
            assert!(request_line(text.as_bytes()).is_none(), "{text}");
        }
    }
}
