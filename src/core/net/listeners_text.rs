//! The socket lists as text, with which one process tells another what names and interfaces have come to.
//!
//! A line each: `socket PROTO NAME ADDRESS` in order, `alias PROTO HOST PORT`, the newest alias first.

use super::listeners::{Alias, Listeners, choose_senders};
use super::{Proto, socket_pool};
use std::fmt::Write;

impl Listeners {
    /// Writes them.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for s in self.udp.iter().chain(&self.tcp).chain(&self.tls) {
            let _ = writeln!(text, "socket {} {} {}", s.proto.name(), s.name, s.addr);
        }
        for a in &self.aliases {
            let _ = writeln!(text, "alias {} {} {}", a.proto.name(), a.host, a.port);
        }
        text
    }

    /// Reads what [`Listeners::to_text`] wrote; `None`: it did not.
    pub fn from_text(text: &str) -> Option<Listeners> {
        let mut all = Listeners::default();
        for line in text.lines() {
            all.add_line(line)?;
        }
        choose_senders(&mut all);
        Some(all)
    }

    fn add_line(&mut self, line: &str) -> Option<()> {
        let mut words = line.split(' ');
        let (kind, proto) = (words.next()?, words.next()?);
        let (name, place) = (words.next()?, words.next()?);
        if kind == "alias" {
            self.aliases.push(Alias {
                host: name.to_owned(),
                port: place.parse().ok()?,
                proto: Proto::parse(proto).unwrap_or(Proto::None),
            });
            return Some(());
        }
        let proto = Proto::parse(proto)?;
        let list = match proto {
            Proto::Udp => &mut self.udp,
            Proto::Tcp => &mut self.tcp,
            Proto::Tls => &mut self.tls,
            Proto::None | Proto::Sctp | Proto::Ws | Proto::Wss => return None,
        };
        list.push(socket_pool::socket(proto, name, place.parse().ok()?));
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_they_were_written() {
        let text = "socket udp 127.0.0.1 127.0.0.1:5999\nsocket udp a.org [2001:db8::1]:5060\n\
                    socket tcp 127.0.0.1 127.0.0.1:5999\nalias udp b.org 5060\nalias * c.org 0\n";
        let all = Listeners::from_text(text).unwrap();
        assert_eq!((all.udp.len(), all.tcp.len(), all.aliases.len()), (2, 1, 2));
        assert_eq!(all.send_ipv6.unwrap().name, "a.org");
        assert_eq!(all.to_text(), text);
        assert!(Listeners::from_text("socket udp x\n").is_none());
    }
}
