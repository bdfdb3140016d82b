//! `forward`, `send` and their relatives; what changes how a message leaves.

use super::super::super::ast::ArgValue;
use super::{Args, nodes};
use crate::core::net::{Proto, SocketId};
use crate::core::script::{ActionKind, HostTarget};

/// The statement; `None`: these are no arguments of it.
pub(super) fn relay(command: &str, args: Args<'_>) -> Option<ActionKind> {
    let target = target(args)?;
    Some(match command {
        "send" | "send_tcp" => {
            let proto = if command == "send" {
                Proto::Udp
            } else {
                Proto::Tcp
            };
            // An address of its own is wanted.
            if matches!(target, HostTarget::NextHop { .. }) {
                return None;
            }
            ActionKind::Send { target, proto }
        }
        _ => ActionKind::Forward {
            target,
            proto: match command {
                "forward_udp" => Some(Proto::Udp),
                "forward_tcp" => Some(Proto::Tcp),
                "forward_tls" => Some(Proto::Tls),
                _ => None,
            },
        },
    })
}

fn target(args: Args<'_>) -> Option<HostTarget> {
    Some(match nodes(args).as_slice() {
        [ArgValue::UriHost, ArgValue::UriPort] => HostTarget::NextHop { port: None },
        [ArgValue::UriHost] => HostTarget::NextHop { port: Some(0) },
        [ArgValue::UriHost, ArgValue::Int(n)] => HostTarget::NextHop {
            port: Some(port(*n)?),
        },
        [first] => fixed(first, 0)?,
        [first, ArgValue::Int(n)] => fixed(first, port(*n)?)?,
        _ => return None,
    })
}

fn fixed(host: &ArgValue, port: u16) -> Option<HostTarget> {
    Some(HostTarget::Host {
        host: self::host(host)?,
        port,
        address: None,
    })
}

fn port(n: i64) -> Option<u16> {
    u16::try_from(n).ok()
}

fn host(arg: &ArgValue) -> Option<String> {
    Some(match arg {
        ArgValue::Str(text) => String::from_utf8_lossy(text).into_owned(),
        ArgValue::Host(text) | ArgValue::Id(text) => text.clone(),
        ArgValue::Ip(ip) => ip.to_string(),
        _ => return None,
    })
}

/// Address, port and socket of this message; `None`: these are no arguments of the command.
pub(super) fn transport(command: &str, args: Args<'_>) -> Option<ActionKind> {
    Some(match (command, nodes(args).as_slice()) {
        ("force_tcp_alias", []) => ActionKind::ForceTcpAlias(None),
        ("force_tcp_alias", [ArgValue::Int(n)]) => ActionKind::ForceTcpAlias(Some(port(*n)?)),
        ("set_advertised_address", [arg]) => {
            ActionKind::SetAdvertisedAddress(host(arg)?.into_bytes().into())
        }
        ("set_advertised_port", [ArgValue::Int(n)]) => ActionKind::SetAdvertisedPort(port(*n)?),
        ("force_send_socket", [ArgValue::Socket(id)]) => ActionKind::ForceSendSocket {
            id: id.clone(),
            socket: None,
        },
        ("force_send_socket", [arg]) => ActionKind::ForceSendSocket {
            id: SocketId {
                proto: None,
                host: host(arg)?,
                port: None,
            },
            socket: None,
        },
        _ => return None,
    })
}
