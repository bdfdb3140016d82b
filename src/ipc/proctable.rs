//! The storage of the process table: who there is, in shared memory.
//!
//! A fixed number of entries, made before the first fork; the entry's number is the process slot
//! and stays with its process (SER shifts later entries down when one leaves, so numbers change).
//! What the entries mean, and when they change, is the attendant's business (floor 9).

#![allow(unsafe_code)]

use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use super::alloc::{self, ShmFull, ShmTag};
use super::boxed::shm_static_with;
use super::safe::ShmSafe;
use super::segment;
use super::slot::FIRST_THREAD_SLOT;
use super::text_cell::{MAX_TEXT, TextCell};

/// Bytes of a description that are kept.
pub const MAX_DESC: usize = MAX_TEXT;

/// What an entry is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum ProcState {
    /// Nobody has it.
    Free = 0,
    /// Reserved for a process that is being forked.
    Starting = 1,
    /// Its process lives.
    Running = 2,
    /// Its process was asked to end.
    Stopping = 3,
    /// Its process died and what it held is being repaired.
    Dead = 4,
}

impl ProcState {
    fn from_word(word: u32) -> ProcState {
        match word {
            1 => ProcState::Starting,
            2 => ProcState::Running,
            3 => ProcState::Stopping,
            4 => ProcState::Dead,
            _ => ProcState::Free,
        }
    }
}

/// One process. Each entry has cache lines of its own.
#[repr(C, align(64))]
pub struct ProcEntry {
    pid: AtomicI32,
    rank: AtomicI32,
    /// Number among the processes of its kind (TCP receivers); -1 if it has none.
    index: AtomicI32,
    state: AtomicU32,
    /// How many processes had this entry before.
    generation: AtomicU32,
    /// Not 0: the process waits for work.
    waiting: AtomicU32,
    /// Not 0: the process does not come to an end with what it does.
    stuck: AtomicU32,
    desc: TextCell,
}

impl ProcEntry {
    fn new() -> ProcEntry {
        ProcEntry {
            pid: AtomicI32::new(0),
            rank: AtomicI32::new(0),
            index: AtomicI32::new(-1),
            state: AtomicU32::new(ProcState::Free as u32),
            generation: AtomicU32::new(0),
            waiting: AtomicU32::new(0),
            stuck: AtomicU32::new(0),
            desc: TextCell::new(),
        }
    }

    /// Process id; 0 while there is none.
    pub fn pid(&self) -> i32 {
        self.pid.load(Ordering::Acquire)
    }

    /// Sets the process id.
    pub fn set_pid(&self, pid: i32) {
        self.pid.store(pid, Ordering::Release);
    }

    /// The rank given to `child_init`.
    pub fn rank(&self) -> i32 {
        self.rank.load(Ordering::Relaxed)
    }

    /// Sets the rank.
    pub fn set_rank(&self, rank: i32) {
        self.rank.store(rank, Ordering::Relaxed);
    }

    /// Number among the processes of its kind; -1 if it has none.
    pub fn index(&self) -> i32 {
        self.index.load(Ordering::Relaxed)
    }

    /// Sets the number among the processes of its kind.
    pub fn set_index(&self, index: i32) {
        self.index.store(index, Ordering::Relaxed);
    }

    /// What the entry is used for.
    pub fn state(&self) -> ProcState {
        ProcState::from_word(self.state.load(Ordering::Acquire))
    }

    /// Changes what the entry is used for.
    pub fn set_state(&self, state: ProcState) {
        self.state.store(state as u32, Ordering::Release);
    }

    /// Whether the process waits for work.
    pub fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) != 0
    }

    /// Notes whether the process waits for work.
    #[inline]
    pub fn set_waiting(&self, waiting: bool) {
        self.waiting.store(waiting.into(), Ordering::Relaxed);
    }

    /// Whether the process does not come to an end with what it does.
    pub fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Relaxed) != 0
    }

    /// Says so, or not.
    pub fn set_stuck(&self, stuck: bool) {
        self.stuck.store(stuck.into(), Ordering::Relaxed);
    }

    /// How many processes had this entry before the present one.
    pub fn generation(&self) -> u32 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Counts one more process; returns the new number.
    pub fn next_generation(&self) -> u32 {
        self.generation
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_add(1)
    }

    /// Sets the description: the first [`MAX_DESC`] bytes, cut at a character.
    pub fn set_desc(&self, desc: &str) {
        self.desc.set(desc);
    }

    /// The description, as `core.ps` shows it.
    pub fn desc(&self) -> String {
        self.desc.get()
    }

    /// Makes the entry free.
    pub fn clear(&self) {
        self.set_pid(0);
        self.set_waiting(false);
        self.set_stuck(false);
        self.generation.store(0, Ordering::Relaxed);
        self.set_rank(0);
        self.set_index(-1);
        self.set_desc("");
        self.set_state(ProcState::Free);
    }
}

