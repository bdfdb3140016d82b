//! Messages made by hand: laziness, first occurrences, orders, odd line ends.

use bumpalo::Bump;
use ser::core::sip::{ContactOrder, FirstLine, HdrType, Message, Method, ParseError};

const TEXT: &str = "INVITE sip:bob@biloxi.com SIP/2.0\r\n\
Subject: first\r\n\
v: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776 , SIP/2.0/TCP second;branch=b\r\n\
Max-Forwards: 70\r\n\
t: Bob <sip:bob@biloxi.com>\r\n\
f: \"Alice\" <sip:alice@atlanta.com>;tag=1928301774\r\n\
i: a84b4c76e66710@pc33\r\n\
CSeq: 314159 INVITE\r\n\
m: <sip:a@1>;q=.5, <sip:b@1>\r\n\
m: <sip:c@1>, <sip:d@1>\r\n\
Route: <sip:p1;lr>,<sip:p2;lr>\r\n\
Route: <sip:p3>\r\n\
Expires: 7\r\n\
Proxy-Authorization: Digest username=\"a@r1\", realm=\"r1\", nonce=\"1\"\r\n\
Proxy-Authorization: Digest username=\"b\", realm=\"r2\", nonce=\"2\"\r\n\
Subject: second\r\n\
l: 4\r\n\r\nbody";

#[test]
fn only_what_is_asked_for_is_parsed() {
    let arena = Bump::new();
    let mut m = Message::parse(TEXT.as_bytes(), &arena).unwrap();
    assert_eq!(m.parsed_headers().len(), 2, "up to the first Via");
    assert_eq!(m.method(), Method::Invite);
    assert_eq!(m.to().unwrap().uri, b"sip:bob@biloxi.com");
    assert_eq!(m.parsed_headers().len(), 4);
    assert_eq!(m.header(HdrType::Subject).unwrap().unwrap().body, b"first");
    assert_eq!(m.parsed_headers().len(), 4);
    assert!(!m.all_parsed());
    assert_eq!(m.header(HdrType::Allow).unwrap().map(|h| h.body), None);
    assert!(m.all_parsed());
    assert_eq!(m.parsed_headers().len(), 16);
    assert_eq!(m.body().unwrap(), Some(&b"body"[..]));
    assert_eq!(m.headers_end(), TEXT.len() - 6);
}

#[test]
fn every_accessor_finds_its_header_by_compact_or_long_name() {
    let arena = Bump::new();
    let mut m = Message::parse(TEXT.as_bytes(), &arena).unwrap();
    assert_eq!(m.cseq().unwrap(), (&b"314159"[..], &b"INVITE"[..]));
    assert_eq!(m.call_id().unwrap(), b"a84b4c76e66710@pc33");
    let from = m.from().unwrap();
    assert_eq!(
        (from.display, from.tag),
        (&b"\"Alice\""[..], Some(&b"1928301774"[..]))
    );
    assert_eq!(m.via1().unwrap().host, b"pc33.atlanta.com");
    assert_eq!(m.via2().unwrap().unwrap().host, b"second");
    assert_eq!(
        (m.content_length(), m.expires()),
        (Ok(Some(4)), Ok(Some(7)))
    );
    let routes: Vec<_> = m
        .routes(HdrType::Route)
        .unwrap()
        .iter()
        .map(|r| r.uri)
        .collect();
    assert_eq!(routes, [&b"sip:p1;lr"[..], b"sip:p2;lr", b"sip:p3"]);
    let (_, c) = m
        .credentials(HdrType::ProxyAuthorization, b"r2")
        .unwrap()
        .unwrap();
    assert_eq!(c.nonce, Some(&b"2"[..]));
    assert!(
        m.credentials(HdrType::ProxyAuthorization, b"r3")
            .unwrap()
            .is_none()
    );
    assert_eq!(m.headers_of(HdrType::Subject).unwrap().count(), 2);
    assert_eq!(m.parsed_vias().count(), 2);
}

