//! What is to be sent once the lock of the transaction is released, in order.

use crate::transaction::Dest;
use ser::core::forward::transmit;
use ser::core::msg::{Bump, BumpVec, SerError};

/// What a datagram is, for what happens when it cannot be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A reply to the caller; it is repeated by the caller's retransmission.
    Reply,
    /// The request of a branch.
    Request(usize),
    /// ACK or CANCEL of a branch.
    Hop,
}

/// A datagram.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    pub kind: Kind,
    pub to: Dest,
    pub buf: &'a [u8],
}

/// Datagrams that wait for the end of the lock.
#[derive(Debug)]
pub struct Outbox<'a> {
    list: BumpVec<'a, Outgoing<'a>>,
}

impl<'a> Outbox<'a> {
    /// An empty one.
    pub fn new_in(arena: &'a Bump) -> Outbox<'a> {
        Outbox {
            list: BumpVec::new_in(arena),
        }
    }

    /// Adds one; its bytes live in the arena.
    pub fn push(&mut self, kind: Kind, to: Dest, buf: &'a [u8]) {
        self.list.push(Outgoing { kind, to, buf });
    }

    /// Sends all of them; calls `failed` for each request of a branch that could not be sent.
    pub fn send(self, mut failed: impl FnMut(usize)) {
        for out in self.list {
            if let (Err(_), Kind::Request(branch)) = (send(&out.to, out.buf), out.kind) {
                failed(branch);
            }
        }
    }

    /// Sends all of them; there is no request among them.
    pub fn flush(self) {
        self.send(|_| {});
    }
}

/// Sends a datagram; an error was logged where it happened.
pub fn send(dest: &Dest, buf: &[u8]) -> Result<(), SerError> {
    transmit(dest.socket().ok_or(SerError::NO_SOCKET)?, buf, dest.to)
}
