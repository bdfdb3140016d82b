//! Values made of known parts come back in these parts: URI, Via list, Contact list, Route list.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use ser::core::sip::{ContactBody, NameAddr, RouteList, Uri, Via};

/// Linear white space, folds included.
const LWS: &str = "([ \t]{0,2}(\r\n[ \t]{1,2})?)";

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z][a-zA-Z0-9-]{0,8}(\\.[a-z]{1,5}){0,3}",
        "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}",
        "\\[[0-9a-f]{1,4}(:[0-9a-f]{1,4}){7}\\]",
        "\\[::[0-9a-f]{1,4}\\]",
    ]
}

fn hostport() -> impl Strategy<Value = (String, Option<u16>)> {
    (host(), option::of(1u16..))
}

fn written((host, port): &(String, Option<u16>)) -> String {
    port.map_or(host.clone(), |port| format!("{host}:{port}"))
}

/// A parameter that no parser knows.
fn param() -> impl Strategy<Value = (String, Option<String>)> {
    let value = prop_oneof!["[a-z0-9.!%*_+`'~-]{1,8}", "\"[a-z ,;<>@:=?]{0,8}\""];
    ("x[a-z]{1,5}", option::of(value))
}

fn written_param((name, value): &(String, Option<String>)) -> String {
    value
        .as_ref()
        .map_or(format!(";{name}"), |value| format!(";{name}={value}"))
}

fn bytes(text: &Option<String>) -> &[u8] {
    text.as_deref().unwrap_or("").as_bytes()
}

fn unquoted(text: &str) -> &[u8] {
    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    inner.unwrap_or(text).as_bytes()
}

/// `display`, `uri`, parameters of a value in brackets.
fn address() -> impl Strategy<Value = (String, String, Vec<(String, Option<String>)>)> {
    let display = prop_oneof![
        "",
        "[A-Z][a-z]{0,6}( [A-Z][a-z]{1,4})?",
        "\"([a-z ,;<>@]|\\\\[\"\\\\]){0,10}\""
    ];
    let uri = ("[a-z0-9;?=+-]{1,8}", hostport(), "(;lr)?(;transport=udp)?")
        .prop_map(|(user, at, params)| format!("sip:{user}@{}{params}", written(&at)));
    (display, uri, vec(param(), 0..3))
}

fn written_address(
    (display, uri, params): &(String, String, Vec<(String, Option<String>)>),
) -> String {
    let params: String = params.iter().map(written_param).collect();
    format!("{display} <{uri}>{params}")
}

/// Transport, host and port, branch, rport, received, further parameters, comment, white space.
type WrittenVia = (
    &'static str,
    (String, Option<u16>),
    Option<String>,
    Option<Option<u16>>,
    Option<String>,
    Vec<(String, Option<String>)>,
    Option<String>,
    String,
);

