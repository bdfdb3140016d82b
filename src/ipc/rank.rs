//! The order in which locks may be taken, and a witness that checks it in debug builds.
//!
//! A process may take a lock only if its rank is above the rank of every lock that it holds, or
//! equal with a higher index. The list below is the order; `src/ipc/README.md` explains it.
//! Invariant checked: with this rule no cycle of waiting processes can exist.

use std::fmt;

/// The class of a lock: its place in the lock order. Lower ranks are taken first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(transparent)]
pub struct LockRank(pub u16);

impl LockRank {
    /// Not checked (locks of tests and of code that holds nothing else).
    pub const NONE: LockRank = LockRank(0);
    /// The table of processes: taken first, around everything.
    pub const PROCESS_TABLE: LockRank = LockRank(10);
    /// An order to the attendant.
    pub const ORDERS: LockRank = LockRank(20);
    /// First rank for modules; a module may use 100..=199 among its own locks.
    pub const MODULE: LockRank = LockRank(100);
    /// Buckets of a [`super::ShmTable`] created without a rank of its own.
    pub const TABLE: LockRank = LockRank(150);
    /// Names that are being looked up; taken under any lock of a module.
    pub const DNS_JOBS: LockRank = LockRank(200);
    /// The result that a process waits for.
    pub const DNS_MAIL: LockRank = LockRank(201);
    /// Buckets of the DNS cache.
    pub const DNS_CACHE: LockRank = LockRank(202);
    /// Buckets of the destination blacklist.
    pub const BLACKLIST: LockRank = LockRank(203);
    /// Slots of the timer wheel (higher levels first, see `wheel`).
    pub const WHEEL: LockRank = LockRank(210);
    /// Names of what lives as long as the segment.
    pub const ROOTS: LockRank = LockRank(225);
    /// Names of allocation tags.
    pub const TAGS: LockRank = LockRank(230);
    /// A size class of the allocator.
    pub const ALLOC_CLASS: LockRank = LockRank(240);
    /// The page heap of the allocator: taken last.
    pub const ALLOC_PAGES: LockRank = LockRank(250);
}

impl fmt::Display for LockRank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            LockRank::NONE => "unranked lock",
            LockRank::PROCESS_TABLE => "lock of the process table",
            LockRank::ORDERS => "lock of an order to the attendant",
            LockRank::TABLE => "lock of a table's bucket",
            LockRank::DNS_JOBS => "lock of the names being looked up",
            LockRank::DNS_MAIL => "lock of a process's dns result",
            LockRank::DNS_CACHE => "lock of the dns cache",
            LockRank::BLACKLIST => "lock of the destination blacklist",
            LockRank::WHEEL => "lock of a timer slot",
            LockRank::ROOTS => "lock of the names of roots",
            LockRank::TAGS => "lock of the allocation tags",
            LockRank::ALLOC_CLASS => "lock of an allocator's size class",
            LockRank::ALLOC_PAGES => "lock of the allocator's pages",
            LockRank(rank) => return write!(f, "lock of rank {rank}"),
        };
        f.write_str(name)
    }
}

#[cfg(debug_assertions)]
mod witness {
    use super::LockRank;
    use std::cell::RefCell;

    thread_local! {
        static HELD: RefCell<Vec<(LockRank, u16)>> = const { RefCell::new(Vec::new()) };
    }

    pub fn check(rank: LockRank, index: u16) {
        if rank == LockRank::NONE {
            return;
        }
        let worst = HELD.with_borrow(|held| held.iter().max().copied());
        if let Some((top, top_index)) = worst
            && (rank, index) <= (top, top_index)
        {
            panic!(
                "lock order: {rank} ({}:{index}) wanted while {top} ({}:{top_index}) is held",
                rank.0, top.0
            );
        }
    }

    pub fn acquired(rank: LockRank, index: u16) {
        if rank != LockRank::NONE {
            HELD.with_borrow_mut(|held| held.push((rank, index)));
        }
    }

    pub fn released(rank: LockRank, index: u16) {
        HELD.with_borrow_mut(|held| {
            if let Some(at) = held.iter().rposition(|entry| *entry == (rank, index)) {
                held.remove(at);
            }
        });
    }
}

#[cfg(not(debug_assertions))]
mod witness {
    use super::LockRank;

    #[inline(always)]
    pub fn check(_: LockRank, _: u16) {}
    #[inline(always)]
    pub fn acquired(_: LockRank, _: u16) {}
    #[inline(always)]
    pub fn released(_: LockRank, _: u16) {}
}

pub(super) use witness::{acquired, check, released};
