//! What becomes of the allocator when a process is killed inside of it, and a check of its state.
//!
//! * Dead with the page lock: bins and back links are rebuilt from the tiling of runs.
//! * Dead with a class lock: the class's spans are rebuilt from the headers of their blocks.
//! * Dead with blocks in its cache: they go back to their spans.
//! * Dead between two stores of an allocation or a free: one block stays unused until its span is
//!   rebuilt. It is "cached" by the slot, so a later rebuild of the class for this slot finds it.

#![allow(unsafe_code)]

use std::sync::atomic::Ordering;

use lock_api::RawMutex;

use super::Heap;
use super::cache::{State, Word};
use super::layout::{CLASS_SIZE, CLASSES, FIRST_PAYLOAD, GRANULE, GRANULE_SHIFT, span_blocks};
use super::pages::{Granule, Kind};
use crate::ipc::mutex::RawShmMutex;
use crate::ipc::segment;
use crate::ipc::slot::ProcArea;

/// What a block is, and whose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::ipc) enum BlockState {
    Small(State),
    /// In use; the slot that took it.
    Large(u16),
}

impl BlockState {
    /// Whether it is in use and process `slot` took it.
    pub fn was_taken_by(self, slot: u16) -> bool {
        self == BlockState::Small(State::Live(slot)) || self == BlockState::Large(slot)
    }

    /// Whether process `slot` has freed it and not given back.
    pub fn was_returned_by(self, slot: u16) -> bool {
        self == BlockState::Small(State::Returned(slot))
    }
}

/// True if one of the dead owns `lock`, which this process then takes over.
fn seize(lock: &RawShmMutex, dead: &[u16]) -> bool {
    dead.iter().any(|&slot| lock.seize(slot))
}

impl Heap {
    /// Repairs what the processes `dead`, which were reaped, left behind; `me` is the caller. All
    /// that died must be named at once: a lock of one may be needed to repair after the other.
    pub fn recover(&self, me: u16, dead: &[u16]) {
        self.recover_pages(dead);
        for class in 0..CLASSES {
            let lock = &self.header().classes[class].lock;
            if seize(lock, dead) {
                self.rebuild_class(class, dead);
                // SAFETY: seized by this process.
                unsafe { lock.unlock() };
            }
        }
        for &slot in dead {
            let area = self.area(slot);
            for class in 0..CLASSES {
                self.drop_foreign(area, slot, class);
                self.flush(area, me, class, u32::MAX);
            }
            // A name is complete before it counts, so there is nothing to repair.
            self.header().tags.lock.force_release(slot);
        }
    }

    fn recover_pages(&self, dead: &[u16]) {
        let lock = &self.header().pages.lock;
        let mut broken = seize(lock, dead);
        if !broken {
            lock.lock();
            self.for_each_run(|_, run| {
                broken |= matches!(run.kind, Kind::Punching(slot) if dead.contains(&slot));
            });
        }
        if broken {
            self.pages_rebuild(dead);
        }
        // SAFETY: locked or seized above by this process.
        unsafe { lock.unlock() };
    }

    /// Cuts the cache list of the dead where it leaves blocks that are his.
    fn drop_foreign(&self, area: &ProcArea, dead: u16, class: usize) {
        let cache = &area.caches.0[class];
        let mut link = &cache.head;
        loop {
            let offset = link.load(Ordering::Relaxed);
            if offset == 0 {
                return;
            }
            let known = segment::plausible(self, offset);
            if !known
                || Word(self.word(offset).load(Ordering::Relaxed)).state() != State::Cached(dead)
            {
                log::error!(
                    "BUG: shm: the cache of process slot {dead} is damaged, its rest is lost"
                );
                return link.store(0, Ordering::Relaxed);
            }
            link = self.link(offset);
        }
    }

    /// Rebuilds the spans of a class from the headers of their blocks; those in caches of the dead
    /// are free from now on. The class lock is held by the caller.
    fn rebuild_class(&self, class: usize, dead: &[u16]) {
        let central = &self.header().classes[class];
        for &slot in dead {
            let cache = &self.area(slot).caches.0[class];
            cache.head.store(0, Ordering::Relaxed);
            cache.count.store(0, Ordering::Relaxed);
        }
        central.first.store(0, Ordering::Relaxed);
        central.free.store(0, Ordering::Relaxed);
        let spans = self.spans_of(class);
        central.spans.store(spans.len() as u32, Ordering::Relaxed);
        for span in spans {
            self.rebuild_span(class, span, dead);
        }
    }

