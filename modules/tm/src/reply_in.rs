//! Replies of next hops (SER's reply_received): the client side steps on, the onreply_route runs, and what
//! the reply means for the transaction is decided.

use crate::branch_id::BranchId;
use crate::callbacks::{self, Event};
use crate::client::{ClientEvent, Retransmit};
use crate::context::{self, Context, Lookup};
use crate::decide::{self, BranchReply, Next};
use crate::reply::Work;
use crate::stats::{self, Stat};
use crate::table::{self, TxId};
use crate::transaction::{BranchFlag, Flag, Repeater, Transaction};
use crate::{armed, avps, cancel, failure, hop, params, tick, uac};
use ser::core::forward::{remove_first_via, render};
use ser::core::msg::{RouteKind, SipMsg};
use ser::core::net::SocketInfo;
use ser::core::script::run_top_route;
use ser::core::sip::{HdrType, Method};

/// Lets the core go on with the reply: it is none of ours.
const NOT_OURS: i32 = 1;
/// The reply was taken.
const TAKEN: i32 = 0;

/// What was seen of the transaction when the reply was matched.
struct Seen<'a> {
    id: TxId,
    branch: usize,
    local: bool,
    /// The request is our own.
    uac: bool,
    /// It is an INVITE.
    invite: bool,
    route: Option<usize>,
    /// Attributes and message flags, where a route or callback will look at them.
    avps: &'a [u8],
    flags: u32,
    callbacks: bool,
    socket: Option<&'static SocketInfo>,
}

/// The module's `response` function.
pub fn reply_received(msg: &mut SipMsg<'_>) -> i32 {
    let via = msg.sip.via1().and_then(|via| via.branch);
    let Some(id) = via.and_then(BranchId::parse) else {
        return NOT_OURS;
    };
    let Ok((_, method)) = msg.sip.cseq() else {
        return NOT_OURS;
    };
    let mut work = Work::new_in(msg.arena);
    let mut bucket = table::lock(id.index);
    let found = bucket.find_mut(|t| id.is_of(t) && id.branch < t.branches.len());
    let Some(t) = found else { return NOT_OURS };
    let code = msg.sip.status();
    if code < 100 {
        log::info!("tm: a reply with status {code:03}, which is none, is dropped");
        return TAKEN;
    }
    if Method::parse(method) == Method::Cancel && t.method != Method::Cancel as u16 {
        let known = t.branches[id.branch].cancel.is_some();
        cancel::replied(t, id.branch, code);
        return if known { TAKEN } else { NOT_OURS };
    }
    if !same_method(t, method) || t.branches[id.branch].request.is_empty() {
        return NOT_OURS;
    }
    step(t, id.branch, msg, &mut work);
    let seen = look(t, id.branch, msg);
    if seen.route.is_none() && !seen.callbacks {
        let next = take(t, &seen, msg, &mut work);
        t.set_timers(work.now);
        drop(bucket);
        finish(&seen, next, msg, work);
        return TAKEN;
    }
    if code >= 200 {
        hold(t, id.branch, work.now);
    }
    t.set_timers(work.now);
    drop(bucket);
    work.outbox.flush();
    script(&seen, msg);
    let mut work = Work::new_in(msg.arena);
    let next = table::with(seen.id, |t| {
        let b = &mut t.branches[seen.branch];
        if b.has(BranchFlag::InScript) {
            b.clear(BranchFlag::InScript);
            b.fr_at = tick::NEVER;
        }
        let next = take(t, &seen, msg, &mut work);
        t.set_timers(work.now);
        next
    });
    finish(&seen, next.unwrap_or(Next::Nothing), msg, work);
    TAKEN
}

/// The transaction that a reply belongs to, before it is worked on: for questions of the default
/// onreply_route. The reply to a CANCEL of ours belongs to its INVITE.
pub fn transaction_of(msg: &mut SipMsg<'_>) -> Option<TxId> {
    let via = msg.sip.via1().and_then(|via| via.branch);
    let id = via.and_then(BranchId::parse)?;
    let (_, method) = msg.sip.cseq().ok()?;
    let bucket = table::lock(id.index);
    let t = bucket.find(|t| id.is_of(t) && id.branch < t.branches.len())?;
    let branch = &t.branches[id.branch];
    let ours = if Method::parse(method) == Method::Cancel && t.method != Method::Cancel as u16 {
        branch.cancel.is_some()
    } else {
        same_method(t, method) && !branch.request.is_empty()
    };
    ours.then(|| t.id())
}

fn same_method(t: &Transaction, method: &[u8]) -> bool {
    let number = Method::parse(method);
    number as u16 == t.method
        && (number != Method::Other || t.identity.method_name(&t.request) == method)
}

/// The client side's step: timers, ACK, a CANCEL that waited.
fn step<'a>(t: &mut Transaction, i: usize, msg: &mut SipMsg<'a>, work: &mut Work<'a>) {
    let (compiled, code) = (params::get(), msg.sip.status());
    let invite = t.has(Flag::Invite);
    let fr_inv = t.fr_inv;
    let b = &mut t.branches[i];
    let step = b.state.on_event(invite, ClientEvent::Reply(code));
    let was_pending = b.state.is_pending();
    b.state = step.next;
    b.set(BranchFlag::Replied);
    if !was_pending && code == b.last && code >= 200 && !(invite && code < 300) {
        stats::add(Stat::AbsorbedReplies, 1);
    }
    match step.retransmit {
        Retransmit::Keep => {}
        Retransmit::Slow => b.repeat.slow(work.now, compiled.retr2),
        Retransmit::Stop => b.repeat = Repeater::OFF,
    }
    if step.settled {
        b.fr_at = tick::NEVER;
    } else if invite && was_pending && restarts(code, b.last) {
        b.ringing = true;
        b.fr_at = tick::after(work.now, fr_inv);
    }
    if step.ack {
        ack(t, i, msg, work);
    }
    if code < 200 && t.branches[i].has(BranchFlag::CancelWanted) {
        t.branches[i].last = t.branches[i].last.max(code);
        cancel::branch(t, i, work);
    }
}