/// The table.
#[repr(C)]
pub struct ProcTable {
    entries: u64,
    capacity: u32,
    /// Processes that live, the attendant included (SER's `process_count`).
    count: AtomicU32,
}

// SAFETY: numbers, and the offset of an array of entries made of atomics.
unsafe impl ShmSafe for ProcTable {}

impl ProcTable {
    /// Makes a table for `capacity` processes, the attendant (slot 0) included; at most 512.
    /// `process_count` is 1. One that is there already keeps its capacity.
    pub fn create(capacity: usize) -> Result<&'static ProcTable, ShmFull> {
        let capacity = capacity.clamp(1, usize::from(FIRST_THREAD_SLOT));
        shm_static_with(ShmTag::CORE, || ProcTable::new(capacity))
    }

    fn new(capacity: usize) -> Result<ProcTable, ShmFull> {
        let bytes = (capacity + 1) * size_of::<ProcEntry>();
        let entries =
            alloc::alloc(bytes, ShmTag::CORE)?.next_multiple_of(align_of::<ProcEntry>() as u64);
        for slot in 0..capacity {
            // SAFETY: inside the block allocated above (one entry longer than needed, for the
            // alignment), known to nobody else.
            unsafe {
                segment::at::<ProcEntry>(entries)
                    .add(slot)
                    .write(ProcEntry::new())
            };
        }
        Ok(ProcTable {
            entries,
            capacity: capacity as u32,
            count: AtomicU32::new(1),
        })
    }

    /// Entries that there are; slots are below this.
    pub fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// The entry of process slot `slot`.
    pub fn entry(&self, slot: u16) -> Option<&ProcEntry> {
        // SAFETY: the array has `capacity` initialised entries and is never freed.
        (u32::from(slot) < self.capacity)
            .then(|| unsafe { &*segment::at::<ProcEntry>(self.entries).add(usize::from(slot)) })
    }

    /// All entries with their slots, free ones included.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &ProcEntry)> {
        (0..self.capacity as u16).filter_map(|slot| Some((slot, self.entry(slot)?)))
    }

    /// Reserves the lowest free entry for a process to be forked; `None` when the table is full.
    pub fn claim(&self) -> Option<u16> {
        let (free, starting) = (ProcState::Free as u32, ProcState::Starting as u32);
        self.iter()
            .find(|(_, entry)| {
                entry
                    .state
                    .compare_exchange(free, starting, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
            })
            .map(|(slot, _)| slot)
    }

    /// The entry of the process with id `pid`.
    pub fn find_pid(&self, pid: i32) -> Option<(u16, &ProcEntry)> {
        self.iter()
            .find(|(_, entry)| entry.pid() == pid && entry.state() != ProcState::Free)
    }

    /// Processes that live, the attendant included.
    pub fn process_count(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    /// Counts a new process; returns the new number.
    pub fn count_up(&self) -> u32 {
        self.count.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Counts a process that ended; returns the new number.
    pub fn count_down(&self) -> u32 {
        self.count.fetch_sub(1, Ordering::AcqRel).wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::lease_slot;
    use crate::ipc::test_segment;
    use crate::ipc::tests::{fork_child, wait_child};

    #[test]
    fn a_child_describes_itself_and_the_parent_reads_it() {
        test_segment();
        let table = ProcTable::create(4).expect("memory");
        assert_eq!(table.process_count(), 1);
        let slot = table.claim().expect("free");
        let entry = table.entry(slot).expect("inside");
        let lease = lease_slot();
        let pid = fork_child(lease.slot(), || {
            entry.set_desc("receiver child=0 sock=127.0.0.1:5060");
            entry.set_rank(1);
            entry.set_state(ProcState::Running);
            table.count_up();
            0
        });
        entry.set_pid(pid);
        assert_eq!(wait_child(pid), 0);
        assert_eq!(entry.desc(), "receiver child=0 sock=127.0.0.1:5060");
        assert_eq!(
            (entry.rank(), entry.state(), entry.index()),
            (1, ProcState::Running, -1)
        );
        assert_eq!(table.find_pid(pid).map(|(slot, _)| slot), Some(slot));
        assert_eq!(table.process_count(), 2);
        assert_eq!(table.count_down(), 1);
        entry.clear();
        assert!(table.find_pid(pid).is_none());
        assert_eq!(entry.desc(), "");
    }

    #[test]
    fn every_entry_can_be_claimed_once() {
        test_segment();
        let table = ProcTable::create(3).expect("memory");
        assert_eq!(
            [table.claim(), table.claim(), table.claim(), table.claim()],
            [Some(0), Some(1), Some(2), None]
        );
        table.entry(1).expect("inside").clear();
        assert_eq!(table.claim(), Some(1));
        assert!(table.entry(3).is_none());
    }

    #[test]
    fn a_long_description_is_cut_at_a_character() {
        test_segment();
        let table = ProcTable::create(1).expect("memory");
        let entry = table.entry(0).expect("inside");
        entry.set_desc(&"é".repeat(100));
        assert_eq!(entry.desc(), "é".repeat(63));
    }
}
