//! The objects that live as long as the segment, by name: a later program that maps the same segment goes on with
//! them (upgrade of the binary), and numbers that stand for code mean the same in both.
//!
//! A root is made by the first program that asks for it; who maps the segment later finds it by its name (that of its
//! type, and of the scope that [`named`] gives it) and by which it is among those of one name. It must look the same
//! ([`ShmSafe::LAYOUT`]): if not, nothing of this segment may be touched any more, which [`mismatch`] tells.
//! Invariant: an entry is complete before `len` includes it and never changes; what it names is never freed.
//!
//! [`ShmSafe::LAYOUT`]: super::ShmSafe::LAYOUT

#![allow(unsafe_code)]

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use lock_api::RawMutex;

use super::alloc::{ShmFull, ShmTag};
use super::layout::{mix, text};
use super::mutex::RawShmMutex;
use super::recover::settle;
use super::safe::ShmSafe;
use super::segment;

/// Roots and numbers that a segment has room for.
const MAX_ROOTS: usize = 1024;

/// One root, or one number.
#[repr(C)]
struct Root {
    name: AtomicU64,
    layout: AtomicU64,
    /// The offset of the root, or the number.
    value: AtomicU64,
}

/// The list, in the segment's header.
#[repr(C)]
pub struct Roots {
    pub(super) lock: RawShmMutex,
    len: AtomicU32,
    /// Not 0: something found no room here, so nobody can find everything again.
    overflown: AtomicU32,
    entries: [Root; MAX_ROOTS],
}

impl Roots {
    fn find(&self, name: u64) -> Option<&Root> {
        let len = self.len.load(Ordering::Acquire) as usize;
        let entries = &self.entries[..len.min(MAX_ROOTS)];
        entries
            .iter()
            .find(|e| e.name.load(Ordering::Relaxed) == name)
    }

    fn add(&self, name: u64, layout: u64, value: u64) {
        let len = self.len.load(Ordering::Relaxed);
        let Some(entry) = self.entries.get(len as usize) else {
            self.overflown.store(1, Ordering::Relaxed);
            return;
        };
        entry.name.store(name, Ordering::Relaxed);
        entry.layout.store(layout, Ordering::Relaxed);
        entry.value.store(value, Ordering::Relaxed);
        self.len.store(len + 1, Ordering::Release);
    }

    fn locked<R>(&self, work: impl FnOnce(&Roots) -> R) -> R {
        self.lock.lock();
        let result = work(self);
        // SAFETY: locked above by this process.
        unsafe { self.lock.unlock() };
        result
    }

    /// Whether everything that was made is in the list.
    pub(super) fn is_complete(&self) -> bool {
        self.overflown.load(Ordering::Relaxed) == 0
    }
}

/// This process has mapped a segment that another program has made.
static FOUND: AtomicBool = AtomicBool::new(false);
static SCOPE: Mutex<String> = Mutex::new(String::new());
/// How many roots of each name this process has asked for.
static ASKED: Mutex<Option<HashMap<u64, u64>>> = Mutex::new(None);
static MISMATCH: Mutex<Option<String>> = Mutex::new(None);

