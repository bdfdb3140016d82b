//! The page heap: runs of 16 KiB granules.
//!
//! The table of granules has an entry for each; the entry of a run's first granule says what the
//! run is and how long, so runs tile the heap. Free runs stand in bins by length (exact up to 32
//! granules, four bins to each doubling above); neighbours are joined when a run is freed. When
//! a free run has a megabyte of touched pages, its pages are given back to the kernel.
//!
//! Invariant: following the first entries by their lengths visits every granule exactly once, at
//! every prefix of the stores (each split and join takes effect by one store to a first entry);
//! bins, back links and counters can be rebuilt from that tiling.

#![allow(unsafe_code)]

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

use lock_api::RawMutex;
use rustix::fs::FallocateFlags;

use super::layout::GRANULE_SHIFT;
use super::{Heap, ShmFull};
use crate::ipc::fault::point;
use crate::ipc::mutex::RawShmMutex;

/// Bins of free runs.
pub const BINS: usize = 192;
const EXACT: u32 = 32;
/// Touched granules from which a free run is given back: 1 MiB.
const PUNCH: u32 = (1 << 20) >> GRANULE_SHIFT;
/// Runs of a mixed bin that are looked at before a longer bin is tried.
const TRIES: usize = 16;

/// State of the page heap, in the segment's header.
#[repr(C, align(64))]
pub struct Pages {
    pub(super) lock: RawShmMutex,
    /// Granules in use.
    pub(super) used: AtomicU32,
    /// Free runs.
    pub(super) runs: AtomicU32,
    /// Bytes given back to the kernel until now.
    pub(super) punched: AtomicI64,
    nonempty: [AtomicU64; BINS / 64],
    bins: [AtomicU32; BINS],
}

/// What a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Free, in a bin.
    Free,
    /// Last granule of a free run; the length field holds the first one.
    FreeEnd,
    /// Not the first granule of a run in use; the length field holds the first one.
    Inside,
    /// A span of this class.
    Small(u8),
    /// A large allocation with this tag.
    Large(u8),
    /// Being given back to the kernel by this process slot.
    Punching(u16),
}

/// The decoded first word of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    pub kind: Kind,
    /// Granules of the run, or its first granule (see [`Kind`]).
    pub len: u32,
}

impl Run {
    pub fn pack(self) -> u64 {
        let (kind, extra) = match self.kind {
            Kind::Free => (1, 0),
            Kind::FreeEnd => (2, 0),
            Kind::Inside => (3, 0),
            Kind::Small(class) => (4, u64::from(class)),
            Kind::Large(tag) => (5, u64::from(tag)),
            Kind::Punching(slot) => (6, u64::from(slot)),
        };
        u64::from(self.len) | kind << 32 | extra << 40
    }

    fn unpack(word: u64) -> Run {
        let extra = (word >> 40) as u16;
        let kind = match word >> 32 & 0xFF {
            1 => Kind::Free,
            2 => Kind::FreeEnd,
            4 => Kind::Small(extra as u8),
            5 => Kind::Large(extra as u8),
            6 => Kind::Punching(extra),
            // Zero, an entry never written, can only be inside of a run.
            _ => Kind::Inside,
        };
        Run {
            kind,
            len: word as u32,
        }
    }
}

/// One entry of the table.
#[repr(C)]
pub struct Granule {
    word: AtomicU64,
    /// Next and previous run of the bin, or span of the class; 0 is none.
    pub(super) next: AtomicU32,
    pub(super) prev: AtomicU32,
    /// Span: first free payload, as an offset in the span. Large: low half of the requested size.
    pub(super) free: AtomicU32,
    /// Span: blocks not on the span's list. Large: high half of the requested size.
    pub(super) live: AtomicU32,
    /// Span: blocks cut until now. Large: the slot that took it.
    pub(super) carved: AtomicU32,
    /// Free run: granules that may have pages.
    dirty: AtomicU32,
}

impl Granule {
    #[inline]
    pub fn run(&self) -> Run {
        Run::unpack(self.word.load(Ordering::Acquire))
    }

