//! Many datagrams in one system call: `recvmmsg` and `sendmmsg`.
//!
//! Invariant: what [`Inbox::iter`] yields is what the last [`Inbox::receive`] brought; [`Outbox::flush`] leaves the
//! box empty.

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg, setsockopt, sockopt,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;

/// Largest datagram that is sent or expected.
const LARGEST: usize = 2048;
/// Receive buffer asked for, so that a burst of answers is not dropped.
const RECEIVE_BUFFER: usize = 4 << 20;

/// A bound socket with room for bursts.
pub fn socket(address: SocketAddrV4) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
    Ok(socket)
}

/// The address of a socket made by [`socket`].
pub fn address(socket: &UdpSocket) -> io::Result<SocketAddrV4> {
    match socket.local_addr()? {
        std::net::SocketAddr::V4(address) => Ok(address),
        std::net::SocketAddr::V6(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// Received datagrams.
pub struct Inbox {
    headers: MultiHeaders<SockaddrIn>,
    bytes: Vec<u8>,
    got: Vec<(usize, SockaddrIn)>,
}

impl Inbox {
    /// Room for `batch` datagrams.
    pub fn new(batch: usize) -> Inbox {
        Inbox {
            headers: MultiHeaders::preallocate(batch, None),
            bytes: vec![0; batch * LARGEST],
            got: Vec::with_capacity(batch),
        }
    }

    /// Takes what is there, at most a batch; with `wait` at least one datagram. The number.
    pub fn receive(&mut self, socket: &UdpSocket, wait: bool) -> io::Result<usize> {
        self.got.clear();
        let flags = if wait {
            MsgFlags::MSG_WAITFORONE
        } else {
            MsgFlags::MSG_DONTWAIT
        };
        let mut slices: Vec<[IoSliceMut<'_>; 1]> = self
            .bytes
            .chunks_exact_mut(LARGEST)
            .map(|room| [IoSliceMut::new(room)])
            .collect();
        let fd = socket.as_raw_fd();
        match recvmmsg(fd, &mut self.headers, slices.iter_mut(), flags, None) {
            Ok(results) => {
                let nowhere = SockaddrIn::new(0, 0, 0, 0, 0);
                self.got
                    .extend(results.map(|one| (one.bytes, one.address.unwrap_or(nowhere))));
                Ok(self.got.len())
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
            Err(why) => Err(why.into()),
        }
    }

    /// The datagrams and where they came from.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], SockaddrIn)> {
        let rooms = self.bytes.chunks_exact(LARGEST);
        rooms
            .zip(&self.got)
            .map(|(room, &(length, source))| (&room[..length], source))
    }
}

/// Datagrams to be sent.
pub struct Outbox {
    headers: MultiHeaders<SockaddrIn>,
    rooms: Vec<Vec<u8>>,
    to: Vec<Option<SockaddrIn>>,
}

impl Outbox {
    /// Room for `batch` datagrams.
    pub fn new(batch: usize) -> Outbox {
        Outbox {
            headers: MultiHeaders::preallocate(batch, None),
            rooms: (0..batch).map(|_| Vec::with_capacity(LARGEST)).collect(),
            to: Vec::with_capacity(batch),
        }
    }

    /// Whether a [`Outbox::flush`] must come before the next datagram.
    pub fn is_full(&self) -> bool {
        self.to.len() == self.rooms.len()
    }

    /// An empty buffer for a datagram to `to`.
    ///
    /// # Panics
    /// When the box is full.
    pub fn room(&mut self, to: SockaddrIn) -> &mut Vec<u8> {
        let room = &mut self.rooms[self.to.len()];
        self.to.push(Some(to));
        room.clear();
        room
    }

    /// Sends everything.
    pub fn flush(&mut self, socket: &UdpSocket) -> io::Result<()> {
        let mut done = 0;
        while done < self.to.len() {
            let rooms = &self.rooms[done..self.to.len()];
            let slices: Vec<[IoSlice<'_>; 1]> =
                rooms.iter().map(|room| [IoSlice::new(room)]).collect();
            done += send(&mut self.headers, socket, &slices, &self.to[done..])?;
        }
        self.to.clear();
        Ok(())
    }
}

/// Sends datagrams from where they are, without copying them; as many as `outbox` has room for at most.
pub fn send_on<'a>(
    outbox: &mut Outbox,
    socket: &UdpSocket,
    datagrams: impl Iterator<Item = (&'a [u8], SockaddrIn)>,
) -> io::Result<()> {
    outbox.to.clear();
    let slices: Vec<[IoSlice<'_>; 1]> = datagrams
        .map(|(datagram, to)| {
            outbox.to.push(Some(to));
            [IoSlice::new(datagram)]
        })
        .collect();
    let mut done = 0;
    while done < slices.len() {
        done += send(
            &mut outbox.headers,
            socket,
            &slices[done..],
            &outbox.to[done..],
        )?;
    }
    outbox.to.clear();
    Ok(())
}

fn send<'a>(
    headers: &'a mut MultiHeaders<SockaddrIn>,
    socket: &UdpSocket,
    slices: &'a [[IoSlice<'a>; 1]],
    to: &[Option<SockaddrIn>],
) -> io::Result<usize> {
    let none: [ControlMessage<'_>; 0] = [];
    match sendmmsg(
        socket.as_raw_fd(),
        headers,
        slices,
        to,
        none,
        MsgFlags::empty(),
    ) {
        Ok(results) => Ok(results.count()),
        Err(Errno::EINTR) => Ok(0),
        Err(why) => Err(why.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_arrives_in_order_with_its_source() {
        let any = SocketAddrV4::new([127, 0, 0, 1].into(), 0);
        let (here, there) = (socket(any).unwrap(), socket(any).unwrap());
        let mut outbox = Outbox::new(4);
        let to = SockaddrIn::from(address(&there).unwrap());
        for text in ["one", "two", "three"] {
            outbox.room(to).extend_from_slice(text.as_bytes());
        }
        outbox.flush(&here).unwrap();
        let (mut inbox, mut got) = (Inbox::new(2), Vec::new());
        while got.len() < 3 {
            inbox.receive(&there, true).unwrap();
            got.extend(inbox.iter().map(|(d, from)| (d.to_vec(), from)));
        }
        let from = SockaddrIn::from(address(&here).unwrap());
        let all = ["one", "two", "three"].map(|t| (t.as_bytes().to_vec(), from));
        assert_eq!(got, all);
    }

    #[test]
    fn an_empty_socket_gives_nothing_without_waiting() {
        let any = SocketAddrV4::new([127, 0, 0, 1].into(), 0);
        let mut inbox = Inbox::new(2);
        assert_eq!(inbox.receive(&socket(any).unwrap(), false).unwrap(), 0);
        assert_eq!(inbox.iter().count(), 0);
    }
}
