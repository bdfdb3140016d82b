//! What onsend_route sees: the finished buffer and where it is about to go (SER's onsend context).

use crate::core::net::SocketInfo;
use std::net::SocketAddr;

/// The outgoing request that an onsend_route judges.
#[derive(Clone, Copy, Debug)]
pub struct OnSend<'a> {
    /// The finished datagram.
    pub buf: &'a [u8],
    /// Destination.
    pub to: SocketAddr,
    /// The socket it leaves from.
    pub socket: &'static SocketInfo,
}
