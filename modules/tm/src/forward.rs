//! Adding branches to a transaction and sending them (SER's t_forward_nonack): destination, branch_route,
//! message, all of them prepared before the lock is taken once.

use crate::cancel::{self, Canceled};
use crate::client::{ClientEvent, ClientState};
use crate::context;
use crate::decide::{self, Next};
use crate::ready::{self, Ready};
use crate::reply::{self, Work};
use crate::table::{self, TxId};
use crate::transaction::{Branch, BranchFlag, Flag, Repeater, Transaction};
use crate::{armed, avps, failure, newtran, params, rebuild, resolving, tick};
use ser::core::dns::{self, Destination, Destinations, Query, Resolution, Ticket};
use ser::core::msg::{BumpVec, MAX_BRANCHES, RouteKind, SerError, SipMsg};
use ser::core::net::{Proto, SocketInfo};
use ser::core::script::run_top_route;
use ser::core::sip::{Method, Uri};
use ser::ipc::{ShmFull, ShmStr};
use std::net::SocketAddr;

/// Where the branches go.
#[derive(Clone, Copy, Debug)]
pub enum Hop<'a> {
    /// Where their URIs lead.
    Uri,
    /// To this address, by this protocol.
    Fixed(SocketAddr, Proto),
    /// Where this host leads, by this protocol.
    Host(&'a [u8], u16, Proto),
}

impl<'a> Hop<'a> {
    /// What is to be resolved, or the destination that needs no resolving.
    pub fn query(self, msg: &SipMsg<'a>) -> Result<Query<'a>, SerError> {
        match self {
            Hop::Uri => {
                let uri = Uri::parse(msg.next_hop()).map_err(|_| SerError::BAD_URI)?;
                Query::of_uri(&uri)
            }
            Hop::Host(host, port, proto) => Ok(Query::new(host, port, proto)),
            // Not asked: see `destinations`.
            Hop::Fixed(..) => Err(SerError::BUG),
        }
    }

    fn resolve(self, msg: &SipMsg<'a>) -> Result<Resolution<'a>, SerError> {
        if let Hop::Fixed(to, proto) = self {
            return Ok(Resolution::Ready(Destinations::one(Destination {
                ip: to.ip(),
                port: to.port(),
                proto,
            })));
        }
        Ok(dns::resolve(self.query(msg)?))
    }
}

/// A destination that the script has chosen.
#[derive(Clone, Copy)]
struct Target<'a> {
    uri: &'a [u8],
    dst_uri: Option<&'a [u8]>,
    socket: Option<&'static SocketInfo>,
}

/// A branch that is ready to be added.
enum Prepared<'a> {
    Now {
        ready: Ready<'a>,
        /// Where else it can go, and what is needed for that; empty: nowhere.
        later: &'a [u8],
    },
    /// Its name must be looked up first.
    Later { ticket: Ticket<'a>, later: &'a [u8] },
}

/// What is known of the transaction before branches are added.
struct Start<'a> {
    branches: usize,
    canceled: bool,
    md5: &'a [u8],
    route: Option<usize>,
}

/// Forwards the request of the transaction: to the Request-URI (at the first time) and to every branch of the
/// set. An error: not one branch was sent.
pub fn forward<'a>(msg: &mut SipMsg<'a>, id: TxId, hop: Hop<'a>) -> Result<(), SerError> {
    if msg.sip.method() == Method::Cancel
        && let Some(invite) = newtran::lookup_cancel(msg)?
    {
        return cancel_invite(msg, id, invite);
    }
    let start = table::with(id, |t| open(t, msg)).ok_or(SerError::BUG)?;
    if start.canceled {
        return Err(SerError::CANCELED);
    }
    let targets = targets(msg, start.branches == 0);
    msg.branches.clear();
    let mut prepared = BumpVec::with_capacity_in(targets.len(), msg.arena);
    let mut error = SerError::SEND;
    for target in targets {
        let number = start.branches + prepared.len();
        if number >= MAX_BRANCHES {
            log::error!("ERROR: t_forward_nonack: more than {MAX_BRANCHES} branches");
            error = SerError::TOO_MANY_BRANCHES;
            break;
        }
        match prepare(msg, id, &start, number, target, hop) {
            Ok(branch) => prepared.push(branch),
            Err(why) => error = why,
        }
    }
    if prepared.is_empty() {
        return Err(error);
    }
    commit(msg, id, &start, &prepared)?;
    let flags = msg.flags;
    context::update(|c| c.handled = Some(flags));
    if send(msg, id, &start, prepared) {
        Ok(())
    } else {
        Err(SerError::SEND)
    }
}

