//! The allocator of the segment.
//!
//! Three layers: the [`cache`] of the process (no lock, no shared cache line), the [`central`]
//! store of each size class (a lock a class, entered once for half a cache of blocks), and the
//! [`pages`] heap (one lock; hands 16 KiB granules to classes and to large allocations, joins free
//! neighbours, punches holes). A block may be freed by any process. Exhaustion is an error value,
//! never an abort.
//!
//! Invariant: each block of memory is in exactly one place (owned, in one cache, in one span's
//! list, or part of one free run), except for at most one block that a process was moving when it
//! was killed; [`recover`] says what then becomes of it.

#![allow(unsafe_code)]

use std::fmt;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) mod cache;
pub(super) mod central;
pub(super) mod layout;
pub(super) mod pages;
pub(super) mod recover;
pub(super) mod stats;
pub(super) mod tag;
#[cfg(test)]
mod tests;

use super::fault::{self, point};
use super::mutex::RawShmMutex;
use super::rank::LockRank;
use super::recover::recovering;
use super::segment::{self, LAYOUT_VERSION, MAGIC};
use super::slot::{self, MAX_PROCESSES, ProcArea};
use cache::Word;
use layout::{
    BLOCK_HEADER, CACHE_LIMIT, CLASS_SIZE, CLASSES, GRANULE, GRANULE_SHIFT, Header, MAX_SMALL,
    Plan, area_offset, class_of, map_offset,
};
use pages::Granule;
pub(super) use recover::BlockState;
pub use stats::{ShmStats, TagStats, shm_stats};
pub use tag::{MAX_TAG_NAME, MAX_TAGS, ShmTag};

/// Shared memory is exhausted (the limit is reached), or there is no segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShmFull;

impl fmt::Display for ShmFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of shared memory")
    }
}

impl std::error::Error for ShmFull {}

/// Takes `size` bytes, aligned to 16 (to 16 KiB above 32,760 bytes). The content is arbitrary.
#[inline]
pub(super) fn alloc(size: usize, tag: ShmTag) -> Result<u64, ShmFull> {
    if fault::fails() {
        return Err(ShmFull);
    }
    let heap = segment::heap().ok_or(ShmFull)?;
    let result = heap.alloc(slot::area(), size, tag);
    if result.is_err() {
        heap.count_refused(size, tag);
    }
    result
}

/// Takes `size` bytes that are zero, aligned to 16 KiB; pages are taken when they are written.
pub(super) fn alloc_zeroed(size: usize, tag: ShmTag) -> Result<u64, ShmFull> {
    let heap = segment::heap().ok_or(ShmFull)?;
    let size = size.max(MAX_SMALL + 1);
    let offset = heap.alloc_large(slot::area(), size, tag)?;
    heap.clear(offset, size);
    Ok(offset)
}

/// Gives back what [`alloc`] returned; while the process holds a lock, when it has released the last one. A
/// wrong or already freed offset is logged and ignored.
#[inline]
pub(super) fn free(offset: u64) {
    let Some(heap) = segment::heap() else { return };
    let area = slot::area();
    if area.holds_back() && heap.hold_back(area, offset) {
        return;
    }
    heap.free(area, offset);
}

/// The bytes that were asked for of the block at `offset`; `None`: there is no such block.
pub(super) fn len_of(offset: u64) -> Option<u64> {
    segment::heap()?.block_len(offset)
}

/// Gives back what was freed under the locks that the process has just released.
#[cold]
pub(super) fn give_back(area: &ProcArea) {
    if let Some(heap) = segment::heap() {
        area.journal.give_back(|offset| heap.free(area, offset));
    }
}

/// A formatted mapping, seen as a heap.
#[derive(Clone, Copy)]
pub(super) struct Heap {
    base: *mut u8,
    fd: RawFd,
}

impl Heap {
    /// # Safety
    /// `base` is the start of a mapping made for a [`Plan`], zero or formatted, which outlives
    /// all use of the result; `fd` is its file.
    #[inline]
    pub unsafe fn at(base: *mut u8, fd: RawFd) -> Heap {
        Heap { base, fd }
    }

