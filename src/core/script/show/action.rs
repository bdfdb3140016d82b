//! Statements: blocks over several lines where they stand alone, everything in one line inside of an expression.

use super::operand::{number, quoted};
use super::{Page, Within, condition};
use crate::core::module::{Arg, Command, VarStr};
use crate::core::net::Proto;
use crate::core::script::{
    Action, ActionKind, AssignValue, HostTarget, ReturnValue, Subst, UriOp, flag_name,
};
use std::fmt;

impl Page<'_> {
    /// The statements of a block that has been opened.
    pub(super) fn block(&mut self, actions: &[Action]) {
        self.depth += 1;
        actions.iter().for_each(|action| self.statement(action));
        self.depth -= 1;
    }

    fn statement(&mut self, action: &Action) {
        let (within, line) = (self.within, Some(action.line));
        match &action.kind {
            ActionKind::If { arms, otherwise } => {
                let mut word = "if";
                for arm in arms {
                    let cond = condition::show(within, &arm.cond);
                    self.line(Some(arm.line), format_args!("{word} ({cond}) {{"));
                    self.block(&arm.body);
                    word = "} else if";
                }
                if !otherwise.is_empty() {
                    self.line(None, format_args!("}} else {{"));
                    self.block(otherwise);
                }
                self.line(None, format_args!("}}"));
            }
            ActionKind::Block(actions) if actions.is_empty() => {
                self.line(line, format_args!("{{}}"));
            }
            ActionKind::Block(actions) => {
                self.line(line, format_args!("{{"));
                self.block(actions);
                self.line(None, format_args!("}}"));
            }
            _ => self.line(line, format_args!("{};", show(within, action))),
        }
    }
}

/// Statements in a line: `{ a; b; }`.
pub(super) fn show_all(within: Within<'_>, actions: &[Action]) -> String {
    let inner: String = actions
        .iter()
        .map(|action| format!("{}; ", show(within, action)))
        .collect();
    format!("{{ {inner}}}")
}

/// One statement in a line, without its semicolon.
pub(super) fn show(within: Within<'_>, action: &Action) -> String {
    match &action.kind {
        ActionKind::Exit(value) => format!("exit{}", returned(*value)),
        ActionKind::Return(value) => format!("return{}", returned(*value)),
        ActionKind::Forward { target, proto } => call(
            &format!("forward{}", proto.map_or(String::new(), of_proto)),
            &destination(target),
        ),
        ActionKind::Send { target, proto } => match proto {
            Proto::Tcp => call("send_tcp", &destination(target)),
            _ => call("send", &destination(target)),
        },
        ActionKind::Log { level, text } => call("log", &[number(*level), quoted(text)]),
        ActionKind::Error { code, text } => call("error", &[quoted(code), quoted(text)]),
        ActionKind::Exec(command) => call("exec", &[quoted(command.as_bytes())]),
        ActionKind::SetFlag(mask) => call("setflag", &[flag(*mask)]),
        ActionKind::ResetFlag(mask) => call("resetflag", &[flag(*mask)]),
        ActionKind::IsFlagSet(mask) => call("isflagset", &[flag(*mask)]),
        ActionKind::SetAvpFlag { spec, bit } => on_avp("setavpflag", spec, *bit),
        ActionKind::ResetAvpFlag { spec, bit } => on_avp("resetavpflag", spec, *bit),
        ActionKind::IsAvpFlagSet { spec, bit } => on_avp("isavpflagset", spec, *bit),
        ActionKind::Route(index) => {
            let route = within.program.request.get(*index);
            call("route", &[route.map_or(String::new(), |r| r.name.clone())])
        }
        ActionKind::Uri(op) => uri_op(op),
        ActionKind::RevertUri => call("revert_uri", &[]),
        ActionKind::AppendBranch { uri, q } => append_branch(uri.as_deref(), *q),
        ActionKind::ForceRport => call("force_rport", &[]),
        ActionKind::ForceTcpAlias(port) => {
            let port: Vec<String> = port.iter().map(number).collect();
            call("force_tcp_alias", &port)
        }
        ActionKind::SetAdvertisedAddress(text) => call("set_advertised_address", &[quoted(text)]),
        ActionKind::SetAdvertisedPort(port) => call("set_advertised_port", &[number(port)]),
        ActionKind::ForceSendSocket { id, .. } => call("force_send_socket", &[id.to_string()]),
        ActionKind::If { arms, otherwise } => {
            let arm = |arm: &crate::core::script::Arm| {
                let cond = condition::show(within, &arm.cond);
                format!("if ({cond}) {}", show_all(within, &arm.body))
            };
            let mut all: Vec<String> = arms.iter().map(arm).collect();
            if !otherwise.is_empty() {
                all.push(show_all(within, otherwise));
            }
            all.join(" else ")
        }
        ActionKind::AssignAvp {
            target,
            append,
            value,
        } => {
            // An index of all means appending here; the spec shows it.
            debug_assert!(!append || target.to_string().ends_with("[]"));
            format!("{target} = {}", assigned(within, value))
        }
        ActionKind::Module { command, args, .. } => module_call(command, args),
        ActionKind::Block(actions) => show_all(within, actions),
    }
}

