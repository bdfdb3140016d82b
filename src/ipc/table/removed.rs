//! A value on its way out of a table.
//!
//! Invariant: from the unlinking to the end of the drop the process's journal names the node, unless it names another
//! one already; so a death on the way loses nothing of it.

#![allow(unsafe_code)]

use std::marker::PhantomData;

use crate::ipc::alloc;
use crate::ipc::node;
use crate::ipc::safe::ShmSafe;
use crate::ipc::slot;

/// A value that was taken out of a table; it is dropped with this.
pub struct Removed<T: ShmSafe> {
    node: u64,
    /// The journal names it.
    noted: bool,
    /// Not Send: the journal is this process's.
    _owns: PhantomData<*mut T>,
}

impl<T: ShmSafe> Removed<T> {
    /// Of an unlinked node, which the journal names or not.
    pub(super) fn new(node: u64, noted: bool) -> Removed<T> {
        Removed {
            node,
            noted,
            _owns: PhantomData,
        }
    }
}

impl<T: ShmSafe> std::ops::Deref for Removed<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: an unlinked node, owned by this.
        unsafe { &*node::value(self.node) }
    }
}

impl<T: ShmSafe> std::ops::DerefMut for Removed<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as `deref`, borrowed mutably.
        unsafe { &mut *node::value(self.node) }
    }
}

impl<T: ShmSafe> Drop for Removed<T> {
    fn drop(&mut self) {
        let node = self.node;
        let drop_it = || {
            // SAFETY: an unlinked node, owned by this; its value ends here, its memory with it.
            unsafe { node::value::<T>(node).drop_in_place() };
            alloc::free(node);
        };
        let area = slot::area();
        if !self.noted {
            return drop_it();
        }
        area.journal.bury(drop_it);
        if area.journal.holds_back() && !area.holds_back() {
            alloc::give_back(area);
        }
    }
}
