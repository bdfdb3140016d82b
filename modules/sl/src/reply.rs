//! Sends one stateless reply.

use crate::{ack_filter, stats};
use ser::core::forward::{send_reply, text::push_number};
use ser::core::msg::{BumpVec, Q_UNSPECIFIED, ReplyLump, ReplyLumpKind, SipMsg};
use ser::core::sip::Method;
use ser::core::stats::{Counter, count};

/// First status code whose replies get a To-tag.
const FIRST_TAGGED: u16 = 180;

/// 1 when the reply was sent, -1 for an ACK or on an error (logged where it happened).
pub fn send(msg: &mut SipMsg<'_>, code: u16, reason: &[u8]) -> i32 {
    if msg.sip.method() == Method::Ack {
        log::debug!("sl_send_reply: an ACK is not answered");
        return -1;
    }
    if (300..400).contains(&code) {
        add_contacts(msg);
    }
    let tag = (code >= FIRST_TAGGED && !has_to_tag(msg)).then(|| ack_filter::tag(msg));
    if let Err(error) = send_reply(msg, code, reason, tag.as_ref().map(|t| &t[..])) {
        log::error!("ERROR: sl_send_reply: {code} not sent: {error}");
        return -1;
    }
    count(Counter::SlReplies);
    stats::count_reply(code);
    ack_filter::replied(msg);
    1
}

fn has_to_tag(msg: &mut SipMsg<'_>) -> bool {
    msg.sip
        .to()
        .is_ok_and(|to| to.tag.is_some_and(|tag| !tag.is_empty()))
}

/// `Contact:` of a redirection: the current Request-URI and the branches, without brackets, with `q`
/// where one is known.
fn add_contacts(msg: &mut SipMsg<'_>) {
    let rewritten = msg.new_uri();
    if rewritten.is_none() && msg.branches.as_slice().is_empty() {
        return;
    }
    let mut line = BumpVec::with_capacity_in(128, msg.arena);
    line.extend_from_slice_copy(b"Contact: ");
    let first = rewritten.map(|uri| (uri, msg.ruri_q));
    let branches = msg.branches.as_slice().iter().map(|b| (b.uri, b.q));
    for (i, (uri, q)) in first.into_iter().chain(branches).enumerate() {
        if i > 0 {
            line.extend_from_slice_copy(b", ");
        }
        write_contact(&mut line, uri, q);
    }
    line.extend_from_slice_copy(b"\r\n");
    let lump = ReplyLump {
        kind: ReplyLumpKind::Header,
        text: line.into_bump_slice(),
    };
    msg.reply_lumps.push(lump);
}

fn write_contact(line: &mut BumpVec<'_, u8>, uri: &[u8], q: i32) {
    if q == Q_UNSPECIFIED {
        line.extend_from_slice_copy(uri);
        return;
    }
    line.push(b'<');
    line.extend_from_slice_copy(uri);
    line.extend_from_slice_copy(b">;q=");
    if q >= 1000 {
        line.push(b'1');
        return;
    }
    line.extend_from_slice_copy(b"0.");
    for digit in [q / 100, q / 10 % 10, q % 10] {
        push_number(line, digit.unsigned_abs().into());
    }
}
