//! Gives back the memory that a dead process had taken and not put anywhere, or freed and not given back.
//!
//! Its [`Journal`](super::journal::Journal) names the blocks, and the records it had touched. A block is in use
//! if one of these names it, directly or through other blocks; every aligned word that looks like the offset of a block
//! counts as naming it. So a block may be kept for a word that means something else (lost memory), but one that is
//! named is never given back.

#![allow(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use lock_api::RawMutex;

use super::alloc::cache::State;
use super::alloc::{BlockState, Heap};
use super::journal::{Journal, Touched};
use super::mutex::RawShmMutex;
use super::segment;

/// Blocks that are looked into at most; beyond that everything is kept.
const VISITS: usize = 50_000;

/// What became of the blocks of one dead process.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Reclaimed {
    /// Blocks given back.
    pub blocks: u32,
    /// Blocks of which it is not known whether they are in use.
    pub unknown: u32,
}

/// Settles the blocks in the journal of `dead`, whose cache and locks are dealt with already.
pub(super) fn reclaim(heap: &Heap, dead: u16) -> Reclaimed {
    let journal = &heap.area(dead).journal;
    let mut suspects = BTreeMap::new();
    let mut done = Reclaimed::default();
    let mut look = |offset, is_suspect: fn(BlockState, u16) -> bool| match heap.block_state(offset)
    {
        // The caches of the dead are empty by now: it was on its way to a list or from one.
        Some(BlockState::Small(State::Cached(slot))) if slot == dead => {
            heap.return_stray(offset);
            done.blocks += 1;
        }
        Some(state) if is_suspect(state, dead) => drop(suspects.insert(offset, state)),
        Some(_) | None => {}
    };
    for offset in journal.taken() {
        look(offset, BlockState::was_taken_by);
    }
    // One that is live was given back and taken again since, or is among those above.
    for offset in journal.returned() {
        look(offset, BlockState::was_returned_by);
    }
    match named(heap, journal, &suspects) {
        Some(named) => {
            for (offset, state) in suspects {
                if named.contains(&offset) {
                    heap.keep(offset, state);
                } else {
                    heap.take_back(offset, state);
                    done.blocks += 1;
                }
            }
        }
        None => {
            suspects
                .iter()
                .for_each(|(&at, &state)| heap.keep(at, state));
            done.unknown = suspects.len() as u32;
        }
    }
    done
}

/// The suspects that a touched record names; `None`: that cannot be told. Others go on with these records, so each
/// is looked into under the lock under which it is changed.
fn named(
    heap: &Heap,
    journal: &Journal,
    suspects: &BTreeMap<u64, BlockState>,
) -> Option<BTreeSet<u64>> {
    let mut seen = BTreeSet::new();
    if suspects.is_empty() {
        return Some(seen);
    }
    if journal.has_forgotten() {
        return None;
    }
    for (root, lock) in journal.touched() {
        let lock = lock_at(lock);
        if let Some(lock) = lock {
            lock.lock();
        }
        look_into(heap, root, suspects, &mut seen);
        if let Some(lock) = lock {
            // SAFETY: locked above by this process.
            unsafe { lock.unlock() };
        }
        if seen.len() > VISITS {
            return None;
        }
    }
    Some(seen)
}

fn lock_at(offset: u64) -> Option<&'static RawShmMutex> {
    // SAFETY: the journal holds offsets of the locks of tables, which live for good.
    (offset != 0).then(|| unsafe { &*segment::at::<RawShmMutex>(offset) })
}

/// Adds everything that the record names, directly or not.
fn look_into(
    heap: &Heap,
    root: Touched,
    suspects: &BTreeMap<u64, BlockState>,
    seen: &mut BTreeSet<u64>,
) {
    // A record that was dropped names nothing any more.
    let block = heap
        .block_len(root.offset())
        .filter(|_| heap.is_live(root.offset()));
    let Some(len) = root.len().or(block) else {
        return;
    };
    seen.insert(root.offset());
    // A part of a block that was linked somewhere (a timer) keeps the whole.
    seen.extend(suspect_around(heap, root.offset(), suspects));
    let mut open = vec![(root.offset(), len)];
    while let Some((offset, len)) = open.pop() {
        for word in words(offset, len) {
            let Some(len) = heap.block_len(word) else {
                continue;
            };
            if seen.insert(word) {
                open.push((word, len));
            }
        }
        if seen.len() > VISITS {
            return;
        }
    }
}

/// The suspect that `offset` is inside of.
fn suspect_around(heap: &Heap, offset: u64, suspects: &BTreeMap<u64, BlockState>) -> Option<u64> {
    let (&start, _) = suspects.range(..=offset).next_back()?;
    let len = heap.block_len(start)?;
    (offset < start + len).then_some(start)
}

/// The words of an object that is inside of the segment.
fn words(offset: u64, len: u64) -> impl Iterator<Item = u64> {
    let end = (offset + len).min(segment::len());
    (offset.next_multiple_of(8)..end.saturating_sub(7))
        .step_by(8)
        .map(|at| {
            // SAFETY: an aligned word inside the mapping, read whole whatever others write.
            let word = unsafe { &*segment::at::<AtomicU64>(at) };
            word.load(Ordering::Relaxed)
        })
}

#[cfg(test)]
mod tests {
    use crate::ipc::slot::{area, process_slot};
    use crate::ipc::{Fate, Mend, ShmStr, ShmTable, ShmTag, ShmVec, tag_stats, test_segment};
    use crate::ipc::{lease_slot, recover_processes, settle};

