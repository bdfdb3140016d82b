//! The two timers of a transaction. Repeating runs in the timer process and must be quick; what may run a
//! script (final response timers) and the end of transactions run in the slow timer process.

use crate::client::{ClientEvent, ClientState};
use crate::decide::{self, Next};
use crate::reply::Work;
use crate::server::ServerEvent;
use crate::stats::{self, Stat};
use crate::table::{self, TxId};
use crate::transaction::{BranchFlag, Dest, Flag, Timers, Transaction};
use crate::{callbacks, cancel, failure, outbox, params, ready, tick};
use ser::core::dns::blacklist::reason;
use ser::core::msg::{Bump, BumpVec};
use ser::core::time::{HandlerId, ONE_SHOT, register_handler};
use ser::ipc::Removed;
use std::cell::RefCell;
use std::sync::OnceLock;

static HANDLERS: OnceLock<(HandlerId, HandlerId)> = OnceLock::new();

/// Registers the handlers; before the first fork.
pub fn init() -> Result<(), String> {
    let full = "too many timer handlers";
    let repeat = register_handler("tm: repeat", repeat).ok_or(full)?;
    let expire = register_handler("tm: expire", expire).ok_or(full)?;
    let _ = HANDLERS.set((repeat, expire));
    Ok(())
}

/// The timers of a transaction, not set.
pub fn make(id: TxId) -> Timers {
    let (repeat, expire) = HANDLERS.get().expect("init runs before any message");
    Timers {
        repeat: repeat.fast_timer(id.to_data()),
        expire: expire.slow_timer(id.to_data()),
    }
}

thread_local! {
    /// Memory of one run of a handler.
    static ARENA: RefCell<Bump> = RefCell::new(Bump::with_capacity(64 * 1024));
}

fn with_arena(f: impl FnOnce(&Bump)) {
    ARENA.with_borrow_mut(|arena| {
        f(arena);
        arena.reset();
    });
}

/// Sets the timers of a transaction when a handler ends by a panic: it must not be forgotten.
struct AfterPanic(TxId);

impl Drop for AfterPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            table::with(self.0, |t| t.set_timers(tick::now()));
        }
    }
}

/// In the timer process: sends again what is due.
fn repeat(_tick: u32, data: u64) -> u32 {
    let id = TxId::from_data(data);
    let _guard = AfterPanic(id);
    with_arena(|arena| {
        let mut due = BumpVec::new_in(arena);
        table::with(id, |t| {
            let now = tick::now();
            t.repeat_at = tick::NEVER;
            collect(t, now, arena, &mut due);
            t.set_timers(now);
        });
        let replies = due.iter().filter(|(_, _, buf)| buf.starts_with(b"SIP/"));
        let replies = replies.count() as i64;
        stats::add(Stat::ResentReplies, replies);
        stats::add(Stat::ResentRequests, due.len() as i64 - replies);
        for (branch, to, buf) in due {
            if outbox::send(&to, buf).is_err()
                && let Some(branch) = branch
            {
                // Whoever decides may run a script: not here.
                give_up_soon(id, branch);
            }
        }
    });
    ONE_SHOT
}

type Due<'a> = (Option<usize>, Dest, &'a [u8]);

fn collect<'a>(t: &mut Transaction, now: u32, arena: &'a Bump, due: &mut BumpVec<'a, Due<'a>>) {
    let t2 = params::get().retr2;
    if t.uas.repeat.fire(now, t2) {
        due.push((None, t.uas.to, arena.alloc_slice_copy(&t.uas.reply)));
    }
    for (i, b) in t.branches.iter_mut().enumerate() {
        if b.repeat.fire(now, t2) {
            due.push((Some(i), b.to, arena.alloc_slice_copy(&b.request)));
        }
        if let Some(cancel) = &mut b.cancel
            && cancel.repeat.fire(now, t2)
        {
            due.push((None, b.to, arena.alloc_slice_copy(&cancel.request)));
        }
    }
}

/// A request could not be sent again: the slow timer process ends the branch with a 503.
fn give_up_soon(id: TxId, branch: usize) {
    table::with(id, |t| {
        let now = tick::now();
        let b = &mut t.branches[branch];
        if b.state.is_pending() {
            b.repeat = crate::transaction::Repeater::OFF;
            b.set(BranchFlag::SendFailed);
            b.fr_at = tick::after(now, 0);
            t.set_timers(now);
        }
    });
}

/// In the slow timer process: final response timers, the end of waiting.
fn expire(_tick: u32, data: u64) -> u32 {
    let id = TxId::from_data(data);
    let _guard = AfterPanic(id);
    match look(id) {
        Looked::Ended(t) => end(t),
        Looked::Lives => with_arena(|arena| fire_all(id, arena)),
        Looked::Gone => {}
    }
    ONE_SHOT
}

/// What has become of a transaction.
enum Looked {
    /// It has waited long enough and is out of the table.
    Ended(Removed<Transaction>),
    /// Deadlines of it may have come.
    Lives,
    /// It has ended before.
    Gone,
}

