//! Where the server listens: for module ctl as sercmd and kamcmd write it, `[proto:]name[:port]` (reference:
//! rpc-core §7), and what the line protocol is spoken over.

use crate::Failure;
use std::fmt;
use std::path::PathBuf;

/// Port of TCP and UDP where none is given.
const PORT: u16 = 2049;

/// Where module ctl listens that was not told where.
pub const DEFAULT: &str = "unixs:/tmp/ser_ctl";

/// Where the server is.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Address {
    /// Host and port.
    Tcp(String, u16),
    Udp(String, u16),
    UnixStream(PathBuf),
    UnixDatagram(PathBuf),
    /// The line protocol over the server's named pipe, `fifo:PATH`.
    Fifo(PathBuf),
    /// The line protocol over a datagram socket of module unixsock, `unixsock:PATH`.
    LineDatagram(PathBuf),
}

impl Address {
    /// Reads an address. Without a protocol a name with a `/` is the path of a stream socket, any other a UDP host.
    pub fn parse(text: &str) -> Result<Address, Failure> {
        let text = text.trim();
        let (word, rest) = text.split_once(':').unwrap_or(("", text));
        let path = |path: &str| match path {
            "" => Err(Failure::Usage(format!("\"{text}\" has no path"))),
            path => Ok(PathBuf::from(path)),
        };
        match word.to_ascii_lowercase().as_str() {
            "tcp" => host_port(rest).map(|(host, port)| Address::Tcp(host, port)),
            "udp" => host_port(rest).map(|(host, port)| Address::Udp(host, port)),
            "unix" | "unixs" => path(rest).map(Address::UnixStream),
            "unixd" => path(rest).map(Address::UnixDatagram),
            "fifo" => path(rest).map(Address::Fifo),
            "unixsock" => path(rest).map(Address::LineDatagram),
            _ if text.contains('/') => path(text).map(Address::UnixStream),
            _ => host_port(text).map(|(host, port)| Address::Udp(host, port)),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(host, port) => write!(f, "tcp:{}:{port}", bracketed(host)),
            Address::Udp(host, port) => write!(f, "udp:{}:{port}", bracketed(host)),
            Address::UnixStream(path) => write!(f, "unixs:{}", path.display()),
            Address::UnixDatagram(path) => write!(f, "unixd:{}", path.display()),
            Address::Fifo(path) => write!(f, "fifo:{}", path.display()),
            Address::LineDatagram(path) => write!(f, "unixsock:{}", path.display()),
        }
    }
}

fn bracketed(host: &str) -> String {
    match host.contains(':') {
        true => format!("[{host}]"),
        false => host.to_owned(),
    }
}

/// `host[:port]`, `[v6][:port]`, or a port of this machine.
fn host_port(text: &str) -> Result<(String, u16), Failure> {
    let wrong = |why: &str| Failure::Usage(format!("\"{text}\" is no address: {why}"));
    let port = |digits: &str| match digits.parse() {
        Ok(0) | Err(_) => Err(wrong("a port is a number up to 65535")),
        Ok(port) => Ok(port),
    };
    if text.is_empty() {
        return Err(wrong("it is empty"));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(wrong("a [ is not closed"))?;
        return match rest.strip_prefix(':') {
            Some(digits) => Ok((host.into(), port(digits)?)),
            None if rest.is_empty() => Ok((host.into(), PORT)),
            None => Err(wrong("only :port may follow a ]")),
        };
    }
    match text.split_once(':') {
        None if text.bytes().all(|b| b.is_ascii_digit()) => Ok(("localhost".into(), port(text)?)),
        None => Ok((text.into(), PORT)),
        Some((host, digits)) => Ok((host.into(), port(digits)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_for_sercmd() {
        let parsed = |text: &str| Address::parse(text).unwrap().to_string();
        for (text, means) in [
            ("unixs:/tmp/x", "unixs:/tmp/x"),
            ("unix:/tmp/x", "unixs:/tmp/x"),
            ("/tmp/x", "unixs:/tmp/x"),
            ("unixd:/tmp/x", "unixd:/tmp/x"),
            ("fifo:/tmp/x", "fifo:/tmp/x"),
            ("unixsock:/tmp/x", "unixsock:/tmp/x"),
            ("tcp:localhost:7", "tcp:localhost:7"),
            ("tcp:localhost", "tcp:localhost:2049"),
            ("udp:[::1]:7", "udp:[::1]:7"),
            ("tcp:[::1]", "tcp:[::1]:2049"),
            ("somewhere:7", "udp:somewhere:7"),
            ("tcp:2050", "tcp:localhost:2050"),
        ] {
            assert_eq!(parsed(text), means, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "tcp:", "unixs:", "tcp:h:0", "h:x", "udp:[::1", "[::1]x"] {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
