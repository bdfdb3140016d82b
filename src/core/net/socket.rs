//! A listening socket (`socket_info`) and what is known of a received packet (`receive_info`).

use crate::core::sip::ViaProto;
use std::fmt;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

crate::shm_enum! {
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
}

impl Proto {
    /// Those that have a name.
    const ALL: [Proto; 6] = [
        Proto::Udp,
        Proto::Tcp,
        Proto::Tls,
        Proto::Sctp,
        Proto::Ws,
        Proto::Wss,
    ];

    /// The protocol with that number.
    pub fn from_number(number: u8) -> Option<Proto> {
        Proto::ALL.into_iter().find(|p| *p as u8 == number)
    }
    /// The protocol of that name, in any case.
    pub fn parse(name: &str) -> Option<Proto> {
        Proto::ALL
            .into_iter()
            .find(|p| p.name().eq_ignore_ascii_case(name))
    }
    /// What the transport of a Via or of a URI stands for; `None` for one that nobody knows.
    pub fn of_via(proto: ViaProto) -> Option<Proto> {
        match proto {
            ViaProto::Udp => Some(Proto::Udp),
            ViaProto::Tcp => Some(Proto::Tcp),
            ViaProto::Tls => Some(Proto::Tls),
            ViaProto::Sctp => Some(Proto::Sctp),
            ViaProto::Ws => Some(Proto::Ws),
            ViaProto::Wss => Some(Proto::Wss),
            ViaProto::Other => None,
        }
    }
    /// Lower-case name, `*` for any.
    pub fn name(self) -> &'static str {
        match self {
            Proto::None => "*",
            Proto::Udp => "udp",
            Proto::Tcp => "tcp",
            Proto::Tls => "tls",
            Proto::Sctp => "sctp",
            Proto::Ws => "ws",
            Proto::Wss => "wss",
        }
    }
}

/// `[proto:]host[:port]` with `None` for "any", as in `listen`, `alias`, `-l` and `force_send_socket`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct SocketId {
    pub proto: Option<Proto>,
    pub host: String,
    pub port: Option<u16>,
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(proto) = self.proto {
            write!(f, "{}:", proto.name())?;
        }
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// One address that the server listens on. It lives forever, see [`super::socket_pool`].
#[derive(Debug)]
pub struct SocketInfo {
    /// Its number among the sockets of its protocol: its position in their list, until one of them is taken away.
    pub index: usize,
    /// Protocol.
    pub proto: Proto,
    /// The configured name.
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
    /// The bound UDP socket, inherited by all children.
    pub udp: OnceLock<UdpSocket>,
    /// It is bound, and was not closed since.
    pub(super) open: AtomicBool,
}

/// The same one.
impl PartialEq for SocketInfo {
    fn eq(&self, other: &SocketInfo) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for SocketInfo {}

impl SocketInfo {
    /// A socket that is not bound yet.
    pub fn new(index: usize, proto: Proto, name: String, addr: SocketAddr) -> SocketInfo {
        let addr_str = match addr.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        SocketInfo {
            index,
            proto,
            name,
            addr,
            addr_str,
            port_str: addr.port().to_string(),
            loopback: addr.ip().is_loopback(),
            mcast: addr.ip().is_multicast(),
            udp: OnceLock::new(),
            open: AtomicBool::new(false),
        }
    }
    /// `udp:127.0.0.1:5060`
    pub fn label(&self) -> String {
        format!("{}:{}:{}", self.proto.name(), self.addr_str, self.port_str)
    }
    /// Whether it is bound, and was not closed since.
    pub fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }
    /// The number by which shared memory names this socket; see [`super::socket_by_number`].
    #[inline]
    pub fn number(&self) -> u16 {
        (self.proto as u16) << 12 | (self.index as u16 & 0xfff)
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