    pub fn set(&self, kind: Kind, len: u32) {
        point();
        self.word.store(Run { kind, len }.pack(), Ordering::Release);
    }

    pub fn set_requested(&self, bytes: u64) {
        self.free.store(bytes as u32, Ordering::Relaxed);
        self.live.store((bytes >> 32) as u32, Ordering::Relaxed);
    }

    /// Large: notes the process slot that took it.
    pub fn set_taken_by(&self, slot: u16) {
        self.carved.store(slot.into(), Ordering::Relaxed);
    }

    /// Large: the process slot that took it.
    pub fn taken_by(&self) -> u16 {
        self.carved.load(Ordering::Relaxed) as u16
    }

    pub fn requested(&self) -> u64 {
        u64::from(self.free.load(Ordering::Relaxed))
            | u64::from(self.live.load(Ordering::Relaxed)) << 32
    }
}

/// The bin of a free run of `len` granules.
fn bin_of(len: u32) -> usize {
    if len <= EXACT {
        return len.saturating_sub(1) as usize;
    }
    let log = 31 - len.leading_zeros();
    32 + (log as usize - 5) * 4 + ((len >> (log - 2)) & 3) as usize
}

impl Heap {
    fn pages(&self) -> &'static Pages {
        &self.header().pages
    }

    fn first_granule(&self) -> u32 {
        self.header().first_granule.load(Ordering::Relaxed)
    }

    fn end_granule(&self) -> u32 {
        self.header().end_granule.load(Ordering::Relaxed)
    }

    pub(super) fn pages_format(&self) {
        let first = self.first_granule();
        self.insert_free(first, self.end_granule() - first, 0);
    }

    /// Takes `len` granules; returns the first.
    pub(super) fn pages_alloc(&self, len: u32, kind: Kind) -> Result<u32, ShmFull> {
        let len = len.max(1);
        let pages = self.pages();
        pages.lock.lock();
        let found = self.find_run(len);
        if let Some(start) = found {
            self.cut_run(start, len, kind);
        }
        // SAFETY: locked above by this process.
        unsafe { pages.lock.unlock() };
        found.ok_or(ShmFull)
    }

    /// A free run of at least `len` granules: the shortest bin that surely fits, else a search.
    fn find_run(&self, len: u32) -> Option<u32> {
        let own = bin_of(len);
        let tries = if len <= EXACT { 1 } else { TRIES };
        self.search_bin(own, len, tries)
            .or_else(|| {
                self.first_bin_from(own + 1)
                    .map(|bin| self.pages().bins[bin].load(Ordering::Relaxed))
            })
            .or_else(|| self.search_bin(own, len, usize::MAX))
    }

    fn search_bin(&self, bin: usize, len: u32, tries: usize) -> Option<u32> {
        let mut start = self.pages().bins[bin].load(Ordering::Relaxed);
        for _ in 0..tries {
            if start == 0 {
                return None;
            }
            if self.granule(start).run().len >= len {
                return Some(start);
            }
            start = self.granule(start).next.load(Ordering::Relaxed);
        }
        None
    }

    fn first_bin_from(&self, bin: usize) -> Option<usize> {
        let words = &self.pages().nonempty;
        let mut mask = u64::MAX << (bin % 64);
        for (index, word) in words.iter().enumerate().skip(bin / 64) {
            let bits = word.load(Ordering::Relaxed) & mask;
            if bits != 0 {
                return Some(index * 64 + bits.trailing_zeros() as usize);
            }
            mask = u64::MAX;
        }
        None
    }

    /// Turns the first `len` granules of the free run `start` into a run of `kind`.
    fn cut_run(&self, start: u32, len: u32, kind: Kind) {
        let entry = self.granule(start);
        let total = entry.run().len;
        let dirty = entry.dirty.load(Ordering::Relaxed);
        self.remove_free(start);
        if total > len {
            self.insert_free(start + len, total - len, dirty.saturating_sub(len));
        }
        for inside in 1..len {
            // Only spans are looked up from inside; of a large run the last entry is enough.
            if matches!(kind, Kind::Small(_)) || inside == len - 1 {
                self.granule(start + inside).set(Kind::Inside, start);
            }
        }
        for field in [
            &entry.next,
            &entry.prev,
            &entry.free,
            &entry.live,
            &entry.carved,
            &entry.dirty,
        ] {
            field.store(0, Ordering::Relaxed);
        }
        entry.set(kind, len);
        let pages = self.pages();
        pages
            .used
            .store(pages.used.load(Ordering::Relaxed) + len, Ordering::Relaxed);
    }

    /// Gives back the run that begins at `start`.
    pub(super) fn pages_free(&self, slot: u16, start: u32) {
        let pages = self.pages();
        pages.lock.lock();
        let len = self.granule(start).run().len;
        pages.used.store(
            pages.used.load(Ordering::Relaxed).wrapping_sub(len),
            Ordering::Relaxed,
        );
        let (start, len, dirty) = self.join_run(start, len, len);
        if dirty < PUNCH {
            self.insert_free(start, len, dirty);
        } else {
            // A neighbour that is freed meanwhile must not take the old back link for a free run.
            self.granule(start + len - 1).set(Kind::Inside, start);
            self.granule(start).set(Kind::Punching(slot), len);
        }
        // SAFETY: locked above by this process.
        unsafe { pages.lock.unlock() };
        if dirty >= PUNCH {
            self.punch(start, len);
        }
    }

    /// Joins the run `start` (in no bin) with its free neighbours, which leave their bins.
    fn join_run(&self, mut start: u32, mut len: u32, mut dirty: u32) -> (u32, u32, u32) {
        self.granule(start).set(Kind::Free, len);
        let next = start + len;
        if next < self.end_granule() && self.granule(next).run().kind == Kind::Free {
            len += self.granule(next).run().len;
            dirty += self.granule(next).dirty.load(Ordering::Relaxed);
            self.remove_free(next);
            self.granule(start).set(Kind::Free, len);
        }
        if start > self.first_granule() {
            let before = match self.granule(start - 1).run() {
                Run {
                    kind: Kind::FreeEnd,
                    len: first,
                } => Some(first),
                Run {
                    kind: Kind::Free,
                    len: 1,
                } => Some(start - 1),
                _ => None,
            };
            if let Some(before) = before {
                len += self.granule(before).run().len;
                dirty += self.granule(before).dirty.load(Ordering::Relaxed);
                self.remove_free(before);
                self.granule(before).set(Kind::Free, len);
                start = before;
            }
        }
        (start, len, dirty)
    }

    fn punch_hole(&self, offset: u64, bytes: u64) -> rustix::io::Result<()> {
        // SAFETY: the descriptor of the memfd stays open as long as the mapping.
        let fd = unsafe { BorrowedFd::borrow_raw(self.fd) };
        let how = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        rustix::fs::fallocate(fd, how, offset, bytes)
    }

    /// Makes the large block at `offset`, which its owner has not used yet, read as zero.
    pub(super) fn clear(&self, offset: u64, size: usize) {
        if self.punch_hole(offset, size as u64).is_err() {
            let start = self.base.wrapping_add(offset as usize);
            // SAFETY: `size` bytes that belong to the caller alone.
            unsafe { start.write_bytes(0, size) };
        }
    }

    /// Gives the pages of a run marked `Punching` to the kernel, then the run to the bins.
    fn punch(&self, start: u32, len: u32) {
        let (offset, bytes) = (
            u64::from(start) << GRANULE_SHIFT,
            u64::from(len) << GRANULE_SHIFT,
        );
        if let Err(errno) = self.punch_hole(offset, bytes) {
            // Not an error for anybody: the pages stay and are used again.
            log::warn!("shared memory: pages not given back: {errno}");
        }
        let pages = self.pages();
        pages.lock.lock();
        pages.punched.store(
            pages.punched.load(Ordering::Relaxed) + bytes as i64,
            Ordering::Relaxed,
        );
        let (start, len, dirty) = self.join_run(start, len, 0);
        self.insert_free(start, len, dirty);
        // SAFETY: locked above by this process.
        unsafe { pages.lock.unlock() };
    }

    pub(super) fn insert_free(&self, start: u32, len: u32, dirty: u32) {
        let pages = self.pages();
        let bin = bin_of(len);
        let entry = self.granule(start);
        let first = pages.bins[bin].load(Ordering::Relaxed);
        entry.dirty.store(dirty.min(len), Ordering::Relaxed);
        entry.prev.store(0, Ordering::Relaxed);
        entry.next.store(first, Ordering::Relaxed);
        if first != 0 {
            self.granule(first).prev.store(start, Ordering::Relaxed);
        }
        if len > 1 {
            self.granule(start + len - 1).set(Kind::FreeEnd, start);
        }
        entry.set(Kind::Free, len);
        point();
        pages.bins[bin].store(start, Ordering::Release);
        let word = &pages.nonempty[bin / 64];
        word.store(
            word.load(Ordering::Relaxed) | 1 << (bin % 64),
            Ordering::Relaxed,
        );
        pages
            .runs
            .store(pages.runs.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    fn remove_free(&self, start: u32) {
        let pages = self.pages();
        let entry = self.granule(start);
        let bin = bin_of(entry.run().len);
        let (prev, next) = (
            entry.prev.load(Ordering::Relaxed),
            entry.next.load(Ordering::Relaxed),
        );
        if prev == 0 {
            pages.bins[bin].store(next, Ordering::Release);
        } else {
            self.granule(prev).next.store(next, Ordering::Release);
        }
        if next != 0 {
            self.granule(next).prev.store(prev, Ordering::Relaxed);
        }
        if pages.bins[bin].load(Ordering::Relaxed) == 0 {
            let word = &pages.nonempty[bin / 64];
            word.store(
                word.load(Ordering::Relaxed) & !(1 << (bin % 64)),
                Ordering::Relaxed,
            );
        }
        pages.runs.store(
            pages.runs.load(Ordering::Relaxed).wrapping_sub(1),
            Ordering::Relaxed,
        );
    }

    /// Calls `f` for each run of the heap, in order of address; the page lock is held.
    pub(super) fn for_each_run(&self, mut f: impl FnMut(u32, Run)) {
        let mut start = self.first_granule();
        while start < self.end_granule() {
            let run = self.granule(start).run();
            f(start, run);
            start += run.len.max(1);
        }
    }

    /// Rebuilds bins, back links and counters from the tiling, after the holder of the lock died
    /// or left a run half given back. The lock is held by the caller.
    pub(super) fn pages_rebuild(&self, dead: &[u16]) {
        let pages = self.pages();
        pages
            .bins
            .iter()
            .for_each(|bin| bin.store(0, Ordering::Relaxed));
        pages
            .nonempty
            .iter()
            .for_each(|word| word.store(0, Ordering::Relaxed));
        pages.runs.store(0, Ordering::Relaxed);
        let mut used = 0;
        let mut pending: Option<(u32, u32, u32)> = None;
        self.for_each_run(|start, run| {
            let free = match run.kind {
                Kind::Free => true,
                Kind::Punching(slot) => dead.contains(&slot),
                Kind::FreeEnd | Kind::Inside | Kind::Small(_) | Kind::Large(_) => false,
            };
            if !free {
                used += run.len;
                if run.len > 1 {
                    self.granule(start + run.len - 1).set(Kind::Inside, start);
                }
                if let Some((start, len, dirty)) = pending.take() {
                    self.insert_free(start, len, dirty);
                }
                return;
            }
            let dirty = self.granule(start).dirty.load(Ordering::Relaxed);
            pending = match pending {
                Some((first, len, before)) => {
                    Some((first, len + run.len, before.saturating_add(dirty)))
                }
                None => Some((start, run.len, dirty)),
            };
        });
        if let Some((start, len, dirty)) = pending {
            self.insert_free(start, len, dirty);
        }
        pages.used.store(used, Ordering::Relaxed);
    }
}
