//! UDP sockets: making them, one read, one send. One system call each, nothing is allocated.

use super::{SocketInfo, socket_pool};
use crate::core::settings::Settings;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

/// Smaller datagrams are keep-alives or probes.
pub const MIN_UDP_PACKET: usize = 32;
/// Step of the second phase of the search for the largest receive buffer, in bytes.
const PROBE_STEP: usize = 2048;

/// How often, and how far apart, a bind is tried again whose address is in use.
const BIND_AGAIN: (u32, Duration) = (40, Duration::from_millis(100));

/// Creates, configures and binds the socket of `info`. While the address is in use it waits up to four
/// seconds: the processes of a server that was killed a moment ago may still be ending. (SER shares the
/// address, so that a second instance takes the messages of the first.)
pub fn bind(info: &SocketInfo, settings: &Settings) -> io::Result<()> {
    let (mut again, pause) = BIND_AGAIN;
    loop {
        match socket_pool::open(info, settings) {
            Err(e) if e.kind() == io::ErrorKind::AddrInUse && again > 0 => {
                again -= 1;
                std::thread::sleep(pause);
            }
            result => return result,
        }
    }
}

/// A socket that is bound to the address of `info`.
pub(super) fn bound(info: &SocketInfo, settings: &Settings) -> io::Result<UdpSocket> {
    let domain = if info.addr.is_ipv4() {
        Domain::IPV4
    } else {
        Domain::IPV6
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    let tos = settings.tos.unsigned_abs();
    let marked = if info.addr.is_ipv4() {
        socket.set_tos_v4(tos)
    } else {
        socket.set_only_v6(true)?;
        socket.set_tclass_v6(tos)
    };
    if let Err(why) = marked {
        log::warn!("WARNING: udp_init: setsockopt tos: {why}");
    }
    multicast(&socket, info, settings)?;
    probe_max_receive_buffer(&socket, settings.maxbuffer as usize);
    socket.bind(&info.addr.into())?;
    Ok(socket.into())
}

fn multicast(socket: &Socket, info: &SocketInfo, settings: &Settings) -> io::Result<()> {
    if !info.mcast {
        return Ok(());
    }
    // Several programs of a machine may listen to a group.
    socket.set_reuse_address(true)?;
    match info.ip() {
        IpAddr::V4(ip) => {
            socket.join_multicast_v4(&ip, &std::net::Ipv4Addr::UNSPECIFIED)?;
            socket.set_multicast_loop_v4(settings.mcast_loopback)?;
            if let Ok(ttl) = u32::try_from(settings.mcast_ttl) {
                socket.set_multicast_ttl_v4(ttl)?;
            }
        }
        IpAddr::V6(ip) => {
            socket.join_multicast_v6(&ip, 0)?;
            socket.set_multicast_loop_v6(settings.mcast_loopback)?;
            if let Ok(hops) = u32::try_from(settings.mcast_ttl) {
                socket.set_multicast_hops_v6(hops)?;
            }
        }
    }
    Ok(())
}

/// Doubles the receive buffer while it is at most `max` bytes, then grows it in small steps; ends when
/// the kernel gives less than was asked for.
fn probe_max_receive_buffer(socket: &Socket, max: usize) {
    let start = socket.recv_buffer_size().unwrap_or(0);
    log::info!("INFO: udp_init: SO_RCVBUF is initially {start}");
    let mut size = start.max(1);
    let mut doubling = true;
    loop {
        let next = if doubling {
            size * 2
        } else {
            size + PROBE_STEP
        };
        if next > max {
            if !doubling {
                break;
            }
            doubling = false;
            continue;
        }
        let granted = socket
            .set_recv_buffer_size(next)
            .and_then(|()| socket.recv_buffer_size())
            .is_ok_and(|got| got >= next);
        if !granted {
            if !doubling {
                break;
            }
            doubling = false;
            continue;
        }
        size = next;
    }
    log::info!(
        "INFO: udp_init: SO_RCVBUF is finally {}",
        socket.recv_buffer_size().unwrap_or(0)
    );
}

/// Waits for a datagram; its length and source.
#[inline]
pub fn recv_from(socket: &UdpSocket, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    socket.recv_from(buf)
}

/// The same without waiting; `WouldBlock`: there is none.
pub fn try_recv_from(socket: &UdpSocket, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    let flags = rustix::net::RecvFlags::DONTWAIT;
    let (length, _, source) = rustix::net::recvfrom(socket, buf, flags)?;
    let source = source.and_then(|source| source.try_into().ok());
    Ok((length, source.ok_or(io::ErrorKind::InvalidData)?))
}

/// Sends a datagram from one of our sockets.
#[inline]
pub fn send_to(info: &SocketInfo, buf: &[u8], to: SocketAddr) -> io::Result<()> {
    let socket = info.udp.get().ok_or(io::ErrorKind::NotConnected)?;
    socket.send_to(buf, to).map(|_| ())
}

/// The local address that the kernel would send from to reach `to` (`mhomed`).
pub fn local_address_towards(to: SocketAddr) -> io::Result<IpAddr> {
    let any: SocketAddr = if to.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0u16; 8], 0).into()
    };
    let scratch = UdpSocket::bind(any)?;
    scratch.connect(to)?;
    Ok(scratch.local_addr()?.ip())
}
