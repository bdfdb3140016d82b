//! A request of our own for one destination: its text, with our Via behind the request line.

use super::layout;
use crate::branch_id;
use crate::ready::Ready;
use crate::table::TxId;
use crate::transaction::Dest;
use ser::core::dns::{self, Destination, Destinations, Query};
use ser::core::forward::{push_via, send_socket};
use ser::core::module::api::tm::UacRequest;
use ser::core::msg::{Bump, BumpVec, SerError};
use ser::core::net::{Proto, SocketInfo, find_socket, socket_by_number};
use ser::core::settings;
use ser::core::sip::{Message, Uri};
use std::net::SocketAddr;

/// Instead of a socket's number: any.
const ANY: u32 = u32::MAX;

/// The text of a request without our Via, and the socket that it wants to leave from.
#[derive(Clone, Copy, Debug)]
pub struct Own<'a> {
    text: &'a [u8],
    socket: Option<&'static SocketInfo>,
}

impl<'a> Own<'a> {
    /// One that was just laid out.
    pub fn new(text: &'a [u8], socket: Option<&'static SocketInfo>) -> Own<'a> {
        Own { text, socket }
    }

    /// One that was kept, with its [`Own::socket_number`].
    pub fn unpacked(text: &'a [u8], socket: u32) -> Own<'a> {
        let socket = u16::try_from(socket).ok().and_then(socket_by_number);
        Own { text, socket }
    }

    /// The socket as a number.
    pub fn socket_number(&self) -> u32 {
        self.socket.map_or(ANY, |s| s.number().into())
    }

    /// Builds it for the first destination that we have a socket for.
    pub fn choose<'b>(
        &self,
        id: TxId,
        branch: usize,
        all: &mut Destinations,
        arena: &'b Bump,
    ) -> Result<Ready<'b>, SerError> {
        let mut error = SerError::BAD_ADDRESS;
        for to in all {
            match self.build(id, branch, to, arena) {
                Ok(ready) => return Ok(ready),
                Err(why) => error = why,
            }
        }
        Err(error)
    }

    fn build<'b>(
        &self,
        id: TxId,
        branch: usize,
        to: Destination,
        arena: &'b Bump,
    ) -> Result<Ready<'b>, SerError> {
        let addr = to.addr();
        let socket = self.socket_towards(&addr, to.proto).ok_or_else(|| {
            log::error!("ERROR: t_uac: no listening socket for {addr}");
            SerError::NO_SOCKET
        })?;
        let branch = branch_id::write(id, b"", branch, arena);
        let buf = with_via(self.text, socket, branch, arena);
        Ok(Ready::new(Dest::new(addr, socket, 0), socket, buf))
    }

    /// The wanted socket or its neighbour of that protocol, if it can send there.
    fn socket_towards(&self, to: &SocketAddr, proto: Proto) -> Option<&'static SocketInfo> {
        let wanted = self.socket.filter(|s| s.addr.is_ipv4() == to.is_ipv4());
        let wanted = wanted.and_then(|s| match s.proto == proto {
            true => Some(s),
            false => find_socket(s.ip(), s.port(), proto),
        });
        wanted.or_else(|| send_socket(None, to, proto))
    }
}

/// The socket that a request will leave from; waits for the name of its next hop.
pub fn sending_socket(r: &UacRequest<'_>, arena: &Bump) -> Result<&'static SocketInfo, SerError> {
    let hop = layout::lay_out(r, arena)?.next_hop;
    let uri = Uri::parse(hop).map_err(|_| SerError::BAD_URI)?;
    let own = Own::new(b"", r.socket);
    let mut all = dns::resolve_blocking(Query::of_uri(&uri)?)?;
    all.find_map(|to| own.socket_towards(&to.addr(), to.proto))
        .ok_or(SerError::NO_SOCKET)
}

/// The datagram.
fn with_via<'b>(
    text: &[u8],
    socket: &'static SocketInfo,
    branch: &[u8],
    arena: &'b Bump,
) -> &'b [u8] {
    let settings = settings::get();
    let address = settings.advertised_address.as_deref().map(str::as_bytes);
    let line = text.iter().position(|b| *b == b'\n').map_or(0, |at| at + 1);
    let mut out = BumpVec::with_capacity_in(text.len() + 160, arena);
    out.extend_from_slice_copy(&text[..line]);
    let advertised = (address, settings.advertised_port);
    push_via(&mut out, socket, advertised, branch, 0);
    out.extend_from_slice_copy(&text[line..]);
    if socket.proto != Proto::Udp && ends_without_length(text, arena) {
        // On a stream the length must be known (§18.3).
        out.truncate(out.len() - 2);
        out.extend_from_slice_copy(b"Content-Length: 0\r\n\r\n");
    }
    out.into_bump_slice()
}

/// Whether a request has neither body nor Content-Length.
fn ends_without_length(text: &[u8], arena: &Bump) -> bool {
    let Ok(mut sip) = Message::parse(text, arena) else {
        return false;
    };
    let empty = matches!(sip.body(), Ok(Some(b"")));
    empty && matches!(sip.content_length(), Ok(None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(text: &str, proto: Proto) -> String {
        let socket = SocketInfo::new(0, proto, "x".into(), ([127, 0, 0, 1], 5070).into());
        let socket: &'static SocketInfo = Box::leak(Box::new(socket));
        let arena = Bump::new();
        let buf = with_via(text.as_bytes(), socket, b"z9hG4bK1.2.0", &arena);
        String::from_utf8(buf.to_vec()).unwrap()
    }

    const PLAIN: &str = "OPTIONS sip:b SIP/2.0\r\nTo: <sip:b>\r\nCSeq: 1 OPTIONS\r\n\r\n";

    #[test]
    fn our_via_stands_behind_the_request_line() {
        assert_eq!(
            built(PLAIN, Proto::Udp),
            "OPTIONS sip:b SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK1.2.0\r\nTo: <sip:b>\r\n\
             CSeq: 1 OPTIONS\r\n\r\n"
        );
    }

    #[test]
    fn a_stream_is_told_that_there_is_no_body() {
        let text = built(PLAIN, Proto::Tcp);
        assert!(text.ends_with("\r\nContent-Length: 0\r\n\r\n"), "{text}");
        let with_length = PLAIN.replace("CSeq", "Content-Length: 0\r\nCSeq");
        let text = built(&with_length, Proto::Tcp);
        assert_eq!(text.matches("Content-Length").count(), 1, "{text}");
    }
}
