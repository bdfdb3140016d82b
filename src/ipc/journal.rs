//! The journal of a process: what it has begun in shared memory since it last waited for work. Nobody reads it
//! while the process lives; after its death [`super::reclaim`] finds there what nobody else can know of.
//!
//! * `taken`: blocks taken. One that no record names was lost with the process, and is given back.
//! * `returned`: blocks freed under a lock. They are given back when the last lock is released, so that a
//!   record which is half changed when its process is killed never names memory of somebody else.
//! * `grave`: the record that was taken out of a table and is being dropped.
//! * `touched`: records that were handed out for a change or put into a structure: from there the blocks are
//!   found that are in use.
//!
//! Invariant: written by its own process only, before the change that it announces. The rings keep the newest
//! entries; what was pushed out is not given back after a crash (it is lost memory, never a wrong free).

use super::fault::point;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, compiler_fence};

/// Blocks taken for one message that are remembered.
pub(super) const TAKEN: usize = 128;
/// Blocks that are freed under one lock, or with one record, and wait; the next ones are freed at once.
pub(super) const RETURNED: usize = 128;
/// Records touched for one message that are remembered.
pub(super) const TOUCHED: usize = 64;

/// See the module.
#[repr(C)]
pub(super) struct Journal {
    taken_len: AtomicU32,
    touched_len: AtomicU32,
    returned_len: AtomicU32,
    /// The waiting blocks are being given back.
    giving: AtomicU32,
    /// The block that is being given back.
    freeing: AtomicU64,
    /// The node that was taken out of a table, and which table (see [`super::table::Removed`]).
    grave: AtomicU64,
    grave_table: AtomicU64,
    /// What is freed now waits until the record in the grave is dropped.
    burying: AtomicU32,
    _pad: AtomicU32,
    taken: [AtomicU64; TAKEN],
    returned: [AtomicU64; RETURNED],
    touched: [AtomicU64; TOUCHED],
    /// The lock under which each of them is changed; 0: none is known.
    locks: [AtomicU64; TOUCHED],
}

/// An object in shared memory: offset in the low 48 bits, length (0: as long as its block) above.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Touched(u64);

impl Touched {
    /// The block at `offset`.
    pub fn block(offset: u64) -> Touched {
        Touched(offset)
    }

    /// `len` bytes (below 64 KiB) inside of a block.
    pub fn part(offset: u64, len: usize) -> Touched {
        Touched(offset | (len.min(0xFFFF) as u64) << 48)
    }

    pub fn offset(self) -> u64 {
        self.0 & ((1 << 48) - 1)
    }

    /// `None`: the whole block.
    pub fn len(self) -> Option<u64> {
        Some(self.0 >> 48).filter(|len| *len > 0)
    }
}

fn push(ring: &[AtomicU64], len: &AtomicU32, value: u64) {
    let n = len.load(Ordering::Relaxed);
    ring[n as usize % ring.len()].store(value, Ordering::Relaxed);
    len.store(n.wrapping_add(1), Ordering::Relaxed);
    // The entry stands before the change that follows.
    compiler_fence(Ordering::Release);
}

fn entries(ring: &[AtomicU64], len: &AtomicU32) -> Vec<u64> {
    let known = (len.load(Ordering::Acquire) as usize).min(ring.len());
    let values = ring[..known].iter();
    values.map(|entry| entry.load(Ordering::Relaxed)).collect()
}

impl Journal {
    pub const fn new() -> Journal {
        Journal {
            taken_len: AtomicU32::new(0),
            touched_len: AtomicU32::new(0),
            returned_len: AtomicU32::new(0),
            giving: AtomicU32::new(0),
            freeing: AtomicU64::new(0),
            grave: AtomicU64::new(0),
            grave_table: AtomicU64::new(0),
            burying: AtomicU32::new(0),
            _pad: AtomicU32::new(0),
            taken: [const { AtomicU64::new(0) }; TAKEN],
            returned: [const { AtomicU64::new(0) }; RETURNED],
            touched: [const { AtomicU64::new(0) }; TOUCHED],
            locks: [const { AtomicU64::new(0) }; TOUCHED],
        }
    }

    /// The process has nothing half-done.
    #[inline]
    pub fn settle(&self) {
        self.taken_len.store(0, Ordering::Relaxed);
        self.touched_len.store(0, Ordering::Relaxed);
    }

    /// A block is about to be taken.
    #[inline]
    pub fn take(&self, offset: u64) {
        push(&self.taken, &self.taken_len, offset);
    }

    /// A record is about to be changed, or to be put where others find it; `lock` is the offset of the lock under
    /// which that is done, or 0.
    #[inline]
    pub fn touch(&self, what: Touched, lock: u64) {
        let n = self.touched_len.load(Ordering::Relaxed) as usize;
        self.locks[n % TOUCHED].store(lock, Ordering::Relaxed);
        push(&self.touched, &self.touched_len, what.0);
    }

    /// A block is about to be given back to the cache.
    #[inline]
    pub fn free(&self, offset: u64) {
        self.freeing.store(offset, Ordering::Relaxed);
        compiler_fence(Ordering::Release);
    }

