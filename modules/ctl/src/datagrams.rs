//! Requests that come in datagrams: each is answered with one, at once or when its reply is there.

use crate::address::Protocol;
use crate::binrpc_call::{answer, bad_request, fault_packet, late_packet};
use crate::endpoint::{Endpoint, Socket};
use ser::core::rpc::binrpc::{Error, read_header};
use ser::core::rpc::datagram::{self, Answer, MAX_DATAGRAM};
use ser::core::rpc::late::LateReplies;
use ser::core::rpc::{RpcEnd, RpcRest};
use std::io;
use std::net;
use std::os::unix;

/// What was asked in datagrams and has no reply yet.
#[derive(Default)]
pub struct Datagrams {
    late: LateReplies<Asked>,
}

/// Who asked, where, and the cookie of the request.
struct Asked {
    from: Sender,
    endpoint: &'static Endpoint,
    cookie: u32,
}

enum Sender {
    Inet(net::SocketAddr),
    Unix(unix::net::SocketAddr),
}

impl Datagrams {
    /// Answers what has come to a socket.
    pub fn serve(&mut self, endpoint: &'static Endpoint) {
        let mut buffer = vec![0; 65_536];
        while let Ok((length, from)) = receive(endpoint, &mut buffer) {
            let mut asked = Asked {
                from,
                endpoint,
                cookie: 0,
            };
            if let Some(rest) = asked.answer(&buffer[..length])
                && let Err((asked, full)) = self.late.keep(rest, asked)
            {
                asked.end(full);
            }
        }
    }

    /// Sends the replies that are there by now; whether some are waited for still.
    pub fn answer_late(&mut self) -> bool {
        // Nothing tells that the sender of a datagram has gone.
        self.late.send(|_| false, |asked, end| asked.end(end));
        !self.late.is_empty()
    }
}

fn receive(endpoint: &Endpoint, buffer: &mut [u8]) -> io::Result<(usize, Sender)> {
    match &endpoint.socket {
        Socket::Udp(socket) => {
            let (length, from) = socket.recv_from(buffer)?;
            Ok((length, Sender::Inet(from)))
        }
        Socket::UnixDatagram(socket) => {
            let (length, from) = socket.recv_from(buffer)?;
            Ok((length, Sender::Unix(from)))
        }
        Socket::Tcp(_) | Socket::UnixStream(_) | Socket::Fifo(_) => {
            Err(io::ErrorKind::InvalidInput.into())
        }
    }
}

impl Asked {
    /// Answers; or the reply is not there yet.
    fn answer(&mut self, packet: &[u8]) -> Option<RpcRest> {
        match self.endpoint.protocol() {
            Protocol::Binrpc => self.answer_binrpc(packet),
            Protocol::Line => match datagram::answer(packet) {
                Answer::Now(reply) => {
                    self.send(&reply);
                    None
                }
                Answer::Later(rest) => Some(rest),
            },
        }
    }

    fn answer_binrpc(&mut self, packet: &[u8]) -> Option<RpcRest> {
        let (cookie, why) = match read_header(packet) {
            Ok(header) if header.header_len + header.len == packet.len() => {
                self.cookie = header.cookie;
                let body = &packet[header.header_len..];
                return answer(&header, body, MAX_DATAGRAM, &mut |reply| self.send(&reply));
            }
            Ok(header) => (header.cookie, Error::BadPacket),
            Err(why) => (0, why),
        };
        self.send(&fault_packet(cookie, &bad_request(why)));
        None
    }

    /// Sends a reply that came later.
    fn end(&self, end: RpcEnd) {
        match self.endpoint.protocol() {
            Protocol::Binrpc => self.send(&late_packet(self.cookie, MAX_DATAGRAM, end)),
            Protocol::Line => self.send(&datagram::reply(end)),
        }
    }

    fn send(&self, reply: &[u8]) {
        let sent = match (&self.endpoint.socket, &self.from) {
            (Socket::Udp(socket), Sender::Inet(to)) => socket.send_to(reply, to),
            // Who has no address wants no reply.
            (Socket::UnixDatagram(socket), Sender::Unix(to)) if !to.is_unnamed() => {
                socket.send_to_addr(reply, to)
            }
            (_, _) => return,
        };
        if let Err(why) = sent {
            log::error!("ERROR: ctl: reply not sent: {why}");
        }
    }
}
