//! Runs a program: `run_actions`, `do_action`, and the entry points for each kind of route.
//!
//! An action's value is a number; errors are not fatal. `drop` and `exit`, and a module function that
//! returns 0, end everything up to the entry point; `return` and `break` end the current route.
//! Each entry point is a run of its own: a branch_route that drops does not end the main route.

use super::action::{Action, ActionKind, Arm, AssignValue, HostTarget, ReturnValue};
use super::{SelectResult, program, uri_edit};
use crate::core::forward::{self, Target};
use crate::core::module::{Args, registry};
use crate::core::msg::{
    AvpClass, AvpIndex, AvpName, AvpSpec, AvpValue, Branch, Q_UNSPECIFIED, RouteKind, SerError,
    SipMsg,
};
use crate::core::stats::work;
use std::sync::atomic::{AtomicU32, Ordering};

/// Deepest nesting of lists (routes and blocks).
const MAX_DEPTH: u32 = 100;

/// Line of ser.cfg that this process is executing; read by whoever wants to know where it is stuck.
pub static CURRENT_LINE: AtomicU32 = AtomicU32::new(0);

/// The state of one run.
#[derive(Debug, Default)]
pub struct Run {
    depth: u32,
    /// What ends, and with which value.
    ending: Option<(Ending, i32)>,
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
    let value = run_actions(&route.actions, msg);
    msg.route_kind = outer_kind;
    msg.retcode = outer_retcode;
    if value == 0 {
        registry::run_onbreak(msg);
    }
    value
}

/// Runs a list of actions as a run of its own.
pub fn run_actions(actions: &'static [Action], msg: &mut SipMsg<'_>) -> i32 {
    Run::default().actions(actions, msg)
}

/// Calls a route of the main table from inside a run.
pub fn run_route(run: &mut Run, index: usize, msg: &mut SipMsg<'_>) -> i32 {
    let Some(route) = program().and_then(|p| p.request.get(index)) else {
        return 1;
    };
    let value = run.actions(&route.actions, msg);
    if matches!(run.ending, Some((Ending::Route, _))) {
        run.ending = None;
    }
    msg.retcode = value;
    value
}

impl Run {
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