/// Looks at the transaction and takes the armed branch_route, which serves once.
fn open<'a>(t: &mut Transaction, msg: &SipMsg<'a>) -> Start<'a> {
    let route = armed::find(RouteKind::Branch, &t.routes.branch);
    if !t.routes.branch.is_empty() {
        t.routes.branch.replace(ShmStr::EMPTY);
    }
    Start {
        branches: t.branches.len(),
        canceled: t.has(Flag::Canceled),
        md5: if t.md5.is_empty() {
            b""
        } else {
            msg.store(&t.md5)
        },
        route,
    }
}

fn targets<'a>(msg: &SipMsg<'a>, with_request_uri: bool) -> BumpVec<'a, Target<'a>> {
    let set = msg.branches.as_slice();
    let mut all = BumpVec::with_capacity_in(set.len() + 1, msg.arena);
    if with_request_uri {
        all.push(Target {
            uri: msg.request_uri(),
            dst_uri: msg.dst_uri,
            socket: msg.force_send_socket,
        });
    }
    all.extend(set.iter().map(|b| Target {
        uri: b.uri,
        dst_uri: b.dst_uri,
        socket: b.socket,
    }));
    all
}

/// Builds the request of one branch; the message is afterwards as it was before.
fn prepare<'a>(
    msg: &mut SipMsg<'a>,
    id: TxId,
    start: &Start<'a>,
    number: usize,
    target: Target<'a>,
    hop: Hop<'a>,
) -> Result<Prepared<'a>, SerError> {
    let (new_uri, dst_uri, socket) = (msg.new_uri(), msg.dst_uri, msg.force_send_socket);
    let (mark, flags) = (msg.lumps.mark(), msg.flags);
    if target.uri != msg.request_uri() {
        msg.set_uri(target.uri);
    }
    msg.dst_uri = target.dst_uri;
    msg.force_send_socket = target.socket;
    let built = build(msg, id, start, number, hop);
    msg.lumps.revert_to(mark);
    msg.flags = flags;
    match new_uri {
        Some(uri) => msg.set_uri(uri),
        None => msg.revert_uri(),
    }
    (msg.dst_uri, msg.force_send_socket) = (dst_uri, socket);
    built
}

fn build<'a>(
    msg: &mut SipMsg<'a>,
    id: TxId,
    start: &Start<'a>,
    number: usize,
    hop: Hop<'a>,
) -> Result<Prepared<'a>, SerError> {
    if let Some(route) = start.route {
        context::update(|c| c.current_branch = Some(number));
        run_top_route(RouteKind::Branch, route, msg);
        context::update(|c| c.current_branch = None);
    }
    match hop.resolve(msg)? {
        Resolution::Ready(mut all) => {
            let ready = ready::choose(msg, id, start.md5, number, &mut all)?;
            let later = rebuild::pack(msg, &all);
            Ok(Prepared::Now { ready, later })
        }
        Resolution::Failed(why) => {
            log::info!(
                "t_forward_nonack: {}: {why}",
                String::from_utf8_lossy(msg.next_hop())
            );
            Err(why.into())
        }
        Resolution::Pending(ticket) => {
            let later = rebuild::pack_all(msg);
            Ok(Prepared::Later { ticket, later })
        }
    }
}

