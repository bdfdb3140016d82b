//! The allocator against a model, and at its limits.

#![allow(unsafe_code)]

use super::cache::State;
use super::*;
use crate::ipc::segment::Mapping;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A heap of its own for one test, used by two processes that this test plays.
struct Lab {
    mapping: Mapping,
}

impl Lab {
    fn new(limit: u64) -> Lab {
        Lab {
            mapping: Mapping::new(limit).expect("mapping"),
        }
    }

    fn heap(&self) -> Heap {
        self.mapping.heap()
    }

    fn area(&self, slot: u16) -> &ProcArea {
        self.heap().adopt(slot)
    }

    fn alloc(&self, slot: u16, size: usize) -> Result<u64, ShmFull> {
        self.heap().alloc(self.area(slot), size, ShmTag::CORE)
    }

    fn free(&self, slot: u16, offset: u64) {
        self.heap().free(self.area(slot), offset);
    }

    fn trim(&self, slot: u16) {
        self.heap().trim(self.area(slot), slot);
    }

    fn fill(&self, offset: u64, size: usize, byte: u8) {
        // SAFETY: the test owns `size` bytes there.
        unsafe {
            self.heap()
                .base
                .add(offset as usize)
                .write_bytes(byte, size)
        };
    }

    fn holds(&self, offset: u64, size: usize, byte: u8) -> bool {
        // SAFETY: the test owns `size` bytes there.
        unsafe { std::slice::from_raw_parts(self.heap().base.add(offset as usize), size) }
            .iter()
            .all(|b| *b == byte)
    }

