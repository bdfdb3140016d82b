//! `t_relay` and its kin (RFC 3261 §16): a transaction, a 100, the branches, and an answer if nothing could
//! be sent.

use crate::context;
use crate::forward::{self, Hop};
use crate::newtran::{NewTran, newtran};
use crate::table::{self, TxId};
use crate::transaction::{Branch, BranchFlag, Flag, Transaction};
use crate::{avps, params};
use ser::core::dns::{self, Query};
use ser::core::forward::{Target, forward as forward_stateless};
use ser::core::msg::{RouteKind, SerError, SipMsg};
use ser::core::overload::ask_to_wait;
use ser::core::sip::Method;

const TRYING: &[u8] = b"trying -- your call is important to us";

/// In a main route: makes the transaction and relays. In a failure route: adds branches.
pub fn relay<'a>(msg: &mut SipMsg<'a>, hop: Hop<'a>, replicate: bool) -> i32 {
    match msg.route_kind {
        RouteKind::Request => relay_new(msg, hop, replicate),
        RouteKind::Failure => more_branches(msg, hop),
        RouteKind::OnReply | RouteKind::Branch | RouteKind::OnSend => {
            log::error!("ERROR: t_relay: not possible in this kind of route");
            0
        }
    }
}

fn more_branches<'a>(msg: &mut SipMsg<'a>, hop: Hop<'a>) -> i32 {
    let Some(id) = context::get().transaction else {
        return SerError::UNSPEC.0;
    };
    match forward::forward(msg, id, hop) {
        Ok(()) => 1,
        Err(error) => {
            msg.error = error;
            log::error!("ERROR: t_relay: no branch was added: {error}");
            -1
        }
    }
}

fn relay_new<'a>(msg: &mut SipMsg<'a>, hop: Hop<'a>, replicate: bool) -> i32 {
    if msg.sip.method() != Method::Ack && msg.parsed_uri().is_err() {
        log::error!("ERROR: t_relay: the Request-URI cannot be read");
        msg.error = SerError::UNSPEC;
        return SerError::UNSPEC.0;
    }
    let (id, fresh) = match newtran(msg) {
        NewTran::Created(id) => (id, true),
        NewTran::Exists(id) => (id, table::with(id, |t| t.uas.status == 0) == Some(true)),
        NewTran::Ack => return relay_ack(msg, hop),
        NewTran::Absorbed => return 1,
        NewTran::Failed(error) => {
            msg.error = error;
            return error.0;
        }
    };
    if replicate {
        table::with(id, |t| {
            t.set(Flag::Local);
            t.set(Flag::Replicated);
        });
    }
    let provisional = fresh && msg.sip.method() == Method::Invite && !replicate;
    if provisional && params::AUTO_INV_100.get() != 0 {
        say_trying(msg, id);
    }
    match forward::forward(msg, id, hop) {
        Ok(()) => 1,
        Err(error) => {
            msg.error = error;
            if !replicate {
                answer(msg, id, error);
            }
            error.0
        }
    }
}

/// An ACK for a 2xx, or for nothing that is known: no transaction is made for it.
fn relay_ack(msg: &mut SipMsg<'_>, hop: Hop<'_>) -> i32 {
    match hop {
        Hop::Uri => forward_stateless(msg, &Target::NextHop { port: None }, None),
        Hop::Host(host, port, proto) => {
            match dns::resolve_blocking(Query::new(host, port, proto)) {
                Ok(mut all) => {
                    let to = all.next().map(|d| d.addr());
                    to.map_or(SerError::BAD_ADDRESS.0, |to| {
                        forward_stateless(msg, &Target::Fixed(to), Some(proto))
                    })
                }
                Err(why) => SerError::from(why).0,
            }
        }
        Hop::Fixed(to, proto) => forward_stateless(msg, &Target::Fixed(to), Some(proto)),
    }
}

fn say_trying(msg: &mut SipMsg<'_>, id: TxId) {
    if let Err(error) = forward::reply_now(msg, id, 100, TRYING) {
        log::error!("ERROR: t_relay: 100 not sent: {error}");
    }
}

/// The answer to a request that could not be relayed.
fn answer(msg: &mut SipMsg<'_>, id: TxId, error: SerError) {
    let (code, phrase) = error.answer();
    let number = if error.0 == 0 { 1 } else { -error.0 };
    let reason = format!("{phrase} ({number}/TM)");
    if error == SerError::OUT_OF_MEM {
        ask_to_wait(msg);
    }
    if forward::reply_now(msg, id, code, reason.as_bytes()).is_err() {
        // Unless it was cancelled and answered meanwhile, nobody will ever answer it.
        let answered = table::with(id, |t| t.uas.state.is_final());
        if answered == Some(false) {
            release(id);
        } else {
            msg.answered = true;
        }
    }
}

/// `t_release`: it ends now, answered or not.
pub fn release(id: TxId) {
    table::with(id, |t| {
        let now = crate::tick::now();
        t.set(Flag::Handled);
        t.stop_branches();
        t.put_on_wait(now, params::get().wait);
        t.set_timers(now);
    });
}

fn keep(t: &mut Transaction, msg: &mut SipMsg<'_>) {
    if let Err(full) = crate::newtran::save(t, msg) {
        log::error!("ERROR: tm: what the script has decided is lost: {full}");
    }
}

/// The script panicked: the sender of the request gets a 500, unless branches of a transaction will answer it.
fn after_panic(msg: &mut SipMsg<'_>, id: TxId, created: bool) {
    let waits = |t: &mut Transaction| {
        // Who replicates a request answers it without the transaction.
        let asked = |b: &Branch| b.state.is_pending() || b.has(BranchFlag::InScript);
        let waits = t.uas.state.is_final() || t.branches.iter().any(asked);
        (!t.has(Flag::Local)).then_some(waits)
    };
    match table::with(id, waits).flatten() {
        // A retransmission: whoever works on the first one answers.
        Some(_) if !created => msg.settled = true,
        Some(true) => msg.settled = true,
        Some(false) => {
            if let Err(error) = forward::reply_now(msg, id, 500, b"Server Internal Error") {
                log::error!("ERROR: tm: the script panicked, 500 not sent: {error}");
            }
        }
        None => {}
    }
}

/// After the script: keeps what it changed late, and ends a transaction that it made and left alone.
pub fn after_script(msg: &mut SipMsg<'_>) {
    let ctx = context::get();
    if let Some(id) = ctx.transaction.filter(|_| msg.panicked) {
        after_panic(msg, id, ctx.created);
    }
    let Some(id) = ctx.transaction.filter(|_| ctx.created) else {
        return;
    };
    if !msg.avps.has_changed() && ctx.handled == Some(msg.flags) {
        return;
    }
    let unhandled = table::with(id, |t| {
        // Replies may have come since: of attributes that both have, the script's count.
        avps::save_changes(t, msg, ctx.handled.unwrap_or(t.msg_flags), b"");
        let handled = t.has(Flag::Handled);
        if handled && t.branches.is_empty() && !t.uas.state.is_final() {
            // An application will answer, by RPC or from a module.
            keep(t, msg);
        }
        !handled
    });
    if unhandled == Some(true) {
        log::debug!("tm: the script left a transaction alone, it is released");
        release(id);
    }
}
