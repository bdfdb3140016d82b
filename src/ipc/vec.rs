//! `ShmVec`: a growing array in shared memory.
//!
//! Invariant: the first `len` elements of the block are initialised, at every prefix of the
//! stores: an element is written before `len` counts it, and `len` drops before it is taken out.

#![allow(unsafe_code)]

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{Ordering, compiler_fence};

use super::alloc::{self, ShmFull, ShmTag};
use super::fault::point;
use super::layout;
use super::safe::ShmSafe;
use super::segment;

/// An owned array; dropping it drops the elements and frees the memory. Empty it needs none.
#[repr(C)]
pub struct ShmVec<T: ShmSafe> {
    block: u64,
    len: u32,
    capacity: u32,
    tag: ShmTag,
    _owns: PhantomData<T>,
}

// SAFETY: numbers and the offset of a block of `T` that the array owns.
unsafe impl<T: ShmSafe> ShmSafe for ShmVec<T> {
    const LAYOUT: u64 = layout::mix(layout::text("vec"), T::LAYOUT);
}

impl<T: ShmSafe> ShmVec<T> {
    /// An empty array whose memory will count under `tag`.
    pub const fn new_in(tag: ShmTag) -> ShmVec<T>
    where
        T: Unpin,
    {
        const { assert!(align_of::<T>() <= 16 && size_of::<T>() > 0) };
        ShmVec {
            block: 0,
            len: 0,
            capacity: 0,
            tag,
            _owns: PhantomData,
        }
    }

    /// Makes room for `more` further elements, and for some that may follow.
    pub fn try_reserve(&mut self, more: usize) -> Result<(), ShmFull> {
        let need = (self.len as usize).checked_add(more).ok_or(ShmFull)?;
        if need <= self.capacity as usize {
            return Ok(());
        }
        self.grow(need.max(self.capacity as usize * 2).max(4))
    }

    /// Makes room for `more` further elements and no others.
    pub fn try_reserve_exact(&mut self, more: usize) -> Result<(), ShmFull> {
        let need = (self.len as usize).checked_add(more).ok_or(ShmFull)?;
        if need <= self.capacity as usize {
            return Ok(());
        }
        self.grow(need)
    }

    fn grow(&mut self, capacity: usize) -> Result<(), ShmFull> {
        let capacity32 = u32::try_from(capacity).map_err(|_| ShmFull)?;
        let bytes = capacity.checked_mul(size_of::<T>()).ok_or(ShmFull)?;
        let block = alloc::alloc(bytes, self.tag)?;
        let old = self.block;
        if old != 0 {
            // SAFETY: the old block holds `len` elements, the new one has room for more, and they
            // are distinct allocations. The elements are moved: the old block is freed undropped.
            unsafe {
                segment::at::<T>(block)
                    .copy_from_nonoverlapping(segment::at::<T>(old), self.len as usize)
            };
        }
        self.block = block;
        compiler_fence(Ordering::Release);
        point();
        self.capacity = capacity32;
        if old != 0 {
            alloc::free(old);
        }
        Ok(())
    }

    /// Appends `value`; on exhaustion it is dropped.
    pub fn try_push(&mut self, value: T) -> Result<(), ShmFull> {
        self.try_reserve(1)?;
        // SAFETY: there is room for an element at index `len` (`try_reserve`), not yet initialised.
        unsafe {
            segment::at::<T>(self.block)
                .add(self.len as usize)
                .write(value)
        };
        compiler_fence(Ordering::Release);
        point();
        self.len += 1;
        point();
        Ok(())
    }

    /// Takes the last element off.
    pub fn pop(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        compiler_fence(Ordering::Release);
        // SAFETY: the element was initialised and `len` no longer counts it.
        Some(unsafe { segment::at::<T>(self.block).add(self.len as usize).read() })
    }

    /// Drops all elements; keeps the memory.
    pub fn clear(&mut self) {
        while self.pop().is_some() {}
    }
}

impl<T: ShmSafe> Deref for ShmVec<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: the first `len` elements of the owned block are initialised.
        unsafe { std::slice::from_raw_parts(segment::at::<T>(self.block), self.len as usize) }
    }
}

impl<T: ShmSafe> DerefMut for ShmVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        if self.len == 0 {
            return &mut [];
        }
        // SAFETY: as `deref`, and the array is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(segment::at::<T>(self.block), self.len as usize) }
    }
}

impl<T: ShmSafe> Drop for ShmVec<T> {
    fn drop(&mut self) {
        self.clear();
        if self.block != 0 {
            alloc::free(self.block);
        }
    }
}

impl<T: ShmSafe + fmt::Debug> fmt::Debug for ShmVec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::{ShmStr, test_segment};

    #[test]
    fn elements_stay_in_order_while_the_array_grows() {
        test_segment();
        let tag = ShmTag::register("vec test");
        let mut array = ShmVec::new_in(tag);
        for i in 0..1000_u32 {
            let text = format!("element number {i} of the array");
            array
                .try_push(ShmStr::try_new_in(text.as_bytes(), tag).expect("memory"))
                .expect("memory");
        }
        assert!(
            array
                .iter()
                .enumerate()
                .all(|(i, s)| *s == *format!("element number {i} of the array").as_bytes())
        );
        assert_eq!(
            array.pop().expect("last").as_bytes(),
            b"element number 999 of the array"
        );
        drop(array);
        assert_eq!(
            alloc::stats::tag_stats()[usize::from(tag.index())].allocations,
            0
        );
    }
}
