//! Searches and replacements anywhere behind the first line, as the message was received: earlier edits
//! are not seen.

use crate::format_arg;
use ser::core::module::Args;
use ser::core::msg::{BumpVec, Cond, Piece, RouteKind, SipMsg};

/// Offset of the first byte behind the first line.
pub fn behind_first_line(msg: &SipMsg<'_>) -> usize {
    let headers = msg.sip.parsed_headers();
    headers
        .first()
        .map_or(msg.buf().len(), |first| msg.sip.offset_of(first.raw))
}

/// 1 if the expression is found in the message (in an onsend_route: in what is about to be sent).
pub fn search(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let Some(regex) = args.regex(0) else {
        return -1;
    };
    let text = match (msg.route_kind, msg.onsend) {
        (RouteKind::OnSend, Some(onsend)) => onsend.buf,
        _ => msg.buf(),
    };
    if regex.is_match(text) { 1 } else { -1 }
}

/// The stretches of the message that match, at most `limit` of them.
fn matches<'a>(msg: &SipMsg<'a>, args: Args, limit: usize) -> BumpVec<'a, (usize, usize)> {
    let mut found = BumpVec::new_in(msg.arena);
    let Some(regex) = args.regex(0) else {
        return found;
    };
    let base = behind_first_line(msg);
    let text = &msg.buf()[base..];
    let mut at = 0;
    while found.len() < limit && at <= text.len() {
        let Some((start, end)) = regex.find_at(text, at).and_then(|groups| groups[0]) else {
            break;
        };
        found.push((base + start, base + end));
        // An empty match moves on, or it would be found for ever.
        at = if end > start { end } else { end + 1 };
    }
    found
}

/// Adds text behind the first match.
pub fn search_append(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let Some(&(_, end)) = matches(msg, args, 1).first() else {
        return -1;
    };
    let Some(text) = format_arg(args, 1, msg) else {
        return -1;
    };
    let id = msg.lumps.anchor(end);
    msg.lumps.insert_after(id, Cond::True, &[Piece::Text(text)]);
    1
}

/// Replaces the first match.
pub fn replace(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    replace_some(msg, args, 1)
}

/// Replaces all matches by the same text.
pub fn replace_all(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    replace_some(msg, args, usize::MAX)
}

fn replace_some(msg: &mut SipMsg<'_>, args: Args, limit: usize) -> i32 {
    let found = matches(msg, args, limit);
    if found.is_empty() {
        return -1;
    }
    let Some(text) = format_arg(args, 1, msg) else {
        return -1;
    };
    for (start, end) in found {
        put(msg, start, end - start, text);
    }
    1
}

/// Puts `text` in the place of `length` bytes.
pub fn put<'a>(msg: &mut SipMsg<'a>, offset: usize, length: usize, text: &'a [u8]) {
    let id = msg.lumps.del(offset, length);
    if !text.is_empty() {
        msg.lumps.insert_after(id, Cond::True, &[Piece::Text(text)]);
    }
}
