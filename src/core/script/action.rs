//! What a statement is once it is compiled. Executed by [`super::run`].

use super::{Expr, HostNames, Select};
use crate::core::dns;
use crate::core::module::{Arg, Command, Regex};
use crate::core::msg::AvpSpec;
use crate::core::net::{Proto, SocketId, SocketInfo, find_socket};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A statement and the line it stands in.
#[derive(Debug)]
pub struct Action {
    /// What it does.
    pub kind: ActionKind,
    /// Line of ser.cfg, from 1.
    pub line: u32,
}

/// The argument of drop, exit, return.
#[derive(Clone, Copy, Debug)]
pub enum ReturnValue {
    /// A number.
    Number(i32),
    /// `$?`
    RetCode,
}

/// The destination of forward() and send().
#[derive(Debug)]
pub enum HostTarget {
    /// `uri:host`, with `uri:port` or a number.
    NextHop {
        /// A fixed port.
        port: Option<u16>,
    },
    /// A host that is resolved in the fix-up.
    Host {
        /// As written.
        host: String,
        /// 0: default.
        port: u16,
        /// Known after the fix-up.
        address: Option<SocketAddr>,
    },
}

/// Changes of the Request-URI.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum UriOp {
    Host(Box<[u8]>),
    HostPort(Box<[u8]>),
    User(Box<[u8]>),
    UserPass(Box<[u8]>),
    Port(Box<[u8]>),
    Uri(Box<[u8]>),
    Prefix(Box<[u8]>),
    Strip(usize),
    StripTail(usize),
}

/// The right side of `$attr = …`.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum AssignValue {
    Int(i32),
    Str(Box<[u8]>),
    Avp(AvpSpec),
    Select(Select),
    Action(Box<Action>),
    Expr(Expr),
}

/// One `if` or `else if` of a chain.
#[derive(Debug)]
pub struct Arm {
    /// When it is executed.
    pub cond: Expr,
    /// What is executed.
    pub body: Vec<Action>,
    /// Line of ser.cfg, from 1.
    pub line: u32,
}

/// The kinds of action.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum ActionKind {
    /// drop, exit
    Exit(ReturnValue),
    Return(ReturnValue),
    Forward {
        target: HostTarget,
        proto: Option<Proto>,
    },
    Send {
        target: HostTarget,
        proto: Proto,
    },
    Log {
        level: i32,
        text: Box<[u8]>,
    },
    Error {
        code: Box<[u8]>,
        text: Box<[u8]>,
    },
    Exec(String),
    SetFlag(u32),
    ResetFlag(u32),
    IsFlagSet(u32),
    SetAvpFlag {
        spec: AvpSpec,
        bit: u32,
    },
    ResetAvpFlag {
        spec: AvpSpec,
        bit: u32,
    },
    IsAvpFlagSet {
        spec: AvpSpec,
        bit: u32,
    },
    Route(usize),
    Uri(UriOp),
    RevertUri,
    AppendBranch {
        uri: Option<Box<[u8]>>,
        q: i32,
    },
    ForceRport,
    /// With the port of the alias, else that of the Via.
    ForceTcpAlias(Option<u16>),
    SetAdvertisedAddress(Box<[u8]>),
    SetAdvertisedPort(u16),
    ForceSendSocket {
        id: SocketId,
        socket: Option<&'static SocketInfo>,
    },
    /// The first arm whose condition is true, or `otherwise`.
    If {
        arms: Vec<Arm>,
        otherwise: Vec<Action>,
    },
    AssignAvp {
        target: AvpSpec,
        append: bool,
        value: AssignValue,
    },
    Module {
        command: &'static Command,
        args: Vec<Arg>,
        /// Under which it is measured.
        number: usize,
    },
    Block(Vec<Action>),
}

impl Action {
    /// Resolves names and runs the module's fix-up, here and in everything inside.
    pub fn fixup(&mut self, names: &mut HostNames) -> Result<(), String> {
        let line = self.line;
        let at_line = |why: String| format!("line {line}: {why}");
        match &mut self.kind {
            ActionKind::Forward { target, proto } => {
                // The next hop of a request and of its replies may be a name.
                dns::want_resolver();
                target
                    .resolve(proto.unwrap_or(Proto::None), names)
                    .map_err(at_line)
            }
            ActionKind::Send { target, proto } => target.resolve(*proto, names).map_err(at_line),
            ActionKind::ForceSendSocket { id, socket } => {
                *socket = Some(find_listener(id, names).map_err(at_line)?);
                Ok(())
            }
            ActionKind::Module { command, args, .. } => match command.fixup {
                Some(fixup) => catch_unwind(AssertUnwindSafe(|| fixup(args)))
                    .unwrap_or_else(|_| Err("its fixup panicked".into()))
                    .map_err(|why| at_line(format!("{}: {why}", command.name))),
                None => Ok(()),
            },
            ActionKind::If { arms, otherwise } => {
                for arm in arms {
                    arm.cond.fixup(names)?;
                    fixup_all(&mut arm.body, names)?;
                }
                fixup_all(otherwise, names)
            }
            ActionKind::Block(actions) => fixup_all(actions, names),
            ActionKind::AssignAvp {
                value: AssignValue::Action(action),
                ..
            } => action.fixup(names),
            ActionKind::AssignAvp {
                value: AssignValue::Expr(expr),
                ..
            } => expr.fixup(names),
            _ => Ok(()),
        }
    }
}

impl HostTarget {
    /// Fixed for good. A protocol that is known may lead to SRV records.
    fn resolve(&mut self, proto: Proto, names: &mut HostNames) -> Result<(), String> {
        let HostTarget::Host {
            host,
            port,
            address,
        } = self
        else {
            return Ok(());
        };
        let found = names.address(host.as_bytes(), *port, proto);
        let wrong = |why| format!("could not resolve {host} (-478): {why}");
        *address = Some(found.map_err(wrong)?);
        Ok(())
    }
}

/// Fixes up a list.
pub(super) fn fixup_all(actions: &mut [Action], names: &mut HostNames) -> Result<(), String> {
    let mut actions = actions.iter_mut();
    actions.try_for_each(|action| action.fixup(names))
}

fn find_listener(id: &SocketId, names: &mut HostNames) -> Result<&'static SocketInfo, String> {
    let bare = id.host.trim_start_matches('[').trim_end_matches(']');
    let ip = bare.parse().or_else(|_| {
        let found = names.address(id.host.as_bytes(), 0, Proto::None);
        found
            .map(|addr| addr.ip())
            .map_err(|_| format!("could not resolve {}", id.host))
    })?;
    let proto = id.proto.unwrap_or(Proto::None);
    let port = id.port.unwrap_or(0);
    find_socket(ip, port, proto).ok_or_else(|| {
        format!(
            "bad force_send_socket argument: {}:{port} (ser doesn't listen on it)",
            id.host
        )
    })
}

/// A pattern on the right of `=~`: compiled at start, or text that only a message has.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Pattern {
    Fixed(Regex),
    Avp(AvpSpec),
    Select(Select),
}
