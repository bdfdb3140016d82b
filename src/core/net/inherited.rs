//! Descriptors that one program hands on to the program that takes its place (upgrade of the binary), by name:
//! sockets, pipes, bells, files.
//!
//! What is opened before the first fork is offered here under a name that says what it is (`udp 127.0.0.1:5060`).
//! Who opens the like in the next program asks here first. Invariant: a descriptor that was handed on is taken once;
//! one that was offered stays open, and its number stays its own, until it is withdrawn.

#![allow(unsafe_code)]

use parking_lot::Mutex;
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

const BELL: &str = "bell ";

static OFFERED: Mutex<BTreeMap<String, RawFd>> = Mutex::new(BTreeMap::new());
static HANDED_ON: Mutex<BTreeMap<String, OwnedFd>> = Mutex::new(BTreeMap::new());

/// The next program gets `fd` under this name. It stays open until [`withdraw`].
pub fn offer(name: &str, fd: impl AsFd) {
    OFFERED
        .lock()
        .insert(name.to_owned(), fd.as_fd().as_raw_fd());
}

/// It is about to be closed.
pub fn withdraw(name: &str) {
    OFFERED.lock().remove(name);
}

/// What the program before has handed on under this name, if there was one and it had such a thing.
pub fn take(name: &str) -> Option<OwnedFd> {
    HANDED_ON.lock().remove(name)
}

/// What [`take`] finds, or what `open` opens; offered to the next program.
pub fn take_or<F: AsFd + From<OwnedFd>>(
    name: &str,
    open: impl FnOnce() -> io::Result<F>,
) -> io::Result<F> {
    let fd = match take(name) {
        Some(fd) => F::from(fd),
        None => open()?,
    };
    offer(name, &fd);
    Ok(fd)
}

/// In a program that was started to take the place of another: these numbers are what it was handed. Each is a
/// descriptor that nobody else has. False: one of them is not open.
pub fn receive(all: Vec<(String, RawFd)>) -> bool {
    let mut received = HANDED_ON.lock();
    for (name, number) in all {
        // SAFETY: the number is only asked about; it is borrowed for this one call.
        let there = number > 2
            && rustix::io::fcntl_getfd(unsafe { BorrowedFd::borrow_raw(number) }).is_ok();
        if !there {
            return false;
        }
        // SAFETY: it is open, and the program that started this one has left it to whoever reads its list, which
        // is read once.
        let fd = unsafe { OwnedFd::from_raw_fd(number) };
        if rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC).is_err() {
            return false;
        }
        received.insert(name, fd);
    }
    true
}

/// An eventfd that wakes somebody. It belongs to the segment, like what it tells of: a program that has a segment of its
/// own gets none ([`forget_bells`]).
pub fn bell(name: &str) -> io::Result<OwnedFd> {
    let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
    take_or(&format!("{BELL}{name}"), || Ok(eventfd(0, flags)?))
}

/// The bells of the program before ring for what is in its segment, which this program does not have.
pub fn forget_bells() {
    HANDED_ON.lock().retain(|name, _| !name.starts_with(BELL));
}

/// Closes what nobody has taken and whose name begins with none of these words: this program has no use for it, and would
/// keep an address for nobody. Before the first fork, or the processes keep it.
pub fn close_rest(kept: &[&str]) {
    HANDED_ON.lock().retain(|name, _| {
        let is_kept = kept.iter().any(|word| name.starts_with(word));
        if !is_kept {
            log::debug!("{name} of the program before is closed");
        }
        is_kept
    });
}

/// In a program whose place another has taken: lets go of everything on offer. The numbers stay valid, on `/dev/null`,
/// because whoever opened them owns them still.
pub fn let_go() -> io::Result<()> {
    let null = File::open("/dev/null")?;
    for &number in std::mem::take(&mut *OFFERED.lock()).values() {
        // SAFETY: what is on offer is open until it is withdrawn, and stays owned by who opened it: this second owner is
        // never dropped. dup3 replaces what the number refers to in one step.
        let mut place = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(number) });
        rustix::io::dup3(&null, &mut place, rustix::io::DupFlags::CLOEXEC)?;
    }
    Ok(())
}

/// Copies of everything on offer that stay open over `exec`. Dropping them closes the copies.
pub fn copies() -> io::Result<Vec<(String, OwnedFd)>> {
    let offered = OFFERED.lock();
    let copy = |(name, &number): (&String, &RawFd)| {
        // SAFETY: what is on offer is open until it is withdrawn, which takes the lock held here. Should somebody have
        // closed it all the same, the kernel says so.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        match rustix::io::dup(fd) {
            Ok(copy) => Some(Ok((name.clone(), copy))),
            Err(Errno::BADF) => {
                log::error!("BUG: {name} was closed and is on offer still");
                None
            }
            Err(why) => Some(Err(why.into())),
        }
    };
    offered.iter().filter_map(copy).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn what_is_handed_on_is_found_by_its_name_once() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let addr = socket.local_addr().unwrap();
        offer("inherited test", &socket);
        let copies = copies().unwrap();
        let (name, copy) = copies
            .into_iter()
            .find(|c| c.0 == "inherited test")
            .unwrap();
        withdraw("inherited test");
        let number = std::os::fd::IntoRawFd::into_raw_fd(copy);
        assert!(receive(vec![(name, number)]));
        let same: UdpSocket = take_or("inherited test", || panic!("it is there")).unwrap();
        assert_eq!(same.local_addr().unwrap(), addr);
        assert!(take("inherited test").is_none());
        withdraw("inherited test");
    }

    #[test]
    fn a_number_that_is_not_open_is_refused() {
        assert!(!receive(vec![("inherited test, closed".into(), 999_999)]));
    }
}
