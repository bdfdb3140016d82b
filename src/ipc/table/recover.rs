//! A table after the death of a process: its buckets are repaired and released, the values that were being changed
//! mended or dropped, and the one that was being dropped is dropped to its end.

#![allow(unsafe_code)]

use std::collections::BTreeSet;

use lock_api::RawMutex;

use super::{Bucket, ShmTable};
use crate::ipc::mutex::RawShmMutex;
use crate::ipc::node::{self, Steps};
use crate::ipc::recover::{Fate, Mend, Owner, held_locks};
use crate::ipc::safe::ShmSafe;
use crate::ipc::segment;

impl<T: ShmSafe + Send + Unpin + Mend> ShmTable<T> {
    /// The numbers of the buckets that `dead` has locked.
    fn locked_by(&self, dead: u16) -> Vec<usize> {
        let of_the_dead = |&index: &usize| self.raw(index).lock.owner() == Some(dead);
        match held_locks(dead) {
            Some(held) => held
                .iter()
                .filter_map(|held| self.index_of(held.lock()))
                .filter(of_the_dead)
                .collect(),
            None => (0..self.buckets()).filter(of_the_dead).collect(),
        }
    }

    /// The number of the bucket that this is the lock of.
    fn index_of(&self, lock: &RawShmMutex) -> Option<usize> {
        let offset = segment::offset_of(lock).checked_sub(self.buckets)?;
        let index = (offset / size_of::<Bucket>() as u64) as usize;
        let mine = index < self.buckets() && std::ptr::eq(&self.raw(index).lock, lock);
        mine.then_some(index)
    }

    /// Repairs and releases one bucket. The values that are given up are dropped when it is free again, because
    /// that may take other locks.
    fn recover_bucket(&self, index: usize, dead: u16) {
        let bucket = self.raw(index);
        if !bucket.lock.seize(dead) {
            return;
        }
        bucket.chain.repair();
        let touched = touched_by(dead);
        let grave = self.grave_of(dead);
        let mut given_up = Vec::new();
        for node in Steps::new(&bucket.chain) {
            if grave == Some(node) {
                // It was about to be unlinked; `recover_grave` drops it.
                bucket.chain.remove(node);
                continue;
            }
            let changed = touched.contains(&node);
            // SAFETY: a value of this bucket, which was seized by this process.
            if changed && unsafe { &mut *node::value::<T>(node) }.mend() == Fate::Drop {
                bucket.chain.remove(node);
                given_up.push(node);
            }
        }
        // SAFETY: seized by this process.
        unsafe { bucket.lock.unlock() };
        for node in given_up {
            // SAFETY: unlinked above, so nobody else knows it.
            drop(unsafe { node::take::<T>(node) });
        }
    }
}

impl<T: ShmSafe> ShmTable<T> {
    fn grave_of(&self, dead: u16) -> Option<u64> {
        segment::heap()?.area(dead).journal.grave(self.buckets)
    }

    /// Drops the value that `dead` had taken out and not dropped to its end. What it had dropped of it already
    /// was not given back, so this is like dropping it for the first time.
    fn recover_grave(&self, dead: u16) {
        if let Some(node) = self.grave_of(dead) {
            // SAFETY: unlinked by `dead` or in `recover_bucket`; nobody else knows it, and all memory that the
            // value owns is still there.
            drop(unsafe { node::take::<T>(node) });
        }
    }
}

fn touched_by(dead: u16) -> BTreeSet<u64> {
    let heap = segment::heap();
    let touched = heap.map(|heap| heap.area(dead).journal.touched());
    touched
        .into_iter()
        .flatten()
        .map(|(touched, _)| touched.offset())
        .collect()
}

impl<T: ShmSafe + Send + Unpin + Mend> Owner for ShmTable<T> {
    fn recover(&self, dead: &[u16]) {
        for &dead in dead {
            for index in self.locked_by(dead) {
                self.recover_bucket(index, dead);
            }
            self.recover_grave(dead);
        }
    }

    fn rescue(&self, lock: &RawShmMutex, dead: u16) -> bool {
        let index = self.index_of(lock);
        index
            .map(|index| self.recover_bucket(index, dead))
            .is_some()
    }

    fn check(&self) -> Result<(), String> {
        ShmTable::check(self).map(drop)
    }
}
