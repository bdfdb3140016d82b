//! `PerProcess`: one value for each process, each on cache lines of its own.
//!
//! Counters kept this way cost no contention: a process writes to its own, readers add up.

#![allow(unsafe_code)]

use std::marker::PhantomData;

use super::alloc::{self, ShmFull, ShmTag};
use super::boxed::shm_static_with;
use super::layout;
use super::safe::ShmSafe;
use super::segment;
use super::slot::process_slot;

const LINE: usize = 64;

/// An array of `T`, indexed by process slot; made before the first fork, never freed.
#[repr(C)]
pub struct PerProcess<T: ShmSafe + Sync> {
    first: u64,
    stride: u32,
    capacity: u32,
    _owns: PhantomData<T>,
}

// SAFETY: numbers, and the offset of an array of `T`.
unsafe impl<T: ShmSafe + Sync> ShmSafe for PerProcess<T> {
    const LAYOUT: u64 = layout::mix(layout::text("per process"), T::LAYOUT);
}

impl<T: ShmSafe + Sync> PerProcess<T> {
    /// An array for process slots below `capacity`, filled by calling `make`. Processes with a
    /// higher slot share one further entry. One that is there already keeps its capacity.
    pub fn create(
        capacity: usize,
        tag: ShmTag,
        make: impl Fn() -> T,
    ) -> Result<&'static PerProcess<T>, ShmFull> {
        const { assert!(align_of::<T>() <= LINE) };
        shm_static_with(tag, || PerProcess::new(capacity, tag, make))
    }

    fn new(capacity: usize, tag: ShmTag, make: impl Fn() -> T) -> Result<PerProcess<T>, ShmFull> {
        let stride = size_of::<T>().max(1).next_multiple_of(LINE);
        let bytes = stride
            .checked_mul(capacity + 1)
            .and_then(|b| b.checked_add(LINE))
            .ok_or(ShmFull)?;
        let first = alloc::alloc(bytes, tag)?.next_multiple_of(LINE as u64);
        for entry in 0..=capacity {
            // SAFETY: inside the block allocated above, aligned to a line, known to nobody else.
            unsafe {
                segment::at::<u8>(first)
                    .add(entry * stride)
                    .cast::<T>()
                    .write(make())
            };
        }
        let capacity = u32::try_from(capacity).map_err(|_| ShmFull)?;
        let stride = u32::try_from(stride).map_err(|_| ShmFull)?;
        Ok(PerProcess {
            first,
            stride,
            capacity,
            _owns: PhantomData,
        })
    }

    /// Entries, without the shared one.
    pub fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// The entry of process `slot`.
    #[inline]
    pub fn of(&self, slot: u16) -> &T {
        let entry = u64::from(u32::from(slot).min(self.capacity));
        // SAFETY: the array has `capacity + 1` initialised entries and is never freed.
        unsafe { &*segment::at::<T>(self.first + entry * u64::from(self.stride)) }
    }

    /// The entry of this process.
    #[inline]
    pub fn mine(&self) -> &T {
        self.of(process_slot())
    }

    /// All entries, by slot; the shared one is the last.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        (0..=self.capacity).map(|entry| self.of(entry as u16))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::test_segment;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn entries_stand_on_lines_of_their_own_and_high_slots_share_the_last() {
        test_segment();
        let counters = PerProcess::create(5, ShmTag::CORE, || AtomicU64::new(7)).expect("memory");
        let addresses: Vec<usize> = counters
            .iter()
            .map(|c| std::ptr::from_ref(c).addr())
            .collect();
        assert_eq!(addresses.len(), 6);
        assert!(addresses.iter().all(|a| a % LINE == 0));
        assert!(addresses.windows(2).all(|pair| pair[1] - pair[0] == LINE));
        counters.mine().fetch_add(1, Ordering::Relaxed);
        counters.of(1023).fetch_add(1, Ordering::Relaxed);
        counters.of(2).fetch_add(1, Ordering::Relaxed);
        let values: Vec<u64> = counters.iter().map(|c| c.load(Ordering::Relaxed)).collect();
        assert_eq!(
            values,
            [7, 7, 8, 7, 7, 9],
            "a thread of a test has a slot above the capacity"
        );
    }
}
