//! A small HTTP/1.1 server (RFC 9112) for modules that speak it in a process of their own: jsonrpc, xmlrpc,
//! prometheus. It knows Content-Length and chunked bodies, keep-alive, pipelining, `Expect: 100-continue`; a long reply
//! leaves chunked, as it is made.
//!
//! | file | what |
//! |---|---|
//! | `request` | one request from bytes |
//! | `reply` | its reply |

mod reply;
mod request;

pub use reply::Reply;
pub use request::{Limits, Parsed, Refusal, Request};

use super::clients::{Listener, Next, Out, Talk};
use super::inherited;
use reply::State;
use std::io;
use std::net::{TcpListener, ToSocketAddrs};

/// What answers requests.
pub trait Pages {
    /// Answers one. An error, or a reply that is not finished: the connection is closed.
    fn answer(&mut self, request: &Request, reply: &mut Reply<'_, '_>) -> io::Result<()>;

    /// Goes on with a reply that was not there yet ([`Reply::later`]); called some times a second.
    fn late(&mut self, _reply: &mut Reply<'_, '_>) -> io::Result<()> {
        Ok(())
    }
}

/// HTTP with one client.
#[derive(Debug)]
pub struct Http<P> {
    pages: P,
    limits: Limits,
    /// 100 was sent for the request that is coming in.
    continued: bool,
    /// A reply that is not there yet.
    late: Option<State>,
}

impl<P: Pages> Http<P> {
    /// With what answers.
    pub fn new(pages: P, limits: Limits) -> Http<P> {
        Http {
            pages,
            limits,
            continued: false,
            late: None,
        }
    }

    fn answer(&mut self, request: &Request, out: &mut Out<'_>) -> Next {
        let mut reply = Reply::new(out, request);
        let done = self.pages.answer(request, &mut reply);
        self.conclude(done, reply.into_state())
    }

    fn conclude(&mut self, done: io::Result<()>, reply: State) -> Next {
        match done {
            Ok(()) if reply.is_late() => {
                self.late = Some(reply);
                Next::Later
            }
            Ok(()) if reply.is_whole_and_goes_on() => Next::Again,
            Ok(()) | Err(_) => Next::Close,
        }
    }
}

impl<P: Pages> Talk for Http<P> {
    fn talk(&mut self, input: &mut Vec<u8>, out: &mut Out<'_>) -> Next {
        match Request::parse(input, &self.limits) {
            Ok(Parsed::Whole(request, length)) => {
                self.continued = false;
                input.drain(..length);
                self.answer(&request, out)
            }
            Ok(Parsed::Partial { wants_continue }) => {
                if wants_continue && !std::mem::replace(&mut self.continued, true) {
                    // An error shows at the next write.
                    let _ = out.write(b"HTTP/1.1 100 Continue\r\n\r\n");
                }
                Next::More
            }
            Err(refusal) => {
                // The client may be gone already.
                let _ = Reply::refuse(out, &refusal);
                Next::Close
            }
        }
    }

    fn late(&mut self, out: &mut Out<'_>) -> Next {
        let Some(state) = self.late.take() else {
            return Next::Close;
        };
        let mut reply = Reply::resume(out, state);
        let done = self.pages.late(&mut reply);
        self.conclude(done, reply.into_state())
    }

    /// Clients of HTTP do not close their half of a connection before they have the reply.
    fn is_gone_when_silent(&self) -> bool {
        true
    }
}

/// Listens for HTTP: `[http:|tcp:]HOST:PORT`, `[IPV6]:PORT`, or a port alone on 127.0.0.1.
pub fn listen(text: &str) -> Result<Listener, String> {
    let bare = ["http:", "tcp:"].iter().find_map(|p| text.strip_prefix(p));
    let place = bare.unwrap_or(text).trim_start_matches("//");
    let addresses = match place.parse::<u16>() {
        Ok(port) => ("127.0.0.1", port).to_socket_addrs(),
        Err(_) => place.to_socket_addrs(),
    };
    let mut addresses = addresses.map_err(|why| format!("bad address {text}: {why}"))?;
    let address = addresses
        .next()
        .ok_or_else(|| format!("{text} has no address"))?;
    let open = || {
        let socket = TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    let opened = inherited::take_or(&format!("tcp {address}"), open);
    let socket = opened.map_err(|why| format!("cannot listen on {text}: {why}"))?;
    if !address.ip().is_loopback() {
        log::warn!(
            "WARNING: HTTP on {address}: whoever reaches it is answered, there is no password"
        );
    }
    Ok(Listener::Tcp(socket))
}
