//! What is spoken with one client of a stream socket, and who it is.

use crate::address::Protocol;
use crate::binrpc_call::{answer, bad_request, fault_packet};
use crate::endpoint::Endpoint;
use crate::who::Peer;
use ser::core::net::clients::{Client, Next, Out, Talk};
use ser::core::net::stream::Stream;
use ser::core::rpc::binrpc::{Error, read_header};
use ser::core::rpc::line::Sink;
use ser::core::rpc::line_frame;
use std::io;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

/// Longest body of a request.
const MAX_REQUEST: usize = 65_535;
/// Longest body of a BINRPC reply, whose length stands at its beginning.
const MAX_REPLY: usize = 16 << 20;

/// With one client.
#[derive(Debug)]
pub struct Connection {
    protocol: Protocol,
    pub peer: Peer,
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
        Client::new(stream, Connection { protocol, peer })
    }
}

impl Talk for Connection {
    fn talk(&mut self, input: &mut Vec<u8>, out: &mut Out<'_>) -> Next {
        match self.protocol {
            Protocol::Binrpc => answer_binrpc(input, out),
            Protocol::Line => answer_line(input, out),
        }
    }
}

fn answer_binrpc(input: &mut Vec<u8>, out: &mut Out<'_>) -> Next {
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
    answer(&header, body, MAX_REPLY, &mut |packet| out.send(&packet));
    Next::Again
}

fn refuse(out: &mut Out<'_>, why: Error) -> Next {
    out.send(&fault_packet(0, &bad_request(why)));
    Next::Close
}

fn answer_line(input: &mut Vec<u8>, out: &mut Out<'_>) -> Next {
    let Some(end) = line_frame::end_of_request(input) else {
        return match input.len() > line_frame::MAX_REQUEST {
            true => Next::Close,
            false => Next::More,
        };
    };
    let request: Vec<u8> = input.drain(..end).collect();
    match line_frame::run(&request, &mut Reply(out)) {
        Ok(()) => Next::Again,
        Err(_) => Next::Close,
    }
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