#[test]
fn contacts_come_in_sers_order_or_in_that_of_the_text() {
    let arena = Bump::new();
    let mut m = Message::parse(TEXT.as_bytes(), &arena).unwrap();
    let mut uris = |order| -> Vec<_> {
        let contacts = m.contacts(order).unwrap().unwrap();
        assert!(!contacts.star && contacts.headers == 2);
        contacts.list.iter().map(|c| c.uri).collect()
    };
    let text: [&[u8]; 4] = [b"sip:a@1", b"sip:b@1", b"sip:c@1", b"sip:d@1"];
    assert_eq!(uris(ContactOrder::Text), text);
    let ser: [&[u8]; 4] = [b"sip:b@1", b"sip:a@1", b"sip:d@1", b"sip:c@1"];
    assert_eq!(uris(ContactOrder::Ser), ser);
}

#[test]
fn replies_give_their_code_and_forward_by_the_second_via_header() {
    let text = b"SIP/2.0 180 Ringing at home\r\nVia: SIP/2.0/UDP a\r\nTo: <sip:x>;tag=1\r\nVia: SIP/2.0/UDP b:5062;rport=7;received=1.2.3.4\r\n\r\n";
    let arena = Bump::new();
    let mut m = Message::parse(text, &arena).unwrap();
    assert_eq!(
        (m.is_request(), m.status(), m.method()),
        (false, 180, Method::Other)
    );
    assert!(matches!(
        m.first(),
        FirstLine::Reply {
            reason: b"Ringing at home",
            ..
        }
    ));
    let via = m.via2().unwrap().unwrap();
    assert_eq!((via.host, via.port_no), (&b"b"[..], 5062));
    assert_eq!(
        (via.rport, via.received),
        (Some(&b"7"[..]), Some(&b"1.2.3.4"[..]))
    );
}

#[test]
fn lf_alone_and_cr_alone_end_lines() {
    for end in ["\n", "\r", "\r\n"] {
        let text = TEXT.replace("\r\n", end);
        let arena = Bump::new();
        let mut m = Message::parse(text.as_bytes(), &arena).unwrap();
        assert_eq!(m.to().unwrap().uri, b"sip:bob@biloxi.com");
        assert_eq!(m.parse_all(), Ok(()));
        assert_eq!(
            (m.parsed_headers().len(), m.body()),
            (16, Ok(Some(&b"body"[..])))
        );
    }
}

#[test]
fn a_message_without_empty_line_has_no_body_and_may_lack_any_header() {
    let text = b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nthis is no header\r\nX: y\r\n";
    let arena = Bump::new();
    let mut m = Message::parse(text, &arena).unwrap();
    assert_eq!(m.body(), Ok(None));
    assert_eq!(m.parsed_headers()[1].name, b"this is no header");
    assert_eq!(m.parsed_headers().len(), 3);
    assert_eq!(
        (m.from().err(), m.cseq().err()),
        (Some(ParseError::Missing), Some(ParseError::Missing))
    );
    assert_eq!(
        (m.to().err(), m.call_id().err()),
        (Some(ParseError::Missing), Some(ParseError::Missing))
    );
}

#[test]
fn a_malformed_header_stops_the_parser_there_again_and_again() {
    let text = b"OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: <sip:f>\r\nCSeq: 1\r\n OPTIONS x\r\nTo: <sip:t>\r\n\r\n";
    let arena = Bump::new();
    let mut m = Message::parse(text, &arena).unwrap();
    assert_eq!(m.from().unwrap().uri, b"sip:f");
    for _ in 0..2 {
        assert!(matches!(m.to(), Err(ParseError::CSeq(_))));
        assert!(matches!(m.parse_all(), Err(ParseError::CSeq(_))));
    }
    assert_eq!(m.parsed_headers().len(), 2);
    let error = m.parse_all().unwrap_err();
    assert_eq!(error.ser_error(), -400);
    assert!(error.describe(text).to_string().starts_with("bad cseq"));
}

#[test]
fn the_first_of_a_type_is_found_behind_hundreds_of_headers() {
    let mut text = String::from("OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n");
    for n in 0..1000 {
        text += &format!("X-{n}: y\r\n");
    }
    text += "Subject: late\r\nSubject: later\r\n\r\n";
    let arena = Bump::new();
    let mut m = Message::parse(text.as_bytes(), &arena).unwrap();
    assert_eq!(m.header(HdrType::Subject).unwrap().unwrap().body, b"late");
    assert_eq!(m.header(HdrType::Other).unwrap().unwrap().name, b"X-0");
}
