//! Core commands (`commands` of the language page).

use super::super::ast::{ArgValue, Call, Spanned};
use super::Compiler;
use crate::core::msg::{AvpSpec, Q_UNSPECIFIED, RouteKind};
use crate::core::net::{Proto, SocketId};
use crate::core::script::{
    Action, ActionKind, HostTarget, ReturnValue, UriOp, avp_flag, flag_name, flag_number,
    parse_avp_spec,
};
use crate::core::sip::value::q_value;

/// Level of `log("text")`: debug.
const LOG_LEVEL: i32 = 4;
/// Highest message flag.
const MAX_FLAG: i64 = 31;

/// Every core command with its synonyms; the first of a group is what the compiler matches on.
const GROUPS: [&[&str]; 35] = [
    &["forward"],
    &["forward_udp"],
    &["forward_tcp"],
    &["forward_tls"],
    &["send"],
    &["send_tcp"],
    &["exit", "drop"],
    &["return"],
    &["break"],
    &["log"],
    &["error"],
    &["exec"],
    &["setflag"],
    &["resetflag"],
    &["isflagset"],
    &["setavpflag"],
    &["resetavpflag"],
    &["isavpflagset"],
    &["route"],
    &["rewritehost", "sethost", "seth"],
    &["rewritehostport", "sethostport", "sethp"],
    &["rewriteuser", "setuser", "setu"],
    &["rewriteuserpass", "setuserpass", "setup"],
    &["rewriteport", "setport", "setp"],
    &["rewriteuri", "seturi"],
    &["revert_uri"],
    &["prefix"],
    &["strip"],
    &["strip_tail"],
    &["append_branch"],
    &["force_rport", "add_rport"],
    &["force_tcp_alias", "add_tcp_alias"],
    &["set_advertised_address"],
    &["set_advertised_port"],
    &["force_send_socket"],
];

/// The names, for suggestions.
pub(super) const NAMES: [&str; 20] = [
    "forward",
    "send",
    "drop",
    "exit",
    "return",
    "break",
    "log",
    "setflag",
    "resetflag",
    "isflagset",
    "setavpflag",
    "route",
    "rewritehost",
    "rewritehostport",
    "rewriteuser",
    "rewriteuri",
    "revert_uri",
    "append_branch",
    "force_rport",
    "force_send_socket",
];

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

impl Compiler<'_> {
    /// A core command or module function.
    pub(super) fn call(&mut self, call: &Call) -> Option<Action> {
        let line = self.line(call.name.span);
        let name = call.name.node.as_str();
        let group = GROUPS
            .iter()
            .find(|names| names.contains(&name))
            .map(|names| names[0]);
        let kind = match group {
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
        let found = match command {
            "exit" | "return" | "break" => steering(command, call),
            "forward" | "forward_udp" | "forward_tcp" | "forward_tls" | "send" | "send_tcp" => {
                relay(command, &call.args)
            }
            "log" | "error" | "exec" => report(command, &call.args),
            "setflag" | "resetflag" | "isflagset" => return self.flag(command, call),
            "setavpflag" | "resetavpflag" | "isavpflagset" => return self.avp_flag(command, call),
            "route" => return self.route_call(call),
            "append_branch" => append_branch(call),
            "revert_uri" => call.args.is_empty().then_some(ActionKind::RevertUri),
            "force_rport" => call.args.is_empty().then_some(ActionKind::ForceRport),
            "force_tcp_alias"
            | "set_advertised_address"
            | "set_advertised_port"
            | "force_send_socket" => transport(command, &call.args),
            rewrite => uri_edit(rewrite, &call.args),
        };
        found.or_else(|| self.bad_argument(call))
    }

    fn bad_argument<T>(&mut self, call: &Call) -> Option<T> {
        let name = &call.name.node;
        let (span, message) = match call.args.first() {
            Some(arg) => (arg.span, format!("bad {name} argument")),
            None => (call.name.span, format!("bad {name} argument: missing")),
        };
        self.error_with(span, message).help(usage(name));
        None
    }

    fn flag(&mut self, command: &str, call: &Call) -> Option<ActionKind> {
        let [arg] = call.args.as_slice() else {
            return self.bad_argument(call);
        };
        let number = match &arg.node {
            ArgValue::Int(n @ 0..=MAX_FLAG) => {
                if let Some(name) = flag_name(*n as u32) {
                    let text = format!("flag {n} has the name {name}, which says more");
                    self.found.warning(arg.span, text);
                }
                *n as u32
            }
            ArgValue::Int(n) => {
                let text = format!("bad flag value: message flag {n} too high; MAX={MAX_FLAG}");
                return self.error(arg.span, text);
            }
            ArgValue::Id(name) => match flag_number(name) {
                Some(n) => n,
                None => {
                    let known = crate::core::script::flag_names();
                    self.error_with(arg.span, format!("flag not declared: {name}"))
                        .suggest(name, known.iter().map(String::as_str));
                    return None;
                }
            },
            _ => return self.bad_argument(call),
        };
        let mask = 1 << number;
        Some(match command {
            "setflag" => ActionKind::SetFlag(mask),
            "resetflag" => ActionKind::ResetFlag(mask),
            _ => ActionKind::IsFlagSet(mask),
        })
    }

    fn avp_flag(&mut self, command: &str, call: &Call) -> Option<ActionKind> {
        let [attr, flag] = call.args.as_slice() else {
            return self.bad_argument(call);
        };
        let spec = match avp_of(&attr.node)? {
            Ok(spec) => spec,
            Err(why) => return self.error(attr.span, why),
        };
        let name = match &flag.node {
            ArgValue::Id(name) => name.clone(),
            ArgValue::Str(name) => String::from_utf8_lossy(name).into_owned(),
            _ => return self.bad_argument(call),
        };
        let Some(bit) = avp_flag(&name) else {
            return self.error(flag.span, format!("avpflag not declared: {name}"));
        };
        Some(match command {
            "setavpflag" => ActionKind::SetAvpFlag { spec, bit },
            "resetavpflag" => ActionKind::ResetAvpFlag { spec, bit },
            _ => ActionKind::IsAvpFlagSet { spec, bit },
        })
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
        Some(ActionKind::Route(self.refer_to_route(
            RouteKind::Request,
            &name,
            arg.span,
        )))
    }
}

