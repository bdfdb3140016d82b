//! One question sent to one server: by UDP from a socket of its own (so the port is as hard to guess
//! as the id, and the kernel lets only that server's datagrams in), or by TCP (RFC 7766).

use crate::core::dns::records::Question;
use crate::core::dns::{random, wire};
use rustix::event::epoll::EventFlags;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

/// Longest message.
const MAX_MESSAGE: usize = 65_535;

/// A question under way.
#[derive(Debug)]
pub(super) struct Channel {
    pub server: SocketAddr,
    pub id: u16,
    /// As it was sent.
    pub question: Question,
    carrier: Carrier,
}

#[derive(Debug)]
enum Carrier {
    Udp(UdpSocket),
    Tcp(Stream),
}

#[derive(Debug)]
struct Stream {
    socket: TcpStream,
    /// What is still to be written, its length before it.
    out: Vec<u8>,
    /// What was read, its length before it.
    got: Vec<u8>,
}

/// What a channel has to say.
#[derive(Debug)]
pub(super) enum Heard {
    /// Nothing yet.
    Nothing,
    /// A message; it may be anything.
    Message(Vec<u8>),
    /// Nothing will ever come.
    Broken(io::Error),
}

impl Channel {
    /// Sends the question.
    pub fn open(server: SocketAddr, question: &Question, tcp: bool) -> io::Result<Channel> {
        let id = random::unguessable() as u16;
        let message = wire::query(question, id).ok_or(ErrorKind::InvalidInput)?;
        let carrier = match tcp {
            true => Carrier::Tcp(Stream::open(server, &message)?),
            false => Carrier::Udp(open_udp(server, &message)?),
        };
        Ok(Channel {
            server,
            id,
            question: *question,
            carrier,
        })
    }

    /// What epoll is to look for.
    pub fn interest(&self) -> EventFlags {
        match &self.carrier {
            Carrier::Udp(_) => EventFlags::IN,
            // Edge triggered: a socket that can be written to would be reported for ever.
            Carrier::Tcp(_) => EventFlags::IN | EventFlags::OUT | EventFlags::ET,
        }
    }

    /// Goes on after an event.
    pub fn progress(&mut self, buffer: &mut [u8]) -> Heard {
        let heard = match &mut self.carrier {
            Carrier::Udp(socket) => socket.recv(buffer).map(|n| Some(buffer[..n].to_vec())),
            Carrier::Tcp(stream) => stream.progress(buffer),
        };
        match heard {
            Ok(Some(message)) => Heard::Message(message),
            Ok(None) => Heard::Nothing,
            Err(e) if is_not_yet(e.kind()) => Heard::Nothing,
            Err(e) => Heard::Broken(e),
        }
    }

    /// Whether this is the TCP one.
    pub fn is_tcp(&self) -> bool {
        matches!(self.carrier, Carrier::Tcp(_))
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.carrier {
            Carrier::Udp(socket) => socket.as_fd(),
            Carrier::Tcp(stream) => stream.socket.as_fd(),
        }
    }
}

fn is_not_yet(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn open_udp(server: SocketAddr, message: &[u8]) -> io::Result<UdpSocket> {
    let any: SocketAddr = match server.is_ipv4() {
        true => ([0, 0, 0, 0], 0).into(),
        false => ([0u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    socket.connect(server)?;
    socket.send(message)?;
    Ok(socket)
}

impl Stream {
    fn open(server: SocketAddr, message: &[u8]) -> io::Result<Stream> {
        let length = u16::try_from(message.len()).map_err(|_| ErrorKind::InvalidInput)?;
        let socket = Socket::new(
            Domain::for_address(server),
            Type::STREAM.nonblocking(),
            Some(Protocol::TCP),
        )?;
        match socket.connect(&server.into()) {
            Ok(()) => {}
            Err(e) if e.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(e) => return Err(e),
        }
        Ok(Stream {
            socket: socket.into(),
            out: [&length.to_be_bytes(), message].concat(),
            got: Vec::new(),
        })
    }

    fn progress(&mut self, buffer: &mut [u8]) -> io::Result<Option<Vec<u8>>> {
        if let Some(e) = self.socket.take_error()? {
            return Err(e);
        }
        self.write()?;
        loop {
            match self.socket.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(n) => self.got.extend_from_slice(&buffer[..n]),
                // Not even connected: the next event will tell.
                Err(e) if e.kind() == ErrorKind::NotConnected => return Ok(None),
                Err(e) => return Err(e),
            }
            if let Some(message) = self.message() {
                return Ok(Some(message));
            }
        }
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.out.is_empty() {
            match self.socket.write(&self.out) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => drop(self.out.drain(..n)),
                Err(e) if is_not_yet(e.kind()) || e.kind() == ErrorKind::NotConnected => break,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// The message, once it is complete.
    fn message(&self) -> Option<Vec<u8>> {
        let (length, rest) = self.got.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*length)).min(MAX_MESSAGE);
        rest.get(..length).map(<[u8]>::to_vec)
    }
}
