//! What the attendant does for a process that died: find the locks it held, repair, release.
//!
//! Order: read [`held_locks`] of each; [`recover_processes`] repairs the allocator, so that memory
//! can be given back again; then each owner of a structure repairs it and releases its lock (a
//! table by [`super::ShmTable::recover`], the wheel by [`super::Wheel::recover`], a mutex by `seize`).
//! Only then may the slots be used again.

#![allow(unsafe_code)]

use super::mutex::RawShmMutex;
use super::rank::LockRank;
use super::segment;
use super::slot::process_slot;

/// A lock that a dead process held.
#[derive(Clone, Copy, Debug)]
pub struct HeldLock {
    lock: &'static RawShmMutex,
    offset: u64,
}

impl HeldLock {
    /// Its class.
    pub fn rank(&self) -> LockRank {
        self.lock.rank()
    }

    /// Its place in the segment.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The lock itself.
    pub fn lock(&self) -> &'static RawShmMutex {
        self.lock
    }
}

/// The locks that process `dead`, which was reaped, holds now. A list of at most
/// [`super::MAX_HELD`]; `None` if the process held more and all places must be searched.
pub fn held_locks(dead: u16) -> Option<Vec<HeldLock>> {
    let Some(heap) = segment::heap() else {
        return Some(Vec::new());
    };
    let offsets = heap.area(dead).held()?;
    let len = segment::len();
    let mut held = Vec::new();
    for offset in offsets {
        if offset == 0 || offset + 8 > len || offset % 4 != 0 {
            continue;
        }
        // SAFETY: the owner noted the address of a lock in the segment, and the memory of a lock
        // that is held is not freed; its fields are plain numbers in any case.
        let lock = unsafe { &*segment::at::<RawShmMutex>(offset) };
        if lock.owner() == Some(dead) {
            held.push(HeldLock { lock, offset });
        }
    }
    Some(held)
}

/// Repairs the allocator after the processes `dead`, which were reaped, and empties their areas.
/// Name all that died at once: a lock of one may be needed to repair after another. Panics if
/// the caller is among them.
pub fn recover_processes(dead: &[u16]) {
    let me = process_slot();
    for &slot in dead {
        assert!(slot != me, "slot {slot} lives");
    }
    let Some(heap) = segment::heap() else { return };
    heap.recover(me, dead);
    for &slot in dead {
        heap.area(slot).clear_held();
    }
}

/// Verifies the whole allocator (for tests and the log); the text says what is wrong.
pub fn check_allocator() -> Result<(), String> {
    segment::heap().map_or(Ok(()), |heap| heap.check())
}
