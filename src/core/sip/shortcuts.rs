//! Tests: the short cuts for usual forms find what the general readers find, or decline.

use super::header_line::{loose, plain};
use super::scan::{Address, Scan};
use super::{HdrType, NameAddr, Via};
use proptest::collection::vec;
use proptest::prelude::*;

/// Texts made of the pieces that the short cuts look for.
fn pieces(pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        5 => prop::sample::select(pieces).prop_map(|p| p.as_bytes().to_vec()),
        3 => "[a-zA-Z0-9.]{1,30}".prop_map(String::into_bytes),
        1 => vec(any::<u8>(), 1..3),
    ];
    vec(piece, 0..14).prop_map(|all| all.concat())
}

const VIA: &[&str] = &[
    ";",
    ";branch=",
    ";rport",
    ";rport=",
    ";received=",
    "=",
    ",",
    ":",
    " ",
    "\r\n ",
    "\"",
    "\\",
    "(x)",
    "[",
    "]",
    "::1",
    ";i=1",
    ";ttl=",
    ";alias",
    "!",
    "<",
    ":5060",
    "/",
];
const ADDRESS: &[&str] = &[
    "<",
    ">",
    "<sip:a@b>",
    ";tag=",
    ";",
    "\"",
    "\\",
    " ",
    "\r\n ",
    "=",
    ",",
    "sip:",
    "Alice",
    "\"Alice\" ",
    ";lr",
    "!",
    "@",
    "*",
];
const FIELD: &[&str] = &[
    "Via",
    "To",
    "call-id",
    "Subscription-State",
    ":",
    ": ",
    " ",
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    "\t",
    "\0",
    "X-Y: z\r\n",
];

/// `text` with something behind it, which must not matter.
fn within(text: &[u8], after: usize) -> Vec<u8> {
    [text, &vec![b';'; after]].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn usual_vias_are_read_as_any_via_is(tail in pieces(VIA), after in 0usize..80) {
        let text = [b"SIP/2.0/UDP h", &tail[..]].concat();
        let wide = within(&text, after);
        let (mut usual, mut any) = (Via::default(), Via::default());
        let short = usual.read_usual(&mut Scan::new(&wide, text.len()));
        let long = any.read_any(&mut Scan::new(&text, text.len()));
        if let Some(end) = short {
            prop_assert_eq!(Ok(end), long);
            prop_assert_eq!(format!("{usual:?}"), format!("{any:?}"));
        }
        prop_assert_eq!(Via::default().read(&wide, text.len()), long);
    }

    #[test]
    fn usual_addresses_are_read_as_any_address_is(text in pieces(ADDRESS), after in 0usize..80) {
        let wide = within(&text, after);
        let (mut usual, mut any) = (NameAddr::default(), NameAddr::default());
        let short = usual.read_usual(&mut Scan::<Address>::new(&wide, text.len()));
        let long = any.read_any(&mut Scan::<Address>::new(&text, text.len()));
        if short.is_some() {
            prop_assert_eq!(Ok(()), long);
            prop_assert_eq!(format!("{usual:?}"), format!("{any:?}"));
        }
        prop_assert_eq!(NameAddr::default().read_in(&wide, text.len()), long);
    }

    #[test]
    fn plain_fields_are_read_as_any_field_is(text in pieces(FIELD)) {
        if let Some((kind, field)) = plain(&text) {
            let (other_kind, other) = loose(&text).expect("a field");
            prop_assert_eq!((kind, field.name, field.end), (other_kind, other.name, other.end));
            prop_assert_eq!(field.body, other.body);
            prop_assert_eq!(kind, HdrType::of_name(&text[..field.name]));
        }
    }
}

#[test]
fn an_address_behind_a_blank_is_not_usual() {
    let text = b" <sip:a@b>";
    let scan = &mut Scan::<Address>::new(text, text.len());
    assert!(NameAddr::default().read_usual(scan).is_none());
}

#[test]
fn what_is_usual_takes_the_short_cuts() {
    for text in [
        "SIP/2.0/UDP 127.0.0.1:5061;branch=z9hG4bK-524287-1---a1b2c3d4e5f60718;rport",
        "SIP/2.0/TCP h",
        "SIP/2.0/TLS h:1;rport=5;received=1.2.3.4;x=[::1]",
        "SIP/2.0/UDP a;branch=b, SIP/2.0/UDP c",
    ] {
        let scan = &mut Scan::new(text.as_bytes(), text.len());
        assert!(Via::default().read_usual(scan).is_some(), "{text}");
    }
    for text in [
        "<sip:a@b>",
        "\"Alice A\" <sip:a@b;x=y>;tag=1",
        "Alice A <sip:a@b>;tag=1",
        "\"\"<sip:a>",
        "A<sip:a>",
    ] {
        let scan = &mut Scan::<Address>::new(text.as_bytes(), text.len());
        assert!(NameAddr::default().read_usual(scan).is_some(), "{text}");
    }
}
