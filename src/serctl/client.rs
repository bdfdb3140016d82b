//! A client of module ctl: calls RPC methods by BINRPC and gives the values of their replies.

use crate::value::{self, Value};
use crate::{Address, Failure};
use ser::core::rpc::RpcValue;
use ser::core::rpc::binrpc::{Error, Kind, Reader, Writer, packet, read_header};
use std::io::{self, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The server's answer may take this long: calls that wait for SIP replies do (a transaction gives up after 32 s
/// and an INVITE after minutes).
const PATIENCE: Duration = Duration::from_secs(150);
/// Longest datagram, header and all.
const MAX_DATAGRAM: usize = 65_536;
/// Room for a header, and more is read at once.
const PIECE: usize = 65_536;

/// A connection to the server.
#[derive(Debug)]
pub struct Client {
    link: Link,
    /// Goes with the next request, and comes back with its reply.
    cookie: u32,
}

#[derive(Debug)]
enum Link {
    Tcp(TcpStream),
    Unix(UnixStream),
    Udp(UdpSocket),
    /// With the path that replies are sent to.
    UnixDatagram(UnixDatagram, PathBuf),
}

/// Over unix datagrams the server needs a path to reply to; it goes with the connection.
impl Drop for Link {
    fn drop(&mut self) {
        if let Link::UnixDatagram(_, own) = self {
            // It may be gone already.
            let _ = std::fs::remove_file(own);
        }
    }
}

impl Client {
    /// Connects.
    pub fn connect(address: &Address) -> Result<Client, Failure> {
        let link = Link::open(address).map_err(|why| {
            Failure::Unreachable(format!(
                "no server at {address}: {why}; is it running, and is module ctl loaded?"
            ))
        })?;
        let cookie = std::process::id();
        Ok(Client { link, cookie })
    }

    /// Calls a method; the values of its reply.
    pub fn call(&mut self, method: &str, params: &[RpcValue]) -> Result<Vec<Value>, Failure> {
        self.cookie = self.cookie.wrapping_add(1);
        let mut body = Writer::new();
        body.string(method.as_bytes());
        params.iter().for_each(|param| body.value(param));
        let request = packet(Kind::Request, self.cookie, &body.finish());
        let lost = |why: io::Error| Failure::Unreachable(format!("{method}: {why}"));
        self.link.send(&request).map_err(lost)?;
        loop {
            let reply = self.link.receive().map_err(lost)?;
            let header = read_header(&reply).map_err(|why| broken(method, why))?;
            // A late datagram may belong to a request that was given up.
            if header.cookie == self.cookie {
                return values(method, header.kind, &reply[header.header_len..]);
            }
        }
    }
}

fn broken(method: &str, why: Error) -> Failure {
    Failure::Other(format!("{method}: the reply cannot be read: {why}"))
}

fn values(method: &str, kind: Kind, body: &[u8]) -> Result<Vec<Value>, Failure> {
    let mut reader = Reader::new(body);
    let mut values = Vec::new();
    while !reader.is_empty() {
        values.push(value::read(&mut reader).map_err(|why| broken(method, why))?);
    }
    match (kind, values.as_slice()) {
        (Kind::Reply, _) => Ok(values),
        (Kind::Fault, [Value::Int(code), Value::Str(reason)]) => Err(Failure::Fault {
            code: *code,
            reason: reason.clone(),
        }),
        (Kind::Fault | Kind::Request, _) => Err(broken(method, Error::BadPacket)),
    }
}

impl Link {
    fn open(address: &Address) -> io::Result<Link> {
        let patience = Some(PATIENCE);
        Ok(match address {
            Address::Tcp(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port))?;
                stream.set_read_timeout(patience)?;
                Link::Tcp(stream)
            }
            Address::UnixStream(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(patience)?;
                Link::Unix(stream)
            }
            Address::Udp(host, port) => Link::Udp(connect_udp(host, *port)?),
            Address::UnixDatagram(path) => {
                static NEXT: AtomicU32 = AtomicU32::new(0);
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                let own = format!("serctl-{}-{number}", std::process::id());
                let own = std::env::temp_dir().join(own);
                // Left behind by a process that had our number.
                let _ = std::fs::remove_file(&own);
                let socket = UnixDatagram::bind(&own)?;
                let link = Link::UnixDatagram(socket, own);
                if let Link::UnixDatagram(socket, _) = &link {
                    socket.connect(path)?;
                    socket.set_read_timeout(patience)?;
                }
                link
            }
        })
    }

    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        match self {
            Link::Tcp(stream) => stream.write_all(request),
            Link::Unix(stream) => stream.write_all(request),
            Link::Udp(socket) => socket.send(request).map(drop),
            Link::UnixDatagram(socket, _) => socket.send(request).map(drop),
        }
    }

    /// One packet, whole.
    fn receive(&mut self) -> io::Result<Vec<u8>> {
        let received = match self {
            Link::Tcp(stream) => read_packet(stream),
            Link::Unix(stream) => read_packet(stream),
            Link::Udp(socket) => read_datagram(|buffer| socket.recv(buffer)),
            Link::UnixDatagram(socket, _) => read_datagram(|buffer| socket.recv(buffer)),
        };
        received.map_err(|why| match why.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                io::Error::new(io::ErrorKind::TimedOut, "no answer from the server")
            }
            _ => why,
        })
    }
}

/// From a port of the same family as the server's address.
fn connect_udp(host: &str, port: u16) -> io::Result<UdpSocket> {
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
    let mut found = (host, port).to_socket_addrs()?;
    let server = found.next();
    let server = server.ok_or_else(|| io::Error::other(format!("{host} has no address")))?;
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

fn read_datagram(receive: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; MAX_DATAGRAM];
    let length = receive(&mut buffer)?;
    buffer.truncate(length);
    match read_header(&buffer) {
        Ok(header) if header.header_len + header.len == buffer.len() => Ok(buffer),
        Ok(_) => Err(io::Error::other(Error::BadPacket)),
        Err(why) => Err(io::Error::other(why)),
    }
}

/// No request is sent before the last one is answered, so what is read is one packet.
fn read_packet(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut packet = Vec::new();
    let mut piece = vec![0; PIECE];
    loop {
        match read_header(&packet) {
            Ok(header) if packet.len() >= header.header_len + header.len => return Ok(packet),
            Ok(_) | Err(Error::MoreData) => {}
            Err(why) => return Err(io::Error::other(why)),
        }
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => packet.extend_from_slice(&piece[..n]),
        }
    }
}
