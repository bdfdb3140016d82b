//! What is to be sent once the lock of the transaction is released, in order.

use crate::transaction::Dest;
use ser::core::forward::transmit;
use ser::core::msg::{Bump, BumpVec, SerError};

/// Datagrams that wait for the end of the lock.
#[derive(Debug)]
pub struct Outbox<'a> {
    list: BumpVec<'a, (Dest, &'a [u8])>,
}

impl<'a> Outbox<'a> {
    /// An empty one.
    pub fn new_in(arena: &'a Bump) -> Outbox<'a> {
        Outbox {
            list: BumpVec::new_in(arena),
        }
    }

    /// Adds one; its bytes live in the arena.
    pub fn push(&mut self, to: Dest, buf: &'a [u8]) {
        self.list.push((to, buf));
    }

    /// Sends all of them. What is lost here is sent again by a timer or asked for again by the peer.
    pub fn flush(self) {
        for (to, buf) in self.list {
            let sent = send(&to, buf);
            log::debug!("tm: {} bytes to {}: {sent:?}", buf.len(), to.to);
        }
    }
}

/// Sends a datagram; an error was logged where it happened.
pub fn send(dest: &Dest, buf: &[u8]) -> Result<(), SerError> {
    transmit(dest.socket().ok_or(SerError::NO_SOCKET)?, buf, dest.to)
}