    #[inline]
    pub fn header(&self) -> &'static Header {
        // SAFETY: the header is at the start of the mapping (`at`) and consists of atomics.
        unsafe { &*self.base.cast::<Header>() }
    }

    /// The area of `slot`. Panics if there is no such slot.
    pub fn area(&self, slot: u16) -> &'static ProcArea {
        assert!(usize::from(slot) < MAX_PROCESSES, "no process slot {slot}");
        // SAFETY: an area inside the mapping (`at`, `Plan`), made of atomics.
        unsafe { &*self.base.wrapping_add(area_offset(slot) as usize).cast() }
    }

    /// The area of `slot`, which a process begins to use.
    pub fn adopt(&self, slot: u16) -> &'static ProcArea {
        let area = self.area(slot);
        let word = &self.header().adopted[usize::from(slot) / 64];
        let bit = 1 << (slot % 64);
        if word.load(Ordering::Relaxed) & bit == 0 {
            area.adopt(slot);
            word.fetch_or(bit, Ordering::Relaxed);
        }
        area
    }

    /// The areas that any process ever used; reading others would cost memory.
    pub fn adopted(&self) -> impl Iterator<Item = &'static ProcArea> {
        let heap = *self;
        (0..MAX_PROCESSES as u16).filter_map(move |slot| {
            let word = heap.header().adopted[usize::from(slot) / 64].load(Ordering::Relaxed);
            (word >> (slot % 64) & 1 != 0).then(|| heap.area(slot))
        })
    }

    /// The entry of granule `index`.
    #[inline]
    pub fn granule(&self, index: u32) -> &'static Granule {
        debug_assert!(
            u64::from(index) <= self.header().len.load(Ordering::Relaxed) >> GRANULE_SHIFT
        );
        // SAFETY: the table has an entry for each granule of the file (`Plan::new`), of atomics.
        unsafe { &*self.base.wrapping_add(map_offset(index) as usize).cast() }
    }

    /// The header word of the small block whose payload is at `offset`.
    #[inline]
    pub fn word(&self, offset: u64) -> &'static AtomicU64 {
        // SAFETY: callers pass payload offsets inside the heap; the word before each small payload
        // is its header and only ever accessed atomically.
        unsafe {
            &*self
                .base
                .wrapping_add(offset as usize - BLOCK_HEADER)
                .cast()
        }
    }

    /// The link word in the payload of a free block.
    #[inline]
    pub fn link(&self, offset: u64) -> &'static AtomicU64 {
        // SAFETY: as `word`; the payload of a free block belongs to the allocator.
        unsafe { &*self.base.wrapping_add(offset as usize).cast() }
    }

    /// Writes the header of a fresh mapping.
    pub fn format(&self, plan: &Plan) {
        let header = self.header();
        header.len.store(plan.len, Ordering::Relaxed);
        header.limit.store(plan.limit, Ordering::Relaxed);
        header.heap_start.store(plan.heap_start, Ordering::Relaxed);
        let first = (plan.heap_start >> GRANULE_SHIFT) as u32;
        header.first_granule.store(first, Ordering::Relaxed);
        header
            .end_granule
            .store((plan.len >> GRANULE_SHIFT) as u32, Ordering::Relaxed);
        let locks = std::iter::once((&raw const header.tags.lock, LockRank::TAGS, 0))
            .chain(std::iter::once((
                &raw const header.roots.lock,
                LockRank::ROOTS,
                0,
            )))
            .chain(std::iter::once((
                &raw const header.pages.lock,
                LockRank::ALLOC_PAGES,
                0,
            )))
            .chain((0..CLASSES).map(|c| {
                (
                    &raw const header.classes[c].lock,
                    LockRank::ALLOC_CLASS,
                    c as u16,
                )
            }));
        for (lock, rank, index) in locks {
            // SAFETY: the mapping is not yet shared with anybody; no other reference is in use.
            unsafe { lock.cast_mut().write(RawShmMutex::new(rank, index)) };
        }
        header.tags.format();
        self.pages_format();
        header.shape.store(layout::SHAPE, Ordering::Relaxed);
        header.version.store(LAYOUT_VERSION, Ordering::Relaxed);
        header.magic.store(MAGIC, Ordering::Release);
    }

    #[cold]
    fn count_refused(&self, size: usize, tag: ShmTag) {
        let out = &self.header().out;
        let last = u64::from(tag.index()) << 32 | size.min(u32::MAX as usize) as u64;
        out.last_refused.store(last, Ordering::Relaxed);
        out.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// See [`alloc`]; `area` is that of the caller.
    #[inline]
    pub fn alloc(&self, area: &ProcArea, size: usize, tag: ShmTag) -> Result<u64, ShmFull> {
        if size > MAX_SMALL {
            return self.alloc_large(area, size, tag);
        }
        let class = class_of(size);
        let cache = &area.caches.0[class];
        let mut offset = cache.head.load(Ordering::Relaxed);
        if offset == 0 {
            offset = self.refill_or_trim(area, class)?;
        }
        let next = self.link(offset).load(Ordering::Relaxed);
        area.journal.take(offset);
        point();
        // Killed between these two stores, the block is "cached" but on no list: the journal names it.
        cache.head.store(next, Ordering::Release);
        point();
        let live = Word::live(size, tag.index(), class, area.slot());
        self.word(offset).store(live.0, Ordering::Release);
        point();
        cache.count.store(
            cache.count.load(Ordering::Relaxed).wrapping_sub(1),
            Ordering::Relaxed,
        );
        area.tags
            .note(tag, u64::from(CLASS_SIZE[class]), size as u64, 1);
        Ok(offset)
    }

    /// See [`free`]; `area` is that of the caller.
    #[inline]
    pub fn free(&self, area: &ProcArea, offset: u64) {
        if offset.is_multiple_of(GRANULE) {
            return self.free_large(area, offset);
        }
        if !segment::plausible(self, offset) {
            return bad_free(offset, Word(0));
        }
        let header = self.word(offset);
        let word = Word(header.load(Ordering::Relaxed));
        if !word.may_be_freed_by(area.slot()) {
            return bad_free(offset, word);
        }
        let class = word.class();
        let cache = &area.caches.0[class];
        area.journal.free(offset);
        point();
        header.store(Word::cached(class, area.slot()).0, Ordering::Release);
        point();
        self.link(offset)
            .store(cache.head.load(Ordering::Relaxed), Ordering::Release);
        point();
        cache.head.store(offset, Ordering::Release);
        point();
        let count = cache.count.load(Ordering::Relaxed).wrapping_add(1);
        cache.count.store(count, Ordering::Relaxed);
        area.tags.note(
            ShmTag::from_index(word.tag()),
            u64::from(CLASS_SIZE[class]),
            word.size(),
            -1,
        );
        if count > CACHE_LIMIT[class] {
            self.flush(area, area.slot(), class, CACHE_LIMIT[class] / 2);
        }
    }

    /// Lets a block that is freed under a lock wait until the locks are released; false: it cannot wait, or
    /// is none.
    fn hold_back(&self, area: &ProcArea, offset: u64) -> bool {
        if offset.is_multiple_of(GRANULE) || !segment::plausible(self, offset) {
            return false;
        }
        let header = self.word(offset);
        let word = Word(header.load(Ordering::Relaxed));
        // The entry first: one whose header does not say so counts for nothing.
        let waits = word.is_live() && area.journal.hold_back(offset);
        if waits {
            point();
            header.store(word.returned(area.slot()).0, Ordering::Release);
            point();
        }
        waits
    }

    /// Fills an empty cache; when memory is short gives back what is idle and tries once more.
    #[cold]
    fn refill_or_trim(&self, area: &ProcArea, class: usize) -> Result<u64, ShmFull> {
        self.refill(area, area.slot(), class).or_else(|ShmFull| {
            self.trim(area, area.slot());
            self.refill(area, area.slot(), class)
        })
    }

    #[cold]
    fn alloc_large(&self, area: &ProcArea, size: usize, tag: ShmTag) -> Result<u64, ShmFull> {
        let granules = u32::try_from((size as u64).div_ceil(GRANULE)).map_err(|_| ShmFull)?;
        let start = self
            .pages_alloc(granules, pages::Kind::Large(tag.index()))
            .or_else(|ShmFull| {
                self.trim(area, area.slot());
                self.pages_alloc(granules, pages::Kind::Large(tag.index()))
            })?;
        let entry = self.granule(start);
        entry.set_requested(size as u64);
        entry.set_taken_by(area.slot());
        area.journal.take(u64::from(start) << GRANULE_SHIFT);
        let real = u64::from(granules) << GRANULE_SHIFT;
        area.tags.note(tag, real, size as u64, 1);
        self.note_out(real as i64);
        Ok(u64::from(start) << GRANULE_SHIFT)
    }

    #[cold]
    fn free_large(&self, area: &ProcArea, offset: u64) {
        let start = (offset >> GRANULE_SHIFT) as u32;
        let header = self.header();
        let inside = header.first_granule.load(Ordering::Relaxed)
            ..header.end_granule.load(Ordering::Relaxed);
        if !inside.contains(&start) {
            return bad_free(offset, Word(0));
        }
        let entry = self.granule(start);
        let run = entry.run();
        let pages::Kind::Large(tag) = run.kind else {
            return bad_free(offset, Word(run.pack()));
        };
        let real = u64::from(run.len) << GRANULE_SHIFT;
        area.tags
            .note(ShmTag::from_index(tag), real, entry.requested(), -1);
        self.note_out(-(real as i64));
        self.pages_free(area.slot(), start);
    }

    /// Gives back this process's cache and the empty spans that classes keep in reserve.
    #[cold]
    pub fn trim(&self, area: &ProcArea, slot: u16) {
        for class in 0..CLASSES {
            self.flush(area, slot, class, u32::MAX);
            self.release_empty(slot, class);
        }
    }

    fn note_out(&self, bytes: i64) {
        let out = &self.header().out;
        let now = out.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if bytes > 0 {
            out.max_bytes.fetch_max(now, Ordering::Relaxed);
        }
    }
}

#[cold]
fn bad_free(offset: u64, word: Word) {
    if recovering() {
        // Freed by the dead already: the field was dropped and not overwritten.
        return;
    }
    log::error!(
        "BUG: shm_free: {offset:#x} is not allocated (header {:#018x}), ignored",
        word.0
    );
}
