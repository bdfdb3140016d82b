//! The steps of `receive_msg`, in SER's order:
//!
//! 1. wrap buffer and `receive_info` in a [`SipMsg`], number it; 2. parse first line and Via;
//! 3. branch set and static buffers are new with it; then a *request*: 4. pre-request callbacks, 5. main
//!    route, 6. post-request callbacks; a *reply*: 7. pre-reply callbacks, 8. default onreply route,
//! 9. forward by Via (modules first), 10. post-reply callbacks; 11. attributes and memory go with the arena.

use super::{NonSipResult, nonsip, script_cb};
use crate::core::forward::forward_reply;
use crate::core::msg::{RouteKind, SipMsg};
use crate::core::net::ReceiveInfo;
use crate::core::script;
use crate::core::sip::{FirstLine, Message};
use crate::core::stats::{Counter, count};
use bumpalo::Bump;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What became of the message, for the caller that owns the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Processed, or dropped on purpose.
    Done,
    /// Not parsed, or the script returned a negative value: a stream is closed.
    Failed,
}

thread_local! {
    static MSG_NO: Cell<u32> = const { Cell::new(0) };
}

/// Processes one message. Nothing in `arena` is needed afterwards. A panic costs this message alone.
pub fn receive_msg(buf: &[u8], rcv: ReceiveInfo, arena: &Bump) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| process(buf, rcv, arena))).unwrap_or_else(|_| {
        count(Counter::Panics);
        log::error!(
            "ERROR: receive_msg: panic while processing a message from {}: {}",
            rcv.src,
            String::from_utf8_lossy(&buf[..buf.len().min(200)])
        );
        Outcome::Failed
    })
}

fn process(buf: &[u8], rcv: ReceiveInfo, arena: &Bump) -> Outcome {
    let id = MSG_NO.get().wrapping_add(1);
    MSG_NO.set(id);
    let sip = match Message::parse(buf, arena) {
        Ok(sip) => sip,
        Err(why) => {
            count(Counter::DropParse);
            log::error!(
                "ERROR: receive_msg: parse_msg failed: {}; message=<{}>",
                why.describe(buf),
                String::from_utf8_lossy(buf)
            );
            return Outcome::Failed;
        }
    };
    let mut msg = SipMsg::new(sip, arena, id, rcv);
    match *msg.sip.first() {
        FirstLine::Request { version, .. } => request(&mut msg, version),
        FirstLine::Reply { .. } => reply(&mut msg),
    }
}

fn request(msg: &mut SipMsg<'_>, version: &[u8]) -> Outcome {
    count(Counter::RcvRequests);
    if !version
        .get(..7)
        .is_some_and(|v| v.eq_ignore_ascii_case(b"SIP/2.0"))
    {
        return match nonsip::run(msg) {
            NonSipResult::Error => Outcome::Failed,
            NonSipResult::Drop | NonSipResult::Pass | NonSipResult::Accept => Outcome::Done,
        };
    }
    if msg.sip.via1().is_none() {
        count(Counter::DropVia);
        log::error!("ERROR: receive_msg: no via found in request");
        return Outcome::Failed;
    }
    if !script_cb::exec_pre_req_cb(msg) {
        count(Counter::DropCallback);
        return Outcome::Done;
    }
    msg.route_kind = RouteKind::Request;
    let result = script::run_request_route(msg);
    if result < 0 {
        count(Counter::ScriptErrors);
        log::warn!("WARNING: receive_msg: error while trying script");
    }
    script_cb::exec_post_req_cb(msg);
    if result < 0 {
        Outcome::Failed
    } else {
        Outcome::Done
    }
}

fn reply(msg: &mut SipMsg<'_>) -> Outcome {
    count(Counter::RcvReplies);
    if msg.sip.via1().is_none() {
        count(Counter::DropVia);
        log::error!("ERROR: receive_msg: no via found in reply");
        return Outcome::Failed;
    }
    if !script_cb::exec_pre_rpl_cb(msg) {
        count(Counter::DropCallback);
        return Outcome::Done;
    }
    msg.route_kind = RouteKind::OnReply;
    let result = script::run_reply_route(msg).unwrap_or(1);
    if result < 0 {
        count(Counter::ScriptErrors);
        log::warn!("WARNING: receive_msg: error while trying onreply script");
    }
    if result > 0 {
        forward_reply(msg);
    }
    script_cb::exec_post_rpl_cb(msg);
    if result < 0 {
        Outcome::Failed
    } else {
        Outcome::Done
    }
}