    fn used_granules(&self) -> u32 {
        self.heap().header().pages.used.load(Ordering::Relaxed)
    }
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 0..600_usize, 3 => 600..9000_usize, 1 => 9000..40_000_usize, 1 => 40_000..400_000_usize]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn blocks_never_overlap_keep_their_content_and_all_come_back(
        steps in prop::collection::vec((any::<bool>(), 0..3_u16, sizes(), any::<prop::sample::Index>()), 1..600)
    ) {
        let lab = Lab::new(32 << 20);
        let mut live: BTreeMap<u64, (usize, u8)> = BTreeMap::new();
        let mut requested = 0;
        for (number, (take, slot, size, index)) in steps.into_iter().enumerate() {
            if take || live.is_empty() {
                let Ok(offset) = lab.alloc(slot, size) else { continue };
                prop_assert_eq!(offset % 16, 0);
                let before = live.range(..=offset).next_back();
                prop_assert!(before.is_none_or(|(at, (len, _))| at + (*len as u64) <= offset));
                let after = live.range(offset..).next();
                prop_assert!(after.is_none_or(|(at, _)| offset + size as u64 <= *at));
                lab.fill(offset, size, number as u8);
                live.insert(offset, (size, number as u8));
                requested += size as u64;
            } else {
                let (&offset, &(size, byte)) = live.iter().nth(index.index(live.len())).expect("one");
                prop_assert!(lab.holds(offset, size, byte));
                live.remove(&offset);
                // By another process than the one that took it, as often as not.
                lab.free(slot, offset);
                requested -= size as u64;
            }
            prop_assert_eq!(lab.heap().stats().used, requested);
        }
        prop_assert!(live.iter().all(|(&offset, &(size, byte))| lab.holds(offset, size, byte)));
        prop_assert_eq!(lab.heap().stats().allocations, live.len() as u64);
        for &offset in live.keys() {
            lab.free(0, offset);
        }
        for slot in 0..3 {
            lab.trim(slot);
        }
        prop_assert_eq!(lab.heap().check(), Ok(()));
        prop_assert_eq!(lab.used_granules(), 0);
        let stats = lab.heap().stats();
        prop_assert_eq!((stats.used, stats.real_used, stats.allocations, stats.fragments), (0, 0, 0, 1));
        prop_assert_eq!(lab.heap().header().out.bytes.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn exhaustion_is_an_error_and_ends_when_memory_comes_back() {
    let lab = Lab::new(4 << 20);
    for size in [24, 500, 5000, 30_000, 100_000] {
        let mut taken = Vec::new();
        while let Ok(offset) = lab.alloc(0, size) {
            taken.push(offset);
        }
        let bytes = taken.len() as u64 * size as u64;
        assert!(
            bytes > (4 << 20) * 2 / 5,
            "{size}: only {bytes} bytes fitted"
        );
        assert_eq!(lab.alloc(0, size), Err(ShmFull));
        taken.drain(..).for_each(|offset| lab.free(1, offset));
        lab.trim(1);
        assert_eq!(lab.heap().check(), Ok(()));
        assert_eq!(lab.heap().stats().used, 0);
    }
    assert!(lab.heap().stats().max_used > 3 << 20);
}

#[test]
fn one_allocation_can_take_the_whole_heap_and_a_bigger_one_fails() {
    let lab = Lab::new(8 << 20);
    assert_eq!(lab.alloc(0, (8 << 20) + 1), Err(ShmFull));
    assert_eq!(lab.alloc(0, usize::MAX), Err(ShmFull));
    let all = lab.alloc(0, 8 << 20).expect("all");
    assert_eq!(lab.alloc(0, 1), Err(ShmFull));
    lab.free(0, all);
    assert!(lab.alloc(0, 1).is_ok());
}

#[test]
fn pages_of_large_free_runs_go_back_to_the_kernel() {
    let lab = Lab::new(64 << 20);
    let before = lab.mapping.resident();
    let big = lab.alloc(0, 16 << 20).expect("memory");
    lab.fill(big, 16 << 20, 1);
    let small: Vec<u64> = (0..40_000)
        .map(|_| lab.alloc(0, 200).expect("memory"))
        .collect();
    small.iter().for_each(|&offset| lab.fill(offset, 200, 2));
    assert!(lab.mapping.resident() >= before + (24 << 20) - (1 << 19));
    lab.free(0, big);
    assert!(lab.mapping.resident() < before + (10 << 20));
    small.into_iter().for_each(|offset| lab.free(0, offset));
    lab.trim(0);
    assert!(
        lab.mapping.resident() < before + (2 << 20),
        "{} kept",
        lab.mapping.resident() - before
    );
    assert!(
        lab.holds(lab.alloc(0, 16 << 20).expect("memory"), 16 << 20, 0),
        "punched pages read as zero"
    );
}

#[test]
fn a_second_free_and_a_wrong_offset_are_ignored() {
    let lab = Lab::new(4 << 20);
    let (kept, freed, large) = (
        lab.alloc(0, 40).expect("memory"),
        lab.alloc(0, 40).expect("memory"),
        lab.alloc(0, 100_000).expect("memory"),
    );
    for offset in [freed, large] {
        lab.free(0, offset);
        lab.free(0, offset);
    }
    lab.free(0, kept + 16);
    lab.free(0, GRANULE);
    assert_eq!(lab.heap().check(), Ok(()));
    assert_eq!(lab.heap().stats().allocations, 1);
    assert!(
        (0..200)
            .map(|_| lab.alloc(0, 40).expect("memory"))
            .all(|offset| offset != kept)
    );
}

#[test]
fn the_cache_of_the_dead_goes_back_to_its_spans() {
    let lab = Lab::new(4 << 20);
    let taken: Vec<u64> = (0..500)
        .map(|i| lab.alloc(7, 20 + i % 300).expect("memory"))
        .collect();
    taken.into_iter().for_each(|offset| lab.free(7, offset));
    lab.heap().recover(0, &[7]);
    lab.trim(0);
    assert_eq!(lab.heap().check(), Ok(()));
    assert_eq!(lab.used_granules(), 0);
}

/// Plays a process that dies with the lock of a class at each point of a flush.
#[test]
fn a_class_whose_owner_died_is_rebuilt_from_the_headers() {
    for stores in 0..4 {
        let lab = Lab::new(4 << 20);
        let heap = lab.heap();
        let class = layout::class_of(100);
        let kept: Vec<u64> = (0..50)
            .map(|_| lab.alloc(7, 100).expect("memory"))
            .collect();
        kept.iter().for_each(|&offset| lab.fill(offset, 100, 9));
        let extra: Vec<u64> = (0..50)
            .map(|_| lab.alloc(7, 100).expect("memory"))
            .collect();
        extra.into_iter().for_each(|offset| lab.free(7, offset));
        let cache = &heap.area(7).caches.0[class];
        let central = &heap.header().classes[class];
        central.lock.lock_as(7);
        let offset = cache.head.load(Ordering::Relaxed);
        assert_eq!(
            Word(heap.word(offset).load(Ordering::Relaxed)).state(),
            State::Cached(7)
        );
        if stores > 0 {
            cache
                .head
                .store(heap.link(offset).load(Ordering::Relaxed), Ordering::Relaxed);
        }
        if stores > 1 {
            heap.word(offset)
                .store(Word::central(class).0, Ordering::Relaxed);
        }
        if stores > 2 {
            let entry = heap.granule(heap.span_of(offset));
            heap.link(offset).store(
                u64::from(entry.free.load(Ordering::Relaxed)),
                Ordering::Relaxed,
            );
            entry
                .free
                .store((offset % GRANULE) as u32, Ordering::Relaxed);
        }
        heap.recover(0, &[7]);
        assert_eq!(central.lock.owner(), None);
        assert_eq!(heap.check(), Ok(()), "after {stores} stores");
        assert!(kept.iter().all(|&offset| lab.holds(offset, 100, 9)));
        kept.into_iter().for_each(|offset| lab.free(0, offset));
        lab.trim(0);
        assert_eq!(lab.used_granules(), 0, "after {stores} stores");
    }
}

/// Plays a process that dies with the page lock while it cuts or joins a run.
#[test]
fn a_page_heap_whose_owner_died_is_rebuilt_from_the_tiling() {
    for stores in 0..4 {
        let lab = Lab::new(4 << 20);
        let heap = lab.heap();
        let taken: Vec<u64> = (0..6)
            .map(|_| lab.alloc(0, 100_000).expect("memory"))
            .collect();
        let start = (taken[2] >> GRANULE_SHIFT) as u32;
        let len = heap.granule(start).run().len;
        heap.header().pages.lock.lock_as(7);
        // Giving back run 2: first it becomes free, then its neighbour joins it.
        if stores > 0 {
            heap.granule(start).set(pages::Kind::Free, len);
        }
        if stores > 1 {
            heap.granule(start + len).set(pages::Kind::Free, len);
        }
        if stores > 2 {
            heap.granule(start).set(pages::Kind::Free, 2 * len);
        }
        heap.recover(0, &[7]);
        assert_eq!(heap.check(), Ok(()), "after {stores} stores");
        for (index, offset) in taken.into_iter().enumerate() {
            if !(index == 2 && stores > 0 || index == 3 && stores > 1) {
                lab.free(0, offset);
            }
        }
        assert_eq!(heap.check(), Ok(()), "after {stores} stores");
        assert_eq!(lab.used_granules(), 0);
    }
}
