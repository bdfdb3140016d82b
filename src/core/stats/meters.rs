//! Rows whose places have names that a reload may add to: those of the start stand in one row of each process, later ones
//! in further rows, which are made when they are needed.

use crate::ipc::{ShmFull, ShmRows, ShmTag, ShmZero, named};
use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows beside the first, and places in each of them.
const MORE: usize = 32;
const WIDTH: usize = 16;

/// For each process and each name a `T`.
pub(super) struct Meters<T: ShmZero + Sync> {
    first: ShmRows<T>,
    more: [ShmRows<T>; MORE],
    /// Processes that there are rows for, and places in the first one; 0 before there are any.
    processes: AtomicUsize,
    width: AtomicUsize,
}

impl<T: ShmZero + Sync> Meters<T> {
    pub(super) const fn new() -> Meters<T> {
        Meters {
            first: ShmRows::new(),
            more: [const { ShmRows::new() }; MORE],
            processes: AtomicUsize::new(0),
            width: AtomicUsize::new(0),
        }
    }

    /// Makes places for `names`; the first call counts.
    pub(super) fn create(
        &'static self,
        processes: usize,
        names: &[impl Debug],
    ) -> Result<(), ShmFull> {
        if self.processes.load(Ordering::Relaxed) != 0 {
            return Ok(());
        }
        // Another program finds the numbers of the same names in the same order.
        named(&format!("{names:?}"), || {
            self.first.create(processes, names.len(), ShmTag::CORE)
        })?;
        self.processes.store(processes, Ordering::Relaxed);
        self.width.store(names.len(), Ordering::Relaxed);
        Ok(())
    }

    /// Makes places for those of `names` that have none; for no more than there is room for.
    pub(super) fn grow(&'static self, names: &[impl Debug]) -> Result<(), ShmFull> {
        let (processes, width) = (
            self.processes.load(Ordering::Relaxed),
            self.width.load(Ordering::Relaxed),
        );
        let later = names.len().saturating_sub(width).div_ceil(WIDTH);
        for (i, rows) in self.more.iter().enumerate().take(later) {
            if !rows.exist() {
                let names = &names[..width + i * WIDTH];
                named(&format!("{i} behind {names:?}"), || {
                    rows.create(processes, WIDTH, ShmTag::CORE)
                })?;
            }
        }
        if later > MORE {
            return Err(ShmFull);
        }
        Ok(())
    }

    /// That of this process.
    #[inline]
    pub(super) fn mine(&self, number: usize) -> Option<&'static T> {
        match self.first.mine().get(number) {
            None => self.mine_of_later(number),
            first => first,
        }
    }

    #[cold]
    fn mine_of_later(&self, number: usize) -> Option<&'static T> {
        let (rows, place) = self.later(number)?;
        rows.mine().get(place)
    }

    fn later(&self, number: usize) -> Option<(&ShmRows<T>, usize)> {
        let behind = number.checked_sub(self.width.load(Ordering::Relaxed))?;
        Some((self.more.get(behind / WIDTH)?, behind % WIDTH))
    }

    /// Those of all processes.
    pub(super) fn all(&self, number: usize) -> impl Iterator<Item = &'static T> + '_ {
        let (rows, place) = self.later(number).unwrap_or((&self.first, number));
        rows.iter().filter_map(move |row| row.get(place))
    }

    /// All of the process of that slot.
    pub(super) fn of(&self, slot: u16) -> impl Iterator<Item = &'static T> + '_ {
        let rows = std::iter::once(&self.first).chain(&self.more);
        rows.flat_map(move |rows| rows.of(slot))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::test_segment;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn names_that_come_later_have_places_of_their_own_until_there_are_too_many() {
        test_segment();
        static METERS: Meters<AtomicU64> = Meters::new();
        let names: Vec<usize> = (0..3 + MORE * WIDTH + 1).collect();
        assert!(METERS.mine(0).is_none());
        METERS.create(4, &names[..3]).unwrap();
        METERS.grow(&names[..3]).unwrap();
        assert!(METERS.mine(2).is_some() && METERS.mine(3).is_none());
        METERS.grow(&names[..20]).unwrap();
        METERS.grow(&names[..21]).unwrap();
        for number in 0..20 {
            let mine = METERS.mine(number).expect("a place");
            mine.fetch_add(number as u64 + 1, Ordering::Relaxed);
        }
        for number in 0..20 {
            let all = METERS.all(number).map(|m| m.load(Ordering::Relaxed));
            assert_eq!(all.sum::<u64>(), number as u64 + 1);
        }
        // A thread of a test has a slot above those that have rows of their own.
        let mine: u64 = METERS.of(4).map(|m| m.load(Ordering::Relaxed)).sum();
        assert_eq!(mine, (1..=20).sum());
        assert!(METERS.grow(&names).is_err());
        assert!(METERS.mine(3 + MORE * WIDTH - 1).is_some());
        assert!(METERS.mine(3 + MORE * WIDTH).is_none());
        assert_eq!(METERS.all(3 + MORE * WIDTH).count(), 0);
    }
}