proptest! {
    #[test]
    fn a_uri_comes_back_in_its_parts(
        scheme in prop::sample::select(vec!["sip", "sips", "SIP", "Sips"]),
        user in option::of(("[a-zA-Z0-9;?/&=+$,%._!~*'-]{1,12}", option::of("[a-z0-9&=+$,.-]{1,6}"))),
        at in hostport(),
        transport in option::of(prop::sample::select(vec!["udp", "tcp", "tls", "sctp", "UDP"])),
        more in vec(("x[a-z]{0,5}", option::of("[a-z0-9.!%*_+`'~-]{1,8}")), 0..3),
        lr in any::<bool>(), maddr in option::of(host()), headers in option::of("[a-z]{1,5}=[a-z0-9%]{0,8}"),
    ) {
        let mut text = format!("{scheme}:");
        if let Some((user, password)) = &user {
            text += user;
            text += &password.as_ref().map_or(String::new(), |p| format!(":{p}"));
            text += "@";
        }
        text += &written(&at);
        text += &transport.map_or(String::new(), |t| format!(";transport={t}"));
        text.extend(more.iter().map(written_param));
        text += if lr { ";lr" } else { "" };
        text += &maddr.as_ref().map_or(String::new(), |m| format!(";maddr={m}"));
        text += &headers.as_ref().map_or(String::new(), |h| format!("?{h}"));
        let uri = Uri::parse(text.as_bytes()).unwrap();
        let (name, password) = user.unwrap_or_default();
        prop_assert_eq!((uri.user, uri.passwd), (name.as_bytes(), bytes(&password)), "{}", text);
        prop_assert_eq!((uri.host, uri.port_no), (at.0.as_bytes(), at.1.unwrap_or(0)), "{}", text);
        prop_assert_eq!(uri.transport, transport.unwrap_or_default().as_bytes());
        prop_assert_eq!(uri.lr, lr);
        prop_assert_eq!(uri.maddr, bytes(&maddr));
        prop_assert_eq!(uri.headers, bytes(&headers));
        for (name, value) in &more {
            let first = more.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).unwrap();
            let wanted = first.1.as_ref().map(String::as_bytes);
            prop_assert_eq!(uri.params.get(name.as_bytes()), Some(wanted), "{} in {} ({:?})", name, text, value);
        }
    }

    #[test]
    fn a_list_of_vias_comes_back_value_by_value(
        vias in vec((
            prop::sample::select(vec!["UDP", "TCP", "TLS", "SCTP", "WS", "udp"]), hostport(),
            option::of("z9hG4bK[a-zA-Z0-9.-]{1,20}"), option::of(option::of(1u16..)), option::of(host()),
            vec(param(), 0..3), option::of("[a-z ,;]{1,9}"), LWS,
        ), 1..5),
    ) {
        let one = |via: &WrittenVia| {
            let (transport, at, branch, rport, received, more, comment, lws) = via;
            let mut text = format!("SIP/2.0/{transport} {}", written(at));
            text += &branch.as_ref().map_or(String::new(), |b| format!("{lws};{lws}branch{lws}={lws}{b}"));
            text += &rport.map_or(String::new(), |r| r.map_or(";rport".into(), |r| format!(";rport={r}")));
            text += &received.as_ref().map_or(String::new(), |r| format!(";received={r}{lws}"));
            text.extend(more.iter().map(written_param));
            text + &comment.as_ref().map_or(String::new(), |c| format!(" (x{c})"))
        };
        let text = vias.iter().map(one).collect::<Vec<_>>().join(" ,\r\n ");
        let mut rest = Some(text.as_bytes());
        for (transport, at, branch, rport, received, more, comment, _) in &vias {
            let (via, next) = Via::parse(rest.expect("one more")).unwrap();
            rest = next;
            prop_assert_eq!(via.transport, transport.as_bytes());
            prop_assert_eq!((via.host, via.port_no), (at.0.as_bytes(), at.1.unwrap_or(0)));
            prop_assert_eq!(via.branch, branch.as_ref().map(String::as_bytes));
            let number = rport.map(|r| r.map_or(String::new(), |r| r.to_string()));
            prop_assert_eq!(via.rport, number.as_ref().map(String::as_bytes));
            prop_assert_eq!(via.received, received.as_ref().map(String::as_bytes));
            let comment = comment.as_ref().map_or(String::new(), |c| format!("x{c}"));
            prop_assert_eq!(via.comment, comment.trim_end().as_bytes());
            for (name, _) in more {
                let first = &more.iter().find(|(n, _)| n == name).unwrap().1;
                prop_assert_eq!(via.params.get(name.as_bytes()), Some(first.as_deref().map(unquoted)), "{}", text);
            }
        }
        prop_assert!(rest.is_none());
    }

    #[test]
    fn a_list_of_contacts_comes_back_value_by_value(
        contacts in vec((address(), option::of("0(\\.[0-9]{1,3})?"), option::of(0u32..)), 1..5), lws in LWS,
    ) {
        let one = |(address, q, expires): &(_, Option<String>, Option<u32>)| {
            let mut text = written_address(address);
            text += &q.as_ref().map_or(String::new(), |q| format!("{lws};q={q}"));
            text + &expires.map_or(String::new(), |e| format!(";{lws}expires={e}"))
        };
        let text = contacts.iter().map(one).collect::<Vec<_>>().join(&format!("{lws},{lws}"));
        let ContactBody::List(list) = ContactBody::new(text.as_bytes()) else {
            panic!("no list");
        };
        let read: Vec<_> = list.collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read.len(), contacts.len());
        for (contact, ((display, uri, params), q, expires)) in read.iter().zip(&contacts) {
            prop_assert_eq!((contact.name, contact.uri), (display.as_bytes(), uri.as_bytes()), "{}", text);
            prop_assert_eq!(contact.q, q.as_ref().map(String::as_bytes));
            let seconds = expires.map(|e| e.to_string());
            prop_assert_eq!(contact.expires, seconds.as_ref().map(String::as_bytes));
            for (name, _) in params {
                let first = &params.iter().find(|(n, _)| n == name).unwrap().1;
                prop_assert_eq!(contact.params.get(name.as_bytes()), Some(first.as_deref().map(unquoted)), "{}", text);
            }
        }
    }

    #[test]
    fn a_list_of_routes_comes_back_value_by_value(routes in vec(address(), 1..6), lws in LWS) {
        let text = routes.iter().map(written_address).collect::<Vec<_>>().join(&format!("{lws},{lws}"));
        let read: Vec<NameAddr> = RouteList::new(text.as_bytes()).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read.len(), routes.len());
        for (route, (display, uri, _)) in read.iter().zip(&routes) {
            prop_assert_eq!((route.display, route.uri), (display.as_bytes(), uri.as_bytes()), "{}", text);
        }
    }
}
