//! `record_route()` and its kin: puts this server into the Route set of a dialog (RFC 3261 §16.6
//! step 4).

use crate::cookie;
use crate::params::{self, APPEND_FROMTAG, ENABLE_DOUBLE_RR, ENABLE_FULL_LR};
use parking_lot::Mutex;
use ser::core::module::Args;
use ser::core::msg::{BumpVec, Cond, LumpId, Piece, SipMsg, Subst};

const ALREADY_DONE: i32 = -1;
const FAILED: i32 = -3;

/// What was added to the message that this process is working on.
struct Added {
    msg_id: u32,
    recorded: bool,
    lumps: Vec<LumpId>,
}

static ADDED: Mutex<Added> = Mutex::new(Added {
    msg_id: 0,
    recorded: false,
    lumps: Vec::new(),
});

/// Runs `work` on the state of this message.
fn with_added<T>(msg: &SipMsg<'_>, work: impl FnOnce(&mut Added) -> T) -> T {
    let mut added = ADDED.lock();
    if added.msg_id != msg.id {
        added.msg_id = msg.id;
        added.recorded = false;
        added.lumps.clear();
    }
    work(&mut added)
}

/// 1; -1 when it was called for this message already; -3 when the message is malformed.
pub fn record_route(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    record(msg, true)
}

/// The same without `lr`.
pub fn record_route_strict(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    record(msg, false)
}

fn record(msg: &mut SipMsg<'_>, loose: bool) -> i32 {
    if with_added(msg, |added| std::mem::replace(&mut added.recorded, true)) {
        return ALREADY_DONE;
    }
    insert(msg, None, loose).unwrap_or(FAILED)
}

/// `data` stands for host and port; no second header, no cookie; may be called again and again.
pub fn record_route_preset(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let Some(data) = args.str(0, msg) else {
        return -1;
    };
    insert(msg, Some(data), true).unwrap_or(FAILED)
}

/// Takes back what was added so far.
pub fn remove_record_route(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    let lumps = with_added(msg, |added| {
        added.recorded = false;
        std::mem::take(&mut added.lumps)
    });
    for id in lumps {
        msg.lumps.remove(id);
    }
    1
}

/// The parts of the header that both sides share.
struct Parts<'a> {
    /// `user@`
    user: &'a [u8],
    /// `;ftag=…;avp=…;lr>` and the line end.
    tail: &'a [u8],
}

/// `None`: the message is malformed.
fn insert<'a>(msg: &mut SipMsg<'a>, preset: Option<&'a [u8]>, loose: bool) -> Option<i32> {
    let user = user_part(msg);
    let tail = tail(msg, preset.is_none(), loose)?;
    let parts = Parts { user, tail };
    let first = msg.sip.parsed_headers().first().copied()?;
    let id = msg.lumps.anchor(msg.sip.offset_of(first.raw));
    match preset {
        Some(data) => add(msg, id, Cond::True, &parts, Piece::Text(data), None),
        None => {
            let double = ENABLE_DOUBLE_RR.get() != 0;
            let mark = double.then_some(Cond::DiffRealms);
            // The side that the message leaves by stands on top.
            add(
                msg,
                id,
                Cond::True,
                &parts,
                Piece::Subst(Subst::SndAll),
                mark,
            );
            if double {
                add(
                    msg,
                    id,
                    Cond::DiffRealms,
                    &parts,
                    Piece::Subst(Subst::RcvAll),
                    mark,
                );
            }
        }
    }
    with_added(msg, |added| added.lumps.push(id));
    Some(1)
}

/// One header; `mark`: when it gets `;r2=on`.
fn add<'a>(
    msg: &mut SipMsg<'a>,
    id: LumpId,
    cond: Cond,
    parts: &Parts<'a>,
    address: Piece<'a>,
    mark: Option<Cond>,
) {
    let head = [
        Piece::Text(b"Record-Route: <sip:"),
        Piece::Text(parts.user),
        address,
    ];
    msg.lumps.insert_before(id, cond, &head);
    if let Some(mark) = mark {
        msg.lumps.insert_before(id, mark, &[Piece::Text(b";r2=on")]);
    }
    msg.lumps
        .insert_before(id, cond, &[Piece::Text(parts.tail)]);
}

/// `user@` from `add_username`; nothing where it has no value.
fn user_part<'a>(msg: &mut SipMsg<'a>) -> &'a [u8] {
    let Some(source) = &params::compiled().add_username else {
        return b"";
    };
    match source.eval(msg) {
        None | Some(b"") => b"",
        Some(user) => {
            let mut out = BumpVec::with_capacity_in(user.len() + 1, msg.arena);
            out.extend_from_slice_copy(user);
            out.push(b'@');
            out.into_bump_slice()
        }
    }
}

fn tail<'a>(msg: &mut SipMsg<'a>, with_cookie: bool, loose: bool) -> Option<&'a [u8]> {
    let mut out = BumpVec::with_capacity_in(96, msg.arena);
    if APPEND_FROMTAG.get() != 0
        && let Some(tag) = msg.sip.from().ok()?.tag.filter(|tag| !tag.is_empty())
    {
        out.extend_from_slice_copy(b";ftag=");
        out.extend_from_slice_copy(tag);
    }
    if with_cookie && let Some(cookie) = cookie::encode(msg) {
        out.extend_from_slice_copy(b";avp=");
        out.extend_from_slice_copy(cookie);
    }
    if loose {
        let lr: &[u8] = if ENABLE_FULL_LR.get() != 0 {
            b";lr=on"
        } else {
            b";lr"
        };
        out.extend_from_slice_copy(lr);
    }
    out.extend_from_slice_copy(b">\r\n");
    Some(out.into_bump_slice())
}
