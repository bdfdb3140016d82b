//! A value with the links that put it in a [`Chain`]: what lists and tables are made of.

#![allow(unsafe_code)]

use super::alloc::{self, ShmFull, ShmTag};
use super::boxed::place;
use super::chain::{Chain, Links};
use super::segment;

/// A chained value; the links come first, as [`Chain`] demands.
#[repr(C)]
pub(super) struct Node<T> {
    links: Links,
    value: T,
}

/// A new unlinked node around `value`; on exhaustion the value is dropped.
pub(super) fn new<T>(value: T, tag: ShmTag) -> Result<u64, ShmFull> {
    Ok(place(
        Node {
            links: Links::new(),
            value,
        },
        tag,
    )?
    .get())
}

/// The address of the value in the node at `node`.
#[inline]
pub(super) fn value<T>(node: u64) -> *mut T {
    let address = segment::at::<Node<T>>(node);
    // SAFETY: only computes the address of a field, inside the node's allocation.
    unsafe { &raw mut (*address).value }
}

/// Moves the value out of an unlinked node and frees the node.
///
/// # Safety
/// `node` is an unlinked node of `T` owned by the caller; it ends here.
pub(super) unsafe fn take<T>(node: u64) -> T {
    // SAFETY: initialised by `new`, read once because the node ends.
    let inner = unsafe { value::<T>(node).read() };
    alloc::free(node);
    inner
}

/// Unlinks every node, drops the values, frees the memory.
///
/// # Safety
/// All nodes of `chain` are of `T`, and nobody else uses it.
pub(super) unsafe fn clear<T>(chain: &Chain) {
    loop {
        let node = chain.first();
        if node == 0 {
            return;
        }
        chain.remove(node);
        // SAFETY: unlinked just now, and the chain owned it.
        drop(unsafe { take::<T>(node) });
    }
}

/// Steps through a chain by shared reference.
pub(super) struct Steps<'a> {
    chain: &'a Chain,
    node: u64,
}

impl<'a> Steps<'a> {
    pub fn new(chain: &'a Chain) -> Steps<'a> {
        Steps {
            chain,
            node: chain.first(),
        }
    }
}

impl Iterator for Steps<'_> {
    type Item = u64;
    #[inline]
    fn next(&mut self) -> Option<u64> {
        let node = self.node;
        if node == 0 {
            return None;
        }
        // Read first, so that the caller may unlink what it was given.
        self.node = self.chain.after(node);
        Some(node)
    }
}
