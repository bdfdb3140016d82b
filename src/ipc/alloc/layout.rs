//! The plan of the segment: what stands where, and the sizes that the allocator hands out.
//!
//! ```text
//! 0        Header        magic, limits, tags, page heap, size classes
//! +        ProcArea[]    one for each process slot: cache, counters, locks held
//! +        Granule[]     one entry for each 16 KiB of the segment
//! +        heap          granules: spans of small blocks, runs of large ones
//! ```
//! A small block is a header word and a payload of up to 32,760 bytes; the payload is aligned to
//! 16 and never to a granule, a large one always to a granule: that is how `free` tells them apart.

#![allow(unsafe_code)]

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64};

use super::central::Central;
use super::pages::Pages;
use super::tag::TagNames;
use crate::ipc::layout::{mix, text};
use crate::ipc::roots::Roots;
use crate::ipc::slot::{MAX_PROCESSES, ProcArea};

/// Unit of the page heap: 16 KiB.
pub const GRANULE: u64 = 1 << GRANULE_SHIFT;
/// log2 of [`GRANULE`].
pub const GRANULE_SHIFT: u32 = 14;
/// Size classes of small blocks: 16 bytes apart up to 256, then four to each doubling.
pub const CLASSES: usize = 44;
/// The header word before each small payload, in bytes.
pub const BLOCK_HEADER: usize = 8;
/// The largest small payload, in bytes.
pub const MAX_SMALL: usize = (1 << 15) - BLOCK_HEADER;
/// Where the first payload of a span stands.
pub const FIRST_PAYLOAD: u32 = 16;

const MAP_ENTRY: u64 = size_of::<super::pages::Granule>() as u64;
const AREAS: u64 = (size_of::<Header>() as u64).next_multiple_of(4096);
const MAP: u64 = (AREAS + (MAX_PROCESSES * size_of::<ProcArea>()) as u64).next_multiple_of(4096);

/// What a program that maps the segment later must have the same.
pub const SHAPE: u64 = {
    let mut shape = text("segment");
    let sizes = [
        size_of::<Header>() as u64,
        size_of::<ProcArea>() as u64,
        MAP_ENTRY,
        MAX_PROCESSES as u64,
        GRANULE,
        MAX_SMALL as u64,
        CLASSES as u64,
        cfg!(debug_assertions) as u64,
    ];
    let mut i = 0;
    while i < sizes.len() {
        shape = mix(shape, sizes[i]);
        i += 1;
    }
    shape
};

/// Head of the segment.
#[repr(C, align(64))]
pub struct Header {
    pub magic: AtomicU64,
    pub version: AtomicU32,
    pub first_granule: AtomicU32,
    pub end_granule: AtomicU32,
    _pad: AtomicU32,
    /// Length of the file, in bytes.
    pub len: AtomicU64,
    /// Length of the heap, in bytes.
    pub limit: AtomicU64,
    /// Offset of the heap.
    pub heap_start: AtomicU64,
    /// One bit for each process slot that was ever used.
    pub adopted: [AtomicU64; MAX_PROCESSES / 64],
    pub out: Out,
    pub tags: TagNames,
    pub roots: Roots,
    /// Sizes of everything in front of the heap, as a number.
    pub shape: AtomicU64,
    pub pages: Pages,
    pub classes: [Central; CLASSES],
}

/// How much is outside of the central stores: in use or in a process's cache.
#[repr(C, align(64))]
pub struct Out {
    /// Bytes, now.
    pub bytes: AtomicI64,
    /// Bytes, at most until now.
    pub max_bytes: AtomicI64,
    /// Requests that found no memory.
    pub refused: AtomicU64,
    /// The size of the last one, and the number of its tag in the upper half.
    pub last_refused: AtomicU64,
}

/// Offsets that depend on the limit.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Length of the heap in bytes.
    pub limit: u64,
    /// Offset of the heap.
    pub heap_start: u64,
    /// Length of the file.
    pub len: u64,
}

