//! The one shared segment: a sparse memfd, mapped before the first fork.
//!
//! Its heap is as long as the limit (`-m`); pages are taken when they are touched and given back
//! by punching holes, so nothing is set aside. Everything inside refers to other things inside by
//! OFFSET from the base, never by address: a later binary can map the same file elsewhere.
//! Offset 0 is the header and serves as null.
//!
//! Invariant: once created the segment stays mapped at one address for the life of the process
//! and of all processes forked from it; `BASE` is null before and constant after.

#![allow(unsafe_code)]

use std::fmt;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, Ordering};

use memmap2::{MmapOptions, MmapRaw};

use super::alloc::Heap;
use super::alloc::layout::{GRANULE, Plan, SHAPE};
use super::fault;
use super::roots;

/// First word of a segment: "SERshm" and a zero.
pub const MAGIC: u64 = u64::from_le_bytes(*b"SERshm\0\0");
/// Version of what the bytes mean; a segment of another version cannot be taken over. How types look is told by
/// [`super::layout`].
pub const LAYOUT_VERSION: u32 = 2;
/// The smallest heap in bytes; a lower limit is raised to this.
pub const MIN_LIMIT: u64 = 1 << 20;
/// The largest heap in bytes (granule numbers have 31 bits, and more than this is a mistake).
pub const MAX_LIMIT: u64 = 1 << 42;

static BASE: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
static FD: AtomicI32 = AtomicI32::new(-1);
static SEGMENT: OnceLock<Segment> = OnceLock::new();

/// The mapped segment of this process and its descendants.
#[derive(Debug)]
pub struct Segment {
    mapping: Mapping,
}

/// Why there is no segment.
#[derive(Debug)]
pub enum SegmentError {
    /// [`Segment::create`] was called a second time.
    Exists,
    /// The kernel refused: which call, and why.
    System(&'static str, std::io::Error),
    /// What is to be taken over cannot be: why.
    Foreign(&'static str),
}

impl fmt::Display for SegmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SegmentError::Exists => f.write_str("the shared segment exists already"),
            SegmentError::System(call, error) => write!(f, "shared memory: {call}: {error}"),
            SegmentError::Foreign(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for SegmentError {}

impl Segment {
    /// Creates the segment of this process tree with room for `limit` bytes (rounded up to 16 KiB,
    /// at least [`MIN_LIMIT`]). To be called once, before the first fork, by a process with one
    /// thread.
    pub fn create(limit: u64) -> Result<&'static Segment, SegmentError> {
        Segment::put(Mapping::new(limit)?)
    }

    /// Maps the segment of another program that `fd` is the memfd of, to go on with what is in it ([`super::roots`]).
    /// The error says so if that program had another idea of it.
    pub fn take_over(fd: OwnedFd) -> Result<&'static Segment, SegmentError> {
        let segment = Segment::put(Mapping::of(fd)?)?;
        roots::look_for_roots();
        Ok(segment)
    }

    fn put(mapping: Mapping) -> Result<&'static Segment, SegmentError> {
        let mut created = false;
        let segment = SEGMENT.get_or_init(|| {
            created = true;
            Segment { mapping }
        });
        if !created {
            return Err(SegmentError::Exists);
        }
        FD.store(segment.mapping.fd.as_raw_fd(), Ordering::Relaxed);
        BASE.store(segment.mapping.map.as_mut_ptr(), Ordering::Release);
        Ok(segment)
    }

    /// The segment, if it was created.
    pub fn get() -> Option<&'static Segment> {
        SEGMENT.get().filter(|_| !base().is_null())
    }

    /// Half of the machine's memory, the limit when `-m` does not set one; in bytes.
    pub fn default_limit() -> u64 {
        // SAFETY: sysconf only reads a number from the kernel.
        let (pages, page) = unsafe {
            (
                libc::sysconf(libc::_SC_PHYS_PAGES),
                libc::sysconf(libc::_SC_PAGESIZE),
            )
        };
        let total = u64::try_from(pages)
            .unwrap_or(0)
            .saturating_mul(u64::try_from(page).unwrap_or(0));
        (total / 2).max(MIN_LIMIT)
    }

    /// Room for data, in bytes.
    pub fn limit(&self) -> u64 {
        self.mapping.heap().header().limit.load(Ordering::Relaxed)
    }

    /// Bytes of memory that the kernel has given to the segment until now (metadata included).
    pub fn resident(&self) -> u64 {
        self.mapping.resident()
    }

    /// The descriptor of the memfd (close-on-exec).
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.mapping.fd.as_fd()
    }
}

/// A mapped memfd with an initialised heap; the segment has one, tests of the allocator have
/// their own.
#[derive(Debug)]
pub(super) struct Mapping {
    map: MmapRaw,
    fd: OwnedFd,
}