/// `None`: not an attribute at all (the caller's message fits).
fn avp_of(arg: &ArgValue) -> Option<Result<AvpSpec, String>> {
    match arg {
        ArgValue::Avp(name) => Some(parse_avp_spec(name.as_bytes())),
        ArgValue::Str(text) => Some(parse_avp_spec(text.strip_prefix(b"$").unwrap_or(text))),
        _ => Some(Err("an attribute is expected: $name or \"name\"".into())),
    }
}

fn steering(command: &str, call: &Call) -> Option<ActionKind> {
    let value = match (call.args.as_slice(), command) {
        ([], "exit") => ReturnValue::Number(0),
        ([], "return") => ReturnValue::Number(1),
        ([], _) => ReturnValue::Number(0),
        ([_, ..], "break") => return None,
        (
            [
                Spanned {
                    node: ArgValue::Int(n),
                    ..
                },
            ],
            _,
        ) => ReturnValue::Number(*n as i32),
        (
            [
                Spanned {
                    node: ArgValue::RetCode,
                    ..
                },
            ],
            _,
        ) => ReturnValue::RetCode,
        _ => return None,
    };
    Some(match command {
        "exit" => ActionKind::Exit(value),
        _ => ActionKind::Return(value),
    })
}

fn relay(command: &str, args: Args<'_>) -> Option<ActionKind> {
    let target = target(args)?;
    Some(match command {
        "send" => ActionKind::Send {
            target: fixed(target)?,
            proto: Proto::Udp,
        },
        "send_tcp" => ActionKind::Send {
            target: fixed(target)?,
            proto: Proto::Tcp,
        },
        "forward_udp" => ActionKind::Forward {
            target,
            proto: Some(Proto::Udp),
        },
        "forward_tcp" => ActionKind::Forward {
            target,
            proto: Some(Proto::Tcp),
        },
        "forward_tls" => ActionKind::Forward {
            target,
            proto: Some(Proto::Tls),
        },
        _ => ActionKind::Forward {
            target,
            proto: None,
        },
    })
}

/// send() wants an address of its own.
fn fixed(target: HostTarget) -> Option<HostTarget> {
    match target {
        HostTarget::Host { .. } => Some(target),
        HostTarget::NextHop { .. } => None,
    }
}

fn target(args: Args<'_>) -> Option<HostTarget> {
    let (first, rest) = args.split_first()?;
    let port = match rest {
        [] => 0,
        [
            Spanned {
                node: ArgValue::Int(n),
                ..
            },
        ] => u16::try_from(*n).ok()?,
        [
            Spanned {
                node: ArgValue::UriPort,
                ..
            },
        ] if first.node == ArgValue::UriHost => {
            return Some(HostTarget::NextHop { port: None });
        }
        _ => return None,
    };
    if first.node == ArgValue::UriHost {
        return Some(HostTarget::NextHop { port: Some(port) });
    }
    Some(HostTarget::Host {
        host: host(&first.node)?,
        port,
        address: None,
    })
}

fn host(arg: &ArgValue) -> Option<String> {
    Some(match arg {
        ArgValue::Str(text) => String::from_utf8_lossy(text).into_owned(),
        ArgValue::Host(text) | ArgValue::Id(text) => text.clone(),
        ArgValue::Ip(ip) => ip.to_string(),
        _ => return None,
    })
}