fn call(name: &str, args: &[String]) -> String {
    format!("{name}({})", args.join(", "))
}

fn returned(value: ReturnValue) -> String {
    match value {
        ReturnValue::Number(n) => format!("({n})"),
        ReturnValue::RetCode => "($?)".into(),
    }
}

fn of_proto(proto: Proto) -> String {
    format!("_{}", proto.name())
}

fn destination(target: &HostTarget) -> [String; 2] {
    match target {
        HostTarget::NextHop { port: None } => ["uri:host".into(), "uri:port".into()],
        HostTarget::NextHop { port: Some(port) } => ["uri:host".into(), number(port)],
        HostTarget::Host { host, port, .. } => [host.clone(), number(port)],
    }
}

/// By its name if it has one.
fn flag(mask: u32) -> String {
    let bit = mask.trailing_zeros();
    flag_name(bit).unwrap_or_else(|| bit.to_string())
}

fn on_avp(name: &str, spec: &impl fmt::Display, bit: u32) -> String {
    let names = crate::core::script::avp_flag_names();
    let index = bit.trailing_zeros() as usize;
    let flag = names.get(index).cloned().unwrap_or(index.to_string());
    call(name, &[spec.to_string(), quoted(flag.as_bytes())])
}

fn uri_op(op: &UriOp) -> String {
    let (name, arg) = match op {
        UriOp::Host(text) => ("rewritehost", quoted(text)),
        UriOp::HostPort(text) => ("rewritehostport", quoted(text)),
        UriOp::User(text) => ("rewriteuser", quoted(text)),
        UriOp::UserPass(text) => ("rewriteuserpass", quoted(text)),
        UriOp::Port(text) => ("rewriteport", quoted(text)),
        UriOp::Uri(text) => ("rewriteuri", quoted(text)),
        UriOp::Prefix(text) => ("prefix", quoted(text)),
        UriOp::Strip(n) => ("strip", number(n)),
        UriOp::StripTail(n) => ("strip_tail", number(n)),
    };
    call(name, &[arg])
}

/// q in thousandths, below 0: none. Without parentheses it is 0, as in SER.
fn append_branch(uri: Option<&[u8]>, q: i32) -> String {
    let Some(uri) = uri else {
        let parens = if q < 0 { "()" } else { "" };
        return format!("append_branch{parens}");
    };
    let q = (q >= 0).then(|| format!("\"{:.3}\"", f64::from(q) / 1000.0));
    let args: Vec<String> = [quoted(uri)].into_iter().chain(q).collect();
    call("append_branch", &args)
}

fn assigned(within: Within<'_>, value: &AssignValue) -> String {
    match value {
        AssignValue::Int(n) => number(n),
        AssignValue::Str(text) => quoted(text),
        AssignValue::Avp(spec) => spec.to_string(),
        AssignValue::Select(select) => format!("{select:?}"),
        AssignValue::Action(action) => show(within, action),
        AssignValue::Expr(expr) => format!("({})", condition::show(within, expr)),
    }
}

fn module_call(command: &Command, args: &[Arg]) -> String {
    let args: Vec<String> = args.iter().map(argument).collect();
    call(command.name, &args)
}

fn argument(arg: &Arg) -> String {
    match arg {
        Arg::Int(n) => number(n),
        Arg::Str(text) | Arg::Var(VarStr::Lit(text)) => quoted(text),
        Arg::Var(VarStr::Avp(spec)) | Arg::Avp(spec) => format!("\"{spec}\""),
        Arg::Var(VarStr::Select(value)) => quoted(format!("@{}", value.source()).as_bytes()),
        Arg::Var(VarStr::Xl(value)) => quoted(value.source().as_bytes()),
        Arg::Regex(regex) => quoted(regex.source()),
        Arg::Subst(any) => match any.downcast_ref::<Subst>() {
            Some(subst) => quoted(subst.source()),
            None => "<substitution>".into(),
        },
        Arg::Route(name) => quoted(name.as_bytes()),
        Arg::Custom(_) => "<made by its fixup>".into(),
    }
}