    fn spans_of(&self, class: usize) -> Vec<u32> {
        let lock = &self.header().pages.lock;
        let mut spans = Vec::new();
        lock.lock();
        self.for_each_run(|start, run| {
            if run.kind == Kind::Small(class as u8) {
                spans.push(start);
            }
        });
        // SAFETY: locked above by this process.
        unsafe { lock.unlock() };
        spans
    }

    fn rebuild_span(&self, class: usize, span: u32, dead: &[u16]) {
        let entry = self.granule(span);
        let carved = entry.carved.load(Ordering::Relaxed).min(span_blocks(class));
        let (mut free, mut listed) = (0, 0);
        for block in 0..carved {
            let inner = FIRST_PAYLOAD + block * CLASS_SIZE[class];
            let offset = (u64::from(span) << GRANULE_SHIFT) + u64::from(inner);
            let word = self.word(offset);
            let free_now = match Word(word.load(Ordering::Relaxed)).state() {
                State::Central => true,
                State::Cached(slot) => dead.contains(&slot),
                State::Live(_) | State::Returned(_) | State::Broken => false,
            };
            if free_now {
                word.store(Word::central(class).0, Ordering::Relaxed);
                self.link(offset).store(u64::from(free), Ordering::Relaxed);
                free = inner;
                listed += 1;
            }
        }
        entry.free.store(free, Ordering::Relaxed);
        entry.live.store(carved - listed, Ordering::Relaxed);
        let central = &self.header().classes[class];
        central.free.store(
            central.free.load(Ordering::Relaxed) + listed,
            Ordering::Relaxed,
        );
        if free != 0 || carved < span_blocks(class) {
            self.list_span(class, span);
        }
    }

    /// Repairs what `lock` protects and releases it, if it is one of the allocator's that `dead` holds.
    pub fn rescue(&self, lock: &RawShmMutex, dead: u16) -> bool {
        let header = self.header();
        if std::ptr::eq(lock, &header.pages.lock) && lock.seize(dead) {
            self.pages_rebuild(&[dead]);
            // SAFETY: seized by this process.
            unsafe { lock.unlock() };
            return true;
        }
        if std::ptr::eq(lock, &header.tags.lock) {
            return lock.force_release(dead);
        }
        let Some(class) = (0..CLASSES).find(|&c| std::ptr::eq(lock, &header.classes[c].lock))
        else {
            return false;
        };
        let seized = lock.seize(dead);
        if seized {
            self.rebuild_class(class, &[dead]);
            // SAFETY: seized by this process.
            unsafe { lock.unlock() };
        }
        seized
    }

    /// The state of what may be a block; `None`: it is none that somebody has or had.
    pub(in crate::ipc) fn block_state(&self, offset: u64) -> Option<BlockState> {
        if offset.is_multiple_of(GRANULE) {
            let entry = self.large(offset)?;
            return Some(BlockState::Large(entry.taken_by()));
        }
        if !segment::plausible(self, offset) {
            return None;
        }
        let word = Word(self.word(offset).load(Ordering::Relaxed));
        (word.class() < CLASSES).then(|| BlockState::Small(word.state()))
    }

