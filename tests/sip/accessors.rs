//! Calls everything that can be asked of a message, for tests where nothing may panic.

use bumpalo::Bump;
use ser::core::sip::{
    CommaList, ContactBody, ContactOrder, Credentials, Event, HdrType, Header, Message, MethodSet,
    NameAddr, Params, ParseError, RouteList, Uri, Via, normalize_tel, un_escape, value,
};

/// Parses `buf` as a message and asks it everything. Slices must lie in `buf`.
#[allow(
    dead_code,
    reason = "the fuzz targets share this file and take a part each"
)]
pub fn exercise(buf: &[u8]) -> Result<(), ParseError> {
    let arena = Bump::new();
    let mut message = Message::parse(buf, &arena).inspect_err(|e| show(e, buf))?;
    let _ = message.to().inspect_err(|e| show(e, buf));
    let _ = message.from().inspect_err(|e| show(e, buf));
    let _ = message.cseq();
    let _ = message.call_id();
    let _ = message.content_length();
    let _ = message.expires();
    let _ = message.via2();
    let all = message.parse_all().inspect_err(|e| show(e, buf));
    let _ = message.contacts(ContactOrder::Ser);
    let _ = message.contacts(ContactOrder::Text);
    let _ = message.routes(HdrType::Route);
    let _ = message.routes(HdrType::RecordRoute);
    let _ = message.credentials(HdrType::Authorization, b"example.com");
    let headers: Vec<Header> = message.parsed_headers().to_vec();
    let mut end = None;
    for header in &headers {
        let at = message.offset_of(header.raw);
        assert_eq!(&buf[at..at + header.raw.len()], header.raw);
        assert_eq!(end.unwrap_or(at), at, "headers stand without gaps");
        end = Some(at + header.raw.len());
        exercise_body(header.body);
        let seen = message.seen(header.kind).map(|h| message.offset_of(h.raw));
        assert!(seen.is_some_and(|first| first <= at));
    }
    for via in message.parsed_vias() {
        assert!(!via.host.is_empty() && via.raw.len() >= via.hostport.len());
    }
    if let (Ok(()), Ok(Some(body))) = (all, message.body()) {
        assert!(message.headers_end() <= buf.len() - body.len());
    }
    all
}

/// Hands `body` to every parser of header bodies and values.
pub fn exercise_body(body: &[u8]) {
    let arena = Bump::new();
    let mut rest = Some(body);
    while let Some(part) = rest.take() {
        if let Ok((via, more)) = Via::parse(part) {
            via.params.iter().for_each(drop);
            rest = more;
        }
    }
    if let Ok(value) = NameAddr::parse(body) {
        value.params.iter().for_each(drop);
        exercise_uri(value.uri, &arena);
    }
    if let ContactBody::List(list) = ContactBody::new(body) {
        for contact in list.flatten() {
            contact.params.iter().for_each(drop);
            let _ = contact.q.map(value::q_value);
            let _ = contact.methods.map(MethodSet::parse);
            exercise_uri(contact.uri, &arena);
        }
    }
    RouteList::new(body).for_each(drop);
    let _ = Credentials::parse(body).map(|c| (c.user(), c.domain(), c.is_complete()));
    let _ = (
        Event::parse(body).is_ok(),
        value::expires(body),
        value::content_length(body),
    );
    Params(body).iter().for_each(drop);
    CommaList::new(body).for_each(drop);
    MethodSet::parse(body);
    exercise_uri(body, &arena);
}

/// Parses `text` as a URI and looks at its parts.
pub fn exercise_uri(text: &[u8], arena: &Bump) {
    match Uri::parse(text) {
        Ok(uri) => {
            uri.params.iter().for_each(drop);
            let _ = un_escape(uri.user, arena);
            assert!(normalize_tel(uri.user, arena).len() <= uri.user.len());
            let _ = uri.proto();
        }
        Err(e) => show(&e, text),
    }
}

/// Error texts can be made of every error.
fn show(error: &ParseError, buf: &[u8]) {
    assert!(!error.to_string().is_empty());
    assert!(!error.describe(buf).to_string().is_empty());
    assert!(error.ser_error() < 0);
}
