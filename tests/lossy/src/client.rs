//! A client of a link: the target sees it at a port of its own, as behind a NAT.

use std::io;
use std::net::{SocketAddr, UdpSocket};

/// Where it is and the socket that stands for it.
pub struct Client {
    /// The client.
    pub address: SocketAddr,
    /// What goes to the target leaves from here; what comes here goes to the client.
    pub socket: UdpSocket,
}

impl Client {
    /// Opens its socket, in the family of the target.
    pub fn new(address: SocketAddr, target: SocketAddr) -> io::Result<Client> {
        let any = SocketAddr::new(near(target), 0);
        Ok(Client {
            address,
            socket: bind(any)?,
        })
    }
}

/// The local address from which a target is reached: loopback for loopback, else any.
fn near(target: SocketAddr) -> std::net::IpAddr {
    match target {
        _ if target.ip().is_loopback() => target.ip(),
        SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// A socket that never waits.
pub fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The next datagram; `None` when there is none.
pub fn receive(socket: &UdpSocket, room: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
    loop {
        match socket.recv_from(room) {
            Ok(got) => return Ok(Some(got)),
            Err(why) => match why.kind() {
                io::ErrorKind::WouldBlock => return Ok(None),
                // Somebody was not there; it says nothing about what comes.
                io::ErrorKind::Interrupted | io::ErrorKind::ConnectionRefused => {}
                _ => return Err(why),
            },
        }
    }
}