    /// Executes a list; its value is that of the last action executed, 1 for an empty list.
    pub fn actions(&mut self, actions: &'static [Action], msg: &mut SipMsg<'_>) -> i32 {
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
            if let Some((_, last)) = self.ending {
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
        CURRENT_LINE.store(action.line, Ordering::Relaxed);
        work::at_line(action.line);
        match &action.kind {
            ActionKind::Module { command, args } => {
                let value = (command.func)(msg, Args(args));
                msg.retcode = value;
                if value == 0 {
                    self.end(Ending::Script, 0);
                }
                value
            }
            ActionKind::If { arms, otherwise } => self.choose(arms, otherwise, msg),
            ActionKind::Route(index) => run_route(self, *index, msg),
            ActionKind::Block(actions) => self.actions(actions, msg),
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
            } => self.assign(msg, target, *append, value),
            other => simple(other, msg),
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
            CURRENT_LINE.store(arm.line, Ordering::Relaxed);
            work::at_line(arm.line);
            let value = arm.cond.eval(msg, self);
            if let Some((_, last)) = self.ending {
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
        self.actions(chosen, msg)
    }

    fn assign(
        &mut self,
        msg: &mut SipMsg<'_>,
        target: &'static AvpSpec,
        append: bool,
        value: &'static AssignValue,
    ) -> i32 {
        let result = match value {
            AssignValue::Int(n) => AvpValue::Int(*n),
            AssignValue::Str(text) => AvpValue::Str(text),
            AssignValue::Avp(source) if source.index == AvpIndex::All => {
                return copy_all(msg, target, append, source);
            }
            AssignValue::Avp(source) => match msg.avps.lookup(source) {
                Some(value) => value,
                None => return SerError::UNSPEC.0,
            },
            AssignValue::Select(select) => match select.get(msg) {
                SelectResult::Value(text) => AvpValue::Str(text),
                SelectResult::Null => AvpValue::Str(b""),
                SelectResult::Error => return SerError::UNSPEC.0,
            },
            AssignValue::Action(action) => AvpValue::Int(self.do_action(action, msg)),
            AssignValue::Expr(expr) => AvpValue::Int(expr.eval(msg, self).max(0)),
        };
        if let Some((_, last)) = self.ending {
            return last;
        }
        msg.avps.assign(target, append, result);
        1
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

fn copy_all(msg: &mut SipMsg<'_>, target: &'static AvpSpec, append: bool, source: &AvpSpec) -> i32 {
    let values = msg.avps.all(source, msg.arena);
    if !append {
        msg.avps.remove(target);
    }
    for value in values {
        msg.avps.assign(target, true, value);
    }
    1
}

/// Actions that do not steer the run.
fn simple(kind: &'static ActionKind, msg: &mut SipMsg<'_>) -> i32 {
    match kind {
        ActionKind::Forward { target, proto } => match target.resolved() {
            Some(target) => forward::forward(msg, &target, *proto),
            None => SerError::BAD_ADDRESS.0,
        },
        ActionKind::Send { target, proto } => match target.resolved() {
            Some(Target::Fixed(to)) => forward::send(msg, to, *proto),
            Some(Target::NextHop { .. }) | None => SerError::BAD_ADDRESS.0,
        },
        ActionKind::Log { level, text } => {
            crate::core::log::log_at(*level, text);
            1
        }
        ActionKind::Error { code, text } => {
            crate::core::log::notice!(
                "WARNING: do_action: error(\"{}\", \"{}\") not implemented yet",
                String::from_utf8_lossy(code),
                String::from_utf8_lossy(text)
            );
            1
        }
        ActionKind::Exec(command) => exec(command),
        ActionKind::SetFlag(mask) => {
            msg.flags |= mask;
            1
        }
        ActionKind::ResetFlag(mask) => {
            msg.flags &= !mask;
            1
        }
        ActionKind::IsFlagSet(mask) => {
            if msg.flags & mask != 0 {
                1
            } else {
                -1
            }
        }
        ActionKind::SetAvpFlag { spec, bit } => avp_flags(msg, spec, |flags| *flags |= bit, *bit),
        ActionKind::ResetAvpFlag { spec, bit } => {
            avp_flags(msg, spec, |flags| *flags &= !bit, *bit)
        }
        ActionKind::IsAvpFlagSet { spec, bit } => avp_flags(msg, spec, |_| {}, *bit),
        ActionKind::Uri(op) => uri_edit::apply(msg, op),
        ActionKind::RevertUri => {
            msg.revert_uri();
            1
        }
        ActionKind::AppendBranch { uri, q } => append_branch(msg, uri.as_deref(), *q),
        ActionKind::ForceRport => {
            msg.force_rport = true;
            1
        }
        // Connections are not there yet; on UDP SER does nothing either.
        ActionKind::ForceTcpAlias(_) => 1,
        ActionKind::SetAdvertisedAddress(text) => {
            msg.advertised_address = Some(text);
            1
        }
        ActionKind::SetAdvertisedPort(port) => {
            msg.advertised_port = *port;
            1
        }
        ActionKind::ForceSendSocket { socket, .. } => {
            msg.force_send_socket = *socket;
            1
        }
        ActionKind::Module { .. }
        | ActionKind::If { .. }
        | ActionKind::Route(_)
        | ActionKind::Block(_)
        | ActionKind::Exit(_)
        | ActionKind::Return(_)
        | ActionKind::AssignAvp { .. } => SerError::BUG.0,
    }
}

impl HostTarget {
    fn resolved(&self) -> Option<Target> {
        match self {
            HostTarget::NextHop { port } => Some(Target::NextHop { port: *port }),
            HostTarget::Host { address, .. } => address.map(Target::Fixed),
        }
    }
}

fn exec(command: &str) -> i32 {
    crate::core::log::notice!("WARNING: exec(\"{command}\") is obsolete, use module exec");
    let mut shell = std::process::Command::new("/bin/sh");
    match work::blocked(work::Blocked::Exec, || {
        shell.arg("-c").arg(command).status()
    }) {
        Ok(status) if status.success() => {}
        Ok(status) => {
            crate::core::log::notice!("WARNING: exec(\"{command}\") ended with {status}");
        }
        Err(why) => log::error!("ERROR: exec(\"{command}\"): {why}"),
    }
    1
}

/// Changes the flags of the attribute that `spec` names, of all with `[]` or a pattern; 1 if the flag is
/// set on any of them afterwards.
fn avp_flags(msg: &mut SipMsg<'_>, spec: &AvpSpec, change: impl Fn(&mut u32), bit: u32) -> i32 {
    let all = spec.index == AvpIndex::All || matches!(spec.name, AvpName::Regex(_));
    let only = msg.avps.position(spec);
    let mut set = false;
    for (i, avp) in msg.avps.as_mut_slice().iter_mut().enumerate() {
        let meant = if all {
            spec.matches(avp)
        } else {
            only == Some(i)
        };
        if meant {
            change(&mut avp.flags);
            set |= avp.flags & bit != 0;
        }
    }
    if set { 1 } else { -1 }
}

fn append_branch(msg: &mut SipMsg<'_>, uri: Option<&'static [u8]>, q: i32) -> i32 {
    let (uri, dst_uri) = match uri {
        Some(uri) => (uri, None),
        None => (msg.request_uri(), msg.dst_uri),
    };
    let q = if uri.is_empty() { Q_UNSPECIFIED } else { q };
    let branch = Branch {
        uri,
        dst_uri,
        q,
        socket: msg.force_send_socket,
    };
    if msg.branches.push(branch) {
        return 1;
    }
    log::error!("ERROR: append_branch: max nr of branches exceeded");
    msg.error = SerError::TOO_MANY_BRANCHES;
    -1
}

/// Whether assignments to this class are possible from a script.
pub fn is_writable(spec: &AvpSpec) -> bool {
    !matches!(spec.class, Some(AvpClass::Domain | AvpClass::Global))
}
