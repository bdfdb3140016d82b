//! What the attendant does for processes that died, in this order:
//!
//! 1. the allocator is repaired and their caches go back, so that memory can be taken and given back again;
//! 2. each [`Owner`] (the wheel, every table) repairs what they held of it, releases the locks, and lets the
//!    records' types mend ([`Mend`]) the records that were being changed;
//! 3. memory that they had taken and put nowhere is given back ([`super::reclaim`]);
//! 4. locks that nobody else knows are released as they are.
//!
//! Only then may their slots be used again. Everything here is done by the attendant, alone.

#![allow(unsafe_code)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::mutex::RawShmMutex;
use super::rank::LockRank;
use super::reclaim::{Reclaimed, reclaim};
use super::segment;
use super::slot::{self, process_slot};

/// What becomes of a record that was being changed by a process which died.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is whole, or was mended.
    Keep,
    /// It cannot be trusted: it is taken out and dropped.
    Drop,
}

/// A record of a table, which outlives the death of a process in the middle of a change of it. Any store of the
/// change may be missing; memory that a field owned before or after is still there.
pub trait Mend {
    /// Repairs what can be half-done, or gives the record up. Called for the records that the dead process had
    /// been given for a change and whose lock it held.
    fn mend(&mut self) -> Fate;
}

/// A structure with locks of its own.
pub(super) trait Owner: Sync {
    /// Repairs what the dead processes held of it, and releases that.
    fn recover(&self, dead: &[u16]);
    /// The same for the one lock of it that `dead` holds; false if it is not one of this structure's.
    fn rescue(&self, lock: &RawShmMutex, dead: u16) -> bool;
    /// Verifies it; the text says what is wrong.
    fn check(&self) -> Result<(), String>;
}

static OWNERS: Mutex<Vec<&'static dyn Owner>> = Mutex::new(Vec::new());

/// Puts a structure on the list, for good; before the first fork.
pub(super) fn register_owner(owner: &'static dyn Owner) {
    owners_mut().push(owner);
}

fn owners_mut() -> std::sync::MutexGuard<'static, Vec<&'static dyn Owner>> {
    OWNERS
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn owners() -> Vec<&'static dyn Owner> {
    owners_mut().clone()
}

/// Records of the dead are being mended or dropped in this process.
static RECOVERING: AtomicBool = AtomicBool::new(false);

/// Whether this process is just mending what others left.
pub(super) fn recovering() -> bool {
    RECOVERING.load(Ordering::Relaxed)
}

/// A step of upper floors after deaths: gets the slots of the dead.
struct Step(fn(&[u16]));

impl Owner for Step {
    fn recover(&self, dead: &[u16]) {
        (self.0)(dead);
    }

    fn rescue(&self, _: &RawShmMutex, _: u16) -> bool {
        false
    }

    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Has `step` called after deaths, when the tables that exist by now are repaired and before memory is given back;
/// for good, before the first fork.
pub fn register_recovery(step: fn(&[u16])) {
    register_owner(Box::leak(Box::new(Step(step))));
}

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

/// What was found and done for one dead process.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Recovered {
    /// The locks it held.
    pub locks: Vec<LockRank>,
    /// Its memory.
    pub memory: Reclaimed,
}

/// Repairs everything after the processes `dead`, which were reaped; tells for each what it had held. Name all
/// that died at once: a lock of one may be needed to repair after another. Panics if the caller is among them.
pub fn recover_processes(dead: &[u16]) -> Vec<Recovered> {
    let me = process_slot();
    for &slot in dead {
        assert!(slot != me, "slot {slot} lives");
    }
    let Some(heap) = segment::heap() else {
        return Vec::new();
    };
    let held: Vec<Vec<HeldLock>> = dead
        .iter()
        .map(|&slot| held_locks(slot).unwrap_or_default())
        .collect();
    heap.recover(me, dead);
    RECOVERING.store(true, Ordering::Relaxed);
    for owner in owners() {
        owner.recover(dead);
    }
    RECOVERING.store(false, Ordering::Relaxed);
    let mut recovered = Vec::new();
    for (&slot, held) in dead.iter().zip(held) {
        let memory = reclaim(&heap, slot);
        for lock in &held {
            lock.lock().force_release(slot);
        }
        let area = heap.area(slot);
        area.clear_held();
        area.journal.clear();
        recovered.push(Recovered {
            locks: held.iter().map(HeldLock::rank).collect(),
            memory,
        });
    }
    settle();
    recovered
}

/// In the attendant, which waits for `lock`: its owner is dead and not reaped yet. Repairs what the lock protects
/// and releases it; everything else waits for [`recover_processes`].
pub fn rescue(lock: &RawShmMutex, dead: u16) {
    let by_heap = segment::heap().is_some_and(|heap| heap.rescue(lock, dead));
    if !by_heap && !owners().iter().any(|owner| owner.rescue(lock, dead)) {
        lock.force_release(dead);
    }
}

/// This process has nothing half-done in shared memory: to be called between two pieces of work. What it took
/// since the last time is somewhere where others find it.
#[inline]
pub fn settle() {
    slot::area().settle();
}

/// Notes that `object`, which is in shared memory, is about to name memory that was just taken. For places that
/// are not records of a table (these are noted when they are handed out).
pub fn note_change<T>(object: &T) {
    let offset = segment::offset_of(object);
    if offset < segment::len() {
        let what = super::journal::Touched::part(offset, size_of::<T>());
        slot::area().journal.touch(what, 0);
    }
}

/// Verifies the whole allocator (for tests and the log); the text says what is wrong.
pub fn check_allocator() -> Result<(), String> {
    segment::heap().map_or(Ok(()), |heap| heap.check())
}

/// Verifies the allocator, the timer wheel and every table; the text says what is wrong. Takes each lock for as
/// long as it looks at what that protects.
pub fn check_all() -> Result<(), String> {
    check_allocator()?;
    owners().iter().try_for_each(|owner| owner.check())
}
