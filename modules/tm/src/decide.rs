//! What the reply of a branch means for the whole transaction (RFC 3261 §16.7; SER's t_should_relay_response).
//!
//! Everything here runs under the lock of the transaction; what it wants sent stands in the outbox, and
//! [`Next::Failure`] asks the caller to run the failure route without the lock.

use crate::client::{ClientEvent, ClientState};
use crate::reply::{self, By, Work};
use crate::transaction::{BranchFlag, Flag, Transaction};
use crate::{callbacks, cancel, params, table, tick};
use ser::core::msg::{BumpVec, SerError, reason_phrase};
use ser::core::sip::{HdrType, Message};
use ser::ipc::ShmStr;

/// What is left to do once the lock is released.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    Nothing,
    /// The failure route is to be run by this process.
    Failure,
    /// A local transaction got its final reply: this branch's.
    LocalDone(usize),
    /// A local transaction got a provisional reply.
    LocalReply(u16),
    /// This branch may have another destination to be tried.
    FailOver(usize),
    /// A reply was put into the outbox, and who wants to know is to be told.
    Replied(u16),
}

/// A final or provisional reply that a branch got, or that is assumed for it.
#[derive(Clone, Copy, Debug)]
pub struct BranchReply<'a> {
    pub branch: usize,
    pub code: u16,
    /// Ready to be passed on; `None`: assumed (timeout, cancellation).
    pub buf: Option<&'a [u8]>,
}

/// Takes the reply of a branch in.
pub fn take<'a>(t: &mut Transaction, reply: BranchReply<'a>, work: &mut Work<'a>) -> Next {
    let BranchReply { branch, code, buf } = reply;
    let previous = t.branches[branch].last;
    let is_2xx = |code: u16| (200..300).contains(&code);
    if t.uas.state.is_final() && !(t.has(Flag::Invite) && is_2xx(code)) {
        return Next::Nothing;
    }
    if previous >= 200
        && !(is_2xx(code) && (is_2xx(previous) || buf.is_some() && is_fake(t, branch)))
    {
        return Next::Nothing;
    }
    t.branches[branch].last = code;
    match (code, buf) {
        (100, _) => Next::Nothing,
        (101..=199, Some(buf)) => pass_on(t, reply, buf, work),
        (200..=299, Some(buf)) => {
            cancel::others(t, branch, work);
            if t.has(Flag::Local) {
                if !t.uas.state.is_final() {
                    keep(t, branch, buf);
                }
                return finish_local(t, branch, work);
            }
            pass_on(t, reply, buf, work)
        }
        (503, Some(buf)) if !t.branches[branch].later.is_empty() => {
            keep(t, branch, buf);
            Next::FailOver(branch)
        }
        (300.., _) => {
            if (600..700).contains(&code) {
                give_up_others(t, branch, work);
            }
            conclude(t, Some(reply), work)
        }
        _ => Next::Nothing,
    }
}

/// Whether the final reply of a branch was only assumed: a real 2xx may still follow it.
fn is_fake(t: &Transaction, branch: usize) -> bool {
    t.branches[branch].reply.is_empty()
}

fn pass_on<'a>(
    t: &mut Transaction,
    reply: BranchReply<'a>,
    buf: &'a [u8],
    work: &mut Work<'a>,
) -> Next {
    if t.has(Flag::Local) {
        return Next::LocalReply(reply.code);
    }
    if reply::commit(t, reply.code, buf, By::Branch(reply.branch), work) {
        Next::Replied(reply.code)
    } else {
        Next::Nothing
    }
}

/// Keeps a reply for later.
fn keep(t: &mut Transaction, branch: usize, buf: &[u8]) {
    if let Ok(kept) = ShmStr::try_new_in(buf, table::tag()) {
        // Without memory one is made from its code.
        t.branches[branch].reply.replace(kept);
    }
}

/// A 6xx: branches that ring are cancelled, the others get a 487 at once.
fn give_up_others(t: &mut Transaction, branch: usize, work: &mut Work<'_>) {
    t.set(Flag::Got6xx);
    if !t.has(Flag::Invite) {
        return;
    }
    cancel::others(t, branch, work);
    for (i, other) in t.branches.iter_mut().enumerate() {
        if i != branch && other.state == ClientState::Calling {
            let step = other.state.on_event(true, ClientEvent::GivenUp);
            other.state = step.next;
            other.last = 487;
            other.repeat = crate::transaction::Repeater::OFF;
            other.fr_at = tick::NEVER;
        }
    }
}

