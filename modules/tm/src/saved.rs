//! What a script decided on a request, kept with its transaction: failure routes, local replies and
//! branches that are sent later go on from there, in whatever process.

use crate::avps;
use crate::pack::{Packer, Unpacker};
use crate::transaction::{Origin, Transaction};
use ser::core::msg::{Bump, BumpVec, Cond, Group, Piece, ReplyLump, ReplyLumpKind, SipMsg, Subst};
use ser::core::net::{SocketInfo, socket_by_number};
use ser::core::script::program;
use ser::core::sip::{Message, ParseError};
use std::sync::OnceLock;

const SUBSTS: [Subst; 8] = [
    Subst::RcvIp,
    Subst::RcvPort,
    Subst::RcvProto,
    Subst::RcvAll,
    Subst::SndIp,
    Subst::SndPort,
    Subst::SndProto,
    Subst::SndAll,
];
const CONDS: [Cond; 8] = [
    Cond::True,
    Cond::False,
    Cond::DiffRealms,
    Cond::DiffAf,
    Cond::DiffProto,
    Cond::DiffPort,
    Cond::DiffIp,
    Cond::Rand,
];
/// In the place of a piece's `Subst`: it is text.
const TEXT: u32 = u32::MAX;

fn position<T: PartialEq>(all: &[T], one: &T) -> u32 {
    all.iter().position(|x| x == one).unwrap_or(0) as u32
}

/// Which decisions are packed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// All that another branch or a failure route needs.
    All,
    /// All but the edits of the message: enough for replies.
    ForReplies,
}

/// What a transaction keeps: edits only where somebody may build another request from them.
pub fn extent() -> Extent {
    static EXTENT: OnceLock<Extent> = OnceLock::new();
    *EXTENT.get_or_init(|| {
        let routes = program().is_some_and(|p| p.failure.iter().next().is_some());
        if routes || crate::callbacks::any() {
            Extent::All
        } else {
            Extent::ForReplies
        }
    })
}

/// The decisions as bytes; empty when nothing was decided.
pub fn pack_decisions<'a>(msg: &SipMsg<'a>, extent: Extent) -> &'a [u8] {
    let edits = extent == Extent::All && !msg.lumps.is_empty();
    let settings = ser::core::settings::get();
    let plain = msg.new_uri().is_none()
        && msg.dst_uri.is_none()
        && !edits
        && msg.reply_lumps.is_empty()
        && !msg.force_rport
        && msg.force_send_socket.is_none()
        && msg.max_forwards.is_none()
        && msg.advertised_port == settings.advertised_port
        && msg.advertised_address == settings.advertised_address.as_deref().map(str::as_bytes);
    if plain {
        return b"";
    }
    let mut row = Packer::new_in(msg.arena);
    row.maybe(msg.new_uri());
    row.maybe(msg.dst_uri);
    row.number(msg.ruri_q as u32);
    row.number(u32::from(msg.force_rport));
    row.number(
        msg.force_send_socket
            .map_or(TEXT, |s| SocketInfo::number(s).into()),
    );
    row.maybe(msg.advertised_address);
    row.number(msg.advertised_port.into());
    row.number(u32::from(msg.max_forwards.is_some()));
    row.number(msg.max_forwards.unwrap_or(0));
    row.number(msg.reply_lumps.len() as u32);
    for lump in &msg.reply_lumps {
        row.number(u32::from(lump.kind == ReplyLumpKind::Body));
        row.text(lump.text);
    }
    for anchor in msg.lumps.anchors().iter().filter(|_| edits) {
        row.number(anchor.offset as u32);
        row.number(anchor.delete as u32);
        pack_groups(&mut row, &anchor.before);
        pack_groups(&mut row, &anchor.after);
    }
    row.finish()
}

