//! A process `receiver child=N sock=ADDRESS:PORT`: takes datagrams from one socket, one after the other.
//!
//! All receivers of a socket wait on the same descriptor; the kernel wakes one of them for a datagram.
//! Invariant: what a message took from the arena is gone before the next one is read.

use super::signals::{idle, is_retiring, stop_if_told};
use super::upgrade;
use crate::core::net::{Proto, ReceiveInfo, SocketInfo, udp};
use crate::core::overload::Gate;
use crate::core::receive::{Outcome, receive_msg};
use crate::core::stats::{self, Counter, work};
use crate::ipc::Scratch;
use bumpalo::Bump;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// What the arena keeps between messages; a message that needed more gives the rest back.
const ARENA: usize = 64 * 1024;
/// A pause after an error of the socket, so that a lasting one does not eat a core.
const PAUSE: Duration = Duration::from_millis(100);

/// The work loop of a receiver process; returns only when there is no socket.
pub(super) fn run(socket: &'static SocketInfo) -> Result<(), String> {
    let mut receiver = Receiver::new(socket)?;
    loop {
        if is_retiring() {
            receiver.serve_before_leaving();
        }
        stop_if_told();
        receiver.serve();
    }
}

/// What one process needs to receive from one socket.
#[derive(Debug)]
pub(super) struct Receiver {
    info: &'static SocketInfo,
    socket: &'static UdpSocket,
    worker: Worker,
    gate: Gate,
}

/// Where one message after the other is worked on.
#[derive(Debug)]
pub(super) struct Worker {
    /// What is received is read into it, so that others can see what this process worked on when it died.
    pub buffer: Scratch,
    arena: Bump,
}

impl Worker {
    pub(super) fn new() -> Result<Worker, String> {
        Ok(Worker {
            buffer: Scratch::take().ok_or("BUG: this process has no buffer")?,
            arena: Bump::with_capacity(ARENA),
        })
    }

    /// Works on the message in that part of the buffer, which came from `source` to `socket`.
    pub(super) fn process(
        &mut self,
        socket: &'static SocketInfo,
        source: SocketAddr,
        part: Range<usize>,
    ) {
        let _working = work::begin(part.end, source);
        // What became of it matters to streams only.
        let _: Outcome = receive_msg(&self.buffer[part], received(socket, source), &self.arena);
        self.empty_arena();
    }

    fn empty_arena(&mut self) {
        self.arena.reset();
        // `reset` keeps the largest chunk.
        if self.arena.allocated_bytes() > 4 * ARENA {
            self.arena = Bump::with_capacity(ARENA);
        }
    }
}

fn received(socket: &'static SocketInfo, source: SocketAddr) -> ReceiveInfo {
    ReceiveInfo {
        src: source,
        dst: socket.addr,
        proto: Proto::Udp,
        socket: Some(socket),
        conn_id: 0,
    }
}

impl Receiver {
    /// The socket must be bound.
    pub(super) fn new(info: &'static SocketInfo) -> Result<Receiver, String> {
        let socket = info.udp.get();
        Ok(Receiver {
            info,
            socket: socket.ok_or_else(|| format!("BUG: {} is not bound", info.name))?,
            worker: Worker::new()?,
            gate: Gate::new(info),
        })
    }

    /// Waits for a datagram and deals with it.
    pub(super) fn serve(&mut self) {
        let (socket, buffer) = (self.socket, &mut self.worker.buffer);
        let got = idle(|| udp::recv_from(socket, buffer));
        self.take(got);
    }

    /// Takes a datagram if there is one: the kernel wakes one receiver for each, and it may have chosen this
    /// one just when a signal made it turn away. The others would not see that datagram before the next.
    fn serve_before_leaving(&mut self) {
        if let Ok(got) = udp::try_recv_from(self.socket, &mut self.worker.buffer) {
            self.take(Ok(got));
        }
    }

    /// As [`Receiver::serve`], inside another loop, which has seen that there is something to read.
    pub(super) fn serve_announced(&mut self) {
        let got = udp::recv_from(self.socket, &mut self.worker.buffer);
        self.take(got);
    }

    fn take(&mut self, got: io::Result<(usize, SocketAddr)>) {
        match got {
            Ok((length, source)) => self.process(length, source),
            // An ICMP error of an earlier send may be reported here.
            Err(e) if is_harmless(e.kind()) => log::debug!("recvfrom: {e}"),
            Err(e) => {
                log::error!("ERROR: udp_rcv_loop: recvfrom: {e}");
                std::thread::sleep(PAUSE);
            }
        }
    }

    fn process(&mut self, length: usize, source: SocketAddr) {
        stats::count(Counter::RcvPackets);
        stats::count_n(Counter::RcvBytes, length as u64);
        let Worker { buffer, arena } = &self.worker;
        let message = &buffer[..length];
        if let Some(why) = unfit(message, source) {
            stats::count(why);
            return;
        }
        let _working = work::begin(length, source);
        let is_theirs = upgrade::pass(message, self.info, source);
        if !is_theirs && self.gate.admits(message, source, arena) {
            // What became of it matters to streams only.
            let _: Outcome = receive_msg(message, received(self.info, source), arena);
        }
        self.worker.empty_arena();
    }
}

impl AsFd for Receiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Why a datagram is dropped before it is parsed: keep-alives, probes and what has no way back.
fn unfit(datagram: &[u8], source: SocketAddr) -> Option<Counter> {
    if datagram.len() < udp::MIN_UDP_PACKET {
        log::debug!("probing packet received from {source}");
        return Some(Counter::DropShort);
    }
    if source.port() == 0 {
        log::info!("INFO: udp_rcv_loop: dropping 0 port packet from {source}");
        return Some(Counter::DropPort0);
    }
    if datagram.last() == Some(&0) {
        log::warn!("WARNING: udp_rcv_loop: upstream bug - 0-terminated packet from {source}");
    }
    None
}

fn is_harmless(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Interrupted | ErrorKind::WouldBlock | ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_datagrams_and_those_without_a_source_port_are_no_messages() {
        let source: SocketAddr = "127.0.0.1:5060".parse().unwrap();
        let nowhere: SocketAddr = "127.0.0.1:0".parse().unwrap();
        assert_eq!(unfit(b"", source), Some(Counter::DropShort));
        assert_eq!(unfit(b"\r\n\r\n", source), Some(Counter::DropShort));
        assert_eq!(unfit(&[b'x'; 31], source), Some(Counter::DropShort));
        assert_eq!(unfit(&[b'x'; 32], source), None);
        assert_eq!(unfit(&[0; 32], source), None);
        assert_eq!(unfit(&[b'x'; 32], nowhere), Some(Counter::DropPort0));
    }
}
