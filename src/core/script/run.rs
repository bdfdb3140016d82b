//! Runs a program: `run_actions`, `do_action`, and the entry points for each kind of route.
//!
//! An action's value is a number; errors are not fatal. `drop` and `exit`, and a module function that
//! returns 0, end everything up to the entry point; `return` and `break` end the current route.
//! Each entry point is a run of its own: a branch_route that drops does not end the main route.

use super::action::{Action, ActionKind, Arm, ReturnValue};
use super::program::{Route, program};
use super::simple;
use crate::core::module::{Args, registry};
use crate::core::msg::{RouteKind, SerError, SipMsg};
use crate::core::stats::script::Watch;
use crate::core::stats::work;
use std::sync::atomic::{AtomicU32, Ordering};

/// Deepest nesting of lists (routes and blocks).
const MAX_DEPTH: u32 = 100;

/// The state of one run.
#[derive(Debug)]
pub struct Run {
    depth: u32,
    /// What ends, and with which value.
    ending: Option<(Ending, i32)>,
    watch: Watch,
    /// Where others see which line of ser.cfg this process is at.
    line: &'static AtomicU32,
}

/// What `return` and `exit` end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    /// The current route.
    Route,
    /// Everything up to the entry point.
    Script,
}

/// Runs the main route on a request. Its value: negative is an error, 0 and positive are fine.
pub fn run_request_route(msg: &mut SipMsg<'_>) -> i32 {
    let Some(index) = program().and_then(|p| p.default_route(RouteKind::Request)) else {
        return 1;
    };
    run_top_route(RouteKind::Request, index, msg)
}

/// Runs the default onreply_route on a reply; `None` when there is none.
pub fn run_reply_route(msg: &mut SipMsg<'_>) -> Option<i32> {
    let index = program()?.default_route(RouteKind::OnReply)?;
    Some(run_top_route(RouteKind::OnReply, index, msg))
}

/// Runs the onsend_route on a request about to leave; `None` when there is none.
pub fn run_onsend_route(msg: &mut SipMsg<'_>) -> Option<i32> {
    let index = program()?.default_route(RouteKind::OnSend)?;
    Some(run_top_route(RouteKind::OnSend, index, msg))
}

/// Runs a route of any kind as a run of its own: state is fresh, `$?` is 0, the modules' onbreak
/// functions run when its value is 0.
pub fn run_top_route(kind: RouteKind, index: usize, msg: &mut SipMsg<'_>) -> i32 {
    let Some(route) = program().and_then(|p| p.table(kind).get(index)) else {
        return 1;
    };
    let outer_kind = std::mem::replace(&mut msg.route_kind, kind);
    let outer_retcode = std::mem::take(&mut msg.retcode);
    let value = Run::default().route(route, msg);
    msg.route_kind = outer_kind;
    msg.retcode = outer_retcode;
    if value == 0 {
        registry::run_onbreak(msg);
    }
    value
}

/// Calls a route of the main table from inside a run.
pub fn run_route(run: &mut Run, index: usize, msg: &mut SipMsg<'_>) -> i32 {
    let Some(route) = program().and_then(|p| p.request.get(index)) else {
        return 1;
    };
    let value = run.route(route, msg);
    if matches!(run.ending, Some((Ending::Route, _))) {
        run.ending = None;
    }
    msg.retcode = value;
    value
}

impl Default for Run {
    fn default() -> Run {
        Run {
            depth: 0,
            ending: None,
            watch: Watch::default(),
            line: work::line_cell(),
        }
    }
}

impl Run {
    /// The value of what ends now, if something does.
    #[inline]
    pub(super) fn ended(&self) -> Option<i32> {
        self.ending.map(|(_, value)| value)
    }

    /// Whether the current route or the whole script ends now.
    #[inline]
    pub fn is_ending(&self) -> bool {
        self.ending.is_some()
    }

    /// Ends something; the value is what it ends with.
    fn end(&mut self, what: Ending, value: i32) -> i32 {
        self.ending = Some((what, value));
        value
    }

    /// Executes a route block, and measures it.
    fn route(&mut self, route: &'static Route, msg: &mut SipMsg<'_>) -> i32 {
        let began = self.watch.begin_route();
        let value = self.run_actions(&route.actions, msg);
        self.watch.end_route(began, route.number);
        value
    }

    /// What follows takes time of its own, which is not that of a command.
    #[inline]
    pub(super) fn moves(&mut self) {
        self.watch.moves();
    }

    /// Executes a list; its value is that of the last action executed, 1 for an empty list.
    pub fn run_actions(&mut self, actions: &'static [Action], msg: &mut SipMsg<'_>) -> i32 {
        if self.depth >= MAX_DEPTH {
            log::error!(
                "WARNING: too many recursive routing table lookups ({}) giving up!",
                self.depth
            );
            return SerError::UNSPEC.0;
        }
        self.depth += 1;
        let mut value = 1;
        for action in actions {
            value = self.do_action(action, msg);
            if let Some(last) = self.ended() {
                // The action may have evaluated it inside of a condition or an assignment.
                value = last;
                break;
            }
        }
        self.depth -= 1;
        value
    }

    /// Executes one action.
    pub fn do_action(&mut self, action: &'static Action, msg: &mut SipMsg<'_>) -> i32 {
        self.line.store(action.line, Ordering::Relaxed);
        match &action.kind {
            ActionKind::Module {
                command,
                args,
                number,
            } => {
                let began = self.watch.begin_command();
                let value = (command.func)(msg, Args(args));
                self.watch.end_command(began, *number, value);
                msg.retcode = value;
                if value == 0 {
                    self.end(Ending::Script, 0);
                }
                value
            }
            ActionKind::If { arms, otherwise } => self.choose(arms, otherwise, msg),
            ActionKind::Route(index) => run_route(self, *index, msg),
            ActionKind::Block(actions) => self.run_actions(actions, msg),
            ActionKind::Exit(value) => {
                let value = value.get(msg);
                msg.retcode = value;
                self.end(Ending::Script, value)
            }
            ActionKind::Return(value) => {
                let value = value.get(msg);
                self.end(Ending::Route, value)
            }
            ActionKind::AssignAvp {
                target,
                append,
                value,
            } => {
                self.moves();
                self.assign(msg, target, *append, value)
            }
            other => {
                self.moves();
                simple::run(other, msg)
            }
        }
    }

    /// Executes the first arm whose condition is true; 1 when nothing is to be executed.
    fn choose(
        &mut self,
        arms: &'static [Arm],
        otherwise: &'static [Action],
        msg: &mut SipMsg<'_>,
    ) -> i32 {
        let mut chosen = otherwise;
        for arm in arms {
            self.line.store(arm.line, Ordering::Relaxed);
            let value = arm.cond.eval(msg, self);
            if let Some(last) = self.ended() {
                return last;
            }
            if value > 0 {
                chosen = &arm.body;
                break;
            }
        }
        if chosen.is_empty() {
            return 1;
        }
        self.run_actions(chosen, msg)
    }
}

impl ReturnValue {
    fn get(self, msg: &SipMsg<'_>) -> i32 {
        match self {
            ReturnValue::Number(n) => n,
            ReturnValue::RetCode => msg.retcode,
        }
    }
}
