//! Making a transaction for a request, or finding the one that it belongs to (SER's t_newtran, t_lookup).

use crate::context::{self, Lookup};
use crate::identity::{Incoming, Match};
use crate::outbox;
use crate::server::{ServerEvent, ServerState};
use crate::stats::{self, Stat};
use crate::table::{self, TxId};
use crate::transaction::{Dest, Flag, Origin, RELAYED_NONE, Repeater, Routes, Server, Transaction};
use crate::{avps, callbacks, identity, params, reply_in, saved, tick, timers};
use ser::core::forward::{reply_destination, tag};
use ser::core::msg::{AvpSpec, AvpValue, SerError, SipMsg};
use ser::core::settings;
use ser::core::sip::{Method, ParseError};
use ser::ipc::{BucketGuard, ShmBox, ShmFull, ShmStr, ShmVec};
use std::net::SocketAddr;

/// What `t_newtran` found or did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NewTran {
    /// A transaction was made.
    Created(TxId),
    /// An ACK: it has none, or goes end to end.
    Ack,
    /// A retransmission, or the ACK of a negative reply: dealt with.
    Absorbed,
    /// This message has one already.
    Exists(TxId),
    Failed(SerError),
}

/// Makes the transaction of `msg`.
pub fn newtran(msg: &mut SipMsg<'_>) -> NewTran {
    let ctx = context::get();
    if let Some(id) = ctx.transaction.filter(|_| ctx.created) {
        return NewTran::Exists(id);
    }
    // One that was only looked up is another message's: this one is a retransmission.
    let incoming = match read(msg) {
        Ok(incoming) => incoming,
        Err(error) => return NewTran::Failed(error),
    };
    // With reply_to_via a name may have to be looked up: not under the lock.
    let to = match incoming.method {
        Method::Ack => Err(SerError::BUG),
        _ => reply_destination(msg),
    };
    let mut bucket = table::lock(incoming.index);
    let found = find(&mut bucket, &incoming);
    match found {
        Found::Same(t) => {
            let id = t.id();
            let resend = again(t, incoming.method, msg);
            drop(bucket);
            context::update(|c| (c.lookup, c.transaction) = (Lookup::Found, Some(id)));
            if let Some((dest, reply)) = resend {
                // An error was logged; the caller repeats itself.
                let _ = outbox::send(&dest, reply);
            }
            NewTran::Absorbed
        }
        Found::EndToEndAck(t) => {
            let id = t.id();
            let told = callbacks::end_to_end_ack(t);
            drop(bucket);
            context::update(|c| c.lookup = Lookup::EndToEndAck);
            callbacks::run_end_to_end_ack(id, told, msg);
            NewTran::Ack
        }
        Found::Nothing if incoming.method == Method::Ack => {
            drop(bucket);
            context::update(|c| c.lookup = Lookup::None);
            NewTran::Ack
        }
        Found::Nothing => match to {
            Ok(to) => create(msg, &incoming, to, bucket),
            Err(error) => NewTran::Failed(error),
        },
    }
}

/// `t_lookup_request`: looks only. True for one that exists.
pub fn lookup(msg: &mut SipMsg<'_>) -> Result<Option<TxId>, SerError> {
    let ctx = context::get();
    if ctx.transaction.is_some() || ctx.lookup != Lookup::NotYet {
        return Ok(ctx.transaction);
    }
    let incoming = read(msg)?;
    let mut bucket = table::lock(incoming.index);
    let (lookup, id) = match find(&mut bucket, &incoming) {
        Found::Same(t) => (Lookup::Found, Some(t.id())),
        Found::EndToEndAck(_) => (Lookup::EndToEndAck, None),
        Found::Nothing => (Lookup::None, None),
    };
    drop(bucket);
    context::update(|c| (c.lookup, c.transaction) = (lookup, id));
    Ok(id)
}

/// The transaction that the message being processed belongs to, request or reply, looked up if need be.
pub fn of_message(msg: &mut SipMsg<'_>) -> Option<TxId> {
    if let Some(id) = context::get().transaction {
        return Some(id);
    }
    if msg.sip.is_request() {
        lookup(msg).ok().flatten()
    } else {
        reply_in::transaction_of(msg)
    }
}

/// For a CANCEL: the INVITE that it means.
pub fn lookup_cancel(msg: &mut SipMsg<'_>) -> Result<Option<TxId>, SerError> {
    let incoming = read(msg)?;
    let bucket = table::lock(incoming.index);
    let found = bucket.find(|t| t.has(Flag::Invite) && incoming.is_cancel_pair(t));
    Ok(found.map(Transaction::id))
}

