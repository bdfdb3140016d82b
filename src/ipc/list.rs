//! `ShmList`: an ordered, doubly linked list that owns its elements.
//!
//! Crash: see [`super::chain`]; an element is either in the list or not, at every prefix of the
//! stores, and [`ShmList::repair`] rebuilds back links and length.

#![allow(unsafe_code)]

use std::fmt;
use std::marker::PhantomData;

use super::alloc::{ShmFull, ShmTag};
use super::chain::Chain;
use super::layout;
use super::node::{self, Steps};
use super::safe::ShmSafe;

/// An owned list; dropping it drops the elements and frees the memory. Empty it needs none.
#[repr(C)]
pub struct ShmList<T: ShmSafe> {
    chain: Chain,
    len: u32,
    tag: ShmTag,
    _owns: PhantomData<T>,
}

// SAFETY: the offset of a chain of nodes that the list owns, and numbers.
unsafe impl<T: ShmSafe> ShmSafe for ShmList<T> {
    const LAYOUT: u64 = layout::mix(layout::text("list"), T::LAYOUT);
}

impl<T: ShmSafe + Unpin> ShmList<T> {
    /// An empty list whose elements will count under `tag`.
    pub const fn new_in(tag: ShmTag) -> ShmList<T> {
        ShmList {
            chain: Chain::new(),
            len: 0,
            tag,
            _owns: PhantomData,
        }
    }

    /// Elements.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// True if there is no element.
    pub fn is_empty(&self) -> bool {
        self.chain.first() == 0
    }

    /// Adds `value` before all others; on exhaustion it is dropped.
    pub fn push_front(&mut self, value: T) -> Result<&mut T, ShmFull> {
        let node = node::new(value, self.tag)?;
        self.chain.push_front(node);
        self.len += 1;
        Ok(self.value_mut(node))
    }

    /// Adds `value` after all others; on exhaustion it is dropped.
    pub fn push_back(&mut self, value: T) -> Result<&mut T, ShmFull> {
        let node = node::new(value, self.tag)?;
        self.chain.push_back(node);
        self.len += 1;
        Ok(self.value_mut(node))
    }

    fn value_mut(&mut self, node: u64) -> &mut T {
        // SAFETY: `node` is in this list, which is borrowed mutably.
        unsafe { &mut *node::value(node) }
    }

    /// The first element.
    pub fn front(&self) -> Option<&T> {
        self.iter().next()
    }

    /// The first element.
    pub fn front_mut(&mut self) -> Option<&mut T> {
        self.iter_mut().next()
    }

    /// The last element.
    pub fn back(&self) -> Option<&T> {
        match self.chain.last() {
            0 => None,
            // SAFETY: a node of this list, which is borrowed.
            node => Some(unsafe { &*node::value(node) }),
        }
    }

    /// Removes the first element.
    pub fn pop_front(&mut self) -> Option<T> {
        self.cursor().remove()
    }

    /// The elements in order.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter {
            steps: Steps::new(&self.chain),
            _borrow: PhantomData,
        }
    }

    /// The elements in order.
    pub fn iter_mut(&mut self) -> IterMut<'_, T> {
        IterMut {
            steps: Steps::new(&self.chain),
            _borrow: PhantomData,
        }
    }

    /// A cursor at the first element.
    pub fn cursor(&mut self) -> Cursor<'_, T> {
        let node = self.chain.first();
        Cursor { list: self, node }
    }

    /// Keeps the elements for which `keep` is true and drops the others.
    pub fn retain(&mut self, mut keep: impl FnMut(&mut T) -> bool) {
        let mut cursor = self.cursor();
        while let Some(value) = cursor.get() {
            if keep(value) {
                cursor.move_next();
            } else {
                cursor.remove();
            }
        }
    }

    /// Inserts `value` before the first element for which `before` is true, at the end if there is
    /// none: keeps a sorted list sorted.
    pub fn insert_where(
        &mut self,
        value: T,
        before: impl Fn(&T) -> bool,
    ) -> Result<&mut T, ShmFull> {
        let mut cursor = self.cursor();
        while let Some(current) = cursor.get() {
            if before(current) {
                break;
            }
            cursor.move_next();
        }
        let at = cursor.node;
        let node = node::new(value, self.tag)?;
        self.chain.insert_before(at, node);
        self.len += 1;
        Ok(self.value_mut(node))
    }

    /// Drops all elements.
    pub fn clear(&mut self) {
        self.retain(|_| false);
    }

    /// Rebuilds back links and length after the process that was changing the list died.
    pub fn repair(&mut self) {
        self.len = self.chain.repair() as u32;
    }

    /// Verifies links and length; the text says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        let count = self.chain.check()?;
        if count != self.len() {
            return Err(format!("{count} elements, counted {}", self.len));
        }
        Ok(())
    }
}

impl<T: ShmSafe> Drop for ShmList<T> {
    fn drop(&mut self) {
        // SAFETY: the list owns its nodes, which are of `T`, and ends here.
        unsafe { node::clear::<T>(&self.chain) };
    }
}

impl<T: ShmSafe + Unpin + fmt::Debug> fmt::Debug for ShmList<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A position in a list: at an element, or behind the last.
pub struct Cursor<'a, T: ShmSafe + Unpin> {
    list: &'a mut ShmList<T>,
    node: u64,
}

