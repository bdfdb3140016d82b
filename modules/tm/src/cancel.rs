//! CANCEL (RFC 3261 §9, §16.10): those that this server makes when a branch has won, and those of the caller,
//! passed on hop by hop to every branch of the INVITE.

use crate::client::{ClientEvent, ClientState};
use crate::decide::{self, Next};
use crate::reply::{self, Work};
use crate::table::{self, TxId};
use crate::transaction::{BranchFlag, Cancel, Flag, Repeater, Transaction};
use crate::{branch_id, failure, hop, params, tick};
use ser::core::forward::build_request;
use ser::core::msg::SipMsg;
use ser::ipc::{ShmBox, ShmFull, ShmStr};

/// Cancels every pending branch of an INVITE but `winner`.
pub fn others(t: &mut Transaction, winner: usize, work: &mut Work<'_>) {
    if !t.has(Flag::Invite) {
        return;
    }
    for i in 0..t.branches.len() {
        if i != winner && t.branches[i].state.is_pending() {
            branch(t, i, work);
        }
    }
}

/// Cancels one branch: at once if a provisional reply has come, else as soon as one comes.
pub fn branch(t: &mut Transaction, i: usize, work: &mut Work<'_>) {
    let b = &mut t.branches[i];
    if b.has(BranchFlag::Blind) || b.cancel.is_some() {
        return;
    }
    if b.state == ClientState::Resolving {
        // Nothing was sent, nothing will be.
        b.state = b.state.on_event(true, ClientEvent::GivenUp).next;
        b.last = 487;
        b.fr_at = tick::NEVER;
        return;
    }
    if b.last < 100 {
        // It is sent again until the next hop answers: that answer may have been lost, and it rings.
        b.set(BranchFlag::CancelWanted);
        return;
    }
    let request = work.arena.alloc_slice_copy(&b.request);
    match hop::build(request, b"CANCEL", None, work.arena) {
        Ok(cancel) => start(t, i, cancel, work),
        Err(why) => log::error!("BUG: tm: no CANCEL for a branch: {why:?}"),
    }
}

/// Sends a CANCEL and repeats it.
fn start<'a>(t: &mut Transaction, i: usize, cancel: &'a [u8], work: &mut Work<'a>) {
    let (compiled, now) = (params::get(), work.now);
    let b = &mut t.branches[i];
    b.repeat = Repeater::OFF;
    let kept = || -> Result<ShmBox<Cancel>, ShmFull> {
        let repeat = if b.to.is_unreliable() {
            Repeater::start(now, compiled.retr1)
        } else {
            Repeater::OFF
        };
        let cancel = Cancel {
            request: ShmStr::try_new_in(cancel, table::tag())?,
            repeat,
            fr_at: tick::after(now, compiled.fr),
        };
        ShmBox::try_new(cancel, table::tag())
    };
    match kept() {
        Ok(kept) => b.cancel = Some(kept),
        Err(ShmFull) => log::error!("ERROR: tm: out of shared memory: a CANCEL is not repeated"),
    }
    work.outbox.push(b.to, cancel);
}

/// A reply to a CANCEL of ours: it is not sent any more.
pub fn replied(t: &mut Transaction, i: usize, code: u16) {
    if let Some(cancel) = &mut t.branches[i].cancel {
        cancel.repeat = Repeater::OFF;
        if code >= 200 {
            cancel.fr_at = tick::NEVER;
        }
    }
}

/// What became of a CANCEL of the caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Canceled {
    /// At least one branch was cancelled.
    Some,
    /// There was nothing to cancel.
    Nothing,
}

/// Passes a CANCEL of the caller on to the branches of `invite`; the INVITE is answered with 487 where nobody
/// else will do it.
pub fn invite(msg: &mut SipMsg<'_>, invite: TxId) -> Canceled {
    let mut work = Work::new_in(msg.arena);
    let outcome = table::with(invite, |t| {
        let outcome = all(t, msg, &mut work);
        t.set_timers(work.now);
        outcome
    });
    let (canceled, next) = outcome.unwrap_or((Canceled::Nothing, Next::Nothing));
    let arena = msg.arena;
    work.outbox.flush();
    failure::go_on(invite, next, arena, msg.id);
    canceled
}

fn all<'a>(t: &mut Transaction, msg: &mut SipMsg<'a>, work: &mut Work<'a>) -> (Canceled, Next) {
    if !t.uas.state.is_final() {
        // No branch is added any more, by whatever route.
        t.set(Flag::Canceled);
    }
    if t.branches.is_empty() {
        if !t.uas.state.is_final() {
            reply::reply_stored(t, 487, b"Request canceled", b"", work);
        }
        return (Canceled::Nothing, Next::Nothing);
    }
    let (mut canceled, mut next) = (Canceled::Nothing, Next::Nothing);
    let mut unanswered = ser::core::msg::BumpVec::new_in(work.arena);
    for i in 0..t.branches.len() {
        let b = &t.branches[i];
        if !b.state.is_pending() || b.cancel.is_some() {
            continue;
        }
        canceled = Canceled::Some;
        if b.state == ClientState::Proceeding {
            copy(t, i, msg, work);
        } else {
            unanswered.push(i);
        }
    }
    for i in unanswered {
        t.branches[i].set(BranchFlag::CancelWanted);
        let step = decide::end_branch(t, i, 487, ClientEvent::GivenUp, work);
        if step != Next::Nothing {
            next = step;
        }
    }
    (canceled, next)
}

/// The caller's CANCEL for branch `i`: its Request-URI, our Via with its branch.
fn copy<'a>(t: &mut Transaction, i: usize, msg: &mut SipMsg<'a>, work: &mut Work<'a>) {
    let b = &t.branches[i];
    let Some(socket) = b.to.socket() else { return };
    let request = work.arena.alloc_slice_copy(&b.request);
    let Some(uri) = request_uri(request) else {
        return;
    };
    let id = branch_id::write(t.id(), &t.md5, i, work.arena);
    let (old_uri, mark) = (msg.new_uri(), msg.lumps.mark());
    msg.set_uri(uri);
    let built = build_request(msg, socket, id);
    msg.lumps.revert_to(mark);
    match old_uri {
        Some(uri) => msg.set_uri(uri),
        None => msg.revert_uri(),
    }
    match built {
        Ok(cancel) => start(t, i, cancel, work),
        Err(error) => log::error!("ERROR: tm: CANCEL of a branch: {error}"),
    }
}

/// The Request-URI of a request that this server sent.
pub fn request_uri(request: &[u8]) -> Option<&[u8]> {
    request.split(|b| *b == b' ').nth(1)
}
