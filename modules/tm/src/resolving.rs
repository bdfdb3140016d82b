//! Branches whose next hop is a name: those that wait for it, and those that have further destinations to
//! fail over to (RFC 3263 §4.3). The child that took the message goes on at once; the branch is built in the
//! resolver process when the name is known.
//!
//! `Branch::later` holds what is needed: what the script decided on this branch, where it goes, and the
//! destinations that are left.

use crate::avps;
use crate::client::{ClientEvent, ClientState};
use crate::decide::{self, Next};
use crate::failure;
use crate::pack::{Packer, Unpacker};
use crate::ready::{self, Ready};
use crate::reply::Work;
use crate::saved::{self, Revived};
use crate::table::{self, TxId};
use crate::tick;
use crate::transaction::Transaction;
use ser::core::dns::{self, Destination, Destinations, HandlerId, Outcome, Ticket, Waiter};
use ser::core::msg::{Bump, MAX_BRANCHES, SerError, SipMsg};
use ser::core::net::Proto;
use ser::ipc::ShmStr;
use std::net::IpAddr;
use std::sync::OnceLock;

static HANDLER: OnceLock<HandlerId> = OnceLock::new();

/// Registers the handler; before the first fork.
pub fn init() -> Result<(), String> {
    let handler = dns::register_handler(resolved).ok_or("too many resolver handlers")?;
    let _ = HANDLER.set(handler);
    Ok(())
}

/// What a branch needs that may fail over; nothing when it has one destination only.
pub fn pack<'a>(msg: &SipMsg<'a>, left: &Destinations) -> &'a [u8] {
    if !left.more() {
        return b"";
    }
    pack_row(msg, left.rest())
}

/// What a branch needs whose name is not known yet.
pub fn pack_all<'a>(msg: &SipMsg<'a>) -> &'a [u8] {
    pack_row(msg, &[])
}

fn pack_row<'a>(msg: &SipMsg<'a>, left: &[Destination]) -> &'a [u8] {
    let mut row = Packer::new_in(msg.arena);
    row.text(saved::pack_decisions(msg, saved::Extent::All));
    row.text(avps::pack(msg));
    row.number(msg.flags);
    for to in left {
        row.number(to.proto as u32);
        row.number(to.port.into());
        match to.ip {
            IpAddr::V4(ip) => row.text(&ip.octets()),
            IpAddr::V6(ip) => row.text(&ip.octets()),
        }
    }
    row.finish()
}

fn unpack_destinations(row: &mut Unpacker<'_>) -> Option<Destinations> {
    Destinations::of(std::iter::from_fn(|| {
        if row.is_empty() {
            return None;
        }
        let (proto, port) = (proto_of(row.number()), row.number() as u16);
        let text = row.text();
        let ip = match (<[u8; 4]>::try_from(text), <[u8; 16]>::try_from(text)) {
            (Ok(v4), _) => IpAddr::from(v4),
            (_, Ok(v6)) => IpAddr::from(v6),
            _ => return None,
        };
        Some(Destination { ip, proto, port })
    }))
}

fn proto_of(number: u32) -> Proto {
    const ALL: [Proto; 6] = [
        Proto::Udp,
        Proto::Tcp,
        Proto::Tls,
        Proto::Sctp,
        Proto::Ws,
        Proto::Wss,
    ];
    let found = ALL.into_iter().find(|p| *p as u32 == number);
    found.unwrap_or(Proto::Udp)
}

/// Starts the look-up of a branch that was added; false: nobody can wait for it, and the branch has ended.
pub fn start(ticket: Ticket<'_>, id: TxId, branch: usize) -> bool {
    let handler = *HANDLER.get().expect("init runs before any message");
    let data = [id.to_data(), branch as u64, 0, 0];
    match dns::on_ready(ticket, Waiter { handler, data }) {
        Ok(()) => true,
        Err(why) => {
            log::error!("ERROR: tm: a name cannot be looked up: {why}");
            with_arena(|arena| end(id, branch, SerError::from(why), arena));
            true
        }
    }
}

thread_local! {
    static ARENA: std::cell::RefCell<Bump> = std::cell::RefCell::new(Bump::with_capacity(64 * 1024));
}

fn with_arena(f: impl FnOnce(&Bump)) {
    ARENA.with(|arena| match arena.try_borrow_mut() {
        Ok(mut arena) => {
            f(&arena);
            arena.reset();
        }
        // A look-up that ends inside another's.
        Err(_) => f(&Bump::new()),
    });
}

/// In the resolver process: the name of a branch is known, or has failed.
fn resolved(data: [u64; 4], outcome: &Outcome) {
    let (id, branch) = (TxId::from_data(data[0]), data[1] as usize);
    with_arena(|arena| match outcome {
        Ok(all) => match send(id, branch, all.clone(), arena) {
            Ok(()) => {}
            Err(error) => end(id, branch, error, arena),
        },
        Err(why) => {
            log::info!("tm: the next hop of a branch has no address: {why}");
            end(id, branch, SerError::from(*why), arena);
        }
    });
}

/// What is needed to build a branch without the lock.
struct Case<'a> {
    request: Revived<'a>,
    left: Unpacker<'a>,
    md5: &'a [u8],
}

