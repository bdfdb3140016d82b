//! One thing that is listened on.

use crate::address::{Address, Place, Protocol};
use ser::core::net::control::{self, Access, Made};
use ser::core::net::inherited;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, TcpListener, ToSocketAddrs, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixDatagram, UnixListener};

/// The open descriptor.
#[derive(Debug)]
pub enum Socket {
    Tcp(TcpListener),
    Udp(UdpSocket),
    UnixStream(UnixListener),
    UnixDatagram(UnixDatagram),
    Fifo(File),
}

/// An address and what is open for it; children inherit it.
#[derive(Debug)]
pub struct Endpoint {
    pub address: Address,
    pub socket: Socket,
    made: Option<Made>,
}

impl Endpoint {
    /// Opens it.
    pub fn open(address: Address, access: &Access) -> Result<Endpoint, String> {
        let text = address.to_string();
        let failed = |why: std::io::Error| format!("cannot listen on {text}: {why}");
        let (socket, made) = match &address.place {
            Place::Tcp(host, port) => {
                let place = resolve(host, *port)?;
                let open = || TcpListener::bind(place);
                let socket = inherited::take_or(&format!("tcp {place}"), open).map_err(failed)?;
                socket.set_nonblocking(true).map_err(failed)?;
                (Socket::Tcp(socket), None)
            }
            Place::Udp(host, port) => {
                let place = resolve(host, *port)?;
                let open = || UdpSocket::bind(place);
                let socket =
                    inherited::take_or(&format!("ctl udp {place}"), open).map_err(failed)?;
                socket.set_nonblocking(true).map_err(failed)?;
                (Socket::Udp(socket), None)
            }
            Place::UnixStream(path) => {
                let (socket, made) = control::unix_stream(path, access).map_err(failed)?;
                (Socket::UnixStream(socket), Some(made))
            }
            Place::UnixDatagram(path) => {
                let (socket, made) = control::unix_datagram(path, access).map_err(failed)?;
                (Socket::UnixDatagram(socket), Some(made))
            }
            Place::Fifo(path) => {
                let (pipe, made) = control::fifo(path, access).map_err(failed)?;
                (Socket::Fifo(pipe), Some(made))
            }
        };
        Ok(Endpoint {
            address,
            socket,
            made,
        })
    }

    /// Removes its path, at the end of the server.
    pub fn remove(&self) {
        if let Some(made) = &self.made {
            made.remove();
        }
    }

    /// What is spoken over it.
    pub fn protocol(&self) -> Protocol {
        self.address.protocol
    }

    /// The name of its transport in `ctl.listen` and `ctl.who`.
    pub fn transport(&self) -> &'static str {
        match self.socket {
            Socket::Tcp(_) => "tcp",
            Socket::Udp(_) => "udp",
            Socket::UnixStream(_) => "unix_stream",
            Socket::UnixDatagram(_) => "unix_dgram",
            Socket::Fifo(_) => "fifo",
        }
    }

    /// Its host or path, and its port or nothing.
    pub fn name(&self) -> (String, String) {
        match &self.address.place {
            Place::Tcp(host, port) | Place::Udp(host, port) => (host.clone(), port.to_string()),
            Place::UnixStream(path) | Place::UnixDatagram(path) | Place::Fifo(path) => {
                (path.display().to_string(), String::new())
            }
        }
    }
}

impl AsFd for Endpoint {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Tcp(s) => s.as_fd(),
            Socket::Udp(s) => s.as_fd(),
            Socket::UnixStream(s) => s.as_fd(),
            Socket::UnixDatagram(s) => s.as_fd(),
            Socket::Fifo(s) => s.as_fd(),
        }
    }
}

fn resolve(host: &str, port: u16) -> Result<std::net::SocketAddr, String> {
    if host == "*" {
        return Ok((IpAddr::V4(Ipv4Addr::UNSPECIFIED), port).into());
    }
    let found = (host, port).to_socket_addrs();
    let mut found = found.map_err(|why| format!("could not resolve {host}: {why}"))?;
    found.next().ok_or_else(|| format!("{host} has no address"))
}