/// If no branch is pending: runs the failure route or passes the best reply on. `current` has just come and
/// is not kept yet.
pub fn conclude<'a>(
    t: &mut Transaction,
    current: Option<BranchReply<'a>>,
    work: &mut Work<'a>,
) -> Next {
    if t.has_pending_branch() || t.deciding != 0 {
        if let Some(BranchReply {
            branch,
            buf: Some(buf),
            ..
        }) = current
        {
            keep(t, branch, buf);
        }
        return Next::Nothing;
    }
    let Some(winner) = best(t) else {
        return Next::Nothing;
    };
    if t.has(Flag::Local) {
        if let Some(buf) = current.and_then(|c| c.buf) {
            keep(t, current.map_or(winner, |c| c.branch), buf);
        }
        return finish_local(t, winner, work);
    }
    if !t.routes.failure.is_empty() || callbacks::wants_failure(t) {
        if let Some(reply) = current
            && let Some(buf) = reply.buf
        {
            keep(t, reply.branch, buf);
        }
        t.deciding = std::process::id();
        t.uas.fr_at = tick::after(work.now, t.fr);
        return Next::Failure;
    }
    relay(t, winner, current, work)
}

/// The failure route has had its say and added nothing: the best reply is passed on, whatever is armed.
pub fn conclude_without_route(t: &mut Transaction, work: &mut Work<'_>) -> Next {
    match best(t) {
        Some(winner) if !t.has_pending_branch() => relay(t, winner, None, work),
        Some(_) | None => Next::Nothing,
    }
}

/// The end of a transaction that answers nobody; it ends once.
fn finish_local(t: &mut Transaction, winner: usize, work: &mut Work<'_>) -> Next {
    if t.uas.state.is_final() {
        return Next::Nothing;
    }
    t.uas.status = t.branches[winner].last;
    t.uas.state = crate::server::ServerState::Confirmed;
    t.uas.relayed = winner as i16;
    crate::stats::replied(t.uas.status, true);
    let compiled = params::get();
    let mut wait = compiled.wait;
    if t.has(Flag::Uac) && t.has(Flag::Invite) {
        // Copies of the reply are acknowledged for as long as they may come (RFC 6026 §8.4, timers D and M).
        wait = wait.max(compiled.retr1.saturating_mul(64));
    }
    t.put_on_wait(work.now, wait);
    Next::LocalDone(winner)
}

/// The branch whose reply goes upstream; `None`: there is no branch.
pub fn best(t: &Transaction) -> Option<usize> {
    let with_request = t.branches.iter().enumerate();
    with_request
        .filter(|(_, b)| b.last >= 200)
        .min_by_key(|(i, b)| (priority(b.last), *i))
        .map(|(i, _)| i)
}

/// SER's order of preference, the lowest wins.
fn priority(code: u16) -> u32 {
    let code = u32::from(code);
    match code {
        200..=299 => code - 200,
        600..=699 => 1000 + code - 600,
        300..=399 => 3000 + code - 300,
        401 | 407 | 415 | 420 | 484 => 4000 + code - 400,
        400..=499 => 4100 + code - 400,
        500..=599 => 5000 + code - 500,
        100..=199 => 11_000 + code - 100,
        0..=99 => 32_000,
        _ => 10_000 + code,
    }
}

/// Passes the reply of the winner on.
fn relay<'a>(
    t: &mut Transaction,
    winner: usize,
    current: Option<BranchReply<'a>>,
    work: &mut Work<'a>,
) -> Next {
    let code = t.branches[winner].last;
    let buf = match current {
        Some(BranchReply { branch, buf, .. }) if branch == winner => buf,
        _ if t.branches[winner].reply.is_empty() => None,
        _ => Some(&*work.arena.alloc_slice_copy(&t.branches[winner].reply)),
    };
    let challenges = is_challenge(code) && params::AGGREGATE_CHALLENGES.get() != 0;
    let sent = match (code, buf) {
        // What is wrong at the next hop need not be wrong here (§16.7 step 6).
        (503, _) => {
            return local(t, 500, b"Service Unavailable", b"", work);
        }
        (_, Some(_)) if challenges && challenged(t) > 1 => {
            let extra = aggregate(t, current, work);
            return local(t, code, reason_phrase(code).as_bytes(), extra, work);
        }
        (_, Some(buf)) => reply::commit(t, code, buf, By::Branch(winner), work),
        (_, None) => {
            return local(t, code, assumed_reason(code).as_bytes(), b"", work);
        }
    };
    if sent {
        Next::Replied(code)
    } else {
        Next::Nothing
    }
}

