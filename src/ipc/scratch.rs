//! A buffer for each process that others may read, also after its death: what a process works on is read into it, so
//! that nobody has to ask the dead what killed them.
//!
//! One sparse memfd of its own, [`SCRATCH_SIZE`] bytes for each process slot: pages are taken when they are touched, and
//! count against no limit. Invariant: a process writes to the buffer of its own slot only, through the one
//! [`Scratch`] that it has; others copy bytes out and may see half of what is being written.

#![allow(unsafe_code)]

use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use memmap2::{MmapOptions, MmapRaw};

use super::segment::SegmentError;
use super::slot::{MAX_PROCESSES, process_slot};

/// Bytes of one buffer.
pub const SCRATCH_SIZE: usize = 64 * 1024;

struct Buffers {
    map: MmapRaw,
    fd: OwnedFd,
}

static BUFFERS: OnceLock<Buffers> = OnceLock::new();
/// Which buffers have a [`Scratch`] in this process.
static TAKEN: [AtomicBool; MAX_PROCESSES] = [const { AtomicBool::new(false) }; MAX_PROCESSES];

/// The buffer of this process.
#[derive(Debug)]
pub struct Scratch {
    slot: u16,
    bytes: &'static mut [u8],
}

impl Scratch {
    /// Makes the buffers of all processes, or maps those of another program. Before the first fork; the first call
    /// counts.
    pub fn create(theirs: Option<OwnedFd>) -> Result<(), SegmentError> {
        if BUFFERS.get().is_some() {
            return Ok(());
        }
        let system =
            |call| move |errno: rustix::io::Errno| SegmentError::System(call, errno.into());
        let length = SCRATCH_SIZE * MAX_PROCESSES;
        let fd = match theirs {
            Some(fd) => fd,
            None => rustix::fs::memfd_create("ser-scratch", rustix::fs::MemfdFlags::CLOEXEC)
                .map_err(system("memfd_create"))?,
        };
        // It has this length already if another program has made it.
        rustix::fs::ftruncate(&fd, length as u64).map_err(system("ftruncate"))?;
        let map = MmapOptions::new()
            .len(length)
            .map_raw(&fd)
            .map_err(|error| SegmentError::System("mmap", error))?;
        BUFFERS.get_or_init(|| Buffers { map, fd });
        Ok(())
    }

    /// The descriptor of all buffers, once there are any.
    pub fn fd() -> Option<BorrowedFd<'static>> {
        BUFFERS.get().map(|buffers| buffers.fd.as_fd())
    }

    /// That of this process's slot; `None`: there are none, or this process has it already.
    pub fn take() -> Option<Scratch> {
        let slot = process_slot();
        let start = address(slot)?;
        if TAKEN[usize::from(slot)].swap(true, Ordering::Acquire) {
            return None;
        }
        // SAFETY: inside the mapping, which is never unmapped; TAKEN sees to it that this process has one reference
        // to it, and no other process has this slot.
        let bytes = unsafe { std::slice::from_raw_parts_mut(start, SCRATCH_SIZE) };
        Some(Scratch { slot, bytes })
    }
}

impl Deref for Scratch {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.bytes
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        TAKEN[usize::from(self.slot)].store(false, Ordering::Release);
    }
}

fn address(slot: u16) -> Option<*mut u8> {
    let offset = usize::from(slot) * SCRATCH_SIZE;
    let buffers = BUFFERS.get().filter(|all| offset < all.map.len())?;
    Some(buffers.map.as_mut_ptr().wrapping_add(offset))
}

/// A copy of the first bytes of the buffer of process `slot`; at most `length`, empty where there are no buffers.
/// Of a process that lives it may be half old, half new.
pub fn read_scratch(slot: u16, length: usize) -> Vec<u8> {
    let Some(start) = address(slot) else {
        return Vec::new();
    };
    let bytes = (0..length.min(SCRATCH_SIZE)).map(|i| {
        // SAFETY: inside the mapping, which is never unmapped; the owner may write at the same time, so each byte is
        // read by itself as an atomic.
        let byte = unsafe { AtomicU8::from_ptr(start.add(i)) };
        byte.load(Ordering::Relaxed)
    });
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_writes_others_can_read_and_nobody_has_a_buffer_twice() {
        Scratch::create(None).unwrap();
        let mut mine = Scratch::take().unwrap();
        assert!(Scratch::take().is_none());
        assert_eq!(mine.len(), SCRATCH_SIZE);
        mine[..5].copy_from_slice(b"hello");
        mine[SCRATCH_SIZE - 1] = 7;
        let read = |length| read_scratch(process_slot(), length);
        assert_eq!(read(5), b"hello");
        assert_eq!(read(usize::MAX).len(), SCRATCH_SIZE);
        drop(mine);
        assert_eq!(&Scratch::take().unwrap()[..5], b"hello");
        assert!(read_scratch(u16::MAX, 5).is_empty());
    }
}
