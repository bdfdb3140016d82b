//! Tests: what messages do to a dialog, message by message.

use super::*;
use crate::core::net::{Proto, ReceiveInfo};
use crate::core::sip::Message;

fn msg<'a>(text: &'a str, arena: &'a Bump) -> SipMsg<'a> {
    let here = ([127, 0, 0, 1], 5060).into();
    let rcv = ReceiveInfo {
        src: here,
        dst: here,
        proto: Proto::Udp,
        socket: None,
        conn_id: 0,
    };
    SipMsg::new(
        Message::parse(text.as_bytes(), arena).unwrap(),
        arena,
        1,
        rcv,
    )
}

/// A reply of bob to alice; `more` are header lines.
fn reply<'a>(code: u16, method: &str, tag: &str, more: &str, arena: &'a Bump) -> SipMsg<'a> {
    let tag = if tag.is_empty() {
        String::new()
    } else {
        format!(";tag={tag}")
    };
    let text = format!(
        "SIP/2.0 {code} X\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\nFrom: <sip:alice@a>;tag=a\r\n\
         To: <sip:bob@b>{tag}\r\nCall-ID: c1\r\nCSeq: 10 {method}\r\n{more}\r\n"
    );
    msg(arena.alloc_str(&text), arena)
}

/// A request of alice to bob.
fn request<'a>(method: &str, number: u32, to_tag: &str, more: &str, arena: &'a Bump) -> SipMsg<'a> {
    let text = format!(
        "{method} sips:bob@b SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKx\r\n\
         From: \"Alice\" <sip:alice@a>;tag=a\r\nTo: <sip:bob@b>{to_tag}\r\nCall-ID: c1\r\n\
         CSeq: {number} {method}\r\n{more}\r\n"
    );
    msg(arena.alloc_str(&text), arena)
}

fn party<'a>(uri: &'a str, tag: &'a str) -> Party<'a> {
    Party {
        display: b"",
        uri: uri.as_bytes(),
        tag: tag.as_bytes(),
    }
}

/// Alice's view before any reply.
fn alice() -> Dialog<'static> {
    Dialog::new_uac(b"c1", 10, party("sip:alice@a", "a"), party("sip:bob@b", ""))
}

const CONTACT: &str = "Contact: \"B\" <sip:bob@10.0.0.2:5070>\r\n";
const ROUTES: &str = "Record-Route: <sip:p3;lr>, <sip:p2;lr>\r\nRecord-Route: <sip:p1;lr;r2=on>\r\nContact: <sip:bob@h>\r\n";

#[test]
fn a_2xx_confirms_and_gives_tag_target_and_the_route_set_in_reverse() {
    let arena = Bump::new();
    let mut d = alice();
    d.response_uac(&mut reply(200, "INVITE", "b", ROUTES, &arena))
        .unwrap();
    assert_eq!((d.state, d.remote.tag), (DialogState::Confirmed, &b"b"[..]));
    assert_eq!(d.target, b"sip:bob@h");
    assert_eq!(d.route_set, b"<sip:p1;lr;r2=on>, <sip:p2;lr>, <sip:p3;lr>");
    let hooks = d.hooks(&arena).unwrap();
    assert_eq!(hooks.next_hop, b"sip:p1;lr;r2=on");
}

#[test]
fn every_2xx_confirms_also_299() {
    for code in [200, 202, 298, 299] {
        let arena = Bump::new();
        let mut d = alice();
        d.response_uac(&mut reply(code, "INVITE", "b", CONTACT, &arena))
            .unwrap();
        assert_eq!(d.state, DialogState::Confirmed, "{code}");
    }
}

