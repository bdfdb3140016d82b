//! Sends one stateless reply.

use crate::{ack_filter, stats};
use ser::core::forward::{push_contacts, send_reply};
use ser::core::msg::{BumpVec, ReplyLump, ReplyLumpKind, SipMsg};
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
    if msg.answered && code >= 200 {
        log::debug!("sl_send_reply: {code}: the transaction has sent a final reply already");
        return 1;
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

/// `Contact:` of a redirection: the current Request-URI and the branches.
fn add_contacts(msg: &mut SipMsg<'_>) {
    let mut line = BumpVec::with_capacity_in(128, msg.arena);
    if !push_contacts(msg, &mut line) {
        return;
    }
    line.extend_from_slice_copy(b"\r\n");
    msg.reply_lumps.push(ReplyLump {
        kind: ReplyLumpKind::Header,
        text: line.into_bump_slice(),
    });
}