impl Mapping {
    pub fn new(limit: u64) -> Result<Mapping, SegmentError> {
        let limit = limit.clamp(MIN_LIMIT, MAX_LIMIT).next_multiple_of(GRANULE);
        let plan = Plan::new(limit);
        let system =
            |call| move |errno: rustix::io::Errno| SegmentError::System(call, errno.into());
        let fd = rustix::fs::memfd_create("ser-shm", rustix::fs::MemfdFlags::CLOEXEC)
            .map_err(system("memfd_create"))?;
        rustix::fs::ftruncate(&fd, plan.len).map_err(system("ftruncate"))?;
        let map = MmapOptions::new()
            .len(plan.len as usize)
            .map_raw(&fd)
            .map_err(|error| SegmentError::System("mmap", error))?;
        let mapping = Mapping { map, fd };
        mapping.heap().format(&plan);
        Ok(mapping)
    }

    /// Maps what another program has formatted.
    fn of(fd: OwnedFd) -> Result<Mapping, SegmentError> {
        let stat =
            rustix::fs::fstat(&fd).map_err(|errno| SegmentError::System("fstat", errno.into()))?;
        let length = usize::try_from(stat.st_size).unwrap_or(0);
        if length < Plan::new(MIN_LIMIT).len as usize {
            return Err(SegmentError::Foreign("it is too short"));
        }
        let map = MmapOptions::new()
            .len(length)
            .map_raw(&fd)
            .map_err(|error| SegmentError::System("mmap", error))?;
        let mapping = Mapping { map, fd };
        let heap = mapping.heap();
        let header = heap.header();
        let word = |word: &AtomicU64| word.load(Ordering::Acquire);
        let known = word(&header.magic) == MAGIC
            && header.version.load(Ordering::Relaxed) == LAYOUT_VERSION
            && word(&header.shape) == SHAPE
            && word(&header.len) == length as u64;
        if !known || fault::is_foreign() {
            return Err(SegmentError::Foreign("its layout is another"));
        }
        if !header.roots.is_complete() {
            return Err(SegmentError::Foreign(
                "it has more roots than its list holds",
            ));
        }
        Ok(mapping)
    }

    pub fn heap(&self) -> Heap {
        // SAFETY: the mapping is writable, page aligned, zero or formatted, and as long as its
        // plan says; `Heap` is only used while it is mapped (the segment's forever, a test's
        // within the test).
        unsafe { Heap::at(self.map.as_mut_ptr(), self.fd.as_raw_fd()) }
    }

    pub fn resident(&self) -> u64 {
        rustix::fs::fstat(&self.fd).map_or(0, |stat| stat.st_blocks.cast_unsigned() * 512)
    }
}

/// Start of the mapping; null before the segment was created.
#[inline]
pub(super) fn base() -> *mut u8 {
    BASE.load(Ordering::Relaxed)
}

/// The heap of the segment.
#[inline]
pub(super) fn heap() -> Option<Heap> {
    let base = base();
    if base.is_null() {
        return None;
    }
    // SAFETY: BASE is null or the start of the mapping of SEGMENT, which is never unmapped.
    Some(unsafe { Heap::at(base, FD.load(Ordering::Relaxed)) })
}

/// The address of `offset`.
#[inline]
pub(super) fn at<T>(offset: u64) -> *mut T {
    base().wrapping_add(offset as usize).cast()
}

/// The offset of something in the segment. For an address outside (a lock on the stack of a test)
/// a number beyond the segment's length.
#[inline]
pub(super) fn offset_of<T>(object: &T) -> u64 {
    (std::ptr::from_ref(object).addr()).wrapping_sub(base().addr()) as u64
}

/// True if `offset` can be that of a payload of `heap`.
pub(super) fn plausible(heap: &Heap, offset: u64) -> bool {
    let header = heap.header();
    let inside = header.heap_start.load(Ordering::Relaxed)..header.len.load(Ordering::Relaxed);
    inside.contains(&offset) && offset.is_multiple_of(16)
}

/// Length of the mapping in bytes; 0 without one.
pub(super) fn len() -> u64 {
    heap().map_or(0, |heap| heap.header().len.load(Ordering::Relaxed))
}

/// The segment of a test program: created by whichever test comes first, 1 GiB of sparse heap.
/// Panics if the kernel refuses.
pub fn test_segment() -> &'static Segment {
    static ONCE: OnceLock<&'static Segment> = OnceLock::new();
    ONCE.get_or_init(|| match Segment::create(1 << 30) {
        Ok(segment) => segment,
        Err(SegmentError::Exists) => match Segment::get() {
            Some(segment) => segment,
            None => panic!("the segment is being created by another thread"),
        },
        Err(error) => panic!("{error}"),
    })
}