fn pack_groups(row: &mut Packer<'_>, groups: &[Group<'_>]) {
    row.number(groups.len() as u32);
    for group in groups {
        row.number(position(&CONDS, &group.cond));
        row.number(group.pieces.len() as u32);
        for piece in group.pieces {
            match piece {
                Piece::Text(text) => {
                    row.number(TEXT);
                    row.text(text);
                }
                Piece::Subst(what) => row.number(position(&SUBSTS, what)),
            }
        }
    }
}

fn unpack_decisions<'a>(bytes: &'a [u8], msg: &mut SipMsg<'a>) {
    if bytes.is_empty() {
        return;
    }
    let mut row = Unpacker(bytes);
    if let Some(uri) = row.maybe() {
        msg.set_uri(uri);
    }
    msg.dst_uri = row.maybe();
    msg.ruri_q = row.number() as i32;
    msg.force_rport = row.number() != 0;
    let socket = u16::try_from(row.number()).ok();
    msg.force_send_socket = socket.and_then(socket_by_number);
    msg.advertised_address = row.maybe();
    msg.advertised_port = row.number() as u16;
    let has_max = row.number() != 0;
    let max = row.number();
    msg.max_forwards = has_max.then_some(max);
    for _ in 0..row.number() {
        let body = row.number() != 0;
        let kind = if body {
            ReplyLumpKind::Body
        } else {
            ReplyLumpKind::Header
        };
        let text = row.text();
        msg.reply_lumps.push(ReplyLump { kind, text });
    }
    while !row.is_empty() {
        let (offset, delete) = (row.number() as usize, row.number() as usize);
        let id = msg.lumps.del(offset, delete);
        for before in [true, false] {
            for _ in 0..row.number() {
                let cond = CONDS[row.number() as usize % CONDS.len()];
                let pieces = unpack_pieces(&mut row, msg.arena);
                if before {
                    msg.lumps.insert_before(id, cond, pieces);
                } else {
                    msg.lumps.insert_after(id, cond, pieces);
                }
            }
        }
    }
}

fn unpack_pieces<'a>(row: &mut Unpacker<'a>, arena: &'a Bump) -> &'a [Piece<'a>] {
    let mut pieces = BumpVec::new_in(arena);
    for _ in 0..row.number() {
        pieces.push(match row.number() {
            TEXT => Piece::Text(row.text()),
            what => Piece::Subst(SUBSTS[what as usize % SUBSTS.len()]),
        });
    }
    pieces.into_bump_slice()
}

/// A copy of what is needed to work on a transaction's request without its lock.
#[derive(Clone, Copy, Debug)]
pub struct Revived<'a> {
    raw: &'a [u8],
    decided: &'a [u8],
    avps: &'a [u8],
    origin: Origin,
    flags: u32,
}

/// Copies the request out of a locked transaction.
pub fn revive<'a>(t: &Transaction, arena: &'a Bump) -> Revived<'a> {
    Revived {
        raw: arena.alloc_slice_copy(&t.request),
        decided: arena.alloc_slice_copy(&t.decided),
        avps: arena.alloc_slice_copy(&t.avps),
        origin: t.origin,
        flags: t.msg_flags,
    }
}

impl<'a> Revived<'a> {
    /// The same request with other decisions: those on one branch.
    pub fn with(self, decided: &'a [u8], avps: &'a [u8], flags: u32) -> Revived<'a> {
        Revived {
            decided,
            avps,
            flags,
            ..self
        }
    }

    /// The message flags and attributes that a route begins with.
    pub fn began_with(&self) -> (u32, &'a [u8]) {
        (self.flags, self.avps)
    }

    /// The request as the script left it; SER's faked request.
    pub fn message(&self, arena: &'a Bump, id: u32) -> Result<SipMsg<'a>, ParseError> {
        let sip = Message::parse(self.raw, arena)?;
        let mut msg = SipMsg::new(sip, arena, id, self.origin.receive_info());
        unpack_decisions(self.decided, &mut msg);
        avps::unpack(self.avps, &mut msg);
        msg.flags = self.flags;
        Ok(msg)
    }
}
