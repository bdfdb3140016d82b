//! The branch set (SER's `dset`): further destinations beside the Request-URI.

use crate::core::net::SocketInfo;
use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

/// Most branches of a request, the Request-URI's own included (SER: 12).
pub const MAX_BRANCHES: usize = 12;
/// The q value of a branch that has none; others are thousandths, 0..=1000.
pub const Q_UNSPECIFIED: i32 = -1;

/// One further destination.
#[derive(Clone, Copy, Debug)]
pub struct Branch<'a> {
    /// Its Request-URI.
    pub uri: &'a [u8],
    /// Where it is sent instead, if not to `uri`.
    pub dst_uri: Option<&'a [u8]>,
    /// Preference in thousandths or [`Q_UNSPECIFIED`].
    pub q: i32,
    /// The socket it must leave from.
    pub socket: Option<&'static SocketInfo>,
}

/// The branch set of one message; holds at most [`MAX_BRANCHES`] - 1.
#[derive(Debug)]
pub struct Branches<'a> {
    items: BumpVec<'a, Branch<'a>>,
}

impl<'a> Branches<'a> {
    /// An empty set.
    pub fn new_in(arena: &'a Bump) -> Self {
        Branches {
            items: BumpVec::new_in(arena),
        }
    }
    /// Adds a branch; `false` when the set is full (SER: E_TOO_MANY_BRANCHES).
    pub fn push(&mut self, branch: Branch<'a>) -> bool {
        if self.items.len() + 1 >= MAX_BRANCHES {
            return false;
        }
        self.items.push(branch);
        true
    }
    /// All of them in order of adding.
    #[inline]
    pub fn as_slice(&self) -> &[Branch<'a>] {
        &self.items
    }
    /// Forgets all.
    pub fn clear(&mut self) {
        self.items.clear();
    }
}
