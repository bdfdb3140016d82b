//! Who am I: the process slot, and the area of shared memory that belongs to it alone.
//!
//! Every process of the tree has a number (its slot in the process table, 0 is the attendant).
//! It sets it once after the fork with [`set_process_slot`]. The slot selects a [`ProcArea`]:
//! the allocator's cache, the counters, and the list of locks held. Invariant: one slot, one
//! thread of execution; nothing else writes to an area while its process lives, so its fields are
//! plain loads and stores.
//!
//! A process that never set its slot (a test program, with many threads) gets one slot a thread,
//! taken from the upper half of the numbers and given back when the thread ends.

#![allow(unsafe_code)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use super::alloc::cache::Caches;
use super::alloc::tag::TagCounts;
use super::journal::Journal;
use super::mutex::RawShmMutex;
use super::rows::forget_rows;
use super::segment;

/// Process slots that a segment has room for; slots are 0..MAX_PROCESSES.
pub const MAX_PROCESSES: usize = 1024;
/// Slots below this are given out by the process table, those from here on to threads of tests.
pub const FIRST_THREAD_SLOT: u16 = 512;
/// Locks that one process may hold at a time and still have all of them on record.
pub const MAX_HELD: usize = 6;

/// What one process owns in the segment. Written only by that process while it lives.
#[repr(C, align(64))]
pub struct ProcArea {
    /// Offsets of the locks that the process holds or is about to take; 0 is an unused entry.
    held: [AtomicU64; MAX_HELD],
    held_len: AtomicU32,
    /// One more than the slot; 0 until [`ProcArea::adopt`], and for good in `NO_SEGMENT`.
    me: AtomicU32,
    /// Nanoseconds slept in the kernel for locks.
    lock_wait: AtomicU64,
    /// How often the process had nothing half-done.
    turns: AtomicU64,
    pub(super) journal: Journal,
    pub(super) caches: Caches,
    pub(super) tags: TagCounts,
}

/// Nanoseconds that the process of `slot` has slept for locks.
pub fn lock_wait(slot: u16) -> u64 {
    let heap = super::segment::heap();
    heap.map_or(0, |heap| heap.area(slot).lock_wait.load(Ordering::Relaxed))
}

/// How often the processes of `slot` have settled: begun to wait for their next piece of work.
pub fn turns(slot: u16) -> u64 {
    let heap = super::segment::heap();
    heap.map_or(0, |heap| heap.area(slot).turns.load(Ordering::Relaxed))
}

/// How many locks this process holds.
pub fn locks_held() -> u32 {
    area().held_len.load(Ordering::Relaxed)
}

impl ProcArea {
    /// The process has nothing half-done.
    #[inline]
    pub(super) fn settle(&self) {
        self.journal.settle();
        let turns = self.turns.load(Ordering::Relaxed).wrapping_add(1);
        self.turns.store(turns, Ordering::Relaxed);
    }

    /// Writes the number of the slot that the area belongs to.
    pub(super) fn adopt(&self, slot: u16) {
        self.me.store(u32::from(slot) + 1, Ordering::Relaxed);
    }