/// The reason of a reply that was only assumed.
pub fn assumed_reason(code: u16) -> &'static str {
    let error = SerError(-i32::from(code));
    match code {
        // These are our own errors on the way to a next hop.
        477..=479 => error.answer().1,
        _ => reason_phrase(code),
    }
}

fn local<'a>(
    t: &mut Transaction,
    code: u16,
    reason: &[u8],
    extra: &'a [u8],
    work: &mut Work<'a>,
) -> Next {
    if reply::reply_stored(t, code, reason, extra, work)
        || reply::reply_stored(t, 500, b"Reply processing error", b"", work)
    {
        Next::Replied(t.uas.status)
    } else {
        // Nobody can be answered: it must end all the same.
        t.put_on_wait(work.now, params::get().wait);
        Next::Nothing
    }
}

fn is_challenge(code: u16) -> bool {
    code == 401 || code == 407
}

fn challenged(t: &Transaction) -> usize {
    t.branches.iter().filter(|b| is_challenge(b.last)).count()
}

/// The challenges of all branches, as header lines.
fn aggregate<'a>(t: &Transaction, current: Option<BranchReply<'a>>, work: &Work<'a>) -> &'a [u8] {
    let mut out = BumpVec::new_in(work.arena);
    for (i, branch) in t.branches.iter().enumerate() {
        if !is_challenge(branch.last) {
            continue;
        }
        let stored = || &*work.arena.alloc_slice_copy(&branch.reply);
        let buf = current.filter(|c| c.branch == i).and_then(|c| c.buf);
        let buf = buf.unwrap_or_else(stored);
        let Ok(mut sip) = Message::parse(buf, work.arena) else {
            continue;
        };
        if sip.parse_all().is_err() {
            continue;
        }
        let headers = sip.parsed_headers().iter();
        let is_asking =
            |kind| matches!(kind, HdrType::WwwAuthenticate | HdrType::ProxyAuthenticate);
        for header in headers.filter(|h| is_asking(h.kind)) {
            out.extend_from_slice_copy(header.raw);
        }
    }
    out.into_bump_slice()
}

/// The process that looked at the final reply of a branch has died, or takes too long.
pub fn reply_lost(t: &mut Transaction, branch: usize, work: &mut Work<'_>) -> Next {
    t.branches[branch].clear(BranchFlag::InScript);
    let assumed = BranchReply {
        branch,
        code: 408,
        buf: None,
    };
    take(t, assumed, work)
}

/// Ends a branch without a reply of the other side: it gets `code` and that is taken in.
pub fn end_branch<'a>(
    t: &mut Transaction,
    branch: usize,
    code: u16,
    event: ClientEvent,
    work: &mut Work<'a>,
) -> Next {
    let invite = t.has(Flag::Invite);
    let b = &mut t.branches[branch];
    if !b.state.is_pending() {
        return Next::Nothing;
    }
    b.state = b.state.on_event(invite, event).next;
    if !b.has(BranchFlag::CancelWanted) {
        b.repeat = crate::transaction::Repeater::OFF;
    }
    b.fr_at = tick::NEVER;
    if event == ClientEvent::TimedOut {
        b.set(BranchFlag::TimedOut);
    }
    take(
        t,
        BranchReply {
            branch,
            code,
            buf: None,
        },
        work,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_replies_is_that_of_the_original() {
        let order = [
            200, 299, 600, 603, 300, 302, 401, 407, 415, 420, 484, 400, 402, 404, 486, 500, 503,
            700, 180, 0,
        ];
        assert!(
            order
                .windows(2)
                .all(|pair| priority(pair[0]) < priority(pair[1]))
        );
    }
}
