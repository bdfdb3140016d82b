//! Whole headers, and what is added to replies that the server makes.

use crate::format_arg;
use ser::core::module::Args;
use ser::core::msg::{BumpVec, Cond, Piece, ReplyLump, ReplyLumpKind, SipMsg};
use ser::core::sip::Header;
use ser::core::time::format_time;

/// The headers of exactly that name, in any case; a compact form is another name.
fn named<'a>(msg: &mut SipMsg<'a>, name: &[u8]) -> Option<BumpVec<'a, Header<'a>>> {
    msg.sip.parse_all().ok()?;
    let all = msg.sip.parsed_headers().iter().copied();
    let found = all.filter(|h| h.name.eq_ignore_ascii_case(name));
    Some(BumpVec::from_iter_in(found, msg.arena))
}

/// Deletes all headers of that name; -1 if there is none.
pub fn remove_hf(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let Some(found) = args.str(0, msg).and_then(|name| named(msg, name)) else {
        return -1;
    };
    for header in &found {
        let offset = msg.sip.offset_of(header.raw);
        msg.lumps.del(offset, header.raw.len());
    }
    if found.is_empty() { -1 } else { 1 }
}

/// Whether there is a header of that name.
pub fn is_present_hf(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let found = args.str(0, msg).and_then(|name| named(msg, name));
    if found.is_some_and(|found| !found.is_empty()) {
        1
    } else {
        -1
    }
}

/// Puts text behind the last header; the text brings its own line end.
pub fn add_at_end<'a>(msg: &mut SipMsg<'a>, pieces: &[Piece<'a>]) -> i32 {
    if msg.sip.parse_all().is_err() {
        return -1;
    }
    let id = msg.lumps.anchor(msg.sip.headers_end());
    msg.lumps.insert_before(id, Cond::True, pieces);
    1
}

/// Adds text behind the last header.
pub fn append_hf(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    match format_arg(args, 0, msg) {
        Some(text) => add_at_end(msg, &[Piece::Text(text)]),
        None => -1,
    }
}

/// Adds the Request-URI as it was received, between two texts.
pub fn append_urihf(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let (Some(prefix), Some(suffix)) = (format_arg(args, 0, msg), format_arg(args, 1, msg)) else {
        return -1;
    };
    let uri = msg.original_uri();
    add_at_end(
        msg,
        &[Piece::Text(prefix), Piece::Text(uri), Piece::Text(suffix)],
    )
}

fn add_to_reply<'a>(msg: &mut SipMsg<'a>, text: &'a [u8]) -> i32 {
    msg.reply_lumps.push(ReplyLump {
        kind: ReplyLumpKind::Header,
        text,
    });
    1
}

/// Adds text to the headers of later replies.
pub fn append_to_reply(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    match format_arg(args, 0, msg) {
        Some(text) => add_to_reply(msg, text),
        None => -1,
    }
}

/// Adds `Date:` to later replies (RFC 3261 §20.17).
pub fn append_time(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    let date = format_time(
        msg.now(),
        false,
        Some(b"Date: %a, %d %b %Y %H:%M:%S GMT\r\n"),
    );
    let text = msg.store(&date);
    add_to_reply(msg, text)
}