/// Also the rest must be readable: what is passed on was understood.
fn read<'a>(msg: &mut SipMsg<'a>) -> Result<Incoming<'a>, SerError> {
    msg.sip.parse_all().map_err(|_| SerError::BAD_REQ)?;
    identity::read(msg).map_err(|why| match why {
        ParseError::Missing => SerError::BAD_TUPLE,
        _ => SerError::BAD_REQ,
    })
}

enum Found<'b> {
    Nothing,
    Same(&'b mut Transaction),
    EndToEndAck(&'b mut Transaction),
}

fn find<'b>(
    bucket: &'b mut BucketGuard<'static, Transaction>,
    incoming: &Incoming<'_>,
) -> Found<'b> {
    for t in bucket.iter_mut() {
        match incoming.matches(t) {
            Match::Same => return Found::Same(t),
            Match::EndToEndAck => return Found::EndToEndAck(t),
            Match::No => {}
        }
    }
    Found::Nothing
}

/// A request of the transaction came again: for an ACK the wait for it ends, any other gets the last reply
/// once more (returned, to be sent).
fn again<'a>(t: &mut Transaction, method: Method, msg: &SipMsg<'a>) -> Option<(Dest, &'a [u8])> {
    if method != Method::Ack {
        stats::add(Stat::AbsorbedRequests, 1);
        return last_reply(t, msg);
    }
    if t.uas.state == ServerState::Confirmed {
        stats::add(Stat::AbsorbedAcks, 1);
    }
    if let Some(step) = t.uas.state.on_event(true, ServerEvent::Ack) {
        let now = tick::now();
        t.uas.state = step.next;
        t.uas.repeat = Repeater::OFF;
        t.put_on_wait(now, params::get().wait);
        t.set_timers(now);
    }
    None
}

/// The last reply, copied out of the lock.
pub fn last_reply<'a>(t: &Transaction, msg: &SipMsg<'a>) -> Option<(Dest, &'a [u8])> {
    (!t.uas.reply.is_empty()).then(|| (t.uas.to, msg.store(&t.uas.reply)))
}

fn create(
    msg: &mut SipMsg<'_>,
    incoming: &Incoming<'_>,
    to: SocketAddr,
    mut bucket: BucketGuard<'static, Transaction>,
) -> NewTran {
    let canceled =
        incoming.method == Method::Invite && bucket.find(|t| incoming.is_cancel_pair(t)).is_some();
    let uid = table::new_uid(&bucket);
    let made = build(msg, incoming, to, uid).and_then(|mut t| {
        if canceled {
            t.set(Flag::Canceled);
        }
        bucket.insert(t).map_err(|_| SerError::OUT_OF_MEM)
    });
    let t = match made {
        Ok(t) => t,
        Err(error) => return NewTran::Failed(error),
    };
    // Should the script never decide, it ends after this time.
    let now = tick::now();
    t.uas.fr_at = tick::after(now, t.fr);
    t.set_timers(now);
    let id = t.id();
    drop(bucket);
    stats::created(false);
    context::update(|c| {
        (c.lookup, c.transaction, c.created) = (Lookup::Found, Some(id), true);
    });
    callbacks::run_request_in(id, msg);
    NewTran::Created(id)
}

fn build(
    msg: &mut SipMsg<'_>,
    incoming: &Incoming<'_>,
    to: SocketAddr,
    uid: u32,
) -> Result<Transaction, SerError> {
    let socket = msg.rcv.socket.ok_or(SerError::NO_SOCKET)?;
    let dest = Dest::new(to, socket, msg.rcv.conn_id);
    let mut t = blank(incoming.index, uid, dest).map_err(|_| SerError::OUT_OF_MEM)?;
    t.method = incoming.method as u16;
    t.identity = incoming.identity();
    t.origin = Origin::of(&msg.rcv);
    if incoming.method == Method::Invite {
        t.set(Flag::Invite);
    }
    store(&mut t, msg).map_err(|_| SerError::OUT_OF_MEM)?;
    set_fr(&mut t, msg);
    Ok(t)
}

