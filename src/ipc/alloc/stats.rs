//! How much shared memory is used, by whom, and in how many pieces the rest lies.

use std::sync::atomic::Ordering;

use super::Heap;
use super::layout::CLASSES;
use crate::ipc::segment;

/// The figures of RPC `core.shmmem`; all but `fragments` in bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct ShmStats {
    /// The limit.
    pub total: u64,
    /// Bytes asked for.
    pub used: u64,
    /// Bytes taken, with headers and rounding.
    pub real_used: u64,
    /// The highest `real_used` until now, blocks waiting in caches included.
    pub max_used: u64,
    /// `total` less `real_used`.
    pub free: u64,
    /// Free pieces: blocks in caches and spans, and runs of granules.
    pub fragments: u64,
    /// Live allocations.
    pub allocations: u64,
}

/// What one tag uses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TagStats {
    /// The name that was registered.
    pub name: String,
    /// Bytes asked for.
    pub used: i64,
    /// Bytes taken, with headers and rounding.
    pub real_used: i64,
    /// Live allocations.
    pub allocations: i64,
}

/// Requests for shared memory that were refused because the limit was reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// How many, until now.
    pub count: u64,
    /// Bytes that the last one asked for.
    pub last_size: usize,
    /// The place of its tag in [`tag_stats`].
    pub last_tag: usize,
}

/// How often the limit was reached; `None`: never.
pub fn shm_refused() -> Option<Refused> {
    let heap = segment::heap()?;
    let out = &heap.header().out;
    let (count, last) = (
        out.refused.load(Ordering::Relaxed),
        out.last_refused.load(Ordering::Relaxed),
    );
    (count > 0).then_some(Refused {
        count,
        last_size: last as u32 as usize,
        last_tag: (last >> 32) as usize,
    })
}

/// Figures of the whole segment; all zero without one. A snapshot that others change meanwhile.
pub fn shm_stats() -> ShmStats {
    segment::heap().map(|heap| heap.stats()).unwrap_or_default()
}

/// Figures of each registered tag, in order of registration.
pub fn tag_stats() -> Vec<TagStats> {
    segment::heap()
        .map(|heap| heap.tag_stats())
        .unwrap_or_default()
}

impl Heap {
    pub(super) fn tag_stats(&self) -> Vec<TagStats> {
        let names = self.header().tags.names();
        let mut stats: Vec<TagStats> = names
            .into_iter()
            .map(|name| TagStats {
                name,
                used: 0,
                real_used: 0,
                allocations: 0,
            })
            .collect();
        for area in self.adopted() {
            for (count, tag) in area.tags.0.iter().zip(&mut stats) {
                tag.used += count.requested.load(Ordering::Relaxed);
                tag.real_used += count.real.load(Ordering::Relaxed);
                tag.allocations += count.count.load(Ordering::Relaxed);
            }
        }
        stats
    }

    pub(super) fn stats(&self) -> ShmStats {
        let header = self.header();
        let total = header.limit.load(Ordering::Relaxed);
        let sum = |field: fn(&TagStats) -> i64| {
            self.tag_stats().iter().map(field).sum::<i64>().max(0) as u64
        };
        let real_used = sum(|tag| tag.real_used);
        let highest = header.out.max_bytes.load(Ordering::Relaxed).max(0) as u64;
        ShmStats {
            total,
            used: sum(|tag| tag.used),
            real_used,
            max_used: highest.max(real_used),
            free: total.saturating_sub(real_used),
            fragments: self.fragments(),
            allocations: sum(|tag| tag.allocations),
        }
    }

    fn fragments(&self) -> u64 {
        let header = self.header();
        let listed: u64 = header
            .classes
            .iter()
            .map(|class| u64::from(class.free.load(Ordering::Relaxed)))
            .sum();
        let mut cached = 0;
        for area in self.adopted() {
            cached += (0..CLASSES)
                .map(|class| u64::from(area.caches.0[class].count.load(Ordering::Relaxed)))
                .sum::<u64>();
        }
        listed + cached + u64::from(header.pages.runs.load(Ordering::Relaxed))
    }
}
