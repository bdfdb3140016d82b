//! What is spoken with one client of a stream socket, and who it is.

use crate::address::Protocol;
use crate::binrpc_call::{answer, bad_request, fault_packet, late_packet};
use crate::endpoint::Endpoint;
use crate::who::Peer;
use ser::core::net::clients::{Client, Next, Out, Talk};
use ser::core::net::stream::Stream;
use ser::core::rpc::binrpc::{Error, read_header};
use ser::core::rpc::line::LineContext;
use ser::core::rpc::{RpcEnd, RpcRest, Sink, line_frame};
use std::io;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

/// Longest body of a request.
const MAX_REQUEST: usize = 65_535;
/// Longest body of a BINRPC reply, whose length stands at its beginning.
const MAX_REPLY: usize = 16 << 20;

/// With one client.
pub struct Connection {
    protocol: Protocol,
    pub peer: Peer,
    /// The reply that is not there yet, and the cookie of its request.
    late: Option<(RpcRest, u32)>,
}

impl Connection {
    /// A TCP client.
    pub fn tcp(stream: TcpStream, endpoint: &Endpoint) -> io::Result<Client<Connection>> {
        stream.set_nonblocking(true)?;
        let peer = stream.peer_addr()?;
        let peer = Peer::new(endpoint, peer.ip().to_string(), peer.port().to_string());
        Ok(Connection::new(Stream::Tcp(stream), endpoint, peer))
    }

    /// A client of a unix socket.
    pub fn unix(stream: UnixStream, endpoint: &Endpoint) -> io::Result<Client<Connection>> {
        stream.set_nonblocking(true)?;
        let peer = Peer::new(endpoint, "<anonymous unix socket>".into(), String::new());
        Ok(Connection::new(Stream::Unix(stream), endpoint, peer))
    }

    fn new(stream: Stream, endpoint: &Endpoint, peer: Peer) -> Client<Connection> {
        let protocol = endpoint.protocol();
        let late = None;
        let talk = Connection {
            protocol,
            peer,
            late,
        };
        Client::new(stream, talk)
    }

    fn wait_for(&mut self, rest: RpcRest, cookie: u32) -> Next {
        self.late = Some((rest, cookie));
        Next::Later
    }

    fn answer_binrpc(&mut self, input: &mut Vec<u8>, out: &mut Out<'_>) -> Next {
        let header = match read_header(input) {
            Ok(header) if header.len <= MAX_REQUEST => header,
            Err(Error::MoreData) => return Next::More,
            Ok(_) => return refuse(out, Error::BadPacket),
            Err(why) => return refuse(out, why),
        };
        let end = header.header_len + header.len;
        if input.len() < end {
            return Next::More;
        }
        let request: Vec<u8> = input.drain(..end).collect();
        let body = &request[header.header_len..];
        let late = answer(&header, body, MAX_REPLY, &mut |packet| out.send(&packet));
        match late {
            Some(rest) => self.wait_for(rest, header.cookie),
            None => Next::Again,
        }
    }

    fn answer_line(&mut self, input: &mut Vec<u8>, out: &mut Out<'_>) -> Next {
        let Some(end) = line_frame::end_of_request(input) else {
            return match input.len() > line_frame::MAX_REQUEST {
                true => Next::Close,
                false => Next::More,
            };
        };
        let request: Vec<u8> = input.drain(..end).collect();
        match line_frame::run(&request, &mut Reply(out)) {
            Ok(Some(rest)) => self.wait_for(rest, 0),
            Ok(None) => Next::Again,
            Err(_) => Next::Close,
        }
    }

    fn send_late(&mut self, end: RpcEnd, cookie: u32, out: &mut Out<'_>) -> Next {
        match self.protocol {
            Protocol::Binrpc => out.send(&late_packet(cookie, MAX_REPLY, end)),
            Protocol::Line if LineContext::reply(end, &mut Reply(out)).is_ok() => {}
            Protocol::Line => return Next::Close,
        }
        Next::Again
    }
}

impl Talk for Connection {
    fn talk(&mut self, input: &mut Vec<u8>, out: &mut Out<'_>) -> Next {
        match self.protocol {
            Protocol::Binrpc => self.answer_binrpc(input, out),
            Protocol::Line => self.answer_line(input, out),
        }
    }

    fn late(&mut self, out: &mut Out<'_>) -> Next {
        let Some((rest, cookie)) = &mut self.late else {
            return Next::Close;
        };
        let Some(end) = rest() else {
            return Next::Later;
        };
        let cookie = *cookie;
        self.late = None;
        self.send_late(end, cookie, out)
    }
}

fn refuse(out: &mut Out<'_>, why: Error) -> Next {
    out.send(&fault_packet(0, &bad_request(why)));
    Next::Close
}

/// A reply of the line protocol.
struct Reply<'o, 's>(&'o mut Out<'s>);

impl Sink for Reply<'_, '_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.0.write(piece)
    }
    fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
