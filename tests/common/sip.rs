//! A user agent as small as tests need: one UDP socket, requests made of text.

use super::PATIENCE;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

static NUMBER: AtomicU32 = AtomicU32::new(1);

/// One socket.
pub struct Phone {
    socket: UdpSocket,
}

impl Phone {
    /// On 127.0.0.1, any port.
    pub fn new() -> Phone {
        Phone::at([127, 0, 0, 1])
    }

    /// On an address of this machine.
    pub fn at(ip: impl Into<IpAddr>) -> Phone {
        let socket = UdpSocket::bind((ip.into(), 0)).expect("a socket");
        Phone { socket }
    }

    /// Its address.
    pub fn addr(&self) -> SocketAddr {
        self.socket.local_addr().expect("bound")
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.addr().port()
    }

    /// Sends one datagram.
    pub fn send(&self, bytes: impl AsRef<[u8]>, to: impl std::net::ToSocketAddrs) {
        self.socket.send_to(bytes.as_ref(), to).expect("sent");
    }

    /// What comes within `limit`, and from where.
    pub fn try_recv(&self, limit: Duration) -> Option<(Vec<u8>, SocketAddr)> {
        let mut buffer = vec![0; 65_535];
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let wait = left.max(Duration::from_millis(1));
            self.socket.set_read_timeout(Some(wait)).expect("a timeout");
            match self.socket.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    buffer.truncate(length);
                    return Some((buffer, from));
                }
                // An ICMP error of an earlier send.
                Err(e) if e.kind() == ErrorKind::ConnectionRefused && !left.is_zero() => {}
                Err(_) => return None,
            }
        }
    }

    /// The next datagram as text, and from where; panics when nothing comes.
    pub fn recv_from(&self) -> (String, SocketAddr) {
        let (bytes, from) = self.try_recv(PATIENCE).expect("an answer in time");
        (String::from_utf8_lossy(&bytes).into_owned(), from)
    }

    /// The next datagram as text.
    pub fn recv(&self) -> String {
        self.recv_from().0
    }

    /// Sends a request and returns what comes next.
    pub fn ask(&self, request: impl AsRef<[u8]>, to: impl std::net::ToSocketAddrs) -> String {
        self.send(request, to);
        self.recv()
    }

    /// A request without body from this phone, with a branch and a Call-ID of its own.
    pub fn request(&self, method: &str, uri: &str) -> String {
        request(method, uri, &self.addr().to_string(), "")
    }
}

/// A request without body; `via` is what stands behind `SIP/2.0/UDP `, `more` are whole header lines.
pub fn request(method: &str, uri: &str, via: &str, more: &str) -> String {
    let n = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!(
        "{method} {uri} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {via};branch=z9hG4bKtest{n}\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:alice@localhost>;tag=from{n}\r\n\
         To: <sip:bob@localhost>\r\n\
         Call-ID: call{n}@localhost\r\n\
         CSeq: {n} {method}\r\n\
         {more}Content-Length: 0\r\n\r\n"
    )
}

/// A reply to a request: its Via, From, To, Call-ID, CSeq and Record-Route lines. `tag`: for To where it has
/// none; `more`: whole header lines.
pub fn reply(request: &str, status: &str, tag: &str, more: &str) -> String {
    let mut out = format!("SIP/2.0 {status}\r\n");
    for line in request.lines().skip(1).take_while(|line| !line.is_empty()) {
        let name = line
            .split(':')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        match name.as_str() {
            "via" | "v" | "from" | "f" | "call-id" | "i" | "cseq" | "record-route" => {
                out.push_str(line);
            }
            "to" | "t" => {
                out.push_str(line);
                if !line.contains("tag=") && !tag.is_empty() {
                    out.push_str(&format!(";tag={tag}"));
                }
            }
            _ => continue,
        }
        out.push_str("\r\n");
    }
    format!("{out}{more}Content-Length: 0\r\n\r\n")
}

/// The first line of a message.
pub fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or("")
}

/// The first header of that name, without the name.
pub fn header<'m>(message: &'m str, name: &str) -> Option<&'m str> {
    message.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
