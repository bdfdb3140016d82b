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

use super::fault::point;
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
    #[cfg(test)]
    tests::die_if_it_is_time();
    point();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::node;
    use crate::ipc::{ShmTag, test_segment};
    use proptest::prelude::*;
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    thread_local! {
        /// Stores that may still be made before this thread plays a process that is killed.
        static STORES: Cell<Option<u32>> = const { Cell::new(None) };
    }

    pub fn die_if_it_is_time() {
        if let Some(left) = STORES.get() {
            match left.checked_sub(1) {
                Some(left) => STORES.set(Some(left)),
                None => resume_unwind(Box::new("killed")),
            }
        }
    }

    /// Runs `change` until `stores` stores were made; true if it came to its end.
    fn killed_after(stores: u32, change: impl FnOnce()) -> bool {
        STORES.set(Some(stores));
        let ended = catch_unwind(AssertUnwindSafe(change)).is_ok();
        STORES.set(None);
        ended
    }

    #[derive(Debug, Clone, Copy)]
    enum Change {
        Front,
        Back,
        Before(usize),
        Remove(usize),
    }

    fn apply(chain: &Chain, nodes: &[u64], new: u64, change: Change) {
        match change {
            Change::Front => chain.push_front(new),
            Change::Back => chain.push_back(new),
            Change::Before(at) => chain.insert_before(nodes[at], new),
            Change::Remove(at) => chain.remove(nodes[at]),
        }
    }

    fn model(nodes: &[u64], new: u64, change: Change) -> Vec<u64> {
        let mut after = nodes.to_vec();
        match change {
            Change::Front => after.insert(0, new),
            Change::Back => after.push(new),
            Change::Before(at) => after.insert(at, new),
            Change::Remove(at) => drop(after.remove(at)),
        }
        after
    }

    fn contents(chain: &Chain) -> Vec<u64> {
        node::Steps::new(chain).collect()
    }

    #[test]
    fn a_kill_between_any_two_stores_leaves_the_old_chain_or_the_new_one() {
        test_segment();
        for len in 0..4 {
            let changes = [Change::Front, Change::Back].into_iter();
            let changes =
                changes.chain((0..len).flat_map(|at| [Change::Before(at), Change::Remove(at)]));
            for change in changes {
                let mut ended = false;
                let mut stores = 0;
                while !ended {
                    let chain = Chain::new();
                    let node = |_| node::new(0_u64, ShmTag::CORE).expect("memory");
                    let nodes: Vec<u64> = (0..len).map(node).collect();
                    nodes.iter().for_each(|&node| chain.push_back(node));
                    let new = node(0);
                    ended = killed_after(stores, || apply(&chain, &nodes, new, change));
                    let (old, wanted) = (nodes.clone(), model(&nodes, new, change));
                    let found = contents(&chain);
                    let what = format!("{change:?} on {len} nodes after {stores} stores");
                    assert!(found == wanted || !ended && found == old, "{what}");
                    assert_eq!(chain.repair(), found.len(), "{what}");
                    assert_eq!(chain.check(), Ok(found.len()), "{what}");
                    stores += 1;
                }
                assert!(stores > 2, "{change:?} makes more than one store");
            }
        }
    }

    proptest! {
        #[test]
        fn any_sequence_of_changes_gives_the_chain_of_the_model(
            changes in prop::collection::vec((0..4_u8, any::<prop::sample::Index>()), 0..200)
        ) {
            test_segment();
            let chain = Chain::new();
            let mut nodes: Vec<u64> = Vec::new();
            for (kind, index) in changes {
                let at = if nodes.is_empty() { 0 } else { index.index(nodes.len()) };
                let change = match kind {
                    2 if !nodes.is_empty() => Change::Before(at),
                    3 if !nodes.is_empty() => Change::Remove(at),
                    0 => Change::Front,
                    _ => Change::Back,
                };
                let new = node::new(0_u64, ShmTag::CORE).expect("memory");
                apply(&chain, &nodes, new, change);
                nodes = model(&nodes, new, change);
                prop_assert_eq!(contents(&chain), nodes.clone());
                prop_assert_eq!(chain.check(), Ok(nodes.len()));
                prop_assert_eq!(chain.last(), nodes.last().copied().unwrap_or(0));
            }
        }
    }
}