fn lock<T>(mutex: &'static Mutex<T>) -> std::sync::MutexGuard<'static, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

/// From now on roots are looked for before they are made.
pub(super) fn look_for_roots() {
    FOUND.store(true, Ordering::Release);
}

/// Whether this process goes on with the segment of another program.
pub fn is_taken_over() -> bool {
    FOUND.load(Ordering::Acquire)
}

/// The first root that looks different here and in the segment that was taken over.
pub fn mismatch() -> Option<String> {
    lock(&MISMATCH).clone()
}

/// Roots that `make` makes belong to the thing of this name: there are several of their type.
pub fn named<R>(name: &str, make: impl FnOnce() -> R) -> R {
    let before = std::mem::replace(&mut *lock(&SCOPE), name.to_owned());
    let result = make();
    *lock(&SCOPE) = before;
    result
}

/// The name of a root of a kind and an owner: which of those it is counts as well.
fn full_name(kind: u64, tag: ShmTag) -> u64 {
    let name = mix(mix(kind, text(&lock(&SCOPE))), tag.index().into());
    let mut asked = lock(&ASKED);
    let count = asked.get_or_insert_default().entry(name).or_insert(0);
    *count += 1;
    mix(name, *count)
}

/// The offset of a root of type `T`: of the one that the segment has, or of the one that `make` makes.
pub(super) fn root<T: ShmSafe>(
    tag: ShmTag,
    make: impl FnOnce() -> Result<u64, ShmFull>,
) -> Result<u64, ShmFull> {
    let type_name = std::any::type_name::<T>();
    let name = full_name(text(type_name), tag);
    match find(name) {
        Some((layout, offset)) if layout == T::LAYOUT => Ok(offset),
        Some(_) => {
            lock(&MISMATCH).get_or_insert_with(|| type_name.to_owned());
            Err(ShmFull)
        }
        None => publish(name, T::LAYOUT, make),
    }
}

/// The same for counters: those of another look are others, and begin at 0.
pub(super) fn counters(
    layout: u64,
    tag: ShmTag,
    make: impl FnOnce() -> Result<u64, ShmFull>,
) -> Result<u64, ShmFull> {
    let name = full_name(mix(text("counters"), layout), tag);
    match find(name) {
        Some((_, offset)) => Ok(offset),
        None => publish(name, layout, make),
    }
}

/// Layout and offset of a root that another program has made.
fn find(name: u64) -> Option<(u64, u64)> {
    let heap = segment::heap().filter(|_| is_taken_over())?;
    let found = heap.header().roots.find(name)?;
    let word = |word: &AtomicU64| word.load(Ordering::Relaxed);
    Some((word(&found.layout), word(&found.value)))
}

fn publish(
    name: u64,
    layout: u64,
    make: impl FnOnce() -> Result<u64, ShmFull>,
) -> Result<u64, ShmFull> {
    let offset = make()?;
    if let Some(heap) = segment::heap() {
        // From now on it is not this process's, which may die.
        settle();
        let roots = &heap.header().roots;
        roots.locked(|roots| roots.add(name, layout, offset));
    }
    Ok(offset)
}

/// The number of the thing `name` among those of its kind, the same in every program that uses the segment; counted from
/// 0. `None`: there is no segment, or no room for more names.
pub fn number_of(kind: &str, name: &str) -> Option<u16> {
    let heap = segment::heap()?;
    let kind = mix(text("number"), text(kind));
    let name = mix(kind, text(name));
    let number = heap.header().roots.locked(|roots| {
        if let Some(found) = roots.find(name) {
            return Some(found.value.load(Ordering::Relaxed));
        }
        let len = (roots.len.load(Ordering::Relaxed) as usize).min(MAX_ROOTS);
        let of_kind = |e: &&Root| e.layout.load(Ordering::Relaxed) == kind;
        let next = roots.entries[..len].iter().filter(of_kind).count() as u64;
        roots.add(name, kind, next);
        roots.is_complete().then_some(next)
    });
    u16::try_from(number?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::test_segment;

    #[test]
    fn a_name_keeps_its_number_and_each_kind_counts_for_itself() {
        test_segment();
        let a = number_of("roots test", "a");
        assert_eq!(a, Some(0));
        assert_eq!(number_of("roots test", "b"), Some(1));
        assert_eq!(number_of("another roots test", "b"), Some(0));
        assert_eq!(number_of("roots test", "a"), Some(0));
    }

    #[test]
    fn roots_of_one_type_are_told_apart_by_scope_and_order() {
        let name = || full_name(text("a test"), ShmTag::CORE);
        let (first, second) = (name(), name());
        let scoped = named("roots test", name);
        assert!(first != second && first != scoped && second != scoped);
    }
}