fn open<'a>(t: &Transaction, branch: usize, arena: &'a Bump) -> Option<Case<'a>> {
    let mut row = Unpacker(arena.alloc_slice_copy(&t.branches.get(branch)?.later));
    let (decided, avps, flags) = (row.text(), row.text(), row.number());
    Some(Case {
        request: saved::revive(t, arena).with(decided, avps, flags),
        left: row,
        md5: arena.alloc_slice_copy(&t.md5),
    })
}

/// Builds and sends a branch that has waited.
fn send(id: TxId, branch: usize, mut all: Destinations, arena: &Bump) -> Result<(), SerError> {
    let waits = |t: &Transaction| t.branches[branch].state == ClientState::Resolving;
    let case = table::with(id, |t| waits(t).then(|| open(t, branch, arena)).flatten());
    let Some(case) = case.flatten() else {
        return Ok(());
    };
    let mut msg = case
        .request
        .message(arena, 0)
        .map_err(|_| SerError::BAD_REQ)?;
    let ready = ready::choose(&mut msg, id, case.md5, branch, &mut all)?;
    let later = pack(&msg, &all);
    let placed = table::with(id, |t| -> Result<bool, SerError> {
        if t.branches[branch].state != ClientState::Resolving {
            return Ok(false);
        }
        let now = tick::now();
        place(t, branch, &ready, later, now).map_err(|_| SerError::OUT_OF_MEM)?;
        t.set_timers(now);
        Ok(true)
    });
    if placed.unwrap_or(Ok(false))? {
        match ready.send(&mut msg) {
            Ok(()) => {}
            Err(error) if !fail_over(id, branch, &mut msg) => return Err(error),
            Err(_) => {}
        }
    }
    Ok(())
}

fn place(
    t: &mut Transaction,
    branch: usize,
    ready: &Ready<'_>,
    later: &[u8],
    now: u32,
) -> Result<(), ser::ipc::ShmFull> {
    let mut made = ready.branch(t.fr, now)?;
    made.later = ShmStr::try_new_in(later, table::tag())?;
    t.branches[branch] = made;
    Ok(())
}

/// Ends a branch that could not be sent, with the answer to its error.
fn end(id: TxId, branch: usize, error: SerError, arena: &Bump) {
    let (code, _) = error.answer();
    let mut work = Work::new_in(arena);
    let next = table::with(id, |t| {
        let next = decide::end_branch(t, branch, code, ClientEvent::GivenUp, &mut work);
        t.set_timers(work.now);
        next
    });
    work.outbox.flush();
    failure::go_on(id, next.unwrap_or(Next::Nothing), arena, 0);
}

/// Sends a new branch to the next destination of one that failed; false: there is none.
pub fn fail_over(id: TxId, branch: usize, msg: &mut SipMsg<'_>) -> bool {
    fail_over_in(id, branch, msg.arena)
}

/// As [`fail_over`], from a timer.
pub fn fail_over_in(id: TxId, branch: usize, arena: &Bump) -> bool {
    let mut from = branch;
    loop {
        let opened = table::with(id, |t| {
            let has_more = t.branches.get(from).is_some_and(|b| !b.later.is_empty());
            let number = t.branches.len();
            let open_call = !t.uas.state.is_final() && number < MAX_BRANCHES;
            (has_more && open_call)
                .then(|| open(t, from, arena).map(|case| (case, number)))
                .flatten()
        });
        let Some((mut case, number)) = opened.flatten() else {
            return false;
        };
        let Some(mut all) = unpack_destinations(&mut case.left) else {
            return false;
        };
        match add(id, from, number, &case, &mut all, arena) {
            Ok(true) => return true,
            Ok(false) => return false,
            // That one could not be sent either: on from there.
            Err(()) => from = number,
        }
    }
}

/// Adds branch `number` for the next destination and ends branch `from` silently. `Err`: it was added and
/// could not be sent.
fn add(
    id: TxId,
    from: usize,
    number: usize,
    case: &Case<'_>,
    all: &mut Destinations,
    arena: &Bump,
) -> Result<bool, ()> {
    let Ok(mut msg) = case.request.message(arena, 0) else {
        return Ok(false);
    };
    let Ok(ready) = ready::choose(&mut msg, id, case.md5, number, all) else {
        return Ok(false);
    };
    let later = pack(&msg, all);
    let added = table::with(id, |t| {
        let now = tick::now();
        if t.branches.len() != number || t.uas.state.is_final() {
            return false;
        }
        let Ok(mut made) = ready.branch(t.fr, now) else {
            return false;
        };
        let Ok(later) = ShmStr::try_new_in(later, table::tag()) else {
            return false;
        };
        made.later = later;
        if t.branches.try_push(made).is_err() {
            return false;
        }
        replaced(t, from);
        t.set_timers(now);
        true
    });
    match added {
        Some(true) => ready.send(&mut msg).map(|()| true).map_err(|_| ()),
        Some(false) | None => Ok(false),
    }
}

/// The branch that failed counts no more than a timeout.
fn replaced(t: &mut Transaction, from: usize) {
    let b = &mut t.branches[from];
    b.state = b.state.on_event(true, ClientEvent::GivenUp).next;
    if b.last < 200 {
        b.last = 408;
    }
    b.repeat = crate::transaction::Repeater::OFF;
    b.fr_at = tick::NEVER;
    b.later.replace(ShmStr::EMPTY);
}
