//! Adding branches to a transaction and sending them (SER's t_forward_nonack): destination, branch_route,
//! message, all of them prepared before the lock is taken once.

use crate::callbacks::{self, Event};
use crate::cancel::{self, Canceled};
use crate::client::{ClientEvent, ClientState};
use crate::context;
use crate::decide::{self, Next};
use crate::outbox;
use crate::reply::{self, Work};
use crate::table::{self, TxId};
use crate::transaction::{Branch, BranchFlag, Dest, Flag, Repeater, Transaction};
use crate::{branch_id, failure, newtran, params, tick};
use ser::core::forward::{ask_onsend, build_request, resolve, send_socket, uri_proto};
use ser::core::msg::{BumpVec, MAX_BRANCHES, RouteKind, SerError, SipMsg};
use ser::core::net::{Proto, SocketInfo};
use ser::core::script::{program, run_top_route};
use ser::core::sip::{Method, Uri};
use ser::ipc::{ShmFull, ShmStr};
use std::net::SocketAddr;

/// Where the branches go.
#[derive(Clone, Copy, Debug)]
pub enum Hop {
    /// Where their URIs lead.
    Uri,
    /// To this address, by this protocol.
    Fixed(SocketAddr, Proto),
}

/// A destination that the script has chosen.
#[derive(Clone, Copy)]
struct Target<'a> {
    uri: &'a [u8],
    dst_uri: Option<&'a [u8]>,
    socket: Option<&'static SocketInfo>,
}

/// A branch that is ready to be sent.
struct Prepared<'a> {
    dest: Dest,
    socket: &'static SocketInfo,
    buf: &'a [u8],
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
pub fn forward(msg: &mut SipMsg<'_>, id: TxId, hop: Hop) -> Result<(), SerError> {
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
    if send(msg, id, &start, &prepared) {
        Ok(())
    } else {
        Err(SerError::SEND)
    }
}

/// Looks at the transaction and takes the armed branch_route, which serves once.
fn open<'a>(t: &mut Transaction, msg: &SipMsg<'a>) -> Start<'a> {
    let route = (!t.routes.branch.is_empty()).then(|| {
        let name = std::str::from_utf8(&t.routes.branch).ok()?;
        program()?.branch.find(name)
    });
    if route.is_some() {
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
        route: route.flatten(),
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
    hop: Hop,
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
    hop: Hop,
) -> Result<Prepared<'a>, SerError> {
    if let Some(route) = start.route {
        context::update(|c| c.current_branch = Some(number));
        run_top_route(RouteKind::Branch, route, msg);
        context::update(|c| c.current_branch = None);
    }
    let (to, proto) = destination(msg, hop)?;
    let socket = send_socket(Some(msg), &to, proto).ok_or_else(|| {
        log::error!("ERROR: t_forward_nonack: no listening socket for {to}");
        SerError::NO_SOCKET
    })?;
    callbacks::run(id, Event::RequestFwded, Some(msg), None, 0);
    let branch = branch_id::write(id, start.md5, number, msg.arena);
    let buf = build_request(msg, socket, branch)?;
    Ok(Prepared {
        dest: Dest::new(to, socket, 0),
        socket,
        buf,
    })
}

fn destination(msg: &SipMsg<'_>, hop: Hop) -> Result<(SocketAddr, Proto), SerError> {
    match hop {
        Hop::Fixed(to, proto) => Ok((to, proto)),
        Hop::Uri => {
            let uri = Uri::parse(msg.next_hop()).map_err(|_| SerError::BAD_URI)?;
            let proto = uri_proto(&uri)?;
            Ok((resolve(uri.host, uri.port_no, proto)?, proto))
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
    let first = start.branches == 0;
    let added = table::with(id, |t| {
        if t.branches.len() != start.branches {
            return Err(SerError::BUG);
        }
        // A CANCEL may have come while the branches were prepared.
        if t.has(Flag::Canceled) {
            return Err(SerError::CANCELED);
        }
        let now = tick::now();
        let result = add(t, msg, prepared, first, now);
        t.set_timers(now);
        result.map_err(|ShmFull| SerError::OUT_OF_MEM)
    });
    added.unwrap_or(Err(SerError::BUG))
}

fn add(
    t: &mut Transaction,
    msg: &mut SipMsg<'_>,
    prepared: &[Prepared<'_>],
    first: bool,
    now: u32,
) -> Result<(), ShmFull> {
    let compiled = params::get();
    if first {
        newtran::save(t, msg)?;
    }
    t.branches.try_reserve_exact(prepared.len())?;
    for ready in prepared {
        let mut branch = Branch::new(ClientState::Calling, ready.dest);
        branch.request = ShmStr::try_new_in(ready.buf, table::tag())?;
        if branch.to.is_unreliable() {
            branch.repeat = Repeater::start(now, compiled.retr1);
        }
        branch.fr_at = tick::after(now, t.fr);
        t.branches.try_push(branch)?;
    }
    t.set(Flag::Handled);
    Ok(())
}

/// Sends what was added; false: nothing could be sent.
fn send<'a>(
    msg: &mut SipMsg<'a>,
    id: TxId,
    start: &Start<'_>,
    prepared: &[Prepared<'a>],
) -> bool {
    let mut sent = false;
    for (i, ready) in prepared.iter().enumerate() {
        let outcome = ask_onsend(msg, ready.buf, ready.dest.to, ready.socket)
            .and_then(|()| outbox::send(&ready.dest, ready.buf));
        match outcome {
            Ok(()) => sent = true,
            Err(_) => not_sent(id, start.branches + i),
        }
    }
    sent
}

/// A branch could not be sent: it counts as timed out, but nothing is decided here (the caller answers if
/// none was sent).
fn not_sent(id: TxId, branch: usize) {
    table::with(id, |t| {
        let b = &mut t.branches[branch];
        b.state = b.state.on_event(true, ClientEvent::GivenUp).next;
        b.last = 408;
        b.repeat = Repeater::OFF;
        b.fr_at = tick::NEVER;
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

/// Replies statefully to the request being processed.
pub fn reply_now(
    msg: &mut SipMsg<'_>,
    id: TxId,
    code: u16,
    reason: &[u8],
) -> Result<(), SerError> {
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

/// A branch of an application that answers by itself; see `write_req`.
pub fn add_blind(id: TxId) -> Result<(), SerError> {
    let added = table::with(id, |t| {
        let now = tick::now();
        let mut branch = Branch::new(ClientState::Calling, t.uas.to);
        branch.set(BranchFlag::Blind);
        branch.fr_at = tick::after(now, t.fr);
        t.set(Flag::Noisy);
        t.set(Flag::Handled);
        t.branches.try_push(branch)?;
        t.set_timers(now);
        Ok(())
    });
    match added {
        Some(Ok(())) => Ok(()),
        Some(Err(ShmFull)) => Err(SerError::OUT_OF_MEM),
        None => Err(SerError::BUG),
    }
}

/// Ends a branch without a reply and does what follows, from outside of the lock.
pub fn end_branch(id: TxId, branch: usize, code: u16, event: ClientEvent, msg: &SipMsg<'_>) {
    let mut work = Work::new_in(msg.arena);
    let next = table::with(id, |t| {
        let next = decide::end_branch(t, branch, code, event, &mut work);
        t.set_timers(work.now);
        next
    });
    work.outbox.flush();
    failure::go_on(id, next.unwrap_or(Next::Nothing), msg.arena, msg.id);
}
