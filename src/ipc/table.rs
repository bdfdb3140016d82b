//! `ShmTable`: a hash table with a fixed number of buckets and a lock for each.
//!
//! Made before the first fork and never freed; processes working on different buckets do not
//! meet. The caller hashes and compares; a bucket is a [`Chain`] of values, newest first. 16 bytes
//! a bucket.
//!
//! Crash: the lock word names the dead owner; the attendant takes each such bucket over, rebuilds its back
//! links (see [`super::chain`]), lets the values that were being changed mend themselves ([`Mend`]), and
//! releases it. A value is either in the bucket or not.

#![allow(unsafe_code)]

use std::marker::PhantomData;

use lock_api::RawMutex;

use super::alloc::{self, ShmFull, ShmTag};
use super::boxed::shm_static_with;
use super::chain::Chain;
use super::journal::Touched;
use super::layout;
use super::mutex::RawShmMutex;
use super::node::{self, Steps};
use super::rank::LockRank;
use super::recover::{Mend, register_owner};
use super::safe::ShmSafe;
use super::segment;
use super::slot;

mod recover;
mod removed;

pub use removed::Removed;

/// A lock and the chain that it protects; also the slot of the timer wheel.
#[repr(C)]
pub(super) struct Bucket {
    pub lock: RawShmMutex,
    pub chain: Chain,
}

impl Bucket {
    pub const fn new(rank: LockRank, index: u16) -> Bucket {
        Bucket {
            lock: RawShmMutex::new(rank, index),
            chain: Chain::new(),
        }
    }
}

/// Makes an array of `count` buckets that is never freed; the index of bucket i is `index(i)`.
pub(super) fn buckets(
    count: usize,
    rank: LockRank,
    tag: ShmTag,
    index: fn(usize) -> u16,
) -> Result<u64, ShmFull> {
    let bytes = count.checked_mul(size_of::<Bucket>()).ok_or(ShmFull)?;
    let offset = alloc::alloc(bytes, tag)?;
    for i in 0..count {
        // SAFETY: inside the block allocated above, which nobody else knows yet.
        unsafe {
            segment::at::<Bucket>(offset)
                .add(i)
                .write(Bucket::new(rank, index(i)))
        };
    }
    Ok(offset)
}

/// The shared table; use it through the `&'static` that [`ShmTable::create`] gives.
#[repr(C)]
pub struct ShmTable<T: ShmSafe> {
    buckets: u64,
    mask: u64,
    tag: ShmTag,
    _owns: PhantomData<T>,
}

// SAFETY: numbers, and the offset of an array of buckets.
unsafe impl<T: ShmSafe> ShmSafe for ShmTable<T> {
    const LAYOUT: u64 = layout::mix(layout::text("table"), T::LAYOUT);
}
// SAFETY: values are reached through a guard only, one process at a time, as with a mutex.
unsafe impl<T: ShmSafe + Send> Sync for ShmTable<T> {}

impl<T: ShmSafe + Send + Unpin> ShmTable<T> {
    /// Makes a table of at least `buckets` buckets (a power of two), its memory and that of its
    /// values counted under `tag`.
    pub fn create(buckets: usize, tag: ShmTag) -> Result<&'static ShmTable<T>, ShmFull>
    where
        T: Mend,
    {
        ShmTable::create_ranked(buckets, LockRank::TABLE, tag)
    }

    /// As [`ShmTable::create`], with a place in the lock order.
    pub fn create_ranked(
        count: usize,
        rank: LockRank,
        tag: ShmTag,
    ) -> Result<&'static ShmTable<T>, ShmFull>
    where
        T: Mend,
    {
        let count = count.max(1).checked_next_power_of_two().ok_or(ShmFull)?;
        let make = || {
            Ok(ShmTable {
                buckets: buckets(count, rank, tag, |i| i as u16)?,
                mask: count as u64 - 1,
                tag,
                _owns: PhantomData,
            })
        };
        let table: &'static ShmTable<T> = shm_static_with(tag, make)?;
        register_owner(table);
        Ok(table)
    }

    /// Number of buckets.
    pub fn buckets(&self) -> usize {
        self.mask as usize + 1
    }

    /// Number of the bucket for `hash`.
    #[inline]
    pub fn index(&self, hash: u32) -> usize {
        (u64::from(hash) & self.mask) as usize
    }

    /// The bucket for `hash`.
    #[inline]
    pub fn bucket(&self, hash: u32) -> BucketRef<'_, T> {
        self.bucket_at(self.index(hash))
    }

    /// The bucket with number `index`, which counts modulo [`ShmTable::buckets`].
    #[inline]
    pub fn bucket_at(&self, index: usize) -> BucketRef<'_, T> {
        BucketRef {
            bucket: self.raw(index),
            table: self.buckets,
            tag: self.tag,
            _table: PhantomData,
        }
    }

    /// All buckets, for walks over the whole table; lock one at a time.
    pub fn iter_buckets(&self) -> impl Iterator<Item = BucketRef<'_, T>> {
        (0..self.buckets()).map(|index| self.bucket_at(index))
    }

    #[inline]
    fn raw(&self, index: usize) -> &Bucket {
        let index = index & self.mask as usize;
        // SAFETY: the array has `mask + 1` initialised buckets and is never freed.
        unsafe { &*segment::at::<Bucket>(self.buckets).add(index) }
    }

    /// Verifies the links of every bucket; the text says what is wrong.
    pub fn check(&self) -> Result<usize, String> {
        self.iter_buckets()
            .map(|bucket| bucket.lock().bucket.chain.check())
            .sum()
    }
}

