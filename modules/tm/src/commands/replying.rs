//! `t_newtran`, `t_reply` and what looks for transactions.

use crate::forward;
use crate::newtran::{self, NewTran};
use crate::outbox;
use crate::params::{DEFAULT_CODE, DEFAULT_REASON};
use crate::{relay, table};
use ser::core::module::Args;
use ser::core::msg::{SerError, SipMsg};
use ser::core::sip::Method;

/// `t_newtran()`: 1 new (or an ACK), 0 a retransmission that was dealt with, negative an error.
pub fn t_newtran(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    match newtran::newtran(msg) {
        NewTran::Created(_) | NewTran::Ack => 1,
        NewTran::Absorbed => 0,
        NewTran::Exists(_) => {
            log::error!("ERROR: t_newtran: transaction already in process");
            fail(msg, SerError::SCRIPT)
        }
        NewTran::Failed(error) => fail(msg, error),
    }
}

fn fail(msg: &mut SipMsg<'_>, error: SerError) -> i32 {
    msg.error = error;
    error.0
}

/// `t_lookup_request()`: 1 if there is a transaction (or the request cannot be read, as in SER), else -1.
pub fn t_lookup_request(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    match newtran::lookup(msg) {
        Ok(Some(_)) | Err(_) => 1,
        Ok(None) => -1,
    }
}

/// `t_lookup_cancel()`: 1 if there is an INVITE that this CANCEL means, else -1.
pub fn t_lookup_cancel(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    if msg.sip.method() != Method::Cancel {
        log::warn!("WARNING: t_lookup_cancel called for a method that is not CANCEL");
        return -1;
    }
    match newtran::lookup_cancel(msg) {
        Ok(Some(_)) => 1,
        Ok(None) | Err(_) => -1,
    }
}

/// `t_reply(code, reason)`: 1, or -1 for an ACK, without a transaction, or after a final reply.
pub fn t_reply(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let code = args.int(0, msg).and_then(|code| u16::try_from(code).ok());
    let reason = args.str(1, msg).unwrap_or_else(|| DEFAULT_REASON.bytes());
    let code = code.unwrap_or(DEFAULT_CODE.get() as u16);
    reply(msg, code, reason, None)
}

/// The same for other modules; `to_tag`: instead of ours.
pub fn reply(msg: &mut SipMsg<'_>, code: u16, reason: &[u8], to_tag: Option<&[u8]>) -> i32 {
    if msg.sip.method() == Method::Ack {
        log::warn!("WARNING: t_reply: ACKs are not replied");
        return -1;
    }
    let Ok(Some(id)) = newtran::lookup(msg) else {
        log::error!(
            "ERROR: t_reply: cannot send a t_reply to a message for which no T-state has been established"
        );
        return -1;
    };
    match forward::reply_tagged(msg, id, code, reason, to_tag) {
        Ok(()) => 1,
        Err(error) => {
            log::error!("ERROR: t_reply: {code} not sent: {error}");
            -1
        }
    }
}

/// `t_retransmit_reply()`: 1, or -1 when there is no reply to be sent again.
pub fn t_retransmit_reply(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    let Ok(Some(id)) = newtran::lookup(msg) else {
        return -1;
    };
    if msg.sip.method() == Method::Ack {
        return -1;
    }
    match table::with(id, |t| newtran::last_reply(t, msg)).flatten() {
        Some((dest, reply)) if outbox::send(&dest, reply).is_ok() => 1,
        Some(_) | None => -1,
    }
}

/// `t_release()`: the transaction ends.
pub fn t_release(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    if let Ok(Some(id)) = newtran::lookup(msg) {
        relay::release(id);
    }
    1
}
