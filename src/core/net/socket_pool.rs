//! Every socket that the server was ever told to listen on, each once: shared memory names them by number, and
//! a configuration that comes back finds its sockets again.
//!
//! Invariant: a number is that of one socket for the life of the server. A socket that is closed keeps its
//! descriptor, on `/dev/null`, because references to it live for good; the address is free again when the
//! processes that were forked before are gone.

#![allow(unsafe_code)]

use super::{Proto, SocketInfo, inherited, udp};
use crate::core::settings::Settings;
use crate::ipc::number_of;
use parking_lot::RwLock;
use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::Ordering;

static ALL: RwLock<Vec<&'static SocketInfo>> = RwLock::new(Vec::new());

/// The socket of that protocol, name and address; a new one gets the next number of its protocol.
pub(super) fn socket(proto: Proto, name: &str, addr: SocketAddr) -> &'static SocketInfo {
    let mut all = ALL.write();
    let is_it = |s: &&&SocketInfo| s.proto == proto && s.addr == addr && s.name == name;
    if let Some(known) = all.iter().find(is_it) {
        return known;
    }
    // Before there is a segment they are counted; `record_numbers` makes it so there.
    let counted = || all.iter().filter(|s| s.proto == proto).count();
    let index = recorded(proto, name, addr).map_or_else(counted, usize::from);
    let info = SocketInfo::new(index, proto, name.to_owned(), addr);
    let info: &'static SocketInfo = Box::leak(Box::new(info));
    all.push(info);
    info
}

/// The number that the segment knows it by.
fn recorded(proto: Proto, name: &str, addr: SocketAddr) -> Option<u16> {
    number_of(proto.name(), &format!("{name} {addr}"))
}

/// Makes the numbers of all sockets those of the segment: to be called when it was made.
pub fn record_numbers() {
    for socket in ALL.read().iter() {
        let number = recorded(socket.proto, &socket.name, socket.addr).map(usize::from);
        if number != Some(socket.index) {
            log::error!(
                "BUG: {} has number {number:?}, not {}",
                socket.addr,
                socket.index
            );
        }
    }
}

/// Binds a socket while the server runs, unless it is bound; without waiting for an address that is in use.
pub fn open(info: &SocketInfo, settings: &Settings) -> io::Result<()> {
    if info.is_open() {
        return Ok(());
    }
    // The same address under another name.
    let all = ALL.read();
    let same = all.iter().find(|s| s.addr == info.addr && s.is_open());
    let socket = match same.and_then(|same| same.udp.get()) {
        Some(socket) => socket.try_clone()?,
        None => inherited::take_or(&offered_as(info), || udp::bound(info, settings))?,
    };
    match info.udp.get() {
        Some(closed) => replace(closed, socket.as_fd())?,
        None => drop(info.udp.set(socket)),
    }
    info.open.store(true, Ordering::Relaxed);
    inherited::offer(
        &offered_as(info),
        info.udp.get().ok_or(io::ErrorKind::NotConnected)?,
    );
    Ok(())
}

fn offered_as(info: &SocketInfo) -> String {
    format!("udp {}", info.addr)
}

/// Closes a socket in this process and in those that are forked from now on.
pub fn close(info: &SocketInfo) -> io::Result<()> {
    if let Some(socket) = info.udp.get().filter(|_| info.is_open()) {
        inherited::withdraw(&offered_as(info));
        replace(socket, File::open("/dev/null")?.as_fd())?;
        info.open.store(false, Ordering::Relaxed);
    }
    Ok(())
}

/// All that are open.
pub fn opened() -> Vec<&'static SocketInfo> {
    let all = ALL.read();
    all.iter().filter(|s| s.is_open()).copied().collect()
}

/// Makes the descriptor of `socket` one of what `by` is.
fn replace(socket: &UdpSocket, by: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the descriptor is open and stays owned by `socket`: this second owner is never dropped. dup3
    // replaces what it refers to in one step, so whoever uses it sees the one or the other.
    let mut place = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(socket.as_raw_fd()) });
    rustix::io::dup3(by, &mut place, rustix::io::DupFlags::CLOEXEC)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_was_closed_can_be_opened_again() {
        let free = UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = free.local_addr().unwrap();
        drop(free);
        let info = socket(Proto::Udp, "127.0.0.1", addr);
        assert!(std::ptr::eq(info, socket(Proto::Udp, "127.0.0.1", addr)));
        assert_ne!(
            info.number(),
            socket(Proto::Udp, "localhost", addr).number()
        );
        let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
        for word in [&b"one"[..], b"two"] {
            open(info, &Settings::default()).unwrap();
            phone.send_to(word, addr).unwrap();
            let mut buffer = [0; 10];
            let n = info.udp.get().unwrap().recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..n], word);
            close(info).unwrap();
            assert!(UdpSocket::bind(addr).is_ok(), "the address is free");
        }
    }
}
