//! Core commands. This file: which is which, what steers the script, logs, and branches.

mod flag;
mod relay;
mod uri;

use super::super::ast::{ArgValue, Call, Spanned};
use super::super::commands;
use super::Compiler;
use crate::core::msg::{Q_UNSPECIFIED, RouteKind};
use crate::core::script::{Action, ActionKind, ReturnValue};
use crate::core::sip::value::q_value;

/// Level of `log("text")`: debug.
const LOG_LEVEL: i32 = 4;

/// What an onsend_route may call beside module functions.
const ONSEND: [&str; 9] = [
    "exit",
    "return",
    "break",
    "send",
    "send_tcp",
    "log",
    "setflag",
    "resetflag",
    "isflagset",
];

type Args<'a> = &'a [Spanned<ArgValue>];

/// The arguments without their places.
fn nodes(args: Args<'_>) -> Vec<&ArgValue> {
    args.iter().map(|arg| &arg.node).collect()
}

impl Compiler<'_> {
    /// A core command or module function.
    pub(super) fn call(&mut self, call: &Call) -> Option<Action> {
        let line = self.line(call.name.span);
        let name = call.name.node.as_str();
        let kind = match commands::group(name) {
            None => self.function(call)?,
            Some(command) => {
                if self.kind == RouteKind::OnSend && !ONSEND.contains(&command) {
                    let text = format!("command not allowed in onsend_route: {name}");
                    return self.error(call.name.span, text);
                }
                self.core_command(command, call)?
            }
        };
        Some(Action { kind, line })
    }

    fn core_command(&mut self, command: &str, call: &Call) -> Option<ActionKind> {
        let args = call.args.as_slice();
        let found = match command {
            "exit" | "return" | "break" => steering(command, args),
            "forward" | "forward_udp" | "forward_tcp" | "forward_tls" | "send" | "send_tcp" => {
                relay::relay(command, args)
            }
            "log" | "error" | "exec" => report(command, args),
            "setflag" | "resetflag" | "isflagset" => return self.flag(command, call),
            "setavpflag" | "resetavpflag" | "isavpflagset" => return self.avp_flag(command, call),
            "route" => return self.route_call(call),
            "append_branch" => append_branch(call),
            "revert_uri" => args.is_empty().then_some(ActionKind::RevertUri),
            "force_rport" => args.is_empty().then_some(ActionKind::ForceRport),
            "force_tcp_alias"
            | "set_advertised_address"
            | "set_advertised_port"
            | "force_send_socket" => relay::transport(command, args),
            rewrite => uri::edit(rewrite, args),
        };
        found.or_else(|| self.bad_argument(call))
    }

    /// The arguments are not what the command takes.
    fn bad_argument<T>(&mut self, call: &Call) -> Option<T> {
        let name = &call.name.node;
        let (span, message) = match (call.args.first(), call.args.last()) {
            (Some(first), Some(last)) => {
                let span = first.span.to(last.span.end as usize);
                (span, format!("bad {name} argument"))
            }
            _ => (call.name.span, format!("bad {name} argument: missing")),
        };
        self.error_with(span, message).help(commands::usage(name));
        None
    }

    fn route_call(&mut self, call: &Call) -> Option<ActionKind> {
        let [arg] = call.args.as_slice() else {
            return self.bad_argument(call);
        };
        let name = match &arg.node {
            ArgValue::Int(n) => n.to_string(),
            ArgValue::Id(name) => name.clone(),
            ArgValue::Str(name) => String::from_utf8_lossy(name).into_owned(),
            _ => return self.bad_argument(call),
        };
        let index = self.refer_to_route(RouteKind::Request, &name, arg.span);
        Some(ActionKind::Route(index))
    }
}

fn steering(command: &str, args: Args<'_>) -> Option<ActionKind> {
    let value = match (nodes(args).as_slice(), command) {
        ([], "return") => ReturnValue::Number(1),
        ([], _) => ReturnValue::Number(0),
        (_, "break") => return None,
        ([ArgValue::Int(n)], _) => ReturnValue::Number(i32::try_from(*n).ok()?),
        ([ArgValue::RetCode], _) => ReturnValue::RetCode,
        _ => return None,
    };
    Some(match command {
        "exit" => ActionKind::Exit(value),
        _ => ActionKind::Return(value),
    })
}

fn report(command: &str, args: Args<'_>) -> Option<ActionKind> {
    Some(match (command, nodes(args).as_slice()) {
        ("log", [ArgValue::Str(text)]) => ActionKind::Log {
            level: LOG_LEVEL,
            text: text.as_slice().into(),
        },
        ("log", [ArgValue::Int(level), ArgValue::Str(text)]) => ActionKind::Log {
            level: i32::try_from(*level).ok()?,
            text: text.as_slice().into(),
        },
        ("error", [ArgValue::Str(code), ArgValue::Str(text)]) => ActionKind::Error {
            code: code.as_slice().into(),
            text: text.as_slice().into(),
        },
        ("exec", [ArgValue::Str(text)]) => {
            ActionKind::Exec(String::from_utf8_lossy(text).into_owned())
        }
        _ => return None,
    })
}

fn append_branch(call: &Call) -> Option<ActionKind> {
    let (uri, q) = match nodes(&call.args).as_slice() {
        // As in SER: without parentheses q is 0.
        [] if call.parens => (None, Q_UNSPECIFIED),
        [] => (None, 0),
        [ArgValue::Str(uri)] => (Some(uri.as_slice().into()), Q_UNSPECIFIED),
        [ArgValue::Str(uri), ArgValue::Str(q)] => {
            (Some(uri.as_slice().into()), q_value(q).ok()?.into())
        }
        _ => return None,
    };
    Some(ActionKind::AppendBranch { uri, q })
}
