//! `ShmRows`: for each process a row of counters, which only that process writes.
//!
//! Counting costs no contention, and where the row lies is looked up once a process. Rows begin on cache lines of
//! their own and are all zero at first; memory is taken page by page as it is written, so rows of slots without a
//! process cost nothing.

#![allow(unsafe_code)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::alloc::{self, ShmFull, ShmTag};
use super::layout::mix;
use super::roots;
use super::safe::ShmZero;
use super::segment;
use super::slot::{known_slot, process_slot};

const LINE: usize = 64;

/// What each [`ShmRows`] has found of this process.
static FOUND: Mutex<Vec<&'static (dyn Forget + Sync)>> = Mutex::new(Vec::new());

trait Forget {
    fn forget(&self);
}

impl<T: ShmZero + Sync> Forget for ShmRows<T> {
    fn forget(&self) {
        self.row.store(std::ptr::null_mut(), Ordering::Relaxed);
    }
}

/// This process has another slot from now on, so its rows are others.
pub(super) fn forget_rows() {
    // A forked process of a test may find the lock of a thread that it does not have; a server's has one thread.
    if let Ok(found) = FOUND.try_lock() {
        found.iter().for_each(|rows| rows.forget());
    }
}

/// Rows of `T`s, indexed by process slot: a static, filled before the first fork, never freed.
pub struct ShmRows<T: ShmZero + Sync> {
    /// Offset of the first row; 0: there are none.
    first: AtomicU64,
    /// Bytes from one row to the next.
    stride: AtomicUsize,
    /// `T`s in a row.
    width: AtomicUsize,
    /// Slots with a row of their own.
    capacity: AtomicU32,
    /// The row of this process, once it was found; null again when the process gets another slot ([`forget_rows`]).
    row: AtomicPtr<T>,
}

impl<T: ShmZero + Sync> ShmRows<T> {
    /// None yet.
    pub const fn new() -> ShmRows<T> {
        ShmRows {
            first: AtomicU64::new(0),
            stride: AtomicUsize::new(0),
            width: AtomicUsize::new(0),
            capacity: AtomicU32::new(0),
            row: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// Makes rows of `width` values for process slots below `capacity`; those above share one further row.
    /// Before the first fork; the first call counts.
    pub fn create(
        &'static self,
        capacity: usize,
        width: usize,
        tag: ShmTag,
    ) -> Result<(), ShmFull> {
        const { assert!(align_of::<T>() <= LINE) };
        if self.exist() || width == 0 {
            return Ok(());
        }
        let row = size_of::<T>().checked_mul(width).ok_or(ShmFull)?;
        let stride = row.max(1).next_multiple_of(LINE);
        let bytes = stride.checked_mul(capacity + 1).ok_or(ShmFull)?;
        let slots = u32::try_from(capacity).map_err(|_| ShmFull)?;
        // Rows of another width or number are others.
        let layout = mix(mix(T::LAYOUT, width as u64), capacity as u64);
        let first = roots::counters(layout, tag, || alloc::alloc_zeroed(bytes, tag))?;
        self.stride.store(stride, Ordering::Relaxed);
        self.width.store(width, Ordering::Relaxed);
        self.capacity.store(slots, Ordering::Relaxed);
        self.first.store(first, Ordering::Release);
        let mut found = FOUND
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        found.push(self);
        Ok(())
    }

    /// Whether there are rows.
    #[inline]
    pub fn exist(&self) -> bool {
        self.first.load(Ordering::Acquire) != 0
    }

    /// The row of this process; empty while there are none.
    #[inline]
    pub fn mine(&self) -> &'static [T] {
        let row = self.row.load(Ordering::Relaxed);
        if row.is_null() {
            return self.find_mine();
        }
        // SAFETY: `find_mine` stored the row of this process: `width` values that live for good.
        unsafe { std::slice::from_raw_parts(row, self.width.load(Ordering::Relaxed)) }
    }

    /// The first value of that row, for rows of one.
    #[inline]
    pub fn my_first(&self) -> Option<&'static T> {
        let row = self.row.load(Ordering::Relaxed);
        if row.is_null() {
            return self.find_mine().first();
        }
        // SAFETY: as in `mine`; there are no rows without values.
        Some(unsafe { &*row })
    }

