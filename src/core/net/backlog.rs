//! What waits in a UDP socket of ours and for how long, and what was thrown away, asked of the kernel without reading
//! /proc: socket(7) `SO_MEMINFO` and `SIOCGSTAMP`. One cheap system call each, for whoever looks often; `SO_RXQ_OVFL`
//! would make every datagram carry the number of drops.

#![allow(unsafe_code)]

use super::SocketInfo;
use std::io;
use std::mem::size_of_val;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime};

/// linux/sockios.h: the time stamp of the datagram that was read last, as a `timeval`.
const SIOCGSTAMP: libc::Ioctl = 0x8906;
/// Numbers in the answer to `SO_MEMINFO`.
const MEMINFO_VARS: usize = libc::SK_MEMINFO_DROPS as usize + 1;

/// The receive queue of a socket; bytes are as the kernel accounts them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Backlog {
    /// What waits.
    pub bytes: u32,
    /// How much may wait; datagrams beyond are thrown away.
    pub limit: u32,
    /// Datagrams that were thrown away since the socket was bound.
    pub drops: u32,
}

/// What waits for a bound UDP socket of ours now; `None` for another socket, or when the kernel does not tell.
pub fn backlog_of(socket: &SocketInfo) -> Option<Backlog> {
    backlog(socket.udp.get()?).ok()
}

/// What waits for `socket` now.
pub fn backlog(socket: &UdpSocket) -> io::Result<Backlog> {
    let mut vars = [0u32; MEMINFO_VARS];
    let mut length = size_of_val(&vars) as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes to `vars`, and that is its size; the descriptor is open.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            vars.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Backlog {
        bytes: vars[libc::SK_MEMINFO_RMEM_ALLOC as usize],
        limit: vars[libc::SK_MEMINFO_RCVBUF as usize],
        drops: vars[libc::SK_MEMINFO_DROPS as usize],
    })
}

/// How long ago the datagram arrived that was read last, by whichever process; `None` while that is not
/// known. The first call makes the kernel note the arrival of the datagrams that come from then on.
pub fn last_arrival(socket: &UdpSocket) -> Option<Duration> {
    let mut stamp = libc::timeval {
        tv_sec: 0,
        tv_usec: 0,
    };
    // SAFETY: the kernel writes one `timeval` there; the descriptor is open.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCGSTAMP, &raw mut stamp) };
    if result != 0 {
        return None;
    }
    let arrived = Duration::new(
        u64::try_from(stamp.tv_sec).ok()?,
        u32::try_from(stamp.tv_usec).ok()?.checked_mul(1000)?,
    );
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    // A clock that was set back says nothing.
    now.ok()?.checked_sub(arrived)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::net::Proto;

    #[test]
    fn what_found_the_queue_full_is_counted() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = socket.local_addr().unwrap();
        let info = SocketInfo::new(0, Proto::Udp, "x".into(), addr);
        assert_eq!(backlog_of(&info), None, "it is not bound");
        info.udp.set(socket).unwrap();
        assert_eq!(backlog_of(&info).unwrap().drops, 0);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        while backlog_of(&info).unwrap().drops == 0 {
            sender.send_to(&[0; 1000], addr).unwrap();
        }
        assert!(backlog_of(&info).unwrap().bytes > 10_000);
    }

    #[test]
    fn what_waits_is_told_with_the_limit_and_what_was_read_with_its_age() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let empty = backlog(&socket).unwrap();
        assert!(empty.bytes == 0 && empty.limit > 0, "{empty:?}");
        assert_eq!(last_arrival(&socket), None, "nothing was read yet");
        let to = socket.local_addr().unwrap();
        // The kernel begins to note arrivals a moment after it was asked.
        let seen = (0..200).any(|_| {
            sender.send_to(&[0; 100], to).unwrap();
            assert!(backlog(&socket).unwrap().bytes >= 100);
            std::thread::sleep(Duration::from_millis(5));
            socket.recv(&mut [0; 200]).unwrap();
            last_arrival(&socket) >= Some(Duration::from_millis(4))
        });
        assert!(seen, "the age of what was read");
        assert_eq!(backlog(&socket).unwrap().bytes, 0);
    }
}