/// One bucket, not locked.
pub struct BucketRef<'a, T: ShmSafe> {
    bucket: &'a Bucket,
    table: u64,
    tag: ShmTag,
    _table: PhantomData<&'a T>,
}

impl<'a, T: ShmSafe> BucketRef<'a, T> {
    /// Locks the bucket until the guard is dropped.
    #[inline]
    pub fn lock(&self) -> BucketGuard<'a, T> {
        self.bucket.lock.lock();
        BucketGuard {
            bucket: self.bucket,
            table: self.table,
            tag: self.tag,
            _values: PhantomData,
        }
    }

    /// Locks the bucket if it is free.
    pub fn try_lock(&self) -> Option<BucketGuard<'a, T>> {
        self.bucket.lock.try_lock().then(|| BucketGuard {
            bucket: self.bucket,
            table: self.table,
            tag: self.tag,
            _values: PhantomData,
        })
    }

    /// The process slot that holds the lock, if any does.
    pub fn owner(&self) -> Option<u16> {
        self.bucket.lock.owner()
    }

    /// True if the bucket holds nothing at this moment; no lock is taken, so this suits walks that
    /// skip empty buckets.
    pub fn looks_empty(&self) -> bool {
        self.bucket.chain.first() == 0
    }
}

/// One locked bucket.
pub struct BucketGuard<'a, T: ShmSafe> {
    bucket: &'a Bucket,
    /// Which table it is of.
    table: u64,
    tag: ShmTag,
    /// Not Send: the lock word names the process that locked.
    _values: PhantomData<(&'a T, *mut T)>,
}

impl<T: ShmSafe> Drop for BucketGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: a guard exists only while its process holds the lock.
        unsafe { self.bucket.lock.unlock() };
    }
}

/// Notes that the value of a node is handed out for a change.
#[inline]
fn touch(bucket: &Bucket, node: u64) {
    let lock = segment::offset_of(&bucket.lock);
    slot::area().journal.touch(Touched::block(node), lock);
}