impl<T: ShmSafe + Unpin> Cursor<'_, T> {
    /// The element here; `None` behind the last.
    pub fn get(&mut self) -> Option<&mut T> {
        match self.node {
            0 => None,
            node => Some(self.list.value_mut(node)),
        }
    }

    /// Moves to the next element; stays behind the last.
    pub fn move_next(&mut self) {
        if self.node != 0 {
            self.node = self.list.chain.after(self.node);
        }
    }

    /// Inserts `value` before this position, which stays at its element.
    pub fn insert_before(&mut self, value: T) -> Result<(), ShmFull> {
        let node = node::new(value, self.list.tag)?;
        self.list.chain.insert_before(self.node, node);
        self.list.len += 1;
        Ok(())
    }

    /// Removes the element here and moves to the next.
    pub fn remove(&mut self) -> Option<T> {
        let node = self.node;
        if node == 0 {
            return None;
        }
        self.move_next();
        self.list.chain.remove(node);
        self.list.len = self.list.len.saturating_sub(1);
        // SAFETY: a node of this list, unlinked just now.
        Some(unsafe { node::take(node) })
    }
}

/// Iterator over a list.
pub struct Iter<'a, T> {
    steps: Steps<'a>,
    _borrow: PhantomData<&'a T>,
}

impl<'a, T: 'a> Iterator for Iter<'a, T> {
    type Item = &'a T;
    fn next(&mut self) -> Option<&'a T> {
        // SAFETY: a node of the list, which is borrowed for 'a.
        self.steps.next().map(|node| unsafe { &*node::value(node) })
    }
}

/// Iterator over a list, for changes.
pub struct IterMut<'a, T> {
    steps: Steps<'a>,
    _borrow: PhantomData<&'a mut T>,
}

impl<'a, T: 'a> Iterator for IterMut<'a, T> {
    type Item = &'a mut T;
    fn next(&mut self) -> Option<&'a mut T> {
        // SAFETY: a node of the list, which is borrowed mutably for 'a; each is given out once.
        self.steps
            .next()
            .map(|node| unsafe { &mut *node::value(node) })
    }
}

impl<'a, T: ShmSafe + Unpin> IntoIterator for &'a ShmList<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T: ShmSafe + Unpin> IntoIterator for &'a mut ShmList<T> {
    type Item = &'a mut T;
    type IntoIter = IterMut<'a, T>;
    fn into_iter(self) -> IterMut<'a, T> {
        self.iter_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::{ShmStr, tag_stats, test_segment};
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_list_behaves_as_a_deque(
            steps in prop::collection::vec((0..8_u8, any::<prop::sample::Index>(), any::<u32>()), 0..120)
        ) {
            test_segment();
            let mut list = ShmList::new_in(ShmTag::CORE);
            let mut model: VecDeque<u32> = VecDeque::new();
            for (kind, index, value) in steps {
                match kind {
                    0 | 1 => {
                        prop_assert_eq!(*list.push_front(value).expect("memory"), value);
                        model.push_front(value);
                    }
                    2 | 3 => {
                        prop_assert_eq!(*list.push_back(value).expect("memory"), value);
                        model.push_back(value);
                    }
                    4 => prop_assert_eq!(list.pop_front(), model.pop_front()),
                    5 => {
                        let at = index.index(model.len() + 1);
                        let mut cursor = list.cursor();
                        (0..at).for_each(|_| cursor.move_next());
                        cursor.insert_before(value).expect("memory");
                        model.insert(at, value);
                    }
                    6 => {
                        let at = index.index(model.len() + 1);
                        let mut cursor = list.cursor();
                        (0..at).for_each(|_| cursor.move_next());
                        prop_assert_eq!(cursor.remove(), model.remove(at));
                    }
                    _ => {
                        list.retain(|v| *v % 3 != value % 3);
                        model.retain(|v| *v % 3 != value % 3);
                    }
                }
                prop_assert!(list.iter().eq(model.iter()));
                prop_assert_eq!(list.back(), model.back());
                prop_assert_eq!(list.front(), model.front());
                prop_assert_eq!(list.len(), model.len());
                prop_assert_eq!(list.check(), Ok(()));
            }
        }
    }

    #[test]
    fn a_sorted_list_stays_sorted_and_keeps_the_order_of_equals() {
        test_segment();
        let mut list: ShmList<(u32, u32)> = ShmList::new_in(ShmTag::CORE);
        for (age, q) in [5, 10, 5, 7, 10, 1].into_iter().enumerate() {
            list.insert_where((q, age as u32), |other| other.0 < q)
                .expect("memory");
        }
        let order: Vec<(u32, u32)> = list.iter().copied().collect();
        assert_eq!(order, [(10, 1), (10, 4), (7, 3), (5, 0), (5, 2), (1, 5)]);
    }

    #[test]
    fn dropping_a_list_gives_elements_and_what_they_own_back() {
        test_segment();
        let tag = ShmTag::register("list drop test");
        let allocations = || tag_stats()[usize::from(tag.index())].allocations;
        let mut list = ShmList::new_in(tag);
        for i in 0..50 {
            let text = format!("a text that needs a block of its own {i}");
            list.push_back(ShmStr::try_new_in(text.as_bytes(), tag).expect("memory"))
                .expect("memory");
        }
        assert_eq!(allocations(), 100);
        list.iter_mut()
            .take(20)
            .for_each(|text| text.replace(ShmStr::EMPTY));
        assert_eq!(allocations(), 80);
        drop(list);
        assert_eq!(allocations(), 0);
    }
}
