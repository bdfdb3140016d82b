//! Who uses the memory: allocations carry the number of a tag that a module registered by name.
//!
//! Counting happens in the area of the process that allocates or frees, without contention; a
//! single area may go negative (a process that frees what others allocated), only the sum over
//! all processes means something.

#![allow(unsafe_code)]

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};

use lock_api::RawMutex;

use crate::ipc::mutex::RawShmMutex;
use crate::ipc::segment;

/// Tags that a segment has room for.
pub const MAX_TAGS: usize = 64;
const NAME_WORDS: usize = 3;
/// Bytes of a tag's name that are kept.
pub const MAX_TAG_NAME: usize = NAME_WORDS * 8;

/// The owner of an allocation in the statistics, usually a module.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShmTag(u8);

impl ShmTag {
    /// The core itself.
    pub const CORE: ShmTag = ShmTag(0);

    /// The tag called `name` (its first 24 bytes); the same name gives the same tag. When all 64
    /// are taken, or before the segment exists, the tag of the core. Register before the first
    /// fork (in `mod_init`) and keep the tag.
    pub fn register(name: &str) -> ShmTag {
        segment::heap().map_or(ShmTag::CORE, |heap| heap.header().tags.register(name))
    }

    /// The number, below [`MAX_TAGS`].
    #[inline]
    pub fn index(self) -> u8 {
        self.0
    }

    pub(super) fn from_index(index: u8) -> ShmTag {
        ShmTag(index % MAX_TAGS as u8)
    }
}

impl fmt::Debug for ShmTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShmTag({})", self.0)
    }
}

/// The names, in the segment's header. An entry never changes once `len` includes it.
#[repr(C)]
pub struct TagNames {
    pub(super) lock: RawShmMutex,
    len: AtomicU32,
    _pad: AtomicU32,
    names: [[AtomicU64; NAME_WORDS]; MAX_TAGS],
}

fn pack(name: &str) -> [u64; NAME_WORDS] {
    let mut bytes = [0; MAX_TAG_NAME];
    let len = name.len().min(MAX_TAG_NAME);
    bytes[..len].copy_from_slice(&name.as_bytes()[..len]);
    let (words, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|i| u64::from_ne_bytes(words[i]))
}

impl TagNames {
    pub(super) fn format(&self) {
        if self.len.load(Ordering::Relaxed) == 0 {
            self.register("core");
        }
    }

    pub(super) fn register(&self, name: &str) -> ShmTag {
        let wanted = pack(name);
        self.lock.lock();
        let len = self.len.load(Ordering::Relaxed) as usize;
        let known = (0..len).find(|&i| self.words(i) == wanted);
        let index = match known {
            Some(index) => index,
            None if len < MAX_TAGS => {
                for (word, value) in self.names[len].iter().zip(wanted) {
                    word.store(value, Ordering::Relaxed);
                }
                self.len.store(len as u32 + 1, Ordering::Release);
                len
            }
            None => 0,
        };
        // SAFETY: locked above by this process.
        unsafe { self.lock.unlock() };
        ShmTag(index as u8)
    }

    fn words(&self, index: usize) -> [u64; NAME_WORDS] {
        std::array::from_fn(|i| self.names[index][i].load(Ordering::Relaxed))
    }

    /// Names of all registered tags, by number.
    pub(super) fn names(&self) -> Vec<String> {
        let len = (self.len.load(Ordering::Acquire) as usize).min(MAX_TAGS);
        (0..len)
            .map(|index| {
                let bytes: Vec<u8> = self
                    .words(index)
                    .iter()
                    .flat_map(|w| w.to_ne_bytes())
                    .collect();
                let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
                String::from_utf8_lossy(&bytes[..end]).into_owned()
            })
            .collect()
    }
}

/// Counters of one tag in one process.
#[repr(C)]
pub(in crate::ipc) struct TagCount {
    /// Bytes taken, with headers and rounding.
    pub real: AtomicI64,
    /// Bytes asked for.
    pub requested: AtomicI64,
    /// Allocations.
    pub count: AtomicI64,
    _pad: AtomicI64,
}

/// Counters of one process.
#[repr(C)]
pub(in crate::ipc) struct TagCounts(pub [TagCount; MAX_TAGS]);

impl TagCounts {
    pub const fn new() -> TagCounts {
        TagCounts(
            [const {
                TagCount {
                    real: AtomicI64::new(0),
                    requested: AtomicI64::new(0),
                    count: AtomicI64::new(0),
                    _pad: AtomicI64::new(0),
                }
            }; MAX_TAGS],
        )
    }

    /// Adds (sign 1) or removes (sign -1) one allocation.
    #[inline]
    pub fn note(&self, tag: ShmTag, real: u64, requested: u64, sign: i64) {
        let entry = &self.0[usize::from(tag.0) % MAX_TAGS];
        bump(&entry.real, sign * real as i64);
        bump(&entry.requested, sign * requested as i64);
        bump(&entry.count, sign);
    }
}

/// Only the owner of the area writes, so no read-modify-write instruction is needed.
#[inline]
fn bump(counter: &AtomicI64, by: i64) {
    counter.store(
        counter.load(Ordering::Relaxed).wrapping_add(by),
        Ordering::Relaxed,
    );
}
