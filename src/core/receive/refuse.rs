//! A request whose script panicked gets a 500 (RFC 3261 §21.5.1), unless it was answered or sent on before.
//!
//! Modules that hold the request for its sender (tm its transaction) answer it themselves in their callbacks after the
//! script, which see [`SipMsg::panicked`]. What is left to do here is stateless.

use crate::core::forward::send_reply;
use crate::core::forward::tag::TagPrefix;
use crate::core::module::api::{self, SlApi};
use crate::core::msg::SipMsg;
use crate::core::sip::Method;
use crate::core::stats::{Counter, count};
use std::sync::OnceLock;

const CODE: u16 = 500;
const REASON: &[u8] = b"Server Internal Error";

static PREFIX: OnceLock<TagPrefix> = OnceLock::new();

/// Answers the request, if that is still to be done.
pub(super) fn refuse(msg: &mut SipMsg<'_>) {
    if msg.settled || msg.answered || msg.sip.method() == Method::Ack {
        return;
    }
    // Module sl recognises the ACK to its reply.
    if let Some(sl) = api::bind::<SlApi>("sl") {
        (sl.reply)(msg, CODE, REASON);
        return;
    }
    let has_tag = msg.sip.to().is_ok_and(|to| to.tag.is_some());
    let prefix = PREFIX.get_or_init(|| TagPrefix::new("SER-stateless", b'.'));
    let tag = (!has_tag).then(|| prefix.tag(msg.sip.via1()));
    match send_reply(msg, CODE, REASON, tag.as_ref().map(|tag| &tag[..])) {
        Ok(()) => count(Counter::SlReplies),
        Err(error) => log::error!("ERROR: receive_msg: {CODE} not sent: {error}"),
    }
}
