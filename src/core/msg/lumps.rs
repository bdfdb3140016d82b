//! Deferred edits of a message (SER's data lumps): deletions and insertions at offsets of the receive
//! buffer, applied when the message is built for sending.
//!
//! Invariant: anchors are sorted by offset; among equal offsets the later one comes later.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

/// What is filled in when the sending socket is known. "all" is `addr[:port][;transport=…]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Subst {
    RcvIp,
    RcvPort,
    RcvProto,
    RcvAll,
    SndIp,
    SndPort,
    SndProto,
    SndAll,
}

/// When a conditional insertion is made: receiving and sending side compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Cond {
    True,
    False,
    /// Port, protocol or address differ.
    DiffRealms,
    DiffAf,
    DiffProto,
    DiffPort,
    DiffIp,
    Rand,
}

/// A piece of inserted text.
#[derive(Clone, Copy, Debug)]
pub enum Piece<'a> {
    /// As it stands.
    Text(&'a [u8]),
    /// Decided when the message is built.
    Subst(Subst),
}

/// Text inserted in one go, if its condition holds.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    /// When.
    pub cond: Cond,
    /// What, in order.
    pub pieces: &'a [Piece<'a>],
}

/// Names an anchor of one [`Lumps`]; stays valid while anchors are added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LumpId(u32);

/// A place in the message: `delete` bytes from `offset` on are left out (0: nothing).
#[derive(Debug)]
pub struct Anchor<'a> {
    id: u32,
    /// Offset in the receive buffer.
    pub offset: usize,
    /// Bytes deleted from `offset` on.
    pub delete: usize,
    /// Written before the place, in this order.
    pub before: BumpVec<'a, Group<'a>>,
    /// Written behind the place, in reverse order: the last inserted stands next to the anchor.
    pub after: BumpVec<'a, Group<'a>>,
}

/// The edits of one message.
#[derive(Debug)]
pub struct Lumps<'a> {
    arena: &'a Bump,
    anchors: BumpVec<'a, Anchor<'a>>,
    next_id: u32,
}

impl<'a> Lumps<'a> {
    /// No edits.
    pub fn new_in(arena: &'a Bump) -> Self {
        Lumps {
            arena,
            anchors: BumpVec::new_in(arena),
            next_id: 0,
        }
    }
    /// `true` when nothing is to be edited.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.anchors.is_empty()
    }
    /// The anchors in order of offset.
    #[inline]
    pub fn anchors(&self) -> &[Anchor<'a>] {
        &self.anchors
    }
    /// A place at `offset` where text may be inserted.
    pub fn anchor(&mut self, offset: usize) -> LumpId {
        self.del(offset, 0)
    }
    /// Deletes `len` bytes at `offset` when the message is built.
    pub fn del(&mut self, offset: usize, len: usize) -> LumpId {
        let id = self.next_id;
        self.next_id += 1;
        let at = self.anchors.partition_point(|a| a.offset <= offset);
        let arena = self.arena;
        self.anchors.insert(
            at,
            Anchor {
                id,
                offset,
                delete: len,
                before: BumpVec::new_in(arena),
                after: BumpVec::new_in(arena),
            },
        );
        LumpId(id)
    }
    fn find(&mut self, id: LumpId) -> &mut Anchor<'a> {
        self.anchors
            .iter_mut()
            .find(|a| a.id == id.0)
            .expect("a lump id belongs to its own message")
    }
    /// Inserts `pieces` immediately behind the anchor (and what it deletes).
    pub fn insert_after(&mut self, id: LumpId, cond: Cond, pieces: &[Piece<'a>]) {
        let pieces = self.arena.alloc_slice_copy(pieces);
        self.find(id).after.push(Group { cond, pieces });
    }
    /// Inserts `pieces` immediately before the anchor.
    pub fn insert_before(&mut self, id: LumpId, cond: Cond, pieces: &[Piece<'a>]) {
        let pieces = self.arena.alloc_slice_copy(pieces);
        self.find(id).before.push(Group { cond, pieces });
    }
    /// Takes an anchor and its insertions back.
    pub fn remove(&mut self, id: LumpId) {
        self.anchors.retain(|a| a.id != id.0);
    }
    /// Takes the newest deletion of exactly these bytes back, with what was inserted there.
    pub fn remove_at(&mut self, offset: usize, len: usize) {
        if let Some(at) = self
            .anchors
            .iter()
            .rposition(|a| a.offset == offset && a.delete == len)
        {
            self.anchors.remove(at);
        }
    }
    /// Number of anchors made so far: a mark for [`Lumps::revert_to`].
    pub fn mark(&self) -> u32 {
        self.next_id
    }
    /// Takes back every anchor made since `mark`.
    pub fn revert_to(&mut self, mark: u32) {
        self.anchors.retain(|a| a.id < mark);
    }
}