/// The branch counts as pending until the script has seen its final reply; should it never come to an end,
/// a timer ends the branch.
fn hold(t: &mut Transaction, i: usize, now: u32) {
    let fr = t.fr;
    let b = &mut t.branches[i];
    if b.last < 200 {
        b.set(BranchFlag::InScript);
        b.fr_at = tick::after(now, fr);
    }
}

/// Whether a provisional reply starts the ringing timer anew.
fn restarts(code: u16, previous: u16) -> bool {
    params::RESTART_FR.get() != 0 || code > previous && (code >= 180 || previous == 0)
}

/// Acknowledges a negative reply to an INVITE.
fn ack<'a>(t: &Transaction, i: usize, msg: &mut SipMsg<'a>, work: &mut Work<'a>) {
    let to = msg.sip.header(HdrType::To).ok().flatten().map(|h| h.raw);
    let request = work.arena.alloc_slice_copy(&t.branches[i].request);
    match hop::build(request, b"ACK", to, work.arena) {
        Ok(ack) => work.outbox.push(t.branches[i].to, ack),
        Err(why) => log::error!("BUG: tm: no ACK for a reply: {why:?}"),
    }
}

fn look<'a>(t: &Transaction, branch: usize, msg: &SipMsg<'a>) -> Seen<'a> {
    let route = armed::find(RouteKind::OnReply, &t.routes.reply);
    let callbacks = !t.callbacks.is_empty();
    let looked_at = route.is_some() || callbacks;
    Seen {
        id: t.id(),
        branch,
        local: t.has(Flag::Local),
        uac: t.has(Flag::Uac),
        invite: t.has(Flag::Invite),
        route,
        avps: if looked_at { msg.store(&t.avps) } else { b"" },
        flags: t.msg_flags,
        callbacks,
        socket: t.uas.to.socket(),
    }
}

/// Callbacks and the onreply_route, with the attributes and flags of the transaction.
fn script<'a>(seen: &Seen<'a>, msg: &mut SipMsg<'a>) {
    let context = Context {
        lookup: Lookup::Found,
        transaction: Some(seen.id),
        current_branch: Some(seen.branch),
        ..Context::default()
    };
    msg.avps.clear();
    avps::unpack(seen.avps, msg);
    msg.flags = seen.flags;
    context::guarded(context, "an onreply_route", || {
        if !seen.local {
            let code = msg.sip.status();
            callbacks::run(seen.id, Event::ResponseIn, None, Some(msg), code);
        }
        if let Some(route) = seen.route {
            run_top_route(RouteKind::OnReply, route, msg);
        }
    });
    if msg.flags != seen.flags || msg.avps.has_changed() {
        table::with(seen.id, |t| {
            avps::save_changes(t, msg, seen.flags, seen.avps)
        });
    }
}

/// What the reply means; it is made ready to be passed on only if it may be.
fn take<'a>(
    t: &mut Transaction,
    seen: &Seen<'_>,
    msg: &mut SipMsg<'a>,
    work: &mut Work<'a>,
) -> Next {
    let code = msg.sip.status();
    if seen.uac {
        uac::seen_from(t, &msg.rcv);
    }
    let buf = if code == 100 {
        None
    } else if seen.local {
        Some(msg.buf())
    } else {
        passed_on(seen, msg)
    };
    let reply = BranchReply {
        branch: seen.branch,
        code,
        buf,
    };
    decide::take(t, reply, work)
}

/// The reply without our Via, with the edits of the script.
fn passed_on<'a>(seen: &Seen<'_>, msg: &mut SipMsg<'a>) -> Option<&'a [u8]> {
    let socket = seen.socket?;
    remove_first_via(msg).ok()?;
    Some(render(msg, socket))
}

fn finish(seen: &Seen<'_>, next: Next, msg: &mut SipMsg<'_>, work: Work<'_>) {
    if let Next::Replied(code) = next
        && seen.callbacks
        && code < 300
    {
        callbacks::run(seen.id, Event::ResponseFwded, None, Some(msg), code);
    }
    let arena = msg.arena;
    work.outbox.flush();
    if seen.uac {
        tell_own(seen, next, msg);
    }
    // Nobody is told of a reply when no module wants to know.
    if seen.callbacks || !matches!(next, Next::Nothing | Next::Replied(_) | Next::LocalReply(_)) {
        failure::go_on(seen.id, next, arena, msg.id);
    }
}

/// What a reply to a request of our own asks for before its end is told.
fn tell_own(seen: &Seen<'_>, next: Next, msg: &mut SipMsg<'_>) {
    let code = msg.sip.status();
    if seen.invite && (200..300).contains(&code) {
        uac::accepted(seen.id, seen.branch, msg);
    }
    if let Next::LocalReply(_) = next
        && seen.callbacks
        && params::PASS_PROVISIONAL.get() != 0
    {
        callbacks::local_response_out(seen.id, msg);
    }
}