fn report(command: &str, args: Args<'_>) -> Option<ActionKind> {
    let texts: Vec<&ArgValue> = args.iter().map(|a| &a.node).collect();
    Some(match (command, texts.as_slice()) {
        ("log", [ArgValue::Str(text)]) => ActionKind::Log {
            level: LOG_LEVEL,
            text: text.as_slice().into(),
        },
        ("log", [ArgValue::Int(level), ArgValue::Str(text)]) => ActionKind::Log {
            level: *level as i32,
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
    Some(match call.args.as_slice() {
        // As in SER: without parentheses q is 0.
        [] => ActionKind::AppendBranch {
            uri: None,
            q: if call.parens { Q_UNSPECIFIED } else { 0 },
        },
        [
            Spanned {
                node: ArgValue::Str(uri),
                ..
            },
        ] => ActionKind::AppendBranch {
            uri: Some(uri.as_slice().into()),
            q: Q_UNSPECIFIED,
        },
        [
            Spanned {
                node: ArgValue::Str(uri),
                ..
            },
            Spanned {
                node: ArgValue::Str(q),
                ..
            },
        ] => {
            let q = q_value(q).ok()?.into();
            ActionKind::AppendBranch {
                uri: Some(uri.as_slice().into()),
                q,
            }
        }
        _ => return None,
    })
}

fn transport(command: &str, args: Args<'_>) -> Option<ActionKind> {
    let port = |n: &i64| u16::try_from(*n).ok();
    Some(match (command, args) {
        ("force_tcp_alias", []) => ActionKind::ForceTcpAlias(None),
        (
            "force_tcp_alias",
            [
                Spanned {
                    node: ArgValue::Int(n),
                    ..
                },
            ],
        ) => ActionKind::ForceTcpAlias(Some(port(n)?)),
        ("set_advertised_address", [arg]) => {
            ActionKind::SetAdvertisedAddress(host(&arg.node)?.into_bytes().into())
        }
        (
            "set_advertised_port",
            [
                Spanned {
                    node: ArgValue::Int(n),
                    ..
                },
            ],
        ) => ActionKind::SetAdvertisedPort(port(n)?),
        ("force_send_socket", [arg]) => {
            let id = match &arg.node {
                ArgValue::Socket(id) => id.clone(),
                other => SocketId {
                    proto: None,
                    host: host(other)?,
                    port: None,
                },
            };
            ActionKind::ForceSendSocket { id, socket: None }
        }
        _ => return None,
    })
}

fn uri_edit(command: &str, args: Args<'_>) -> Option<ActionKind> {
    let [arg] = args else { return None };
    let op = match (&arg.node, command) {
        (ArgValue::Int(n), "strip") => UriOp::Strip(usize::try_from(*n).ok()?),
        (ArgValue::Int(n), "strip_tail") => UriOp::StripTail(usize::try_from(*n).ok()?),
        (ArgValue::Str(text), _) => {
            let text = text.as_slice().into();
            match command {
                "rewritehost" => UriOp::Host(text),
                "rewritehostport" => UriOp::HostPort(text),
                "rewriteuser" => UriOp::User(text),
                "rewriteuserpass" => UriOp::UserPass(text),
                "rewriteport" => UriOp::Port(text),
                "rewriteuri" => UriOp::Uri(text),
                "prefix" => UriOp::Prefix(text),
                _ => return None,
            }
        }
        _ => return None,
    };
    Some(ActionKind::Uri(op))
}

/// How a command is written.
fn usage(name: &str) -> String {
    let args = match name {
        "forward" | "forward_udp" | "forward_tcp" | "forward_tls" => {
            return format!(
                "{name}(host, port) or {name}(uri:host, uri:port); the port is a number"
            );
        }
        "send" | "send_tcp" => "(host, port)",
        "drop" | "exit" | "return" => return format!("{name} takes a number or $?"),
        "break" => return "break takes nothing".into(),
        "log" => "(\"text\") or log(level, \"text\")",
        "error" => "(\"code\", \"text\")",
        "setflag" | "resetflag" | "isflagset" => "(flag): its number, 0 to 31, or its name",
        "setavpflag" | "resetavpflag" | "isavpflagset" => "($attr, flag)",
        "route" => "(name)",
        "strip" | "strip_tail" | "set_advertised_port" => "(number)",
        "append_branch" => "(), append_branch(\"uri\") or append_branch(\"uri\", \"0.5\")",
        "revert_uri" | "force_rport" | "add_rport" => "()",
        "force_tcp_alias" | "add_tcp_alias" => "() or with a port number",
        "set_advertised_address" => "(address)",
        "force_send_socket" => "([proto:]address[:port])",
        _ => "(\"text\")",
    };
    format!("{name}{args}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suggested_name_is_a_command() {
        for name in NAMES {
            assert!(GROUPS.iter().any(|g| g.contains(&name)), "{name}");
        }
    }
}
