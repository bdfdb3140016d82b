//! `t_relay`, `t_replicate`, `t_forward_nonack` and their variants.

use crate::context;
use crate::forward::{self, Hop};
use crate::relay;
use ser::core::dns::{self, Query};
use ser::core::module::{Arg, Args, VarStr};
use ser::core::msg::{SerError, SipMsg};
use ser::core::net::Proto;
use ser::core::sip::Method;
use std::net::SocketAddr;

/// `("host", "port")`: resolved when the server starts.
pub fn fixup_address(args: &mut [Arg]) -> Result<(), String> {
    let [Arg::Str(host), Arg::Str(port)] = args else {
        return Err("host and port are wanted".into());
    };
    let number: u16 = std::str::from_utf8(port)
        .ok()
        .and_then(|p| p.trim().parse().ok())
        .ok_or_else(|| format!("\"{}\" is no port", String::from_utf8_lossy(port)))?;
    let mut found = dns::resolve_blocking(Query::new(host, number, Proto::Udp))
        .map_err(|why| format!("could not resolve {}: {why}", String::from_utf8_lossy(host)))?;
    let to = found.next().ok_or("no address")?.addr();
    args[0] = Arg::Custom(Box::new(to));
    Ok(())
}

/// `("proto", "host:port")`: a literal protocol must be one.
pub fn fixup_proto(args: &mut [Arg]) -> Result<(), String> {
    match args.first() {
        Some(Arg::Var(VarStr::Lit(text))) if proto_of(text).is_none() => Err(format!(
            "\"{}\" is no protocol (udp, tcp, tls)",
            String::from_utf8_lossy(text)
        )),
        _ => Ok(()),
    }
}

fn proto_of(text: &[u8]) -> Option<Proto> {
    Proto::parse(std::str::from_utf8(text).ok()?)
}

/// The address of the fix-up, by `proto` or as the message came.
fn fixed<'a>(msg: &SipMsg<'a>, args: Args, proto: Option<Proto>) -> Option<Hop<'a>> {
    let to = *args.custom::<SocketAddr>(0)?;
    Some(Hop::Fixed(to, proto.unwrap_or(msg.rcv.proto)))
}

/// The address that the arguments have for this message.
fn variable<'a>(msg: &mut SipMsg<'a>, args: Args) -> Option<Hop<'a>> {
    let proto = proto_of(args.str(0, msg)?)?;
    let text = args.str(1, msg)?;
    let (host, port) = split_port(text)?;
    Some(Hop::Host(host, port, proto))
}

/// `host[:port]`, an IPv6 address in brackets; 5060 without a port.
fn split_port(text: &[u8]) -> Option<(&[u8], u16)> {
    let text = text.trim_ascii();
    let behind = text.iter().rposition(|b| *b == b']').unwrap_or(0);
    match text[behind..].iter().position(|b| *b == b':') {
        None => Some((text, 5060)),
        Some(at) => {
            let (host, port) = (&text[..behind + at], &text[behind + at + 1..]);
            Some((host, std::str::from_utf8(port).ok()?.parse().ok()?))
        }
    }
}

fn relay_by<'a>(msg: &mut SipMsg<'a>, hop: Option<Hop<'a>>, replicate: bool) -> i32 {
    match hop {
        Some(hop) => relay::relay(msg, hop, replicate),
        None => {
            msg.error = SerError::BAD_ADDRESS;
            SerError::BAD_ADDRESS.0
        }
    }
}

/// `t_relay()`
pub fn t_relay(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    relay::relay(msg, Hop::Uri, false)
}

/// Defines the commands that go to a fixed address by a fixed protocol.
macro_rules! fixed_commands {
    ($($name:ident: $run:ident, $proto:expr, $what:expr;)+) => {
        $(
            #[doc = concat!("`", stringify!($name), "(host, port)`")]
            pub fn $name(msg: &mut SipMsg<'_>, args: Args) -> i32 {
                let hop = fixed(msg, args, $proto);
                $run(msg, hop, $what)
            }
        )+
    };
}

fixed_commands! {
    t_relay_to_udp: relay_by, Some(Proto::Udp), false;
    t_relay_to_tcp: relay_by, Some(Proto::Tcp), false;
    t_relay_to_tls: relay_by, Some(Proto::Tls), false;
    t_replicate: relay_by, None, true;
    t_replicate_udp: relay_by, Some(Proto::Udp), true;
    t_replicate_tcp: relay_by, Some(Proto::Tcp), true;
    t_replicate_tls: relay_by, Some(Proto::Tls), true;
    t_forward_nonack: forward_by, None, ();
    t_forward_nonack_udp: forward_by, Some(Proto::Udp), ();
    t_forward_nonack_tcp: forward_by, Some(Proto::Tcp), ();
    t_forward_nonack_tls: forward_by, Some(Proto::Tls), ();
}

/// `t_relay_to(proto, "host:port")`
pub fn t_relay_to(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let hop = variable(msg, args);
    relay_by(msg, hop, false)
}

/// `t_replicate_to(proto, "host:port")`
pub fn t_replicate_to(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let hop = variable(msg, args);
    relay_by(msg, hop, true)
}

/// `t_forward_nonack_uri()`
pub fn t_forward_nonack_uri(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    forward_by(msg, Some(Hop::Uri), ())
}

/// `t_forward_nonack_to(proto, "host:port")`
pub fn t_forward_nonack_to(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let hop = variable(msg, args);
    forward_by(msg, hop, ())
}

/// Forwards only: needs a transaction, makes no reply.
fn forward_by<'a>(msg: &mut SipMsg<'a>, hop: Option<Hop<'a>>, (): ()) -> i32 {
    if msg.sip.method() == Method::Ack {
        log::warn!("WARNING: t_forward_nonack: an ACK is not forwarded");
        return -1;
    }
    let Some(id) = context::get().transaction else {
        log::error!("ERROR: t_forward_nonack: no transaction found for request");
        return -1;
    };
    let forwarded = match hop {
        Some(hop) => forward::forward(msg, id, hop),
        None => Err(SerError::BAD_ADDRESS),
    };
    match forwarded {
        Ok(()) => 1,
        Err(error) => {
            msg.error = error;
            error.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_stands_behind_the_last_colon_outside_of_brackets() {
        assert_eq!(split_port(b"h.org:5070"), Some((&b"h.org"[..], 5070)));
        assert_eq!(split_port(b"h.org"), Some((&b"h.org"[..], 5060)));
        assert_eq!(split_port(b"[::1]:7"), Some((&b"[::1]"[..], 7)));
        assert_eq!(split_port(b"[::1]"), Some((&b"[::1]"[..], 5060)));
        assert_eq!(split_port(b"h:x"), None);
    }
}