    crate::shm_struct! {
        struct Record {
            key: u32,
            text: ShmStr,
            parts: ShmVec<ShmStr>,
        }
    }

    impl Mend for Record {
        fn mend(&mut self) -> Fate {
            self.text.repair();
            Fate::Keep
        }
    }

    fn text(n: u64, tag: ShmTag) -> ShmStr {
        let text = format!("a text that is too long for its handle, number {n}");
        ShmStr::try_new_in(text.as_bytes(), tag).expect("memory")
    }

    /// Runs `work` in a process that then dies; `false` from it means that it does not get to its end.
    fn dies_after(work: impl FnOnce()) -> u16 {
        let lease = lease_slot();
        let pid = super::super::tests::fork_child(lease.slot(), || {
            settle();
            work();
            super::super::tests::kill_myself()
        });
        super::super::tests::wait_child(pid);
        recover_processes(&[lease.slot()]);
        lease.slot()
    }

    fn allocations(tag: ShmTag) -> i64 {
        tag_stats()[usize::from(tag.index())].allocations
    }

    #[test]
    fn what_a_process_had_taken_and_put_nowhere_comes_back() {
        test_segment();
        let tag = ShmTag::register("reclaim nowhere");
        dies_after(|| (0..50).for_each(|n| std::mem::forget(text(n, tag))));
        assert_eq!(allocations(tag), 0);
    }

    #[test]
    fn what_it_had_put_into_a_table_stays_and_the_rest_comes_back() {
        test_segment();
        let tag = ShmTag::register("reclaim table");
        let table: &ShmTable<Record> = ShmTable::create(4, tag).expect("memory");
        let before = allocations(tag);
        dies_after(|| {
            let mut parts = ShmVec::new_in(tag);
            (0..5).for_each(|n| parts.try_push(text(n, tag)).expect("memory"));
            let record = Record {
                key: 3,
                text: text(100, tag),
                parts,
            };
            drop(table.bucket(3).lock().insert(record));
            std::mem::forget(text(200, tag));
        });
        // The node, its text, the array and its five texts.
        assert_eq!(allocations(tag) - before, 8);
        let mut bucket = table.bucket(3).lock();
        let record = bucket.remove(|r| r.key == 3).expect("it stays");
        assert_eq!(record.parts[4], text(4, tag));
        drop(record);
        drop(bucket);
        assert_eq!(allocations(tag), before);
    }

    #[test]
    fn a_change_that_was_cut_short_leaves_the_old_text_or_the_new_one() {
        test_segment();
        let tag = ShmTag::register("reclaim change");
        let table: &ShmTable<Record> = ShmTable::create(4, tag).expect("memory");
        let record = Record {
            key: 1,
            text: text(1, tag),
            parts: ShmVec::new_in(tag),
        };
        table.bucket(1).lock().insert(record).expect("memory");
        let before = allocations(tag);
        for assign in [false, true] {
            dies_after(|| {
                let mut bucket = table.bucket(1).lock();
                let record = bucket.find_mut(|r| r.key == 1).expect("it is there");
                let new = text(2, tag);
                if assign {
                    record.text = new;
                } else {
                    // Dropped, and not yet overwritten.
                    // SAFETY: the process ends before it looks at the field again.
                    unsafe { std::ptr::drop_in_place(&mut record.text) };
                    std::mem::forget(new);
                }
                super::super::tests::kill_myself();
            });
            let bucket = table.bucket(1).lock();
            let record = bucket.find(|r| r.key == 1).expect("it stays");
            assert_eq!(record.text, text(1 + u64::from(assign), tag));
            drop(bucket);
            assert_eq!(allocations(tag), before);
        }
    }

    #[test]
    fn a_record_that_was_being_dropped_is_dropped_to_its_end() {
        test_segment();
        let tag = ShmTag::register("reclaim grave");
        let table: &ShmTable<Record> = ShmTable::create(1, tag).expect("memory");
        let before = allocations(tag);
        for half in [false, true] {
            let mut parts = ShmVec::new_in(tag);
            (0..9).for_each(|n| parts.try_push(text(n, tag)).expect("memory"));
            let record = Record {
                key: 5,
                text: text(5, tag),
                parts,
            };
            table.bucket(0).lock().insert(record).expect("memory");
            dies_after(|| {
                let removed = table.bucket(0).lock().take_out(|r| r.key == 5);
                let mut removed = removed.expect("it is there");
                if half {
                    area().journal.bury(|| {
                        // SAFETY: the process ends before it looks at the field again.
                        unsafe { std::ptr::drop_in_place(&mut removed.text) };
                        super::super::tests::kill_myself();
                    });
                }
                super::super::tests::kill_myself();
            });
            assert!(table.bucket(0).lock().is_empty());
            assert_eq!(allocations(tag), before, "{half}");
        }
    }

    #[test]
    fn what_is_freed_under_a_lock_is_given_back_when_the_lock_is_released() {
        test_segment();
        let tag = ShmTag::register("reclaim later");
        let table: &ShmTable<Record> = ShmTable::create(1, tag).expect("memory");
        let bucket = table.bucket(0).lock();
        let old = text(7, tag);
        let before = allocations(tag);
        drop(old);
        assert_eq!(allocations(tag), before, "{}", process_slot());
        drop(bucket);
        assert_eq!(allocations(tag), before - 1);
        assert!(!area().journal.holds_back());
    }
}
