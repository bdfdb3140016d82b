//! The line protocol in datagrams: a request is one, its reply another.

use super::line::LineContext;
use super::{RpcEnd, RpcRest, Sink, line_frame};
use std::io;

/// Longest request and reply.
pub const MAX_DATAGRAM: usize = 65_000;

/// What a request comes to.
pub enum Answer {
    /// Its reply.
    Now(Vec<u8>),
    /// Its reply is not there yet; [`reply`] makes it of the end.
    Later(RpcRest),
}

/// Runs the request in a datagram.
pub fn answer(text: &[u8]) -> Answer {
    let mut reply = Bounded::default();
    match line_frame::run(text, &mut reply) {
        Ok(Some(rest)) => Answer::Later(rest),
        Ok(None) => Answer::Now(reply.0),
        Err(_) => Answer::Now(TOO_LONG.to_vec()),
    }
}

/// A reply that came later.
pub fn reply(end: RpcEnd) -> Vec<u8> {
    let mut reply = Bounded::default();
    match LineContext::reply(end, &mut reply) {
        Ok(()) => reply.0,
        Err(_) => TOO_LONG.to_vec(),
    }
}

/// A reply that does not fit is a fault, not half of itself.
const TOO_LONG: &[u8] = b"500 Reply too long for a datagram\n";

#[derive(Default)]
struct Bounded(Vec<u8>);

impl Sink for Bounded {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        if self.0.len() + piece.len() > MAX_DATAGRAM {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(piece);
        Ok(())
    }
}
