//! Branches whose next hop is a name: those that wait for it, and those that have further destinations to
//! fail over to (RFC 3263 §4.3). The child that took the message goes on at once; the branch is built in the
//! resolver process when the name is known.

use crate::client::{ClientEvent, ClientState};
use crate::decide::{self, Next};
use crate::failure;
use crate::ready::Ready;
use crate::rebuild::Case;
use crate::reply::Work;
use crate::table::{self, TxId};
use crate::tick;
use crate::transaction::{Flag, Repeater, Transaction};
use ser::core::dns::{self, Destinations, HandlerId, Outcome, Ticket, Waiter};
use ser::core::msg::{Bump, MAX_BRANCHES, SerError};
use ser::core::sip::Method;
use ser::ipc::ShmStr;
use std::sync::OnceLock;

static HANDLER: OnceLock<HandlerId> = OnceLock::new();

/// Registers the handler; before the first fork.
pub fn init() -> Result<(), String> {
    let handler =
        dns::register_handler("tm: resolved", resolved).ok_or("too many resolver handlers")?;
    let _ = HANDLER.set(handler);
    Ok(())
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

/// Builds and sends a branch that has waited.
fn send(id: TxId, branch: usize, mut all: Destinations, arena: &Bump) -> Result<(), SerError> {
    let waits = |t: &Transaction| t.branches[branch].state == ClientState::Resolving;
    let case = table::with(id, |t| {
        waits(t).then(|| Case::open(t, branch, arena)).flatten()
    });
    let Some(case) = case.flatten() else {
        return Ok(());
    };
    let mut rebuild = case.rebuild(arena)?;
    let ready = rebuild.choose(id, branch, &mut all)?;
    let later = rebuild.later(&all);
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
        match rebuild.send(&ready) {
            Ok(()) => {}
            Err(error) if !fail_over(id, branch, arena) => return Err(error),
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
    if t.method == Method::Ack as u16 {
        // Nobody answers it.
        made.repeat = Repeater::OFF;
        made.fr_at = tick::NEVER;
        t.put_on_wait(now, 1);
    }
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
pub fn fail_over(id: TxId, branch: usize, arena: &Bump) -> bool {
    let mut from = branch;
    loop {
        let opened = table::with(id, |t| {
            let has_more = t.branches.get(from).is_some_and(|b| !b.later.is_empty());
            let number = t.branches.len();
            let open_call = !t.uas.state.is_final() && !t.has(Flag::Canceled);
            (has_more && open_call && number < MAX_BRANCHES)
                .then(|| Case::open(t, from, arena).map(|case| (case, number)))
                .flatten()
        });
        let Some((case, number)) = opened.flatten() else {
            return false;
        };
        let Some(mut all) = case.destinations() else {
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
    let Ok(mut rebuild) = case.rebuild(arena) else {
        return Ok(false);
    };
    let Ok(ready) = rebuild.choose(id, number, all) else {
        return Ok(false);
    };
    let later = rebuild.later(all);
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
        Some(true) => rebuild.send(&ready).map(|()| true).map_err(|_| ()),
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
    b.repeat = Repeater::OFF;
    b.fr_at = tick::NEVER;
    b.later.replace(ShmStr::EMPTY);
}
