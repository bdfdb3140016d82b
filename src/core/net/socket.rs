//! A listening socket (`socket_info`) and what is known of a received packet (`receive_info`).

use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use std::sync::atomic::AtomicI32;

/// Transport protocol; the discriminants are SER's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Proto {
    /// Not known or any.
    None = 0,
    Udp = 1,
    Tcp = 2,
    Tls = 3,
    Sctp = 4,
    Ws = 5,
    Wss = 6,
}

/// One address that the server listens on. Made before the first fork, never changed, lives forever.
#[derive(Debug)]
pub struct SocketInfo {
    /// Position in the list of its protocol.
    pub index: usize,
    /// Protocol.
    pub proto: Proto,
    /// The configured or official name.
    pub name: String,
    /// Bound address and port.
    pub addr: SocketAddr,
    /// Address text; IPv6 in brackets (as it is written into Via).
    pub addr_str: String,
    /// Port text.
    pub port_str: String,
    /// The address is a loopback address.
    pub loopback: bool,
    /// The address is multicast.
    pub mcast: bool,
    /// The file descriptor, -1 until bound.
    pub fd: AtomicI32,
}

impl SocketInfo {
    /// The bound file descriptor, -1 if there is none.
    #[inline]
    pub fn raw_fd(&self) -> RawFd {
        self.fd.load(std::sync::atomic::Ordering::Relaxed)
    }
    /// IP address.
    #[inline]
    pub fn ip(&self) -> IpAddr {
        self.addr.ip()
    }
    /// Port number.
    #[inline]
    pub fn port(&self) -> u16 {
        self.addr.port()
    }
}

/// Where a message came from and which of our sockets got it (SER's `receive_info`).
#[derive(Clone, Copy, Debug)]
pub struct ReceiveInfo {
    /// Source address and port.
    pub src: SocketAddr,
    /// Our address and port the packet was sent to.
    pub dst: SocketAddr,
    /// Protocol it came by.
    pub proto: Proto,
    /// The socket it came in on; `None` for messages made by the server itself.
    pub socket: Option<&'static SocketInfo>,
    /// Connection id (TCP, TLS, WebSocket), 0 for UDP.
    pub conn_id: u64,
}
