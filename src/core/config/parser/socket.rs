//! `[proto:]host[:port]`, the host maybe in quotes, the port maybe `*`.

use crate::core::config::ast::SocketId;
use crate::core::config::scanner::{Scanner, parse_number};
use crate::core::net::Proto;

impl Scanner<'_> {
    pub(super) fn socket(&mut self) -> Option<SocketId> {
        let start = self.start();
        let proto = self.socket_proto();
        let host = self.socket_host()?;
        // `host : port` may stand apart.
        let colon = self.peek() == Some(b':');
        let port = if colon { self.socket_port(start) } else { None };
        Some(SocketId { proto, host, port })
    }

    fn socket_proto(&mut self) -> Option<Proto> {
        let run = self.peek_run();
        let (word, _) = run.split_once(':')?;
        if word != "*" && Proto::parse(word).is_none() {
            return None;
        }
        self.advance(word.len() + 1);
        Proto::parse(word)
    }

    fn socket_host(&mut self) -> Option<String> {
        if let Some(text) = self.string() {
            return Some(String::from_utf8_lossy(&text).into_owned());
        }
        let run = self.peek_run();
        let host = &run[..host_length(run)];
        if host.is_empty() {
            return None;
        }
        self.advance(host.len());
        Some(host.to_owned())
    }

    fn socket_port(&mut self, start: usize) -> Option<u16> {
        self.advance(1);
        let run = self.peek_run();
        self.advance(run.len());
        if run == "*" {
            return None;
        }
        let port = parse_number(run).and_then(|n| u16::try_from(n).ok());
        if port.is_none() {
            let text = format!("bad port {run}: a number up to 65535 is expected");
            self.error_from(start, text);
        }
        port
    }
}

/// Length of the host; IPv6 addresses with or without brackets are whole.
fn host_length(run: &str) -> usize {
    if run.starts_with('[') {
        return run.find(']').map_or(0, |close| close + 1);
    }
    if run.parse::<std::net::Ipv6Addr>().is_ok() {
        return run.len();
    }
    run.find([':', '/', ']', '[', '*']).unwrap_or(run.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<Proto>, String, Option<u16>) {
        let mut s = Scanner::new(text.as_bytes());
        let id = s.socket().expect(text);
        assert_eq!((s.peek(), s.diagnostics.errors()), (None, 0), "{text}");
        (id.proto, id.host, id.port)
    }

    #[test]
    fn addresses_are_read_in_every_form() {
        let (udp, tcp) = (Some(Proto::Udp), Some(Proto::Tcp));
        for (text, proto, host, port) in [
            ("10.0.0.1", None, "10.0.0.1", None),
            ("udp:10.0.0.1:5070", udp, "10.0.0.1", Some(5070)),
            ("TCP:all:5065", tcp, "all", Some(5065)),
            ("*:foo-bar.com:*", None, "foo-bar.com", None),
            ("\"1.com\":5062", None, "1.com", Some(5062)),
            ("tcp:\"host\"", tcp, "host", None),
            ("[::1]:5060", None, "[::1]", Some(5060)),
            ("udp:::1", udp, "::1", None),
            ("fe80::1", None, "fe80::1", None),
            ("udp:eth0", udp, "eth0", None),
            ("tcp: host : 5060", tcp, "host", Some(5060)),
        ] {
            assert_eq!(read(text), (proto, host.to_owned(), port), "{text}");
        }
    }

    #[test]
    fn a_port_that_is_none_is_reported() {
        for text in ["host:70000", "host:x", "host:"] {
            let mut s = Scanner::new(text.as_bytes());
            s.socket();
            assert_eq!(s.diagnostics.errors(), 1, "{text}");
        }
    }
}
