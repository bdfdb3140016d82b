//! The central store of one size class: its spans, and the free blocks in them.
//!
//! A span is a run of granules cut into blocks of one class. Blocks are cut one by one as they
//! are wanted, so the pages of a young span stay untouched. Spans with something to give stand on
//! the class's list; a span that becomes entirely free goes back to the page heap unless it is the
//! last one on the list. Everything here happens under the class's lock.
//!
//! Invariant: a block with index below `carved` has a valid header whose state says where the
//! block is, at every prefix of the stores; lists and counters can be rebuilt from the headers.

#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU32, Ordering};

use lock_api::RawMutex;

use super::cache::Word;
use super::layout::{
    CACHE_LIMIT, CLASS_SIZE, FIRST_PAYLOAD, GRANULE, GRANULE_SHIFT, span_blocks, span_granules,
};
use super::pages::Kind;
use super::{Heap, ShmFull};
use crate::ipc::fault::point;
use crate::ipc::mutex::RawShmMutex;
use crate::ipc::slot::ProcArea;

/// One size class, in the segment's header.
#[repr(C, align(64))]
pub struct Central {
    pub(super) lock: RawShmMutex,
    /// First span that has free or uncut blocks; 0 is none.
    pub(super) first: AtomicU32,
    /// Free blocks on the spans' lists (not the uncut ones).
    pub(super) free: AtomicU32,
    /// Spans that belong to the class.
    pub(super) spans: AtomicU32,
}