/// Adds the branches to the transaction and sets their timers.
fn commit(
    msg: &mut SipMsg<'_>,
    id: TxId,
    start: &Start<'_>,
    prepared: &[Prepared<'_>],
) -> Result<(), SerError> {
    let added = table::with(id, |t| {
        if t.branches.len() != start.branches {
            return Err(SerError::BUG);
        }
        // A CANCEL may have come while the branches were prepared.
        if t.has(Flag::Canceled) {
            return Err(SerError::CANCELED);
        }
        let now = tick::now();
        let result = add(t, msg, prepared, now);
        t.set_timers(now);
        result.map_err(|ShmFull| SerError::OUT_OF_MEM)
    });
    added.unwrap_or(Err(SerError::BUG))
}

/// Keeps what the script has decided: routes of replies to the branches go on from here.
fn keep_for_later(t: &mut Transaction, msg: &mut SipMsg<'_>) -> Result<(), ShmFull> {
    if t.branches.is_empty() {
        newtran::save(t, msg)
    } else if msg.avps.has_changed() {
        avps::save(t, msg)
    } else {
        Ok(())
    }
}

fn add(
    t: &mut Transaction,
    msg: &mut SipMsg<'_>,
    prepared: &[Prepared<'_>],
    now: u32,
) -> Result<(), ShmFull> {
    keep_for_later(t, msg)?;
    t.branches.try_reserve_exact(prepared.len())?;
    for one in prepared {
        let branch = match one {
            Prepared::Now { ready, later } => {
                let mut branch = ready.branch(t.fr, now)?;
                branch.later = ShmStr::try_new_in(later, table::tag())?;
                branch
            }
            Prepared::Later { later, .. } => {
                let mut branch = Branch::new(ClientState::Resolving, t.uas.to);
                branch.later = ShmStr::try_new_in(later, table::tag())?;
                branch.fr_at = tick::after(now, t.fr);
                branch
            }
        };
        t.branches.try_push(branch)?;
    }
    t.branches_decide();
    Ok(())
}

/// Sends what was added and starts the look-ups; false: nothing could be sent.
fn send<'a>(
    msg: &mut SipMsg<'a>,
    id: TxId,
    start: &Start<'_>,
    prepared: BumpVec<'a, Prepared<'a>>,
) -> bool {
    let (mut sent, mut vetoed, mut failed) = (false, false, false);
    for (i, one) in prepared.into_iter().enumerate() {
        let number = start.branches + i;
        match one {
            Prepared::Now { ready, .. } => match ready.send(msg) {
                Ok(()) => sent = true,
                Err(SerError::ADM_PROHIBITED) => {
                    vetoed = true;
                    not_sent(id, number);
                }
                Err(_) if resolving::fail_over(id, number, msg.arena) => sent = true,
                Err(_) => {
                    failed = true;
                    not_sent(id, number);
                }
            },
            Prepared::Later { ticket, .. } => sent |= resolving::start(ticket, id, number),
        }
    }
    match (sent, vetoed) {
        (true, _) if vetoed || failed => decide_without(msg, id),
        (true, _) => {}
        // The script wants it so: nothing is sent, and nobody is answered.
        (false, true) => end_unanswered(id),
        (false, false) if start.branches == 0 => left_to_script(id),
        (false, false) => {}
    }
    sent || vetoed
}

/// A branch could not be sent: it counts as timed out.
fn not_sent(id: TxId, branch: usize) {
    table::with(id, |t| {
        let b = &mut t.branches[branch];
        b.state = b.state.on_event(true, ClientEvent::GivenUp).next;
        b.last = 408;
        b.repeat = Repeater::OFF;
        b.fr_at = tick::NEVER;
    });
}

/// Some branches were sent and others not: those that were may have ended meanwhile.
fn decide_without(msg: &mut SipMsg<'_>, id: TxId) {
    let mut work = Work::new_in(msg.arena);
    let next = table::with(id, |t| {
        let next = if t.uas.state.is_final() {
            Next::Nothing
        } else {
            decide::conclude(t, None, &mut work)
        };
        t.set_timers(work.now);
        next
    });
    work.outbox.flush();
    failure::go_on(id, next.unwrap_or(Next::Nothing), msg.arena, msg.id);
}

/// Nothing was sent, and nothing is to be: it lingers as if it were answered. A failure route decides
/// about its own.
fn end_unanswered(id: TxId) {
    table::with(id, |t| {
        if t.deciding == 0 && !t.has_pending_branch() {
            let now = tick::now();
            t.put_on_wait(now, params::get().wait);
            t.set_timers(now);
        }
    });
}

/// Nothing was sent: unless the script answers, the transaction ends with it.
fn left_to_script(id: TxId) {
    context::update(|c| c.handled = None);
    table::with(id, |t| {
        if !t.uas.state.is_final() {
            let now = tick::now();
            t.clear(Flag::Handled);
            t.uas.fr_at = tick::after(now, t.fr);
            t.set_timers(now);
        }
    });
}

/// A CANCEL whose INVITE is known: goes to the INVITE's branches, and is answered here.
fn cancel_invite(msg: &mut SipMsg<'_>, id: TxId, invite: TxId) -> Result<(), SerError> {
    let outcome = cancel::invite(msg, invite);
    let reason: &[u8] = match outcome {
        Canceled::Some => b"canceling",
        Canceled::Nothing => b"ok -- no more pending branches",
    };
    reply_now(msg, id, 200, reason)
}

/// Adds a branch that is not sent: an application answers for it, or it times out. Returns its number.
pub fn add_blind(msg: &mut SipMsg<'_>, id: TxId) -> Result<usize, SerError> {
    let added = table::with(id, |t| {
        let number = t.branches.len();
        if number >= MAX_BRANCHES {
            return Err(SerError::TOO_MANY_BRANCHES);
        }
        let now = tick::now();
        let mut branch = Branch::new(ClientState::Calling, t.uas.to);
        branch.set(BranchFlag::Blind);
        branch.fr_at = tick::after(now, t.fr);
        keep_for_later(t, msg)
            .and_then(|()| t.branches.try_push(branch))
            .map_err(|ShmFull| SerError::OUT_OF_MEM)?;
        t.set(Flag::Noisy);
        t.branches_decide();
        t.set_timers(now);
        Ok(number)
    });
    added.unwrap_or(Err(SerError::BUG))
}

/// Takes such a branch back: there is no application.
pub fn take_back_blind(id: TxId, number: usize) {
    let is_alone = table::with(id, |t| {
        if t.branches.len() == number + 1 {
            t.branches.pop();
        }
        t.branches.is_empty()
    });
    if is_alone == Some(true) {
        left_to_script(id);
    }
}

/// Replies statefully to the request being processed.
pub fn reply_now(msg: &mut SipMsg<'_>, id: TxId, code: u16, reason: &[u8]) -> Result<(), SerError> {
    reply_tagged(msg, id, code, reason, None)
}

/// As [`reply_now`] with a given To-tag.
pub fn reply_tagged(
    msg: &mut SipMsg<'_>,
    id: TxId,
    code: u16,
    reason: &[u8],
    to_tag: Option<&[u8]>,
) -> Result<(), SerError> {
    let made = reply::make(msg, code, reason, to_tag)?;
    let mut work = Work::new_in(msg.arena);
    let done = table::with(id, |t| {
        if t.has(Flag::Local) || !reply::commit_made(t, &made, &mut work) {
            return false;
        }
        if code >= 200 {
            t.set(Flag::Handled);
            cancel::others(t, usize::MAX, &mut work);
            t.stop_branches();
        } else if code > 100 && t.branches.is_empty() {
            // An application answers; it has as long as one that rings.
            t.set(Flag::Handled);
            t.uas.fr_at = tick::after(work.now, t.fr_inv);
        }
        t.set_timers(work.now);
        true
    });
    if done != Some(true) {
        return Err(SerError::SCRIPT);
    }
    if code >= 200 {
        msg.answered = true;
    }
    work.outbox.flush();
    failure::go_on(id, Next::Replied(code), msg.arena, msg.id);
    Ok(())
}
