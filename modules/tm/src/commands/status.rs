//! Questions about the transaction: `t_check_status`, `t_branch_*`, `t_any_*`, `t_is_canceled`.

use crate::context;
use crate::newtran;
use crate::table;
use crate::transaction::{BranchFlag, Flag, Transaction};
use ser::core::forward::text::push_number;
use ser::core::module::Args;
use ser::core::msg::{BumpVec, RouteKind, SipMsg};

/// Asks the current transaction; 1 or -1 (also without one).
fn ask(msg: &mut SipMsg<'_>, question: impl FnOnce(&Transaction) -> bool) -> i32 {
    match newtran::of_message(msg).and_then(|id| table::with(id, |t| question(t))) {
        Some(true) => 1,
        Some(false) | None => -1,
    }
}

/// `t_check_status(regex)`: the last status sent upstream (main route), of the reply (onreply), of the winner
/// (failure route).
pub fn t_check_status(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let Some(re) = args.regex(0) else { return -1 };
    let code = match msg.route_kind {
        RouteKind::OnReply => Some(msg.sip.status()),
        RouteKind::Failure => winner(|t, w| t.branches[w].last),
        RouteKind::Request | RouteKind::Branch | RouteKind::OnSend => {
            let id = newtran::lookup(msg).ok().flatten();
            id.and_then(|id| table::with(id, |t| t.uas.status))
        }
    };
    let Some(code) = code else { return -1 };
    let mut text = BumpVec::with_capacity_in(4, msg.arena);
    push_number(&mut text, code.into());
    if re.is_match(&text) { 1 } else { -1 }
}

/// Looks at the branch whose reply won; in a failure route only.
fn winner<R>(look: impl FnOnce(&Transaction, usize) -> R) -> Option<R> {
    let ctx = context::get();
    let branch = ctx.current_branch?;
    table::with(ctx.transaction?, |t| look(t, branch))
}

fn truth(answer: Option<bool>) -> i32 {
    if answer == Some(true) { 1 } else { -1 }
}

/// `t_branch_timeout()`: the winner timed out.
pub fn t_branch_timeout(_: &mut SipMsg<'_>, _: Args) -> i32 {
    truth(winner(|t, w| t.branches[w].has(BranchFlag::TimedOut)))
}

/// `t_branch_replied()`: the winner had replied before.
pub fn t_branch_replied(_: &mut SipMsg<'_>, _: Args) -> i32 {
    truth(winner(|t, w| t.branches[w].has(BranchFlag::Replied)))
}

/// `t_any_timeout()`
pub fn t_any_timeout(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    ask(msg, |t| {
        t.branches.iter().any(|b| b.has(BranchFlag::TimedOut))
    })
}

/// `t_any_replied()`
pub fn t_any_replied(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    ask(msg, |t| {
        t.branches.iter().any(|b| b.has(BranchFlag::Replied))
    })
}

/// `t_is_canceled()`
pub fn t_is_canceled(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    ask(msg, |t| t.has(Flag::Canceled))
}