impl Heap {
    fn central(&self, class: usize) -> &'static Central {
        &self.header().classes[class]
    }

    /// Moves half a cache of blocks into the cache; returns the one on top, which stays there.
    pub(super) fn refill(&self, area: &ProcArea, slot: u16, class: usize) -> Result<u64, ShmFull> {
        let central = self.central(class);
        let want = (CACHE_LIMIT[class] / 2).max(1);
        central.lock.lock();
        let mut got = 0;
        while got < want {
            let span = central.first.load(Ordering::Relaxed);
            if span != 0 {
                got += self.take_from(area, slot, class, span, want - got);
            } else if got > 0 || self.new_span(class).is_err() {
                break;
            }
        }
        // SAFETY: locked above by this process.
        unsafe { central.lock.unlock() };
        self.note_out(i64::from(got) * i64::from(CLASS_SIZE[class]));
        match area.caches.0[class].head.load(Ordering::Relaxed) {
            0 => Err(ShmFull),
            offset => Ok(offset),
        }
    }

    /// Moves up to `want` blocks of `span` into the cache.
    fn take_from(&self, area: &ProcArea, slot: u16, class: usize, span: u32, want: u32) -> u32 {
        let cache = &area.caches.0[class];
        let entry = self.granule(span);
        let mut got = 0;
        while got < want {
            let Some(offset) = self.take_block(class, span, slot) else {
                break;
            };
            entry
                .live
                .store(entry.live.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            point();
            self.link(offset)
                .store(cache.head.load(Ordering::Relaxed), Ordering::Release);
            cache.head.store(offset, Ordering::Release);
            point();
            got += 1;
        }
        cache.count.store(
            cache.count.load(Ordering::Relaxed).wrapping_add(got),
            Ordering::Relaxed,
        );
        if entry.free.load(Ordering::Relaxed) == 0
            && entry.carved.load(Ordering::Relaxed) == span_blocks(class)
        {
            self.unlist_span(class, span);
        }
        got
    }

    /// One block from the list of `span`, or a newly cut one; its header says "cached by slot".
    fn take_block(&self, class: usize, span: u32, slot: u16) -> Option<u64> {
        let entry = self.granule(span);
        let start = u64::from(span) << GRANULE_SHIFT;
        let free = entry.free.load(Ordering::Relaxed);
        if free != 0 {
            let offset = start + u64::from(free);
            let next = self.link(offset).load(Ordering::Relaxed);
            self.word(offset)
                .store(Word::cached(class, slot).0, Ordering::Release);
            point();
            entry.free.store(next as u32, Ordering::Release);
            point();
            let central = self.central(class);
            central.free.store(
                central.free.load(Ordering::Relaxed).wrapping_sub(1),
                Ordering::Relaxed,
            );
            return Some(offset);
        }
        let carved = entry.carved.load(Ordering::Relaxed);
        if carved >= span_blocks(class) {
            return None;
        }
        let offset = start + u64::from(FIRST_PAYLOAD + carved * CLASS_SIZE[class]);
        self.word(offset)
            .store(Word::cached(class, slot).0, Ordering::Release);
        point();
        entry.carved.store(carved + 1, Ordering::Release);
        Some(offset)
    }

    /// Moves up to `want` blocks from the cache to their spans.
    #[cold]
    pub(super) fn flush(&self, area: &ProcArea, slot: u16, class: usize, want: u32) {
        let central = self.central(class);
        let cache = &area.caches.0[class];
        if cache.head.load(Ordering::Relaxed) == 0 {
            return cache.count.store(0, Ordering::Relaxed);
        }
        central.lock.lock();
        let mut moved = 0;
        while moved < want {
            let offset = cache.head.load(Ordering::Relaxed);
            if offset == 0 {
                break;
            }
            let next = self.link(offset).load(Ordering::Relaxed);
            cache.head.store(next, Ordering::Release);
            point();
            self.put_block(slot, class, offset);
            moved += 1;
        }
        let left = cache.count.load(Ordering::Relaxed).saturating_sub(moved);
        let empty = cache.head.load(Ordering::Relaxed) == 0;
        cache
            .count
            .store(if empty { 0 } else { left }, Ordering::Relaxed);
        // SAFETY: locked above by this process.
        unsafe { central.lock.unlock() };
        self.note_out(-(i64::from(moved) * i64::from(CLASS_SIZE[class])));
    }

    /// Puts a block on the list of its span; gives the span back when nothing of it is in use.
    pub(super) fn put_block(&self, slot: u16, class: usize, offset: u64) {
        let span = self.span_of(offset);
        let entry = self.granule(span);
        let central = self.central(class);
        let was_full = entry.free.load(Ordering::Relaxed) == 0
            && entry.carved.load(Ordering::Relaxed) == span_blocks(class);
        self.word(offset)
            .store(Word::central(class).0, Ordering::Release);
        point();
        self.link(offset).store(
            u64::from(entry.free.load(Ordering::Relaxed)),
            Ordering::Release,
        );
        entry.free.store(
            (offset - (u64::from(span) << GRANULE_SHIFT)) as u32,
            Ordering::Release,
        );
        central.free.store(
            central.free.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Relaxed,
        );
        point();
        let live = entry.live.load(Ordering::Relaxed).wrapping_sub(1);
        entry.live.store(live, Ordering::Relaxed);
        if was_full {
            self.list_span(class, span);
        }
        let alone = central.first.load(Ordering::Relaxed) == span
            && entry.next.load(Ordering::Relaxed) == 0;
        if live == 0 && !alone {
            self.release_span(slot, class, span);
        }
    }

    /// The first granule of the span around `offset`.
    pub(super) fn span_of(&self, offset: u64) -> u32 {
        let index = (offset / GRANULE) as u32;
        let run = self.granule(index).run();
        if run.kind == Kind::Inside {
            run.len
        } else {
            index
        }
    }

    fn new_span(&self, class: usize) -> Result<(), ShmFull> {
        let span = self.pages_alloc(span_granules(class), Kind::Small(class as u8))?;
        let central = self.central(class);
        central
            .spans
            .store(central.spans.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        self.list_span(class, span);
        Ok(())
    }

    /// Gives every span of the class that is entirely free back to the page heap.
    pub(super) fn release_empty(&self, slot: u16, class: usize) {
        let central = self.central(class);
        central.lock.lock();
        let mut span = central.first.load(Ordering::Relaxed);
        while span != 0 {
            let next = self.granule(span).next.load(Ordering::Relaxed);
            if self.granule(span).live.load(Ordering::Relaxed) == 0 {
                self.release_span(slot, class, span);
            }
            span = next;
        }
        // SAFETY: locked above by this process.
        unsafe { central.lock.unlock() };
    }

    /// Takes an entirely free span off the list and gives it to the page heap.
    fn release_span(&self, slot: u16, class: usize, span: u32) {
        let central = self.central(class);
        // Uncut blocks are not on the list, so it holds exactly `carved` ones.
        let listed = self.granule(span).carved.load(Ordering::Relaxed);
        central.free.store(
            central.free.load(Ordering::Relaxed).wrapping_sub(listed),
            Ordering::Relaxed,
        );
        central.spans.store(
            central.spans.load(Ordering::Relaxed).wrapping_sub(1),
            Ordering::Relaxed,
        );
        point();
        self.unlist_span(class, span);
        point();
        self.pages_free(slot, span);
    }

    pub(super) fn list_span(&self, class: usize, span: u32) {
        let central = self.central(class);
        let first = central.first.load(Ordering::Relaxed);
        let entry = self.granule(span);
        entry.prev.store(0, Ordering::Relaxed);
        entry.next.store(first, Ordering::Relaxed);
        if first != 0 {
            self.granule(first).prev.store(span, Ordering::Relaxed);
        }
        central.first.store(span, Ordering::Release);
    }

    fn unlist_span(&self, class: usize, span: u32) {
        let entry = self.granule(span);
        let (prev, next) = (
            entry.prev.load(Ordering::Relaxed),
            entry.next.load(Ordering::Relaxed),
        );
        if prev == 0 {
            self.central(class).first.store(next, Ordering::Release);
        } else {
            self.granule(prev).next.store(next, Ordering::Release);
        }
        if next != 0 {
            self.granule(next).prev.store(prev, Ordering::Relaxed);
        }
        entry.next.store(0, Ordering::Relaxed);
        entry.prev.store(0, Ordering::Relaxed);
    }
}
