//! The steps of `receive_msg`, in SER's order:
//!
//! 1. wrap buffer and `receive_info` in a [`SipMsg`], number it; 2. parse first line and Via;
//! 3. branch set and static buffers are new with it; then a *request*: 4. pre-request callbacks, 5. main
//!    route, 6. post-request callbacks; a *reply*: 7. pre-reply callbacks, 8. default onreply route,
//! 9. forward by Via (modules first), 10. post-reply callbacks; 11. attributes and memory go with the arena.

use super::refuse::refuse;
use super::{NonSipResult, counters, nonsip, quarantine, script_cb};
use crate::core::forward::forward_reply;
use crate::core::isolation;
use crate::core::msg::{RouteKind, SipMsg};
use crate::core::net::ReceiveInfo;
use crate::core::script;
use crate::core::sip::{FirstLine, Message};
use crate::core::stats::{Counter, count, work};
use bumpalo::Bump;
use std::cell::Cell;

/// What became of the message, for the caller that owns the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Processed, or dropped on purpose.
    Done,
    /// Not parsed, or the script returned a negative value: a stream is closed.
    Failed,
}

/// So much of a message is shown in the log.
const LONGEST_SHOWN: usize = 4096;

thread_local! {
    static MSG_NO: Cell<u32> = const { Cell::new(0) };
}

/// Processes one message. Nothing in `arena` is needed afterwards. A panic costs this message alone.
pub fn receive_msg(buf: &[u8], rcv: ReceiveInfo, arena: &Bump) -> Outcome {
    if quarantine::holds(buf) {
        log::debug!(
            "receive_msg: message in quarantine from {} dropped",
            rcv.src
        );
        return Outcome::Done;
    }
    isolation::catch(|| process(buf, rcv, arena)).unwrap_or_else(|| {
        tell_panic(buf, rcv);
        Outcome::Failed
    })
}

/// The panic hook has told what happened and where; this tells to which message.
fn tell_panic(buf: &[u8], rcv: ReceiveInfo) {
    count(Counter::Panics);
    log::error!(
        "ERROR: receive_msg: panic in the script's line {} while processing a message from {}: <{}>",
        work::line(),
        rcv.src,
        shown(buf)
    );
}

/// Runs the script or what belongs to it. `None`: it panicked; what follows (the modules' callbacks
/// that clean up after a message) is done all the same.
fn guarded<'a, T>(msg: &mut SipMsg<'a>, f: impl FnOnce(&mut SipMsg<'a>) -> T) -> Option<T> {
    let done = isolation::catch(|| f(msg));
    if done.is_none() {
        tell_panic(msg.buf(), msg.rcv);
    }
    done
}

/// A stranger's bytes in the log: they can neither end the line nor steer a terminal.
fn shown(buf: &[u8]) -> impl std::fmt::Display {
    buf[..buf.len().min(LONGEST_SHOWN)].escape_ascii()
}

fn process(buf: &[u8], rcv: ReceiveInfo, arena: &Bump) -> Outcome {
    let id = MSG_NO.get().wrapping_add(1);
    MSG_NO.set(id);
    let sip = match Message::parse(buf, arena) {
        Ok(sip) => sip,
        Err(why) => {
            count(Counter::DropParse);
            log::error!(
                "ERROR: parse_msg: {} from {}: message=<{}>",
                why.describe(buf),
                rcv.src,
                shown(buf)
            );
            return Outcome::Failed;
        }
    };
    let mut msg = SipMsg::new(sip, arena, id, rcv);
    // Not before: the parsed message would be copied once more if it were looked at before it moves.
    counters::count_received(msg.sip.first());
    match *msg.sip.first() {
        FirstLine::Request { version, .. } => request(&mut msg, version),
        FirstLine::Reply { .. } => reply(&mut msg),
    }
}

fn request(msg: &mut SipMsg<'_>, version: &[u8]) -> Outcome {
    if !version
        .get(..7)
        .is_some_and(|v| v.eq_ignore_ascii_case(b"SIP/2.0"))
    {
        return non_sip(msg);
    }
    if msg.sip.via1().is_none() {
        count(Counter::DropVia);
        log::error!("ERROR: receive_msg: no via found in request");
        return Outcome::Failed;
    }
    match guarded(msg, script_cb::exec_pre_req_cb) {
        Some(true) => {}
        Some(false) => {
            count(Counter::DropCallback);
            return Outcome::Done;
        }
        // Modules have not all heard of the message: it does not get as far as the callbacks after it.
        None => {
            guarded(msg, refuse);
            return Outcome::Failed;
        }
    }
    msg.route_kind = RouteKind::Request;
    let result = guarded(msg, script::run_request_route);
    msg.panicked = result.is_none();
    if result.is_some_and(|value| value < 0) {
        count(Counter::ScriptErrors);
        log::warn!("WARNING: receive_msg: error while trying script");
    }
    guarded(msg, script_cb::exec_post_req_cb);
    if msg.panicked {
        guarded(msg, refuse);
    }
    outcome(result)
}

/// Not for the script: a hook takes it, or nobody.
fn non_sip(msg: &mut SipMsg<'_>) -> Outcome {
    match nonsip::run(msg) {
        NonSipResult::Accept => Outcome::Done,
        NonSipResult::Drop | NonSipResult::Pass => {
            count(Counter::DropNonSip);
            Outcome::Done
        }
        NonSipResult::Error => {
            count(Counter::DropNonSip);
            Outcome::Failed
        }
    }
}

fn outcome(result: Option<i32>) -> Outcome {
    match result {
        Some(0..) => Outcome::Done,
        Some(..0) | None => Outcome::Failed,
    }
}

fn reply(msg: &mut SipMsg<'_>) -> Outcome {
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
    let result = guarded(msg, |msg| {
        let result = script::run_reply_route(msg).unwrap_or(1);
        if result > 0 {
            // It counts and logs its own failure.
            forward_reply(msg);
        }
        result
    });
    match result {
        Some(..0) => {
            count(Counter::ScriptErrors);
            log::warn!("WARNING: receive_msg: error while trying onreply script");
        }
        Some(0) => count(Counter::DropReply),
        Some(1..) | None => {}
    }
    script_cb::exec_post_rpl_cb(msg);
    outcome(result)
}