    /// Adds to the time that the process slept for locks.
    pub(super) fn add_lock_wait(&self, nanoseconds: u64) {
        self.lock_wait.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// One more than this process's slot: what stands in the word of a lock that it holds.
    #[inline]
    pub(super) fn me(&self) -> u32 {
        match self.me.load(Ordering::Relaxed) {
            0 => u32::from(process_slot()) + 1,
            me => me,
        }
    }

    /// The slot that the area belongs to.
    #[inline]
    pub(super) fn slot(&self) -> u16 {
        (self.me() - 1) as u16
    }

    /// Whether what is freed now waits: the process holds a lock (or is about to take or to release one), or
    /// drops a record.
    #[inline]
    pub(super) fn holds_back(&self) -> bool {
        self.held_len.load(Ordering::Relaxed) != 0 || self.journal.buries()
    }

    /// Puts `lock` on the record, before it is taken.
    #[inline]
    pub(super) fn note_lock(&self, lock: &RawShmMutex) {
        let depth = self.held_len.load(Ordering::Relaxed);
        if let Some(entry) = self.held.get(depth as usize) {
            entry.store(segment::offset_of(lock), Ordering::Relaxed);
        }
        self.held_len
            .store(depth.wrapping_add(1), Ordering::Release);
    }

    /// Takes `lock` off the record, after it was released.
    #[inline]
    pub(super) fn forget_lock(&self, lock: &RawShmMutex) {
        let depth = self.held_len.load(Ordering::Relaxed);
        let Some(top) = depth.checked_sub(1) else {
            return;
        };
        let offset = segment::offset_of(lock);
        let last = self
            .held
            .get(top as usize)
            .map(|entry| entry.load(Ordering::Relaxed));
        if last.is_some_and(|last| last != offset) {
            self.forget_inner(top as usize, offset);
        }
        self.held_len.store(top, Ordering::Release);
    }

    /// Locks were not released in reverse order: closes the gap.
    #[cold]
    fn forget_inner(&self, top: usize, offset: u64) {
        if let Some(at) = self.held[..top]
            .iter()
            .rposition(|e| e.load(Ordering::Relaxed) == offset)
        {
            for i in at..top {
                self.held[i].store(self.held[i + 1].load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
    }

    /// Offsets of the locks on record: those held, and at most one that was being taken or
    /// released. `None` if there were more than [`MAX_HELD`].
    pub(super) fn held(&self) -> Option<Vec<u64>> {
        let depth = self.held_len.load(Ordering::Acquire) as usize;
        let entries = self.held.get(..depth)?;
        Some(
            entries
                .iter()
                .map(|entry| entry.load(Ordering::Relaxed))
                .collect(),
        )
    }

    /// Empties the record of a dead process.
    pub(super) fn clear_held(&self) {
        self.held_len.store(0, Ordering::Release);
    }
}

const UNSET: u32 = u32::MAX;
static SLOT: AtomicU32 = AtomicU32::new(UNSET);
static AREA: AtomicPtr<ProcArea> = AtomicPtr::new(std::ptr::null_mut());

/// Says which slot this process has. To be called once in each process, right after the fork, by
/// its only thread (the attendant calls it with 0). Panics if there is no such slot.
///
/// In tests: only in a forked child, with a slot from [`lease_slot`].
pub fn set_process_slot(slot: u16) {
    assert!(usize::from(slot) < MAX_PROCESSES, "no process slot {slot}");
    SLOT.store(u32::from(slot), Ordering::Relaxed);
    let area = segment::heap().map_or(std::ptr::null_mut(), |heap| {
        std::ptr::from_ref(heap.adopt(slot)).cast_mut()
    });
    AREA.store(area, Ordering::Release);
    forget_rows();
}

/// The slot of this process; in a program that never set it, the slot of this thread.
#[inline]
pub fn process_slot() -> u16 {
    let slot = SLOT.load(Ordering::Relaxed);
    if slot == UNSET {
        threads::slot()
    } else {
        slot as u16
    }
}

/// The slot of this process as a number; one that is no slot in a program that never set it.
#[inline]
pub(super) fn known_slot() -> u32 {
    SLOT.load(Ordering::Relaxed)
}

/// The area of this process.
#[inline]
pub(super) fn area() -> &'static ProcArea {
    let area = AREA.load(Ordering::Relaxed);
    if area.is_null() {
        return area_slow();
    }
    // SAFETY: AREA holds null or the address of an area inside the segment, which is never
    // unmapped.
    unsafe { &*area }
}

#[cold]
fn area_slow() -> &'static ProcArea {
    let Some(heap) = segment::heap() else {
        // No segment yet: locks still work, nothing is on record. All threads may write here.
        return &NO_SEGMENT;
    };
    let area = heap.adopt(process_slot());
    if SLOT.load(Ordering::Relaxed) != UNSET {
        AREA.store(std::ptr::from_ref(area).cast_mut(), Ordering::Release);
    }
    area
}

static NO_SEGMENT: ProcArea = ProcArea {
    held: [const { AtomicU64::new(0) }; MAX_HELD],
    held_len: AtomicU32::new(0),
    me: AtomicU32::new(0),
    lock_wait: AtomicU64::new(0),
    turns: AtomicU64::new(0),
    journal: Journal::new(),
    caches: Caches::new(),
    tags: TagCounts::new(),
};

/// A slot for a child that a test forks; comes back when dropped.
#[derive(Debug)]
pub struct SlotLease(u16);

impl SlotLease {
    /// The leased slot.
    pub fn slot(&self) -> u16 {
        self.0
    }
}

impl Drop for SlotLease {
    fn drop(&mut self) {
        threads::give_back(self.0);
    }
}

/// Reserves a slot for a child that the caller is going to fork (for tests; the server's slots
/// are those of the process table).
pub fn lease_slot() -> SlotLease {
    SlotLease(threads::take())
}

mod threads {
    use super::*;

    struct Pool {
        free: Vec<u16>,
        next: u16,
    }

    static POOL: Mutex<Pool> = Mutex::new(Pool {
        free: Vec::new(),
        next: FIRST_THREAD_SLOT,
    });

    thread_local! {
        static LEASE: SlotLease = lease_slot();
    }

    pub fn slot() -> u16 {
        // A thread that is already ending (destructors of other thread-locals) borrows a slot.
        LEASE.try_with(|lease| lease.0).unwrap_or_else(|_| take())
    }

    pub fn take() -> u16 {
        let mut pool = POOL.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(slot) = pool.free.pop() {
            return slot;
        }
        let slot = pool.next;
        assert!(
            usize::from(slot) < MAX_PROCESSES,
            "more threads than process slots"
        );
        pool.next += 1;
        slot
    }

    pub fn give_back(slot: u16) {
        POOL.lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .free
            .push(slot);
    }
}