impl Plan {
    /// The plan for a heap of `limit` bytes, a multiple of [`GRANULE`].
    pub fn new(limit: u64) -> Plan {
        // The table has an entry for every granule of the file, its own ones included.
        let own = (MAP + (limit >> GRANULE_SHIFT) * MAP_ENTRY).div_ceil(GRANULE) + 1;
        let entries = (limit >> GRANULE_SHIFT) + own + own * MAP_ENTRY / GRANULE + 1;
        let heap_start = (MAP + entries * MAP_ENTRY).next_multiple_of(GRANULE);
        Plan {
            limit,
            heap_start,
            len: heap_start + limit,
        }
    }
}

/// Offset of the area of `slot`.
pub const fn area_offset(slot: u16) -> u64 {
    AREAS + slot as u64 * size_of::<ProcArea>() as u64
}

/// Offset of the entry of granule `index`.
#[inline]
pub const fn map_offset(index: u32) -> u64 {
    MAP + index as u64 * MAP_ENTRY
}

/// The class of a payload of `size` bytes, which is at most [`MAX_SMALL`].
#[inline]
pub const fn class_of(size: usize) -> usize {
    let units = (size + BLOCK_HEADER).div_ceil(16);
    if units <= 16 {
        return units - 1;
    }
    let last = (units * 16 - 1) as u64;
    let log = 63 - last.leading_zeros();
    16 + (log as usize - 8) * 4 + ((last >> (log - 2)) & 3) as usize
}

const fn compute_class_size(class: usize) -> u32 {
    if class < 16 {
        return (class as u32 + 1) * 16;
    }
    let log = 8 + (class as u32 - 16) / 4;
    (1 << log) + ((class as u32 - 16) % 4 + 1) * (1 << (log - 2))
}

/// Bytes of a block of each class, header included.
pub const CLASS_SIZE: [u32; CLASSES] = {
    let mut sizes = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        sizes[class] = compute_class_size(class);
        class += 1;
    }
    sizes
};

/// Granules of a span of `class`: enough for at least seven blocks.
pub const fn span_granules(class: usize) -> u32 {
    match CLASS_SIZE[class] {
        0..=1024 => 1,
        1025..=8192 => 4,
        _ => 16,
    }
}

/// Blocks of a span of `class`.
pub const fn span_blocks(class: usize) -> u32 {
    let bytes = span_granules(class) << GRANULE_SHIFT;
    (bytes - (FIRST_PAYLOAD - BLOCK_HEADER as u32)) / CLASS_SIZE[class]
}

/// Blocks of each class that a process may keep for itself; half of them move at a time.
pub const CACHE_LIMIT: [u32; CLASSES] = {
    let mut limits = [0; CLASSES];
    let mut class = 0;
    while class < CLASSES {
        let fit = 32768 / CLASS_SIZE[class];
        limits[class] = if fit > 128 {
            128
        } else if fit < 2 {
            2
        } else {
            fit
        };
        class += 1;
    }
    limits
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_goes_to_the_smallest_class_that_holds_it() {
        for size in 0..=MAX_SMALL {
            let class = class_of(size);
            let need = (size + BLOCK_HEADER) as u32;
            assert!(CLASS_SIZE[class] >= need, "{size}");
            assert!(class == 0 || CLASS_SIZE[class - 1] < need, "{size}");
        }
        assert_eq!(class_of(MAX_SMALL), CLASSES - 1);
    }

    #[test]
    fn no_small_payload_stands_at_the_start_of_a_granule() {
        for (class, size) in CLASS_SIZE.into_iter().enumerate() {
            for block in 0..span_blocks(class) {
                let offset = FIRST_PAYLOAD + block * size;
                assert_ne!(u64::from(offset) % GRANULE, 0);
                assert_eq!(offset % 16, 0);
            }
            let end = FIRST_PAYLOAD - 8 + span_blocks(class) * size;
            assert!(end <= span_granules(class) << GRANULE_SHIFT);
        }
    }

    #[test]
    fn the_table_of_granules_ends_before_the_heap() {
        for limit in [1 << 20, 1 << 25, 1 << 34, (1 << 34) + GRANULE] {
            let plan = Plan::new(limit);
            let granules = (plan.len >> GRANULE_SHIFT) as u32;
            assert!(map_offset(granules) <= plan.heap_start);
            assert!(plan.heap_start < limit / 100 + (8 << 20));
        }
    }
}
