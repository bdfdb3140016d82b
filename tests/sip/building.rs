//! What is built from a message that arrived: the forwarded request, the reply, the reply on its way
//! back. What is built can be read again and says what it said before. Shared with a fuzz target.

use bumpalo::Bump;
use ser::core::forward::{build_reply, build_request, remove_first_via, render};
use ser::core::msg::{Cond, Piece, SipMsg, Subst};
use ser::core::net::{Proto, ReceiveInfo, SocketInfo};
use ser::core::sip::{FirstLine, Message};
use std::net::SocketAddr;
use std::sync::OnceLock;

const BRANCH: &[u8] = b"z9hG4bKbuilt";
const INSERTED: &[u8] = b"X-Inserted: yes\r\n";

fn socket() -> &'static SocketInfo {
    static SOCKET: OnceLock<SocketInfo> = OnceLock::new();
    SOCKET.get_or_init(|| {
        let addr = SocketAddr::from(([127, 0, 0, 1], 5070));
        SocketInfo::new(0, Proto::Udp, "127.0.0.1".into(), addr)
    })
}

fn received<'a>(buf: &'a [u8], arena: &'a Bump) -> Option<SipMsg<'a>> {
    let sip = Message::parse(buf, arena).ok()?;
    sip.via1()?;
    let rcv = ReceiveInfo {
        src: SocketAddr::from(([127, 0, 0, 9], 5099)),
        dst: socket().addr,
        proto: Proto::Udp,
        socket: Some(socket()),
        conn_id: 0,
    };
    Some(SipMsg::new(sip, arena, 1, rcv))
}

/// Builds everything that can be built from `buf`, if it can be read to its end.
pub fn exercise_building(buf: &[u8]) {
    let readable = |arena: &Bump| {
        let message = received(buf, arena);
        message.is_some_and(|mut m| m.sip.parse_all().is_ok() && m.sip.call_id().is_ok())
    };
    let mut arena = Bump::new();
    if !readable(&arena) {
        // Whatever is tried with it fails, and nothing panics.
        if let Some(mut msg) = received(buf, &arena) {
            let _ = build_request(&mut msg, socket(), BRANCH);
            let _ = build_reply(&mut msg, 404, b"Not Found", Some(b"tag"));
        }
        return;
    }
    for step in [plain_request, edited_request, reply, reply_back] {
        arena.reset();
        if let Some(mut msg) = received(buf, &arena) {
            step(&mut msg);
        }
    }
}

/// What identifies a message, and its body.
fn identity(message: &mut Message<'_>) -> [Vec<u8>; 5] {
    let (number, method) = message.cseq().unwrap_or_default();
    [
        message.call_id().unwrap_or_default().to_vec(),
        number.to_vec(),
        method.to_vec(),
        message
            .from()
            .map(|from| from.uri.to_vec())
            .unwrap_or_default(),
        message.body().ok().flatten().unwrap_or_default().to_vec(),
    ]
}

/// Reads what was built, to its end.
fn again<'b>(built: &'b [u8], arena: &'b Bump) -> Message<'b> {
    let shown = built.escape_ascii();
    let mut message = Message::parse(built, arena).unwrap_or_else(|e| panic!("{e}: {shown}"));
    let end = message.parse_all();
    assert!(end.is_ok(), "{end:?}: {shown}");
    message
}

fn plain_request(msg: &mut SipMsg<'_>) {
    if !msg.sip.is_request() {
        return;
    }
    msg.force_rport = true;
    let before = identity(&mut msg.sip);
    let built = build_request(msg, socket(), BRANCH).expect("a readable request can be built");
    let arena = Bump::new();
    let mut message = again(built, &arena);
    assert_eq!(identity(&mut message), before);
    let ours = message.via1().expect("our Via");
    assert_eq!((ours.host, ours.port_no), (&b"127.0.0.1"[..], 5070));
    assert_eq!(ours.branch, Some(BRANCH));
    let theirs = message.via2().expect("readable").expect("the sender's Via");
    let via = msg.sip.via1().expect("seen before");
    assert_eq!((theirs.host, theirs.port_no), (via.host, via.port_no));
    assert_eq!(theirs.rport, Some(&b"5099"[..]));
    // A sender that wrote the address it sends from is told nothing new.
    let told = via.received.is_some() || via.host != b"127.0.0.9";
    assert_eq!(theirs.received, told.then_some(&b"127.0.0.9"[..]));
    assert_eq!(message.parsed_via_count(), msg.sip.parsed_via_count() + 1);
}

