//! Whatever arrives, nothing panics; what is well-formed comes back in its parts.

use crate::accessors::{exercise, exercise_body};
use crate::building::exercise_building;
use crate::messages::every_message;
use bumpalo::Bump;
use proptest::collection::vec;
use proptest::prelude::*;
use ser::core::sip::{FirstLine, Message, NameAddr, Uri, Via};

/// Bytes that parsers care for, more often than others.
fn sip_bytes(len: usize) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => "[a-zA-Z0-9.]{1,12}".prop_map(String::into_bytes),
        6 => prop::sample::select(vec![
            &b"\r\n"[..], b"\n", b"\r", b" ", b"\t", b":", b";", b",", b"<", b">", b"\"", b"\\", b"=",
            b"(", b")", b"[", b"]", b"@", b"?", b"/", b"*", b"%", b"\0", b"\x01", b"\xff", b"tag=", b"sip:",
            b"SIP/2.0", b"SIP/2.0/UDP ", b"Via:", b"v: SIP/2.0/UDP h", b"To:", b"f:", b"CSeq: 1 ",
            b"Content-Length:", b"m: ", b"q=0.", b"branch=", b"rport", b"received=", b"::1", b"user=phone",
        ]).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 1..8),
    ];
    vec(piece, 0..len).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        let _ = exercise(&bytes);
        exercise_body(&bytes);
    }

    #[test]
    fn bytes_that_look_like_sip_never_panic(bytes in sip_bytes(60)) {
        let _ = exercise(&bytes);
        exercise_body(&bytes);
        let message = [b"OPTIONS sip:a SIP/2.0\r\n", &bytes[..], b"\r\n\r\n"].concat();
        let _ = exercise(&message);
        exercise_building(&message);
    }

    #[test]
    fn a_changed_byte_in_a_torture_message_never_panics(pick in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let all = every_message();
        let mut bytes = pick.get(&all).1.clone();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = exercise(&bytes);
        exercise_building(&bytes);
    }

    #[test]
    fn a_valid_request_comes_back_in_its_parts(
        method in "[A-Z]{3,10}", user in "[a-z0-9;?%.-]{1,12}", host in "[a-z0-9.]{1,20}",
        port in proptest::option::of(1u16..), branch in "z9hG4bK[a-zA-Z0-9.-]{0,40}",
        display in "([A-Za-z]{0,9}|\"[A-Za-z ,;<>:]{0,9}\")", tag in "[a-z0-9]{1,20}",
        number in 0u32.., call_id in "[!-~]{1,30}", blanks in "[ \t]{0,3}(\r\n[ \t]{1,2})?",
        fill in "(X-[a-z]{1,9}: [ -~]{1,80}\r\n){0,4}", body in vec(any::<u8>(), 0..40),
    ) {
        let hostport = port.map_or(host.clone(), |p| format!("{host}:{p}"));
        let uri = format!("sip:{user}@{hostport};lr");
        let head = format!(
            "{method} {uri} SIP/2.0\r\n{fill}Via:{blanks}SIP/2.0/UDP {hostport}{blanks};branch={branch}\r\n\
             From:{blanks}{display} <{uri}>{blanks};tag={tag}\r\nTo: {display}<{uri}>\r\n\
             Call-ID: {call_id}\r\nCSeq: {number} {method}\r\n\r\n");
        let bytes = [head.as_bytes(), &body].concat();
        let arena = Bump::new();
        let mut m = Message::parse(&bytes, &arena).unwrap();
        let via = *m.via1().unwrap();
        prop_assert_eq!((via.host, via.port_no), (host.as_bytes(), port.unwrap_or(0)));
        prop_assert_eq!(via.branch, Some(branch.as_bytes()));
        let from = m.from().unwrap();
        prop_assert_eq!((from.display, from.uri), (display.as_bytes(), uri.as_bytes()));
        prop_assert_eq!(from.tag, Some(tag.as_bytes()));
        prop_assert_eq!(m.to().unwrap().uri, uri.as_bytes());
        let text = number.to_string();
        prop_assert_eq!(m.cseq().unwrap(), (text.as_bytes(), method.as_bytes()));
        prop_assert_eq!(m.call_id().unwrap(), call_id.as_bytes());
        prop_assert_eq!(m.body().unwrap(), Some(&body[..]));
        let FirstLine::Request { uri: ruri, .. } = *m.first() else { panic!("no request") };
        let parsed = Uri::parse(ruri).unwrap();
        prop_assert_eq!((parsed.user, parsed.host), (user.as_bytes(), host.as_bytes()));
        prop_assert_eq!((parsed.port_no, parsed.lr), (port.unwrap_or(0), true));
    }

    #[test]
    fn a_value_parses_the_same_alone_and_in_a_message(bytes in sip_bytes(25), after in 0usize..80) {
        // What follows a value in the buffer is read along, sixteen bytes at a time, and must not matter.
        let value: Vec<u8> = bytes.into_iter().filter(|c| !matches!(c, b'\r' | b'\n')).collect();
        for name in ["f", "v"] {
            let mut wide = format!("OPTIONS sip:a SIP/2.0\r\n{name}:").into_bytes();
            wide.extend_from_slice(&value);
            wide.extend_from_slice(b"\r\n\r\n");
            wide.extend(std::iter::repeat_n(b'"', after));
            let arena = Bump::new();
            let Ok(mut m) = Message::parse(&wide, &arena) else {
                prop_assert!(name == "v");
                continue;
            };
            let body = m.parsed_headers()[0].body;
            if name == "f" {
                prop_assert_eq!(format!("{:?}", m.from().ok()), format!("{:?}", NameAddr::parse(body).ok()));
            } else {
                let alone = Via::parse(body).expect("the message was accepted");
                prop_assert_eq!(format!("{:?}", m.via1()), format!("{:?}", Some(alone.0)));
            }
        }
    }
}

#[test]
fn torture_messages_cut_at_every_byte_never_panic() {
    for (_, bytes) in every_message() {
        for len in 0..bytes.len() {
            let _ = exercise(&bytes[..len]);
            exercise_building(&bytes[..len]);
        }
    }
}

#[test]
fn sixty_four_kilobytes_of_anything_are_parsed_or_refused() {
    let start = "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n";
    for fill in [
        "\r\n ",
        "a:b\r\n",
        "v:SIP/2.0/UDP h\r\n",
        "t:<sip:a>\r\n",
        "To: \"",
        "m:<s:a>,",
        ";",
        ",",
        "\0",
        "(",
    ] {
        let mut text = String::from(start);
        while text.len() + fill.len() <= 65535 {
            text += fill;
        }
        let _ = exercise(text.as_bytes());
        let _ = exercise(&text.as_bytes()[start.len()..]);
    }
    for empty in [&b""[..], b"\r\n\r\n", b"\0", b"\n", &[b'\r'; 4096]] {
        assert!(exercise(empty).is_err());
    }
}