#[test]
fn a_provisional_reply_makes_an_early_dialog_only_with_a_tag() {
    let arena = Bump::new();
    let mut d = alice();
    for (code, tag) in [(100, "b"), (180, "")] {
        d.response_uac(&mut reply(code, "INVITE", tag, CONTACT, &arena))
            .unwrap();
        assert_eq!(d.state, DialogState::New, "{code}");
    }
    d.response_uac(&mut reply(180, "INVITE", "b", CONTACT, &arena))
        .unwrap();
    assert_eq!((d.state, d.remote.tag), (DialogState::Early, &b"b"[..]));
    let other = d.response_uac(&mut reply(183, "INVITE", "other", "", &arena));
    assert_eq!(other, Err(DialogError::OtherDialog));
    assert_eq!(d.remote.tag, b"b");
}

#[test]
fn the_2xx_counts_whatever_provisional_replies_said() {
    let arena = Bump::new();
    let mut d = alice();
    d.response_uac(&mut reply(180, "INVITE", "b", ROUTES, &arena))
        .unwrap();
    d.response_uac(&mut reply(200, "INVITE", "c", CONTACT, &arena))
        .unwrap();
    assert_eq!((d.remote.tag, d.route_set), (&b"c"[..], &b""[..]));
    assert_eq!(d.target, b"sip:bob@10.0.0.2:5070");
}

#[test]
fn a_negative_reply_ends_what_was_not_confirmed() {
    let arena = Bump::new();
    for code in [300, 401, 486, 603] {
        let mut d = alice();
        d.response_uac(&mut reply(code, "INVITE", "b", "", &arena))
            .unwrap();
        assert_eq!(d.state, DialogState::Destroyed, "{code}");
    }
}

fn confirmed(arena: &Bump) -> Dialog<'_> {
    let mut d = alice();
    d.response_uac(&mut reply(200, "INVITE", "b", CONTACT, arena))
        .unwrap();
    d
}

#[test]
fn only_the_end_of_the_other_side_ends_a_confirmed_dialog() {
    let arena = Bump::new();
    for (code, method, state) in [
        (486, "INVITE", DialogState::Confirmed),
        (500, "INFO", DialogState::Confirmed),
        (481, "INFO", DialogState::Destroyed),
        (408, "INVITE", DialogState::Destroyed),
        (407, "BYE", DialogState::Confirmed),
        (200, "BYE", DialogState::Destroyed),
        (500, "BYE", DialogState::Destroyed),
        (180, "INVITE", DialogState::Confirmed),
    ] {
        let mut d = confirmed(&arena);
        d.response_uac(&mut reply(code, method, "b", "", &arena))
            .unwrap();
        assert_eq!(d.state, state, "{code} {method}");
    }
}

#[test]
fn a_2xx_moves_the_target_only_for_requests_that_refresh_it() {
    let arena = Bump::new();
    let moved = "Contact: <sip:bob@new>\r\n";
    for (method, target) in [
        ("INVITE", "sip:bob@new"),
        ("UPDATE", "sip:bob@new"),
        ("INFO", "sip:bob@10.0.0.2:5070"),
    ] {
        let mut d = confirmed(&arena);
        d.response_uac(&mut reply(200, method, "b", moved, &arena))
            .unwrap();
        assert_eq!(d.target, target.as_bytes(), "{method}");
    }
}

#[test]
fn a_reply_to_somebody_else_changes_nothing() {
    let arena = Bump::new();
    let mut d = confirmed(&arena);
    let other = d.response_uac(&mut reply(481, "INFO", "x", "", &arena));
    assert_eq!(other, Err(DialogError::OtherDialog));
    d.call_id = b"c2";
    let other = d.response_uac(&mut reply(481, "INFO", "b", "", &arena));
    assert_eq!(other, Err(DialogError::OtherDialog));
    assert_eq!(d.state, DialogState::Confirmed);
}

