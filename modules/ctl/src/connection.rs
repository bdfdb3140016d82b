//! One client of a stream socket.
//!
//! Invariant: while a reply waits to be taken no further request is read, so a client that reads nothing
//! holds one reply and no more.

use crate::address::Protocol;
use crate::binrpc_call::{answer, bad_request, fault_packet};
use crate::endpoint::Endpoint;
use crate::who::Peer;
use ser::core::net::control::write_patiently;
use ser::core::net::stream::Stream;
use ser::core::rpc::binrpc::{Error, read_header};
use ser::core::rpc::line::Sink;
use ser::core::rpc::line_frame;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Longest body of a request.
const MAX_REQUEST: usize = 65_535;
/// Longest body of a BINRPC reply, whose length stands at its beginning.
const MAX_REPLY: usize = 16 << 20;
/// A client that neither asks nor reads is let go after this.
const IDLE: Duration = Duration::from_secs(120);
/// So long a client may take nothing of a reply that is sent as it is made.
const PATIENCE: Duration = Duration::from_secs(2);

/// A client.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    protocol: Protocol,
    pub peer: Peer,
    input: Vec<u8>,
    output: Vec<u8>,
    last: Instant,
    /// Nothing more is read: it is closed when the output is out.
    closing: bool,
}

impl Connection {
    /// A TCP client.
    pub fn tcp(stream: TcpStream, endpoint: &Endpoint) -> io::Result<Connection> {
        stream.set_nonblocking(true)?;
        let peer = stream.peer_addr()?;
        let peer = Peer::new(endpoint, peer.ip().to_string(), peer.port().to_string());
        Ok(Connection::new(Stream::Tcp(stream), endpoint, peer))
    }

    /// A client of a unix socket.
    pub fn unix(stream: UnixStream, endpoint: &Endpoint) -> io::Result<Connection> {
        stream.set_nonblocking(true)?;
        let peer = Peer::new(endpoint, "<anonymous unix socket>".into(), String::new());
        Ok(Connection::new(Stream::Unix(stream), endpoint, peer))
    }

    fn new(stream: Stream, endpoint: &Endpoint, peer: Peer) -> Connection {
        Connection {
            stream,
            protocol: endpoint.protocol(),
            peer,
            input: Vec::new(),
            output: Vec::new(),
            last: Instant::now(),
            closing: false,
        }
    }

    /// Whether a reply waits to be taken.
    pub fn wants_to_write(&self) -> bool {
        !self.output.is_empty()
    }

    /// Whether it has been silent for too long.
    pub fn is_idle(&self) -> bool {
        self.last.elapsed() > IDLE
    }

    /// Reads what has come and answers it; false: the connection has ended.
    pub fn serve(&mut self) -> bool {
        if self.wants_to_write() {
            // Requests that came meanwhile are there already.
            return self.flush() && self.answer_all();
        }
        let mut buffer = [0; 16 * 1024];
        match (&self.stream).read(&mut buffer) {
            Ok(0) => return false,
            Ok(n) => self.input.extend_from_slice(&buffer[..n]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => return false,
        }
        self.last = Instant::now();
        self.answer_all()
    }

    /// Answers every request that is there whole, as long as the replies are taken.
    fn answer_all(&mut self) -> bool {
        while !self.closing && !self.wants_to_write() {
            let more = match self.protocol {
                Protocol::Binrpc => self.answer_binrpc(),
                Protocol::Line => self.answer_line(),
            };
            if !self.flush() {
                return false;
            }
            if !more {
                break;
            }
        }
        !(self.closing && self.output.is_empty())
    }

    /// False: there is no whole request.
    fn answer_binrpc(&mut self) -> bool {
        let header = match read_header(&self.input) {
            Ok(header) if header.len <= MAX_REQUEST => header,
            Err(Error::MoreData) => return false,
            Ok(_) => return self.refuse(Error::BadPacket),
            Err(why) => return self.refuse(why),
        };
        let end = header.header_len + header.len;
        if self.input.len() < end {
            return false;
        }
        let request: Vec<u8> = self.input.drain(..end).collect();
        let (stream, output) = (&self.stream, &mut self.output);
        answer(
            &header,
            &request[header.header_len..],
            MAX_REPLY,
            &mut |packet| {
                let sent = (&mut { stream }).write(&packet).unwrap_or(0);
                output.extend_from_slice(&packet[sent..]);
            },
        );
        true
    }

    fn refuse(&mut self, why: Error) -> bool {
        self.output = fault_packet(0, &bad_request(why));
        self.closing = true;
        false
    }

    fn answer_line(&mut self) -> bool {
        let Some(end) = line_frame::end_of_request(&self.input) else {
            self.closing |= self.input.len() > line_frame::MAX_REQUEST;
            return false;
        };
        let request: Vec<u8> = self.input.drain(..end).collect();
        let mut sink = Patient(&self.stream);
        let done = line_frame::run(&request, &mut sink);
        self.closing |= done.is_err();
        true
    }

    /// Sends what waits; false: the connection has ended.
    pub fn flush(&mut self) -> bool {
        while !self.output.is_empty() {
            match (&self.stream).write(&self.output) {
                Ok(0) => return false,
                Ok(n) => {
                    self.output.drain(..n);
                    self.last = Instant::now();
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return true,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        !self.closing
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// A reply that is sent as it is made.
struct Patient<'s>(&'s Stream);

impl Sink for Patient<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        struct Borrowed<'s>(&'s Stream);
        impl Write for Borrowed<'_> {
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                let mut stream = self.0;
                stream.write(buf)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        impl AsFd for Borrowed<'_> {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.as_fd()
            }
        }
        write_patiently(Borrowed(self.0), piece, PATIENCE)
    }
}