    #[cold]
    fn find_mine(&self) -> &'static [T] {
        let row = self.of(process_slot());
        // A thread of a test has a slot that is not the process's: it looks each time.
        if !row.is_empty() && known_slot() == u32::from(process_slot()) {
            let start = std::ptr::from_ref(&row[0]).cast_mut();
            self.row.store(start, Ordering::Relaxed);
        }
        row
    }

    /// The row of process `slot`; empty while there are none.
    pub fn of(&self, slot: u16) -> &'static [T] {
        let first = self.first.load(Ordering::Acquire);
        if first == 0 {
            return &[];
        }
        let number = u32::from(slot).min(self.capacity.load(Ordering::Relaxed));
        let at = first + u64::from(number) * self.stride.load(Ordering::Relaxed) as u64;
        // SAFETY: `create` took memory for `capacity + 1` rows, aligned and zero, which is a value (`ShmZero`); it
        // is never freed.
        unsafe {
            std::slice::from_raw_parts(segment::at::<T>(at), self.width.load(Ordering::Relaxed))
        }
    }

    /// All rows, by slot; the shared one is the last.
    pub fn iter(&self) -> impl Iterator<Item = &'static [T]> + '_ {
        let rows = match self.exist() {
            true => self.capacity.load(Ordering::Relaxed) + 1,
            false => 0,
        };
        (0..rows).map(|number| self.of(number as u16))
    }
}

impl<T: ShmZero + Sync> Default for ShmRows<T> {
    fn default() -> Self {
        ShmRows::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::test_segment;

    #[test]
    fn rows_are_zero_and_stand_on_lines_of_their_own_and_high_slots_share_the_last() {
        test_segment();
        static ROWS: ShmRows<AtomicU64> = ShmRows::new();
        assert!(ROWS.mine().is_empty());
        assert_eq!(ROWS.iter().count(), 0);
        ROWS.create(5, 3, ShmTag::CORE).expect("memory");
        ROWS.create(9, 9, ShmTag::CORE)
            .expect("the first call counts");
        let starts: Vec<usize> = ROWS.iter().map(|row| row.as_ptr().addr()).collect();
        assert_eq!(starts.len(), 6);
        assert!(starts.iter().all(|start| start % LINE == 0));
        assert!(starts.windows(2).all(|pair| pair[1] - pair[0] == LINE));
        for row in [ROWS.mine(), ROWS.of(1023), ROWS.of(2)] {
            row[2].fetch_add(1, Ordering::Relaxed);
        }
        let values: Vec<u64> = ROWS
            .iter()
            .map(|row| row[2].load(Ordering::Relaxed))
            .collect();
        assert_eq!(
            values,
            [0, 0, 1, 0, 0, 2],
            "a thread of a test has a slot above the capacity"
        );
        assert!(ROWS.iter().all(|row| row[0].load(Ordering::Relaxed) == 0));
    }

    #[test]
    fn memory_that_was_used_before_is_zero_again() {
        test_segment();
        let bytes = 100_000;
        let offset = alloc::alloc(bytes, ShmTag::CORE).expect("memory");
        // SAFETY: allocated just above.
        unsafe { segment::at::<u8>(offset).write_bytes(0xFF, bytes) };
        alloc::free(offset);
        for _ in 0..20 {
            let rows: &'static ShmRows<AtomicU64> = Box::leak(Box::default());
            rows.create(9, 1200, ShmTag::CORE).expect("memory");
            let all = rows.iter().flatten();
            assert!(
                all.into_iter()
                    .all(|cell| cell.load(Ordering::Relaxed) == 0)
            );
        }
    }
}
