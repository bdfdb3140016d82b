//! The name of a socket as `-l` and RPC methods take it: `[proto:]host[:port]`.
//!
//! The host is an IPv4 address, an IPv6 address in brackets, a host name or the name of an interface. An
//! IPv6 address that stands alone needs no brackets.

use super::{Proto, SocketId};
use std::net::Ipv6Addr;

impl SocketId {
    /// Parses an address specifier; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<SocketId, String> {
        let id = parse(text)?;
        if id.host.is_empty() {
            return Err("no host".into());
        }
        Ok(id)
    }
}

fn parse(text: &str) -> Result<SocketId, String> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok(id(None, &format!("[{text}]"), None));
    }
    let colons = colons_outside_brackets(text)?;
    if text.ends_with(':') {
        return Err("too many colons".into());
    }
    match colons.as_slice() {
        [] => Ok(id(None, text, None)),
        [at] => {
            let (left, right) = (&text[..*at], &text[at + 1..]);
            match port(right) {
                Some(port) => Ok(id(None, left, Some(port))),
                None if is_number(right) => Err(bad_port(right)),
                None => Ok(id(Some(proto(left)?), right, None)),
            }
        }
        [first, second] => {
            let (right, host) = (&text[second + 1..], &text[first + 1..*second]);
            let port = port(right).ok_or_else(|| bad_port(right))?;
            let proto = proto(&text[..*first])?;
            Ok(id(Some(proto), host, Some(port)))
        }
        _ => Err("too many colons".into()),
    }
}

fn id(proto: Option<Proto>, host: &str, port: Option<u16>) -> SocketId {
    let host = host.to_owned();
    SocketId { proto, host, port }
}

fn colons_outside_brackets(text: &str) -> Result<Vec<usize>, String> {
    let mut colons = Vec::new();
    let mut open = false;
    for (at, byte) in text.bytes().enumerate() {
        match (byte, open) {
            (b'[', false) => open = true,
            (b']', true) => open = false,
            (b'[' | b']', _) => {
                return Err("too many brackets".into());
            }
            (b':', false) => colons.push(at),
            (_, _) => {}
        }
    }
    if open {
        return Err("too many brackets".into());
    }
    Ok(colons)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn port(text: &str) -> Option<u16> {
    is_number(text).then(|| text.parse().ok())?
}

fn bad_port(port: &str) -> String {
    format!("bad port number {port}")
}

fn proto(name: &str) -> Result<Proto, String> {
    match name.to_ascii_lowercase().as_str() {
        "udp" => Ok(Proto::Udp),
        "tcp" => Ok(Proto::Tcp),
        "tls" => Ok(Proto::Tls),
        _ => Err(format!("bad protocol {name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(text: &str) -> (Option<Proto>, String, Option<u16>) {
        let id = SocketId::parse(text).unwrap_or_else(|e| panic!("{e}"));
        (id.proto, id.host, id.port)
    }

    #[test]
    fn protocol_and_port_may_be_left_out() {
        assert_eq!(ok("eth0"), (None, "eth0".into(), None));
        assert_eq!(ok("127.0.0.1:5080"), (None, "127.0.0.1".into(), Some(5080)));
        assert_eq!(
            ok("UDP:sip.x.org"),
            (Some(Proto::Udp), "sip.x.org".into(), None)
        );
        assert_eq!(
            ok("tcp:1.2.3.4:99"),
            (Some(Proto::Tcp), "1.2.3.4".into(), Some(99))
        );
    }

    #[test]
    fn colons_inside_brackets_belong_to_the_address() {
        assert_eq!(ok("[::1]"), (None, "[::1]".into(), None));
        assert_eq!(ok("::1"), (None, "[::1]".into(), None));
        assert_eq!(
            ok("tls:[::1]:5061"),
            (Some(Proto::Tls), "[::1]".into(), Some(5061))
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, what) in [
            ("a:b:c:1", "too many colons"),
            ("1.2.3.4:", "too many colons"),
            (":::1", "too many colons"),
            (":5060:", "too many colons"),
            ("[[::1]]", "too many brackets"),
            ("[::1", "too many brackets"),
            ("udp:1.2.3.4:x", "bad port"),
            ("1.2.3.4:70000", "bad port"),
            ("sctp:1.2.3.4", "bad protocol"),
            ("", "no host"),
        ] {
            let error = SocketId::parse(text).expect_err(text);
            assert!(error.contains(what), "{text}: {error}");
        }
    }
}