    fn large(&self, offset: u64) -> Option<&'static Granule> {
        let header = self.header();
        let start = u32::try_from(offset >> GRANULE_SHIFT).ok()?;
        let inside = header.first_granule.load(Ordering::Relaxed)
            ..header.end_granule.load(Ordering::Relaxed);
        let entry = inside.contains(&start).then(|| self.granule(start))?;
        matches!(entry.run().kind, Kind::Large(_)).then_some(entry)
    }

    /// The bytes of the block at `offset` that its owner asked for; `None`: nobody owns a block there.
    pub(in crate::ipc) fn block_len(&self, offset: u64) -> Option<u64> {
        match self.block_state(offset)? {
            BlockState::Large(_) => Some(self.large(offset)?.requested()),
            BlockState::Small(State::Live(_) | State::Returned(_)) => {
                Some(Word(self.word(offset).load(Ordering::Relaxed)).size())
            }
            BlockState::Small(State::Central | State::Cached(_) | State::Broken) => None,
        }
    }

    /// Whether somebody owns the block at `offset` and has not freed it.
    pub(in crate::ipc) fn is_live(&self, offset: u64) -> bool {
        let state = self.block_state(offset);
        matches!(
            state,
            Some(BlockState::Large(_) | BlockState::Small(State::Live(_)))
        )
    }

    /// A block of a dead process that turned out to be in use.
    pub(in crate::ipc) fn keep(&self, offset: u64, state: BlockState) {
        if let BlockState::Small(State::Returned(_)) = state {
            let word = self.word(offset);
            let live = Word(word.load(Ordering::Relaxed)).revived();
            word.store(live.0, Ordering::Release);
        }
    }

    /// A block of a dead process that turned out to be lost.
    pub(in crate::ipc) fn take_back(&self, offset: u64, state: BlockState) {
        self.keep(offset, state);
        self.free(crate::ipc::slot::area(), offset);
    }

    /// A block that a dead process was moving from or to its cache, whose list is gone.
    pub(in crate::ipc) fn return_stray(&self, offset: u64) {
        let class = Word(self.word(offset).load(Ordering::Relaxed)).class();
        let lock = &self.header().classes[class].lock;
        lock.lock();
        self.put_block(crate::ipc::slot::process_slot(), class, offset);
        // SAFETY: locked above by this process.
        unsafe { lock.unlock() };
        self.note_out(-i64::from(CLASS_SIZE[class]));
    }

    /// Verifies every invariant of pages and classes; the text says what is wrong. Takes each lock
    /// for as long as it looks at what that protects.
    pub fn check(&self) -> Result<(), String> {
        self.check_pages()?;
        (0..CLASSES).try_for_each(|class| self.check_class(class))
    }

    fn check_pages(&self) -> Result<(), String> {
        let pages = &self.header().pages;
        pages.lock.lock();
        let (mut used, mut free_runs, mut after_free, mut wrong) = (0, 0, false, None);
        let mut end = 0;
        self.for_each_run(|start, run| {
            end = start + run.len;
            match run.kind {
                Kind::FreeEnd | Kind::Inside => {
                    wrong = Some(format!("granule {start} begins no run"))
                }
                Kind::Free => {
                    if after_free {
                        wrong = Some(format!("free run {start} was not joined"));
                    }
                    free_runs += 1;
                }
                Kind::Small(_) | Kind::Large(_) => used += run.len,
                Kind::Punching(_) => {}
            }
            after_free = run.kind == Kind::Free;
        });
        let header = self.header();
        let counted = (
            pages.used.load(Ordering::Relaxed),
            pages.runs.load(Ordering::Relaxed),
        );
        // SAFETY: locked above by this process.
        unsafe { pages.lock.unlock() };
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
        if end != header.end_granule.load(Ordering::Relaxed) {
            return Err(format!("runs end at granule {end}"));
        }
        if counted != (used, free_runs) {
            return Err(format!(
                "{used} granules used in fact, {free_runs} free runs; counted {counted:?}"
            ));
        }
        Ok(())
    }

    fn check_class(&self, class: usize) -> Result<(), String> {
        let lock = &self.header().classes[class].lock;
        lock.lock();
        let result = self
            .spans_of(class)
            .into_iter()
            .try_for_each(|span| self.check_span(class, span));
        // SAFETY: locked above by this process.
        unsafe { lock.unlock() };
        result
    }

    fn check_span(&self, class: usize, span: u32) -> Result<(), String> {
        let entry = self.granule(span);
        let carved = entry.carved.load(Ordering::Relaxed);
        let start = u64::from(span) << GRANULE_SHIFT;
        let mut listed = 0;
        let mut inner = entry.free.load(Ordering::Relaxed);
        while inner != 0 {
            let state = Word(self.word(start + u64::from(inner)).load(Ordering::Relaxed)).state();
            if state != State::Central {
                return Err(format!(
                    "class {class}, span {span}: listed block {inner} is {state:?}"
                ));
            }
            listed += 1;
            if listed > carved {
                return Err(format!("class {class}, span {span}: the list is a circle"));
            }
            inner = self.link(start + u64::from(inner)).load(Ordering::Relaxed) as u32;
        }
        let live = entry.live.load(Ordering::Relaxed);
        if live + listed != carved || carved > span_blocks(class) {
            return Err(format!(
                "class {class}, span {span}: {live} out + {listed} free of {carved}"
            ));
        }
        Ok(())
    }
}