fn store(t: &mut Transaction, msg: &mut SipMsg<'_>) -> Result<(), ShmFull> {
    let tag = table::tag();
    t.request = ShmStr::try_new_in(msg.buf(), tag)?;
    t.md5 = md5(msg)?;
    t.msg_flags = msg.flags;
    let ctx = context::get();
    let name = |name: Option<&str>| ShmStr::try_new_in(name.unwrap_or("").as_bytes(), tag);
    t.routes = Routes {
        failure: name(ctx.failure)?,
        reply: name(ctx.reply)?,
        branch: name(ctx.branch)?,
    };
    Ok(())
}

/// Keeps what the script has decided on the request so far.
pub fn save(t: &mut Transaction, msg: &mut SipMsg<'_>) -> Result<(), ShmFull> {
    let tag = table::tag();
    t.msg_flags = msg.flags;
    let decided = saved::pack_decisions(msg, saved::extent());
    if !decided.is_empty() {
        t.decided.replace(ShmStr::try_new_in(decided, tag)?);
    }
    if msg.avps.take_changed() {
        avps::save(t, msg)?;
    }
    Ok(())
}

fn md5(msg: &mut SipMsg<'_>) -> Result<ShmStr, ShmFull> {
    if settings::get().syn_branch {
        return Ok(ShmStr::EMPTY);
    }
    let sum = ser::core::forward::branch::identity(msg).map_err(|_| ShmFull)?;
    let mut text = [0; 32];
    tag::hex(&sum, &mut text);
    ShmStr::try_new_in(&text, table::tag())
}

/// A transaction of nothing yet that replies to `to`.
pub fn blank(index: u16, uid: u32, to: Dest) -> Result<Transaction, ShmFull> {
    let (tag, compiled) = (table::tag(), params::get());
    Ok(Transaction {
        uid,
        index,
        flags: 0,
        method: 0,
        msg_flags: 0,
        identity: identity::Identity::NONE,
        request: ShmStr::EMPTY,
        decided: ShmStr::EMPTY,
        avps: ShmStr::EMPTY,
        md5: ShmStr::EMPTY,
        origin: Origin {
            src: to.to,
            dst: to.to,
            socket: to.socket,
            conn: to.conn,
        },
        uas: Server {
            state: ServerState::Trying,
            status: 0,
            relayed: RELAYED_NONE,
            to,
            reply: ShmStr::EMPTY,
            to_tag: ShmStr::EMPTY,
            repeat: Repeater::OFF,
            fr_at: tick::NEVER,
        },
        branches: ShmVec::new_in(tag),
        routes: Routes {
            failure: ShmStr::EMPTY,
            reply: ShmStr::EMPTY,
            branch: ShmStr::EMPTY,
        },
        callbacks: ShmVec::new_in(tag),
        fr: compiled.fr,
        fr_inv: compiled.fr_inv,
        wait_at: tick::NEVER,
        deciding: 0,
        timers: ShmBox::try_new(timers::make(TxId { index, uid }), tag)?,
        repeat_at: tick::NEVER,
        expire_at: tick::NEVER,
    })
}

/// The final response timers of a new transaction: this message's, else the attribute's, else the parameter's.
fn set_fr(t: &mut Transaction, msg: &SipMsg<'_>) {
    let (ctx, compiled) = (context::get(), params::get());
    if ctx.fr != 0 {
        t.fr = ctx.fr;
    } else if let Some(ticks) = from_avp(msg, compiled.fr_avp.as_ref()) {
        t.fr = ticks;
    }
    if ctx.fr_inv != 0 {
        t.fr_inv = ctx.fr_inv;
    } else if let Some(ticks) = from_avp(msg, compiled.fr_inv_avp.as_ref()) {
        t.fr_inv = ticks;
        t.set(Flag::Noisy);
    }
}

/// How long the branches of a transaction that this message will make may ring, in ticks.
pub fn fr_inv(msg: &SipMsg<'_>) -> u32 {
    let (ctx, compiled) = (context::get(), params::get());
    if ctx.fr_inv != 0 {
        return ctx.fr_inv;
    }
    from_avp(msg, compiled.fr_inv_avp.as_ref()).unwrap_or(compiled.fr_inv)
}

/// Seconds in an attribute, as ticks.
fn from_avp(msg: &SipMsg<'_>, spec: Option<&AvpSpec>) -> Option<u32> {
    let seconds = match msg.avps.lookup(spec?)? {
        AvpValue::Int(n) => u32::try_from(n).ok()?,
        AvpValue::Str(text) => std::str::from_utf8(text).ok()?.trim().parse().ok()?,
    };
    Some(ser::core::time::s_to_ticks(seconds).max(1))
}