/// Takes a transaction that has waited long enough out of the table: the lock is taken once.
fn look(id: TxId) -> Looked {
    let mut bucket = table::lock(id.index);
    let Some(t) = bucket.find_mut(|t| t.uid == id.uid) else {
        return Looked::Gone;
    };
    t.expire_at = tick::NEVER;
    if tick::is_due(t.wait_at, tick::now()) && t.deciding == 0 {
        let ended = bucket.take_out(|t| t.uid == id.uid);
        return ended.map_or(Looked::Gone, Looked::Ended);
    }
    postpone(t);
    Looked::Lives
}

/// A transaction whose failure route still runs does not end.
fn postpone(t: &mut Transaction) {
    if t.deciding != 0 && tick::is_due(t.wait_at, tick::now()) {
        t.wait_at = tick::after(tick::now(), params::get().wait);
    }
}

fn end(t: Removed<Transaction>) {
    callbacks::destroyed(&t);
    drop(t);
}

/// What a deadline that has come leads to.
struct Fired {
    next: Next,
    /// A next hop that nothing was heard of.
    silent: Option<Dest>,
}

impl From<Next> for Fired {
    fn from(next: Next) -> Fired {
        let silent = None;
        Fired { next, silent }
    }
}

/// Fires every deadline that has come, one after the other, and sets the timers for the next.
fn fire_all(id: TxId, arena: &Bump) {
    loop {
        let mut work = Work::new_in(arena);
        let fired = table::with(id, |t| {
            let fired = fire_one(t, &mut work);
            t.set_timers(work.now);
            fired
        });
        work.outbox.flush();
        let Some(fired) = fired.flatten() else { return };
        if let Some(silent) = &fired.silent {
            ready::avoid(silent, reason::ERR_TIMEOUT);
        }
        failure::go_on(id, fired.next, arena, 0);
    }
}

/// Fires one deadline; `None`: there is none that has come.
fn fire_one(t: &mut Transaction, work: &mut Work<'_>) -> Option<Fired> {
    let now = work.now;
    if tick::is_due(t.uas.fr_at, now) {
        t.uas.fr_at = tick::NEVER;
        if t.deciding != 0 && !t.uas.state.is_final() {
            return Some(look_after_route(t, work).into());
        }
        if let Some(step) = t.uas.state.on_event(true, ServerEvent::TimedOut) {
            t.uas.state = step.next;
        }
        // Also one whose script never came to an end.
        t.put_on_wait(now, params::get().wait);
        return Some(Next::Nothing.into());
    }
    for i in 0..t.branches.len() {
        let b = &mut t.branches[i];
        if let Some(cancel) = &mut b.cancel
            && tick::is_due(cancel.fr_at, now)
        {
            cancel.fr_at = tick::NEVER;
            cancel.repeat = crate::transaction::Repeater::OFF;
            return Some(Next::Nothing.into());
        }
        if tick::is_due(b.fr_at, now) {
            b.fr_at = tick::NEVER;
            return Some(branch_timed_out(t, i, work));
        }
    }
    None
}

/// The failure route runs for long: if its process has died meanwhile, the best reply is passed on.
fn look_after_route(t: &mut Transaction, work: &mut Work<'_>) -> Next {
    if std::path::Path::new(&format!("/proc/{}", t.deciding)).exists() {
        t.uas.fr_at = tick::after(work.now, t.fr);
        return Next::Nothing;
    }
    log::error!(
        "ERROR: tm: process {} has died in a failure_route",
        t.deciding
    );
    t.deciding = 0;
    decide::conclude_without_route(t, work)
}

fn branch_timed_out(t: &mut Transaction, i: usize, work: &mut Work<'_>) -> Fired {
    if t.branches[i].has(BranchFlag::InScript) {
        return decide::reply_lost(t, i, work).into();
    }
    if !t.branches[i].state.is_pending() {
        return Next::Nothing.into();
    }
    if ends_silently(t, i) {
        t.branches[i].repeat = crate::transaction::Repeater::OFF;
        t.put_on_wait(work.now, params::get().wait);
        return Next::Nothing.into();
    }
    let b = &t.branches[i];
    let asked_in_vain = b.last == 0 && b.state != ClientState::Resolving;
    let silent = asked_in_vain.then_some(b.to);
    if b.last == 0 && !b.later.is_empty() {
        let next = Next::FailOver(i);
        return Fired { next, silent };
    }
    let next = give_branch_up(t, i, work);
    Fired { next, silent }
}

/// A branch ends with a reply that is only assumed.
fn give_branch_up(t: &mut Transaction, i: usize, work: &mut Work<'_>) -> Next {
    let code = if t.branches[i].has(BranchFlag::SendFailed) {
        503
    } else {
        408
    };
    let answered = t.branches[i].last;
    let next = decide::end_branch(t, i, code, ClientEvent::TimedOut, work);
    // The next hop may still ring: it is told, even if nothing was heard of it (as SER does).
    if t.has(Flag::Invite) && code == 408 {
        t.branches[i].last = answered.max(100);
        cancel::branch(t, i, work);
        t.branches[i].last = code;
    }
    next
}

/// SER's silent C timer: a lone ringing INVITE that nobody watches is let go without a word.
fn ends_silently(t: &Transaction, i: usize) -> bool {
    t.has(Flag::Invite)
        && !t.has(Flag::Local)
        && !t.has(Flag::Noisy)
        && t.branches.len() == 1
        && t.routes.failure.is_empty()
        && !callbacks::wants_failure(t)
        && t.branches[i].last > 0
        && params::NOISY_CTIMER.get() == 0
}
