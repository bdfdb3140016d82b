//! What is needed to build a branch later than its transaction was made: when the name of its next hop is
//! known, or when it fails over. `Branch::later` holds it: what the script decided on this branch (of a request
//! of our own: the socket), and the destinations that are left.

use crate::avps;
use crate::outbox;
use crate::pack::{Packer, Unpacker};
use crate::ready::{self, Ready};
use crate::saved::{self, Revived};
use crate::table::TxId;
use crate::transaction::{Flag, Transaction};
use crate::uac::Own;
use ser::core::dns::{Destination, Destinations};
use ser::core::msg::{Bump, SerError, SipMsg};

/// What a branch needs that may fail over; nothing when it has one destination only.
pub fn pack<'a>(msg: &SipMsg<'a>, left: &Destinations) -> &'a [u8] {
    if !left.more() {
        return b"";
    }
    pack_row(msg, left.rest())
}

/// What a branch needs whose name is not known yet.
pub fn pack_all<'a>(msg: &SipMsg<'a>) -> &'a [u8] {
    pack_row(msg, &[])
}

fn pack_row<'a>(msg: &SipMsg<'a>, left: &[Destination]) -> &'a [u8] {
    let mut row = Packer::new_in(msg.arena);
    row.text(saved::pack_decisions(msg, saved::Extent::All));
    row.text(avps::pack(msg));
    row.number(msg.flags);
    left.iter().for_each(|to| row.bytes(&to.pack()));
    row.finish()
}

/// As [`pack`], of a request of our own.
pub fn pack_own<'a>(own: &Own<'_>, left: &Destinations, arena: &'a Bump) -> &'a [u8] {
    if !left.more() {
        return b"";
    }
    pack_own_row(own, left.rest(), arena)
}

/// As [`pack_all`], of a request of our own.
pub fn pack_own_all<'a>(own: &Own<'_>, arena: &'a Bump) -> &'a [u8] {
    pack_own_row(own, &[], arena)
}

fn pack_own_row<'a>(own: &Own<'_>, left: &[Destination], arena: &'a Bump) -> &'a [u8] {
    let mut row = Packer::new_in(arena);
    row.number(own.socket_number());
    left.iter().for_each(|to| row.bytes(&to.pack()));
    row.finish()
}

/// What was copied out of a locked transaction to build one of its branches without the lock.
pub struct Case<'a> {
    source: Source<'a>,
    left: &'a [u8],
}

enum Source<'a> {
    Relayed(Revived<'a>, &'a [u8]),
    Own(Own<'a>),
}

impl<'a> Case<'a> {
    /// Copies it; `None`: there is no such branch.
    pub fn open(t: &Transaction, branch: usize, arena: &'a Bump) -> Option<Case<'a>> {
        let mut row = Unpacker(arena.alloc_slice_copy(&t.branches.get(branch)?.later));
        let source = if t.has(Flag::Uac) {
            let text = arena.alloc_slice_copy(&t.request);
            Source::Own(Own::unpacked(text, row.number()))
        } else {
            let (decided, avps, flags) = (row.text(), row.text(), row.number());
            let request = saved::revive(t, arena).with(decided, avps, flags);
            Source::Relayed(request, arena.alloc_slice_copy(&t.md5))
        };
        Some(Case {
            source,
            left: row.0,
        })
    }

    /// The destinations that are left; `None`: there are none.
    pub fn destinations(&self) -> Option<Destinations> {
        Destinations::of(Destination::unpack_all(self.left))
    }

    /// Ready to be built.
    pub fn rebuild(&self, arena: &'a Bump) -> Result<Rebuild<'a>, SerError> {
        Ok(match &self.source {
            Source::Relayed(request, md5) => {
                let msg = request.message(arena, 0).map_err(|_| SerError::BAD_REQ)?;
                Rebuild::Relayed(msg, md5)
            }
            Source::Own(own) => Rebuild::Own(*own, arena),
        })
    }
}

/// A request that can be built for any destination.
#[allow(clippy::large_enum_variant, reason = "one at a time, on the stack")]
pub enum Rebuild<'a> {
    /// A relayed one, and the transaction's MD5 sum.
    Relayed(SipMsg<'a>, &'a [u8]),
    /// One of our own.
    Own(Own<'a>, &'a Bump),
}

impl<'a> Rebuild<'a> {
    /// Builds branch `number` for the first destination that we have a socket for.
    pub fn choose(
        &mut self,
        id: TxId,
        number: usize,
        all: &mut Destinations,
    ) -> Result<Ready<'a>, SerError> {
        match self {
            Rebuild::Relayed(msg, md5) => ready::choose(msg, id, md5, number, all),
            Rebuild::Own(own, arena) => own.choose(id, number, all, arena),
        }
    }

    /// What the branch needs to fail over.
    pub fn later(&self, left: &Destinations) -> &'a [u8] {
        match self {
            Rebuild::Relayed(msg, _) => pack(msg, left),
            Rebuild::Own(own, arena) => pack_own(own, left, arena),
        }
    }

    /// Sends it.
    pub fn send(&mut self, ready: &Ready<'a>) -> Result<(), SerError> {
        match self {
            Rebuild::Relayed(msg, _) => ready.send(msg),
            Rebuild::Own(..) => outbox::send(&ready.dest, ready.buf),
        }
    }
}