    /// Puts a block among those that wait for the end of the locks; false if there is no room.
    pub fn hold_back(&self, offset: u64) -> bool {
        let n = self.returned_len.load(Ordering::Relaxed);
        let Some(entry) = self.returned.get(n as usize) else {
            return false;
        };
        entry.store(offset, Ordering::Relaxed);
        self.returned_len.store(n + 1, Ordering::Release);
        true
    }

    /// Whether blocks wait that nobody is giving back already.
    #[inline]
    pub fn holds_back(&self) -> bool {
        self.returned_len.load(Ordering::Relaxed) != 0 && self.giving.load(Ordering::Relaxed) == 0
    }

    /// Gives the waiting blocks to `free`, one after the other.
    pub fn give_back(&self, mut free: impl FnMut(u64)) {
        self.giving.store(1, Ordering::Relaxed);
        let mut next = 0;
        while next < self.returned_len.load(Ordering::Relaxed) as usize {
            free(self.returned[next].load(Ordering::Relaxed));
            point();
            next += 1;
        }
        self.returned_len.store(0, Ordering::Release);
        self.giving.store(0, Ordering::Relaxed);
    }

    /// A node of table `table` is about to be unlinked and dropped; false: another one is being dropped.
    pub fn dig(&self, table: u64, node: u64) -> bool {
        let free = self.grave.load(Ordering::Relaxed) == 0;
        if free {
            self.grave_table.store(table, Ordering::Relaxed);
            self.grave.store(node, Ordering::Release);
            compiler_fence(Ordering::Release);
        }
        free
    }

    /// The record in the grave is dropped by `drop_it`.
    pub fn bury(&self, drop_it: impl FnOnce()) {
        self.burying.store(1, Ordering::Relaxed);
        compiler_fence(Ordering::Release);
        drop_it();
        point();
        compiler_fence(Ordering::Release);
        self.grave.store(0, Ordering::Relaxed);
        point();
        self.burying.store(0, Ordering::Relaxed);
    }

    /// Whether a record is being dropped.
    #[inline]
    pub fn buries(&self) -> bool {
        self.burying.load(Ordering::Relaxed) != 0
    }

    /// Of a dead process: the node of table `table` that it was dropping.
    pub fn grave(&self, table: u64) -> Option<u64> {
        let node = self.grave.load(Ordering::Acquire);
        let known = node != 0 && self.grave_table.load(Ordering::Relaxed) == table;
        known.then_some(node)
    }

    /// Of a dead process: what it had taken.
    pub fn taken(&self) -> Vec<u64> {
        entries(&self.taken, &self.taken_len)
    }

    /// Of a dead process: what it had freed and not given back, the block that it was giving back included.
    pub fn returned(&self) -> Vec<u64> {
        let mut all = entries(&self.returned, &self.returned_len);
        all.push(self.freeing.load(Ordering::Relaxed));
        all
    }

    /// Of a dead process: the records it had touched, with their locks.
    pub fn touched(&self) -> Vec<(Touched, u64)> {
        let all = entries(&self.touched, &self.touched_len).into_iter();
        let locks = self.locks.iter().map(|lock| lock.load(Ordering::Relaxed));
        all.map(Touched).zip(locks).collect()
    }

    /// Of a dead process: whether it had touched more than is remembered.
    pub fn has_forgotten(&self) -> bool {
        self.touched_len.load(Ordering::Acquire) as usize > TOUCHED
    }

    /// Empties the journal of a dead process.
    pub fn clear(&self) {
        self.settle();
        self.returned_len.store(0, Ordering::Relaxed);
        self.giving.store(0, Ordering::Relaxed);
        self.grave.store(0, Ordering::Relaxed);
        self.burying.store(0, Ordering::Relaxed);
        self.freeing.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rings_keep_the_newest_and_forget_all_when_the_process_settles() {
        let journal = Journal::new();
        for offset in 1..=TAKEN as u64 + 2 {
            journal.take(offset * 16);
        }
        let taken = journal.taken();
        assert_eq!(taken.len(), TAKEN);
        assert!(taken.contains(&(16 * (TAKEN as u64 + 2))) && !taken.contains(&32));
        journal.touch(Touched::part(4096, 40), 64);
        let [(touched, lock)] = journal.touched()[..] else {
            panic!("one record was touched");
        };
        assert_eq!(
            (touched.offset(), touched.len(), lock),
            (4096, Some(40), 64)
        );
        assert!(!journal.has_forgotten());
        journal.settle();
        assert!(journal.taken().is_empty() && journal.touched().is_empty());
    }

    #[test]
    fn what_is_held_back_is_given_back_once() {
        let journal = Journal::new();
        let held = (1..).take_while(|&n| journal.hold_back(n * 16)).count();
        assert_eq!(held, RETURNED);
        let mut given = Vec::new();
        journal.give_back(|offset| {
            assert!(!journal.holds_back(), "nobody begins a second time");
            given.push(offset);
        });
        assert_eq!(given.len(), RETURNED);
        assert!(!journal.holds_back());
    }
}
