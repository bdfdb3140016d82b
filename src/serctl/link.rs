//! What carries BINRPC packets to module ctl and back: stream and datagram sockets.

use crate::Address;
use ser::core::rpc::binrpc::{Error, read_header};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The server's answer may take this long: calls that wait for SIP replies do (a transaction gives up after 32 s
/// and an INVITE after minutes).
pub const PATIENCE: Duration = Duration::from_secs(150);
/// Longest datagram, header and all.
const MAX_DATAGRAM: usize = 65_536;
/// So much is read at once.
const PIECE: usize = 65_536;

/// A connection that carries packets.
#[derive(Debug)]
pub enum Link {
    /// Connected.
    Tcp(TcpStream),
    /// Connected.
    Unix(UnixStream),
    /// Connected.
    Udp(UdpSocket),
    /// Connected.
    UnixDatagram(OwnedDatagram),
}

/// A unix datagram socket with a path of its own, which replies are sent to; the path goes with it.
#[derive(Debug)]
pub struct OwnedDatagram {
    socket: UnixDatagram,
    own: PathBuf,
}

impl OwnedDatagram {
    /// Connected to the server's socket.
    pub fn connect(server: &Path) -> io::Result<OwnedDatagram> {
        let own = std::env::temp_dir().join(own_name());
        // Left behind by a process that had our number.
        let _ = std::fs::remove_file(&own);
        let socket = UnixDatagram::bind(&own)?;
        let owned = OwnedDatagram { socket, own };
        owned.socket.connect(server)?;
        owned.socket.set_read_timeout(Some(PATIENCE))?;
        Ok(owned)
    }

    /// The connected socket.
    pub fn socket(&self) -> &UnixDatagram {
        &self.socket
    }
}

impl Drop for OwnedDatagram {
    fn drop(&mut self) {
        // Somebody may have been faster.
        let _ = std::fs::remove_file(&self.own);
    }
}

/// A name that no other process and no other call of this one uses; the FIFO takes no `.` in it.
pub fn own_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("serctl-{}-{number}", std::process::id())
}

impl Link {
    /// Connects.
    pub fn open(address: &Address) -> io::Result<Link> {
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
            Address::UnixDatagram(path) => Link::UnixDatagram(OwnedDatagram::connect(path)?),
            Address::Fifo(_) | Address::LineDatagram(_) => {
                return Err(io::ErrorKind::InvalidInput.into());
            }
        })
    }

    /// Sends a packet.
    pub fn send(&mut self, request: &[u8]) -> io::Result<()> {
        match self {
            Link::Tcp(stream) => stream.write_all(request),
            Link::Unix(stream) => stream.write_all(request),
            Link::Udp(socket) => socket.send(request).map(drop),
            Link::UnixDatagram(owned) => owned.socket().send(request).map(drop),
        }
    }

    /// One packet, whole.
    pub fn receive(&mut self) -> io::Result<Vec<u8>> {
        let received = match self {
            Link::Tcp(stream) => read_packet(stream),
            Link::Unix(stream) => read_packet(stream),
            Link::Udp(socket) => read_datagram(|buffer| socket.recv(buffer)),
            Link::UnixDatagram(owned) => read_datagram(|buffer| owned.socket().recv(buffer)),
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
