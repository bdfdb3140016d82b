//! The cache of one process: a short list of free blocks for each size class.
//!
//! Most allocations and frees touch nothing else, so receivers do not meet. A list is linked
//! through the first payload word of its blocks. Invariant at every prefix of the stores: each
//! block on the list has the header state "cached by this slot", so the lists of a dead process
//! can be taken over as they stand; at most one block is in that state and on no list.

use std::sync::atomic::{AtomicU32, AtomicU64};

use super::layout::CLASSES;

/// Free blocks of one class.
#[repr(C)]
pub(in crate::ipc) struct ClassCache {
    /// Payload offset of the first free block, or 0.
    pub head: AtomicU64,
    /// Blocks on the list (after a crash: to within one).
    pub count: AtomicU32,
    _pad: AtomicU32,
}

/// The lists of one process.
#[repr(C)]
pub(in crate::ipc) struct Caches(pub [ClassCache; CLASSES]);

impl Caches {
    pub const fn new() -> Caches {
        Caches(
            [const {
                ClassCache {
                    head: AtomicU64::new(0),
                    count: AtomicU32::new(0),
                    _pad: AtomicU32::new(0),
                }
            }; CLASSES],
        )
    }
}

/// What a block is, in the upper half of its header word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::ipc) enum State {
    /// Somebody owns it; this process slot took it.
    Live(u16),
    /// This process slot has freed it and gives it back when its locks are released.
    Returned(u16),
    /// On the list of its span.
    Central,
    /// In the cache of this process slot.
    Cached(u16),
    /// None of these: the word was overwritten or is no header.
    Broken,
}

const LIVE: u16 = 0xA11C;
const CENTRAL: u16 = 0xF4EE;
const CACHED: u16 = 0x1000;
const RETURNED: u16 = 0x2000;

/// The header word of a small block: requested size (16 bits), slot that took it (16), tag (8), class (8),
/// state (16).
/// It always changes by one store.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::ipc) struct Word(pub u64);

impl Word {
    #[inline]
    pub fn live(size: usize, tag: u8, class: usize, slot: u16) -> Word {
        let who = size as u64 & 0xFFFF | u64::from(slot) << 16 | u64::from(tag) << 32;
        Word(who | (class as u64) << 40 | u64::from(LIVE) << 48)
    }

    /// The same block, freed by `slot` and not given back yet.
    pub fn returned(self, slot: u16) -> Word {
        Word(self.0 & !(0xFFFF << 48) | u64::from(RETURNED + slot) << 48)
    }

    /// A block that was [`Word::returned`], live again.
    pub fn revived(self) -> Word {
        Word(self.0 & !(0xFFFF << 48) | u64::from(LIVE) << 48)
    }

    #[inline]
    pub fn cached(class: usize, slot: u16) -> Word {
        Word((class as u64) << 40 | u64::from(CACHED + slot) << 48)
    }

    pub fn central(class: usize) -> Word {
        Word((class as u64) << 40 | u64::from(CENTRAL) << 48)
    }

    #[inline]
    pub fn is_live(self) -> bool {
        (self.0 >> 48) as u16 == LIVE && self.class() < CLASSES
    }

    /// Whether the owner, or `slot` that has held it back, may put it into its cache.
    #[inline]
    pub fn may_be_freed_by(self, slot: u16) -> bool {
        self.is_live() || self.state() == State::Returned(slot) && self.class() < CLASSES
    }

    pub fn state(self) -> State {
        match (self.0 >> 48) as u16 {
            LIVE => State::Live((self.0 >> 16) as u16),
            CENTRAL => State::Central,
            word @ CACHED..=0x1FFF => State::Cached(word - CACHED),
            word @ RETURNED..=0x2FFF => State::Returned(word - RETURNED),
            _ => State::Broken,
        }
    }

    #[inline]
    pub fn class(self) -> usize {
        usize::from((self.0 >> 40) as u8)
    }

    #[inline]
    pub fn tag(self) -> u8 {
        (self.0 >> 32) as u8
    }

    #[inline]
    pub fn size(self) -> u64 {
        self.0 & 0xFFFF
    }
}