/// A header deleted, another replaced, text at both ends of the headers, another Request-URI.
fn edited_request(msg: &mut SipMsg<'_>) {
    if !msg.sip.is_request() {
        return;
    }
    let _ = msg.sip.parse_all();
    let before = identity(&mut msg.sip)[..3].to_vec();
    let other = |kind| !matches!(kind, 1 | 3..=6 | 12);
    let headers = msg.sip.parsed_headers().to_vec();
    let editable = headers.iter().filter(|h| other(h.kind as u8));
    for (i, header) in editable.enumerate() {
        let lump = msg
            .lumps
            .del(msg.sip.offset_of(header.raw), header.raw.len());
        if i % 2 == 0 {
            let pieces = [
                Piece::Text(b"X-New: "),
                Piece::Subst(Subst::SndAll),
                Piece::Text(b"\r\n"),
            ];
            msg.lumps.insert_after(lump, Cond::True, &pieces);
        }
    }
    let first = headers.first().map_or(0, |h| msg.sip.offset_of(h.raw));
    for offset in [first, msg.sip.headers_end()] {
        let lump = msg.lumps.anchor(offset);
        msg.lumps
            .insert_before(lump, Cond::True, &[Piece::Text(INSERTED)]);
    }
    msg.set_uri(b"sip:new@127.0.0.1");
    let built = build_request(msg, socket(), BRANCH).expect("a readable request can be built");
    let arena = Bump::new();
    let mut message = again(built, &arena);
    assert_eq!(identity(&mut message)[..3], before);
    let FirstLine::Request { uri, .. } = *message.first() else {
        panic!("no request");
    };
    assert_eq!(uri, b"sip:new@127.0.0.1");
    let inserted = message
        .parsed_headers()
        .iter()
        .filter(|h| h.raw == INSERTED);
    assert_eq!(inserted.count(), 2);
    assert_eq!(message.via1().and_then(|via| via.branch), Some(BRANCH));
}

fn reply(msg: &mut SipMsg<'_>) {
    if !msg.sip.is_request() {
        return;
    }
    let before = identity(&mut msg.sip)[..4].to_vec();
    let tag = msg
        .sip
        .to()
        .ok()
        .and_then(|to| to.tag)
        .filter(|tag| !tag.is_empty());
    let new = tag.is_none().then_some(&b"new-tag"[..]);
    let built = build_reply(msg, 486, b"Busy Here\r\nX-Bad: 1", new)
        .expect("a readable request is answered");
    let arena = Bump::new();
    let mut message = again(built, &arena);
    assert_eq!(message.status(), 486);
    assert_eq!(identity(&mut message)[..4], before);
    assert_eq!(message.parsed_via_count(), msg.sip.parsed_via_count());
    assert!(message.parsed_headers().iter().all(|h| h.name != b"X-Bad"));
    if let Ok(to) = message.to() {
        assert_eq!(to.tag, tag.or(new));
    }
}

/// The message as a reply that is passed on: without its first Via.
fn reply_back(msg: &mut SipMsg<'_>) {
    let _ = msg.sip.parse_all();
    let vias: Vec<_> = msg.sip.parsed_vias().map(|via| via.host.to_vec()).collect();
    if vias.len() < 2 {
        return;
    }
    let before = identity(&mut msg.sip);
    remove_first_via(msg).expect("it is there");
    let built = render(msg, socket());
    let arena = Bump::new();
    let mut message = again(built, &arena);
    assert_eq!(identity(&mut message), before);
    let left: Vec<_> = message.parsed_vias().map(|via| via.host.to_vec()).collect();
    assert_eq!(left, vias[1..]);
}
