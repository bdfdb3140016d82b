//! `ShmStr`: an owned byte string in shared memory.
//!
//! 16 bytes. Up to 15 bytes of content stand inside, longer content in a block of its own.
//! Invariant: the last byte is the length (0..=15) of content inside, or 255; then the first eight
//! bytes are the offset of the block and the next four the length.

#![allow(unsafe_code)]

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{Ordering, compiler_fence};

use super::alloc::{self, ShmFull, ShmTag};
use super::fault::point;
use super::layout;
use super::safe::ShmSafe;
use super::segment;

const INSIDE: usize = 15;
const OUTSIDE: u8 = 255;

/// An owned, immutable byte string; dropping it frees the memory. Empty and short ones need none.
#[repr(C, align(8))]
pub struct ShmStr {
    raw: [u8; 16],
}

// SAFETY: bytes, or the offset of a block that the string owns.
unsafe impl ShmSafe for ShmStr {
    const LAYOUT: u64 = layout::mix(
        layout::plain(size_of::<Self>(), align_of::<Self>()),
        layout::text("string"),
    );
}

impl ShmStr {
    /// The empty string.
    pub const EMPTY: ShmStr = ShmStr { raw: [0; 16] };

    /// Copies `bytes` to shared memory, counted under `tag` when they need a block (from 16 bytes).
    pub fn try_new_in(bytes: &[u8], tag: ShmTag) -> Result<ShmStr, ShmFull> {
        let mut raw = [0; 16];
        if bytes.len() <= INSIDE {
            raw[..bytes.len()].copy_from_slice(bytes);
            raw[15] = bytes.len() as u8;
            return Ok(ShmStr { raw });
        }
        let len = u32::try_from(bytes.len()).map_err(|_| ShmFull)?;
        let offset = alloc::alloc(bytes.len(), tag)?;
        // SAFETY: `alloc` gave this process sole ownership of `bytes.len()` bytes there.
        unsafe { segment::at::<u8>(offset).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        raw[..8].copy_from_slice(&offset.to_ne_bytes());
        raw[8..12].copy_from_slice(&len.to_ne_bytes());
        raw[15] = OUTSIDE;
        Ok(ShmStr { raw })
    }

    /// As [`ShmStr::try_new_in`], counted under the core's tag.
    pub fn try_new(bytes: &[u8]) -> Result<ShmStr, ShmFull> {
        ShmStr::try_new_in(bytes, ShmTag::CORE)
    }

    /// A second copy of the content.
    pub fn try_clone_in(&self, tag: ShmTag) -> Result<ShmStr, ShmFull> {
        ShmStr::try_new_in(self.as_bytes(), tag)
    }

    /// Puts `new` in the place of the content, so that a process killed on the way leaves the old content or
    /// the new (to be made whole by [`ShmStr::repair`]), or none if one of them is shorter than 16 bytes. To be
    /// preferred to assignment wherever other processes go on after a crash.
    pub fn replace(&mut self, new: ShmStr) {
        let old = ShmStr { raw: self.raw };
        if self.raw[15] == OUTSIDE && new.raw[15] == OUTSIDE {
            // The block first: its length can be had from its header.
            self.raw[..8].copy_from_slice(&new.raw[..8]);
            compiler_fence(Ordering::Release);
            point();
            self.raw[8..12].copy_from_slice(&new.raw[8..12]);
            compiler_fence(Ordering::Release);
            std::mem::forget(new);
            return drop(old);
        }
        self.raw[15] = 0;
        compiler_fence(Ordering::Release);
        point();
        self.raw[..15].copy_from_slice(&new.raw[..15]);
        compiler_fence(Ordering::Release);
        self.raw[15] = new.raw[15];
        compiler_fence(Ordering::Release);
        std::mem::forget(new);
        drop(old);
    }

    /// Makes a content whole whose replacement was cut short.
    pub fn repair(&mut self) {
        if self.raw[15] == OUTSIDE {
            let len = alloc::len_of(self.block()).unwrap_or(0) as u32;
            self.raw[8..12].copy_from_slice(&len.to_ne_bytes());
        }
    }

    fn block(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.raw;
        u64::from_ne_bytes([a, b, c, d, e, f, g, h])
    }

    /// Length in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        match self.raw[15] {
            OUTSIDE => {
                u32::from_ne_bytes([self.raw[8], self.raw[9], self.raw[10], self.raw[11]]) as usize
            }
            inside => usize::from(inside),
        }
    }

    /// True if there is no content.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.raw[15] == 0
    }

    /// The content.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        if self.raw[15] != OUTSIDE {
            return &self.raw[..usize::from(self.raw[15]).min(INSIDE)];
        }
        // SAFETY: the string owns a block of `len` initialised bytes at `block` (`try_new_in`).
        unsafe { std::slice::from_raw_parts(segment::at::<u8>(self.block()), self.len()) }
    }
}

impl Drop for ShmStr {
    fn drop(&mut self) {
        if self.raw[15] == OUTSIDE {
            alloc::free(self.block());
        }
    }
}

impl Default for ShmStr {
    fn default() -> ShmStr {
        ShmStr::EMPTY
    }
}

impl Deref for ShmStr {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for ShmStr {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Borrow<[u8]> for ShmStr {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl PartialEq for ShmStr {
    fn eq(&self, other: &ShmStr) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for ShmStr {}

impl PartialEq<[u8]> for ShmStr {
    fn eq(&self, other: &[u8]) -> bool {
        self.as_bytes() == other
    }
}

impl PartialEq<&[u8]> for ShmStr {
    fn eq(&self, other: &&[u8]) -> bool {
        self.as_bytes() == *other
    }
}

impl std::hash::Hash for ShmStr {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for ShmStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

impl fmt::Display for ShmStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::test_segment;

    #[test]
    fn a_string_keeps_its_content_at_every_length_around_the_inner_capacity() {
        test_segment();
        for len in (0..40).chain([1000, 32_760, 32_761, 100_000]) {
            let content: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let string = ShmStr::try_new(&content).expect("memory");
            assert_eq!(string.as_bytes(), content);
            assert_eq!(string.len(), len);
            assert_eq!(string.is_empty(), len == 0);
            assert_eq!(string.try_clone_in(ShmTag::CORE).expect("memory"), string);
        }
    }

    #[test]
    fn replacing_a_string_frees_the_old_block_only() {
        test_segment();
        let tag = ShmTag::register("string replace test");
        let used = || alloc::stats::tag_stats()[usize::from(tag.index())].allocations;
        let make = |len: usize| ShmStr::try_new_in(&vec![b'x'; len], tag).expect("memory");
        let mut string = make(100);
        for len in [3, 50, 16, 0, 15, 200] {
            string.replace(make(len));
            assert_eq!(string.as_bytes(), vec![b'x'; len]);
            assert_eq!(used(), i64::from(len > 15));
        }
        drop(string);
        assert_eq!(used(), 0);
    }

    #[test]
    fn dropping_strings_gives_the_memory_back() {
        test_segment();
        let tag = ShmTag::register("string drop test");
        let used = || alloc::stats::tag_stats()[usize::from(tag.index())].allocations;
        let strings: Vec<ShmStr> = (0..100)
            .map(|i| ShmStr::try_new_in(&vec![7; i], tag).expect("memory"))
            .collect();
        assert_eq!(used(), 84, "the first sixteen are short");
        drop(strings);
        assert_eq!(used(), 0);
    }
}
