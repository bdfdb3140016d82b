//! `ShmBox`: an owned value in shared memory, and `shm_static`: one that is never freed.
//!
//! A box holds the offset of its value; its owner is whoever holds the box, in whatever process.

#![allow(unsafe_code)]

use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::ops::{Deref, DerefMut};

use super::alloc::{self, ShmFull, ShmTag};
use super::layout;
use super::roots;
use super::safe::ShmSafe;
use super::segment;

/// An owned `T` in shared memory; dropping it frees the memory. 8 bytes, `Option` too.
///
/// A value that must not move while it is linked somewhere (it holds a `TimerNode`, so it is not
/// `Unpin`) is given out by shared reference only.
pub struct ShmBox<T: ShmSafe> {
    offset: NonZeroU64,
    _owns: PhantomData<T>,
}

// SAFETY: a box owns its value and is an offset otherwise; sending or sharing it is sending or
// sharing the value.
unsafe impl<T: ShmSafe + Send> Send for ShmBox<T> {}
// SAFETY: as above.
unsafe impl<T: ShmSafe + Sync> Sync for ShmBox<T> {}
// SAFETY: an offset means the same in every process.
unsafe impl<T: ShmSafe> ShmSafe for ShmBox<T> {
    const LAYOUT: u64 = layout::mix(layout::text("box"), T::LAYOUT);
}

// The box may move: its value stays where it is.
impl<T: ShmSafe> Unpin for ShmBox<T> {}

/// Takes memory for a `T` and writes `value` to it; on exhaustion the value is dropped.
pub(super) fn place<T>(value: T, tag: ShmTag) -> Result<NonZeroU64, ShmFull> {
    const {
        assert!(
            align_of::<T>() <= 16,
            "alignment above 16 needs PerProcess or a large block"
        )
    };
    let offset = NonZeroU64::new(alloc::alloc(size_of::<T>(), tag)?).ok_or(ShmFull)?;
    // SAFETY: `alloc` gave this process sole ownership of at least `size_of::<T>()` bytes there,
    // aligned to 16.
    unsafe { segment::at::<T>(offset.get()).write(value) };
    Ok(offset)
}

impl<T: ShmSafe> ShmBox<T> {
    /// Moves `value` to shared memory, counted under `tag`.
    pub fn try_new(value: T, tag: ShmTag) -> Result<ShmBox<T>, ShmFull> {
        Ok(ShmBox {
            offset: place(value, tag)?,
            _owns: PhantomData,
        })
    }

    /// The offset of the value in the segment; constant for the life of the box.
    pub fn offset(&self) -> u64 {
        self.offset.get()
    }

    /// Takes the value out and frees the memory.
    pub fn into_inner(self) -> T
    where
        T: Unpin,
    {
        let offset = self.offset.get();
        std::mem::forget(self);
        // SAFETY: the box owned the value there; it is gone (forgotten), so the value is read once.
        let value = unsafe { segment::at::<T>(offset).read() };
        alloc::free(offset);
        value
    }

    /// Gives up ownership; [`ShmBox::from_offset`] takes it again.
    pub fn into_offset(self) -> u64 {
        let offset = self.offset.get();
        std::mem::forget(self);
        offset
    }

    /// # Safety
    /// `offset` came from `into_offset` of a box of the same type and was not taken before.
    pub unsafe fn from_offset(offset: NonZeroU64) -> ShmBox<T> {
        ShmBox {
            offset,
            _owns: PhantomData,
        }
    }
}

impl<T: ShmSafe> Deref for ShmBox<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the box owns an initialised T there (`try_new`), inside the mapping.
        unsafe { &*segment::at::<T>(self.offset.get()) }
    }
}

impl<T: ShmSafe + Unpin> DerefMut for ShmBox<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as `deref`; the box is borrowed mutably, so nobody else has a reference.
        unsafe { &mut *segment::at::<T>(self.offset.get()) }
    }
}

impl<T: ShmSafe> Drop for ShmBox<T> {
    fn drop(&mut self) {
        let offset = self.offset.get();
        // SAFETY: the box owned the value and ends here.
        unsafe { segment::at::<T>(offset).drop_in_place() };
        alloc::free(offset);
    }
}

impl<T: ShmSafe + fmt::Debug> fmt::Debug for ShmBox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// Moves `value` to shared memory for good. For objects that are made before the first fork and
/// that every process uses; all of them see it at the same address. In a segment that was taken over it
/// may be there already ([`super::roots`]): then it is as it was left.
pub fn shm_static<T: ShmSafe + Sync>(value: T, tag: ShmTag) -> Result<&'static T, ShmFull> {
    shm_static_with(tag, || Ok(value))
}

/// The same with a value that is made only where it is needed.
pub(super) fn shm_static_with<T: ShmSafe + Sync>(
    tag: ShmTag,
    make: impl FnOnce() -> Result<T, ShmFull>,
) -> Result<&'static T, ShmFull> {
    let offset = roots::root::<T>(tag, || Ok(place(make()?, tag)?.get()))?;
    // SAFETY: the root of this type and look is an initialised T (`place`); it is never freed, and the segment is
    // never unmapped.
    Ok(unsafe { &*segment::at::<T>(offset) })
}