#[test]
fn answering_a_request_makes_the_other_half() {
    let arena = Bump::new();
    let more = "Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\nContact: <sip:alice@10.0.0.1>\r\n";
    let mut d = Dialog::new_uas(&mut request("INVITE", 5, "", more, &arena), 180, b"b").unwrap();
    assert_eq!(d.state, DialogState::Early);
    assert_eq!((d.local.tag, d.remote.tag), (&b"b"[..], &b"a"[..]));
    assert_eq!(
        (d.remote.display, d.remote.uri),
        (&b"\"Alice\""[..], &b"sip:alice@a"[..])
    );
    assert_eq!(d.route_set, b"<sip:p1;lr>, <sip:p2;lr>");
    assert_eq!((d.target, d.secure), (&b"sip:alice@10.0.0.1"[..], true));
    assert_eq!(d.remote_seq, Some(5));
    d.update_uas(200).unwrap();
    assert_eq!(d.state, DialogState::Confirmed);
    assert_eq!(
        d.update_uas(200),
        Err(DialogError::State(DialogState::Confirmed))
    );
}

#[test]
fn no_dialog_comes_of_100_or_of_a_refusal_or_of_a_request_within_one() {
    let arena = Bump::new();
    for code in [100, 300, 486] {
        let made = Dialog::new_uas(&mut request("INVITE", 5, "", "", &arena), code, b"b");
        assert_eq!(made.err(), Some(DialogError::Code(code)));
    }
    let made = Dialog::new_uas(&mut request("INVITE", 5, ";tag=b", "", &arena), 200, b"b");
    assert_eq!(made.err(), Some(DialogError::OtherDialog));
}

#[test]
fn requests_of_the_other_side_come_in_order_and_move_the_target() {
    let arena = Bump::new();
    let mut d = Dialog::new_uas(&mut request("INVITE", 5, "", "", &arena), 200, b"b").unwrap();
    assert_eq!(d.target, b"sip:alice@a");
    let moved = "Contact: <sip:alice@new>\r\n";
    d.request_uas(&mut request("INVITE", 7, ";tag=b", moved, &arena))
        .unwrap();
    assert_eq!((d.remote_seq, d.target), (Some(7), &b"sip:alice@new"[..]));
    let late = d.request_uas(&mut request("INFO", 6, ";tag=b", "", &arena));
    assert_eq!(late, Err(DialogError::OutOfOrder));
    // The ACK of the first INVITE.
    d.request_uas(&mut request("ACK", 5, ";tag=b", "", &arena))
        .unwrap();
    let other = d.request_uas(&mut request("BYE", 8, ";tag=x", "", &arena));
    assert_eq!(other, Err(DialogError::OtherDialog));
    d.request_uas(&mut request("BYE", 8, ";tag=b", "", &arena))
        .unwrap();
    assert_eq!(d.state, DialogState::Destroyed);
    let after = d.request_uas(&mut request("INFO", 9, ";tag=b", "", &arena));
    assert_eq!(after, Err(DialogError::State(DialogState::Destroyed)));
}

#[test]
fn a_dialog_comes_back_from_its_bytes() {
    let arena = Bump::new();
    let mut d = confirmed(&arena);
    d.local.display = b"\"A\"";
    d.remote_seq = Some(u32::MAX);
    d.set_target(b"sip:elsewhere", b"sip:proxy;lr");
    let bytes = d.pack(&arena);
    let back = Dialog::unpack(bytes).unwrap();
    assert_eq!(format!("{back:?}"), format!("{d:?}"));
    assert_eq!(back.hooks(&arena).unwrap().next_hop, b"sip:proxy;lr");
    for cut in 0..bytes.len() {
        assert!(Dialog::unpack(&bytes[..cut]).is_none(), "{cut}");
    }
    assert!(Dialog::unpack(b"\x02\x00\x00").is_none());
}

#[test]
fn a_dialog_is_shown_with_everything_it_knows() {
    let arena = Bump::new();
    let shown = confirmed(&arena).to_string();
    for line in [
        "state: Confirmed",
        "call-id: c1",
        "local tag: a",
        "remote tag: b",
        "remote cseq: none",
        "remote target: sip:bob@10.0.0.2:5070",
        "socket: any",
    ] {
        assert!(shown.lines().any(|l| l == line), "{line}\n{shown}");
    }
}
