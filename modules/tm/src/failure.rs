//! failure_route: runs without any lock on a copy of the request, in the process in which the last branch
//! ended; what comes meanwhile is kept and decided when it has ended.

use crate::callbacks::{self, Event};
use crate::client::ClientEvent;
use crate::context::{self, Context, Lookup};
use crate::decide::{self, Next};
use crate::reply::Work;
use crate::saved::{self, Revived};
use crate::table::{self, TxId};
use crate::transaction::{BranchFlag, Transaction};
use crate::{armed, avps, resolving, tick};
use ser::core::msg::{Bump, RouteKind, SipMsg};
use ser::core::script::run_top_route;
use ser::core::stats::work;
use ser::ipc::ShmStr;

/// Does what an event of a transaction left to be done. `msg_id`: number of the message that caused it, 0 for
/// a timer.
pub fn go_on(id: TxId, mut next: Next, arena: &Bump, msg_id: u32) {
    loop {
        match next {
            Next::Nothing | Next::LocalReply(_) => return,
            Next::Replied(code) => return callbacks::response_out(id, code, arena),
            Next::LocalDone(branch) => return callbacks::local_completed(id, branch, arena),
            Next::Failure => next = run(id, arena, msg_id),
            Next::FailOver(branch) => {
                if resolving::fail_over(id, branch, arena) {
                    return;
                }
                next = give_up(id, branch, arena);
            }
        }
    }
}

/// A branch has no other destination: it ends, or its reply counts.
fn give_up(id: TxId, branch: usize, arena: &Bump) -> Next {
    let mut work = Work::new_in(arena);
    let next = table::with(id, |t| {
        t.branches[branch].later.replace(ShmStr::EMPTY);
        let next = if t.branches[branch].state.is_pending() {
            decide::end_branch(t, branch, 408, ClientEvent::TimedOut, &mut work)
        } else {
            decide::conclude(t, None, &mut work)
        };
        t.set_timers(work.now);
        next
    });
    work.outbox.flush();
    next.unwrap_or(Next::Nothing)
}

/// What a failure route works with.
struct Case<'a> {
    route: Option<usize>,
    request: Revived<'a>,
    winner: Option<usize>,
    code: u16,
    /// How many there are before the route adds others.
    branches: usize,
}

fn open<'a>(t: &mut Transaction, arena: &'a Bump) -> Case<'a> {
    let route = armed::find(RouteKind::Failure, &t.routes.failure);
    // It runs once, unless the route arms itself again.
    t.routes.failure.replace(ShmStr::EMPTY);
    let winner = decide::best(t);
    Case {
        route,
        request: saved::revive(t, arena),
        winner,
        code: winner.map_or(0, |w| t.branches[w].last),
        branches: t.branches.len(),
    }
}

/// Runs the failure route once and decides again.
fn run(id: TxId, arena: &Bump, msg_id: u32) -> Next {
    let Some(case) = table::with(id, |t| open(t, arena)) else {
        return Next::Nothing;
    };
    let context = Context {
        lookup: Lookup::Found,
        transaction: Some(id),
        current_branch: case.winner,
        ..Context::default()
    };
    let number = msg_id.wrapping_sub(1);
    match case.request.message(arena, number) {
        Ok(mut msg) => {
            work::about(msg.buf(), msg.rcv.src);
            context::guarded(context, "a failure_route", || script(id, &case, &mut msg));
        }
        Err(why) => log::error!("BUG: tm: a stored request cannot be read: {why:?}"),
    }
    let mut work = Work::new_in(arena);
    let next = table::with(id, |t| {
        let next = decide_again(t, &case, &mut work);
        t.set_timers(work.now);
        next
    });
    work.outbox.flush();
    next.unwrap_or(Next::Nothing)
}

/// What the failure route's end leads to.
fn decide_again(t: &mut Transaction, case: &Case<'_>, work: &mut Work<'_>) -> Next {
    t.deciding = 0;
    if t.uas.state.is_final() {
        return Next::Nothing;
    }
    t.uas.fr_at = tick::NEVER;
    if waits_for_application(t, case.branches) {
        Next::Nothing
    } else if t.branches.len() > case.branches {
        decide::conclude(t, None, work)
    } else {
        decide::conclude_without_route(t, work)
    }
}

/// Whether the failure route has handed the request to an application (`t_write_*`): the
/// reply that has failed is no answer yet.
fn waits_for_application(t: &Transaction, branches_before: usize) -> bool {
    let mut added = t.branches.iter().skip(branches_before);
    added.any(|b| b.has(BranchFlag::Blind) && b.state.is_pending())
}

fn script(id: TxId, case: &Case<'_>, msg: &mut SipMsg<'_>) {
    msg.route_kind = RouteKind::Failure;
    callbacks::run(id, Event::OnFailure, Some(msg), None, case.code);
    if let Some(route) = case.route {
        run_top_route(RouteKind::Failure, route, msg);
    }
    let (flags, avps) = case.request.began_with();
    table::with(id, |t| avps::save_changes(t, msg, flags, avps));
}
