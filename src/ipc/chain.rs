//! The doubly linked chain under lists, tables and the timer wheel.
//!
//! A chain is one word, the offset of its first node. A node begins with its [`Links`]; the first
//! node's `prev` names the last node, so that both ends are found in one step.
//!
//! Invariant at every prefix of the stores: following `next` from the head visits every node of
//! the chain once and ends at 0 (each change takes effect by one store to a `next` or to the
//! head). The `prev` links may be stale after a crash; [`Chain::repair`] rebuilds them. The links
//! are written with release stores, which keeps the compiler from reordering them.

#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};

use super::segment;

/// First field of every node.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Links {
    next: AtomicU64,
    prev: AtomicU64,
}

impl Links {
    pub const fn new() -> Links {
        Links {
            next: AtomicU64::new(0),
            prev: AtomicU64::new(0),
        }
    }
}

/// The head of a chain; 8 bytes, zero is empty. Callers serialise all access.
#[repr(transparent)]
#[derive(Debug)]
pub(super) struct Chain {
    head: AtomicU64,
}

/// The links of the node at `node`.
fn links(node: u64) -> &'static Links {
    debug_assert_ne!(node, 0);
    // SAFETY: the offsets in a chain are those of nodes, which begin with `Links`, stay allocated
    // while they are linked, and are in the segment, which is never unmapped.
    unsafe { &*segment::at::<Links>(node) }
}

fn get(word: &AtomicU64) -> u64 {
    word.load(Ordering::Relaxed)
}

fn put(word: &AtomicU64, value: u64) {
    word.store(value, Ordering::Release);
}

impl Chain {
    pub const fn new() -> Chain {
        Chain {
            head: AtomicU64::new(0),
        }
    }

    /// The first node, or 0.
    #[inline]
    pub fn first(&self) -> u64 {
        get(&self.head)
    }

    /// The last node, or 0.
    pub fn last(&self) -> u64 {
        match self.first() {
            0 => 0,
            first => get(&links(first).prev),
        }
    }

    /// The node after `node`, or 0.
    #[inline]
    pub fn after(&self, node: u64) -> u64 {
        get(&links(node).next)
    }

    pub fn push_back(&self, node: u64) {
        let first = self.first();
        put(&links(node).next, 0);
        if first == 0 {
            put(&links(node).prev, node);
            return put(&self.head, node);
        }
        let last = get(&links(first).prev);
        put(&links(node).prev, last);
        put(&links(last).next, node);
        put(&links(first).prev, node);
    }

    pub fn push_front(&self, node: u64) {
        let first = self.first();
        put(&links(node).next, first);
        if first == 0 {
            put(&links(node).prev, node);
        } else {
            put(&links(node).prev, get(&links(first).prev));
            put(&links(first).prev, node);
        }
        put(&self.head, node);
    }

    /// Links `node` in front of `at`; at the end if that is 0.
    pub fn insert_before(&self, at: u64, node: u64) {
        if at == 0 {
            return self.push_back(node);
        }
        if at == self.first() {
            return self.push_front(node);
        }
        let prev = get(&links(at).prev);
        put(&links(node).next, at);
        put(&links(node).prev, prev);
        put(&links(prev).next, node);
        put(&links(at).prev, node);
    }

    /// Unlinks `node`, which is in this chain.
    pub fn remove(&self, node: u64) {
        let (next, prev) = (get(&links(node).next), get(&links(node).prev));
        let first = self.first();
        if node == first {
            if next != 0 {
                put(&links(next).prev, prev);
            }
            put(&self.head, next);
        } else {
            put(&links(prev).next, next);
            put(&links(if next == 0 { first } else { next }).prev, prev);
        }
        put(&links(node).next, 0);
        put(&links(node).prev, 0);
    }

    /// True if a neighbour or the head names `node`, whose links say where it would be. False for
    /// a node that a killed process had unlinked without finishing.
    pub fn names(&self, node: u64) -> bool {
        let prev = get(&links(node).prev);
        self.first() == node || prev != 0 && prev != node && get(&links(prev).next) == node
    }

    /// Rebuilds the back links from the forward ones; returns the number of nodes.
    pub fn repair(&self) -> usize {
        let (mut count, mut last, mut node) = (0, 0, self.first());
        while node != 0 {
            put(&links(node).prev, last);
            (last, node) = (node, self.after(node));
            count += 1;
        }
        if last != 0 {
            put(&links(self.first()).prev, last);
        }
        count
    }

    /// Verifies that the back links mirror the forward ones; returns the number of nodes.
    pub fn check(&self) -> Result<usize, String> {
        let (mut count, mut last, mut node) = (0, self.last(), self.first());
        while node != 0 {
            let prev = get(&links(node).prev);
            if prev != last {
                return Err(format!(
                    "node {count}: back link is {prev:#x}, should be {last:#x}"
                ));
            }
            (last, node) = (node, self.after(node));
            count += 1;
        }
        match last == self.last() {
            true => Ok(count),
            false => Err(format!(
                "the last of {count} nodes is not the one that the first names"
            )),
        }
    }
}
