//! `[proto:]name[:port]`: where to listen (reference: ctl, socket address grammar).

use std::fmt;
use std::path::PathBuf;

/// Port of TCP and UDP where none is given.
const PORT: u16 = 2049;

/// What is spoken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    Binrpc,
    /// The text of the FIFO.
    Line,
}

impl Protocol {
    /// As `ctl.listen` and `ctl.who` tell it.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Binrpc => "binrpc",
            Protocol::Line => "fifo",
        }
    }
}

/// What carries it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// Host (`*`: any address) and port.
    Tcp(String, u16),
    Udp(String, u16),
    UnixStream(PathBuf),
    UnixDatagram(PathBuf),
    Fifo(PathBuf),
}

/// One address to listen on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    pub protocol: Protocol,
    pub place: Place,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Tcp(host, port) => write!(f, "tcp:{host}:{port}"),
            Place::Udp(host, port) => write!(f, "udp:{host}:{port}"),
            Place::UnixStream(path) => write!(f, "unixs:{}", path.display()),
            Place::UnixDatagram(path) => write!(f, "unixd:{}", path.display()),
            Place::Fifo(path) => write!(f, "fifo:{}", path.display()),
        }
    }
}

impl Address {
    /// Reads an address; without a protocol the name tells: with a `/` it is a path.
    pub fn parse(text: &[u8], protocol: Protocol) -> Result<Address, String> {
        let text = std::str::from_utf8(text)
            .map_err(|_| "the address is no text")?
            .trim();
        let (word, rest) = match text.split_once(':') {
            Some((word, rest)) => (word.to_ascii_lowercase(), rest),
            None => (String::new(), text),
        };
        let path = || PathBuf::from(rest);
        let place = match (word.as_str(), protocol) {
            ("tcp", _) => host_port(rest).map(|(host, port)| Place::Tcp(host, port))?,
            ("udp", _) => host_port(rest).map(|(host, port)| Place::Udp(host, port))?,
            ("unix" | "unixs", _) => Place::UnixStream(path()),
            ("unixd", _) => Place::UnixDatagram(path()),
            ("fifo", _) => Place::Fifo(path()),
            (_, Protocol::Binrpc) if text.contains('/') => Place::UnixStream(text.into()),
            (_, Protocol::Line) if text.contains('/') => Place::Fifo(text.into()),
            (_, Protocol::Binrpc) => host_port(text).map(|(host, port)| Place::Udp(host, port))?,
            (_, Protocol::Line) => Place::Fifo(text.into()),
        };
        if protocol == Protocol::Binrpc && matches!(place, Place::Fifo(_)) {
            return Err(format!("{text}: BINRPC cannot be spoken over a named pipe"));
        }
        let address = Address { protocol, place };
        match &address.place {
            Place::UnixStream(p) | Place::UnixDatagram(p) | Place::Fifo(p)
                if p.as_os_str().is_empty() =>
            {
                Err(format!("\"{text}\" has no path"))
            }
            _ => Ok(address),
        }
    }
}

/// `host[:port]`, `[v6][:port]`, or a port alone.
fn host_port(text: &str) -> Result<(String, u16), String> {
    let port = |text: &str| -> Result<u16, String> {
        match text.parse() {
            Ok(0) | Err(_) => Err(format!("\"{text}\" is no port")),
            Ok(port) => Ok(port),
        }
    };
    if text.is_empty() {
        return Err("the address is empty".into());
    }
    if let Ok(only) = text.parse() {
        return Ok(("*".into(), only));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("a [ is not closed")?;
        return match rest.strip_prefix(':') {
            None => Ok((host.into(), PORT)),
            Some(digits) => Ok((host.into(), port(digits)?)),
        };
    }
    match text.split_once(':') {
        None => Ok((text.into(), PORT)),
        Some((host, digits)) => Ok((host.into(), port(digits)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, protocol: Protocol) -> Place {
        Address::parse(text.as_bytes(), protocol).unwrap().place
    }

    #[test]
    fn an_address_says_what_carries_it_or_its_form_does() {
        use Protocol::{Binrpc, Line};
        let host = |h: &str| h.to_string();
        assert_eq!(
            place("unixs:/tmp/x", Binrpc),
            Place::UnixStream("/tmp/x".into())
        );
        assert_eq!(
            place("unixd:/tmp/x", Binrpc),
            Place::UnixDatagram("/tmp/x".into())
        );
        assert_eq!(place("/tmp/x", Binrpc), Place::UnixStream("/tmp/x".into()));
        assert_eq!(place("/tmp/x", Line), Place::Fifo("/tmp/x".into()));
        assert_eq!(place("fifo:/tmp/x", Line), Place::Fifo("/tmp/x".into()));
        assert_eq!(
            place("tcp:127.0.0.1:3012", Line),
            Place::Tcp(host("127.0.0.1"), 3012)
        );
        assert_eq!(place("tcp:3012", Binrpc), Place::Tcp(host("*"), 3012));
        assert_eq!(
            place("localhost", Binrpc),
            Place::Udp(host("localhost"), 2049)
        );
        assert_eq!(
            place("localhost:7", Binrpc),
            Place::Udp(host("localhost"), 7)
        );
        assert_eq!(place("udp:[::1]:7", Binrpc), Place::Udp(host("::1"), 7));
        assert_eq!(place("2050", Binrpc), Place::Udp(host("*"), 2050));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "tcp:",
            "unixs:",
            "tcp:h:0",
            "tcp:h:x",
            "udp:[::1",
            "fifo:/tmp/x",
        ] {
            let parsed = Address::parse(text.as_bytes(), Protocol::Binrpc);
            assert!(parsed.is_err(), "{text}: {parsed:?}");
        }
    }
}