impl<T: ShmSafe + Send + Unpin> BucketGuard<'_, T> {
    /// The values, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        // SAFETY: values of this bucket, which is locked and borrowed.
        Steps::new(&self.bucket.chain).map(|node| unsafe { &*node::value::<T>(node) })
    }

    /// The values, newest first, for changes.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        Steps::new(&self.bucket.chain).map(|node| {
            touch(self.bucket, node);
            // SAFETY: as `iter`, borrowed mutably; each value is given out once.
            unsafe { &mut *node::value::<T>(node) }
        })
    }

    /// True if there is no value.
    pub fn is_empty(&self) -> bool {
        self.bucket.chain.first() == 0
    }

    /// The first value for which `is_it` is true.
    #[inline]
    pub fn find(&self, mut is_it: impl FnMut(&T) -> bool) -> Option<&T> {
        self.iter().find(|value| is_it(value))
    }

    /// The first value for which `is_it` is true, for changes.
    #[inline]
    pub fn find_mut(&mut self, mut is_it: impl FnMut(&T) -> bool) -> Option<&mut T> {
        let found = Steps::new(&self.bucket.chain).find(|&node| {
            // SAFETY: as `iter`.
            is_it(unsafe { &*node::value::<T>(node) })
        })?;
        touch(self.bucket, found);
        // SAFETY: a value of this bucket, which is locked and borrowed mutably.
        Some(unsafe { &mut *node::value::<T>(found) })
    }

    /// Adds `value` as the newest; on exhaustion it is dropped.
    pub fn insert(&mut self, value: T) -> Result<&mut T, ShmFull> {
        let node = node::new(value, self.tag)?;
        touch(self.bucket, node);
        self.bucket.chain.push_front(node);
        // SAFETY: the node linked just now; the bucket is locked and borrowed mutably.
        Ok(unsafe { &mut *node::value(node) })
    }

    /// Adds `value` as the oldest; on exhaustion it is dropped.
    pub fn insert_last(&mut self, value: T) -> Result<&mut T, ShmFull> {
        let node = node::new(value, self.tag)?;
        touch(self.bucket, node);
        self.bucket.chain.push_back(node);
        // SAFETY: as `insert`.
        Ok(unsafe { &mut *node::value(node) })
    }

    /// Removes the first value for which `is_it` is true.
    pub fn remove(&mut self, mut is_it: impl FnMut(&T) -> bool) -> Option<T> {
        // SAFETY: values of this bucket, which is locked and borrowed mutably.
        let node = Steps::new(&self.bucket.chain)
            .find(|&node| is_it(unsafe { &*node::value::<T>(node) }))?;
        self.bucket.chain.remove(node);
        // SAFETY: a node of this bucket, unlinked just now.
        Some(unsafe { node::take(node) })
    }

    /// Takes the first value for which `is_it` is true out of the bucket, to be dropped when the lock was released:
    /// for values whose drop may have to wait for other locks. A process that dies on the way loses nothing of it.
    pub fn take_out(&mut self, mut is_it: impl FnMut(&T) -> bool) -> Option<Removed<T>> {
        // SAFETY: values of this bucket, which is locked and borrowed mutably.
        let node = Steps::new(&self.bucket.chain)
            .find(|&node| is_it(unsafe { &*node::value::<T>(node) }))?;
        let journal = &slot::area().journal;
        let noted = journal.dig(self.table, node);
        self.bucket.chain.remove(node);
        Some(Removed::new(node, noted))
    }

    /// Keeps the values for which `keep` is true and drops the others.
    pub fn retain(&mut self, mut keep: impl FnMut(&mut T) -> bool) {
        for node in Steps::new(&self.bucket.chain) {
            touch(self.bucket, node);
            // SAFETY: a node of this bucket, which is locked and borrowed mutably; `Steps` has
            // read the next one already, so this one may go.
            if !keep(unsafe { &mut *node::value::<T>(node) }) {
                self.bucket.chain.remove(node);
                // SAFETY: unlinked just now.
                drop(unsafe { node::take::<T>(node) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::recover::{Fate, Owner};
    use crate::ipc::{lease_slot, test_segment};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_table_behaves_as_a_map(
            steps in prop::collection::vec((0..6_u8, 0..40_u32, any::<u32>()), 0..200)
        ) {
            test_segment();
            let table: &ShmTable<(u32, u32)> = ShmTable::create(5, ShmTag::CORE).expect("memory");
            prop_assert_eq!(table.buckets(), 8);
            let mut model: BTreeMap<u32, u32> = BTreeMap::new();
            for (kind, key, value) in steps {
                let mut bucket = table.bucket(key).lock();
                match kind {
                    0..3 => match bucket.find_mut(|entry| entry.0 == key) {
                        Some(entry) => prop_assert_eq!(model.insert(key, value), Some(std::mem::replace(&mut entry.1, value))),
                        None => {
                            bucket.insert((key, value)).expect("memory");
                            prop_assert_eq!(model.insert(key, value), None);
                        }
                    },
                    3 => prop_assert_eq!(bucket.remove(|entry| entry.0 == key).map(|e| e.1), model.remove(&key)),
                    4 => prop_assert_eq!(bucket.find(|e| e.0 == key).map(|e| e.1), model.get(&key).copied()),
                    _ => {
                        bucket.retain(|entry| entry.1 % 2 == 0);
                        model.retain(|k, v| k % 8 != key % 8 || *v % 2 == 0);
                    }
                }
            }
            let mut found = BTreeMap::new();
            for bucket in table.iter_buckets() {
                found.extend(bucket.lock().iter().copied());
            }
            prop_assert_eq!(table.check(), Ok(model.len()));
            prop_assert_eq!(found, model);
        }
    }

    #[test]
    fn a_locked_bucket_is_refused_to_others_and_its_neighbours_are_free() {
        test_segment();
        let table: &ShmTable<u64> = ShmTable::create(4, ShmTag::CORE).expect("memory");
        let guard = table.bucket(1).lock();
        assert!(table.bucket(5).try_lock().is_none());
        assert!(table.bucket(2).try_lock().is_some());
        assert_eq!(table.bucket(1).owner(), Some(crate::ipc::process_slot()));
        drop(guard);
        assert!(table.bucket(5).try_lock().is_some());
    }

    #[test]
    fn a_bucket_whose_owner_died_is_mended_and_released() {
        test_segment();
        let table: &ShmTable<u64> = ShmTable::create(4, ShmTag::CORE).expect("memory");
        for i in 0..6 {
            table.bucket(2).lock().insert_last(i).expect("memory");
        }
        let dead = lease_slot();
        let area = segment::heap().expect("a segment").area(dead.slot());
        let lock = &table.raw(2).lock;
        area.note_lock(lock);
        lock.lock_as(dead.slot());
        // It was changing the values 3 and 4; `mend` gives up what is divisible by four.
        for node in Steps::new(&table.raw(2).chain).skip(3).take(2) {
            area.journal.touch(Touched::block(node), 0);
        }
        Owner::recover(table, &[dead.slot()]);
        assert_eq!(table.bucket(2).owner(), None);
        let left: Vec<u64> = table.bucket(2).lock().iter().copied().collect();
        assert_eq!(left, [0, 1, 2, 3, 5]);
        crate::ipc::recover_processes(&[dead.slot()]);
    }

    impl Mend for u64 {
        fn mend(&mut self) -> Fate {
            match self.is_multiple_of(4) {
                true => Fate::Drop,
                false => Fate::Keep,
            }
        }
    }

    impl Mend for (u32, u32) {
        fn mend(&mut self) -> Fate {
            Fate::Keep
        }
    }
}
