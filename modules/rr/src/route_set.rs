//! The Route headers of a request as one list (RFC 3261 §20.34), and the edits that shorten it.
//!
//! Invariant: a header of which every value goes is deleted whole; of any other only the values that go,
//! with their commas.

use ser::core::msg::{BumpVec, Cond, Piece, SipMsg};
use ser::core::sip::{HdrType, Header, NameAddr};
use std::ops::Range;

/// The values in order; empty where there is none, `None` where one is malformed.
pub fn values<'a>(msg: &mut SipMsg<'a>) -> Option<&'a [NameAddr<'a>]> {
    msg.sip.routes(HdrType::Route).ok()
}

/// Leaves the values of the range and takes the others out.
pub fn keep(msg: &mut SipMsg<'_>, values: &[NameAddr<'_>], keep: Range<usize>) {
    let Ok(headers) = msg.sip.headers_of(HdrType::Route) else {
        return;
    };
    let headers: BumpVec<'_, Header<'_>> = BumpVec::from_iter_in(headers.copied(), msg.arena);
    for header in headers {
        let own = |value: &NameAddr<'_>| is_within(header.body, value.raw);
        let Some(first) = values.iter().position(own) else {
            continue;
        };
        let end = first + values[first..].iter().take_while(|v| own(v)).count();
        let (from, to) = (keep.start.clamp(first, end), keep.end.clamp(first, end));
        shorten(
            msg,
            &header,
            &values[first..end],
            from.saturating_sub(first)..to.saturating_sub(first),
        );
    }
}

fn shorten(msg: &mut SipMsg<'_>, header: &Header<'_>, values: &[NameAddr<'_>], keep: Range<usize>) {
    let offset = |part: &[u8]| msg.sip.offset_of(part);
    let end_of = |value: &NameAddr<'_>| offset(value.raw) + value.raw.len();
    let (Some(first), Some(last)) = (
        values.get(keep.start).filter(|_| !keep.is_empty()),
        keep.end.checked_sub(1).and_then(|n| values.get(n)),
    ) else {
        let start = offset(header.raw);
        msg.lumps.del(start, header.raw.len());
        return;
    };
    let front = offset(header.body)..offset(first.raw);
    let back = end_of(last)..values.last().map_or(0, end_of);
    for gone in [front, back] {
        if !gone.is_empty() {
            msg.lumps.del(gone.start, gone.len());
        }
    }
}

/// Whether `part` is a piece of `whole`, by address.
fn is_within(whole: &[u8], part: &[u8]) -> bool {
    let (outer, inner) = (whole.as_ptr_range(), part.as_ptr_range());
    outer.start <= inner.start && inner.end <= outer.end
}

/// Adds `uri` as the last Route.
pub fn append(msg: &mut SipMsg<'_>, uri: &[u8]) -> Option<()> {
    msg.sip.parse_all().ok()?;
    let uri = msg.store(uri);
    let id = msg.lumps.anchor(msg.sip.headers_end());
    let pieces = [
        Piece::Text(b"Route: <"),
        Piece::Text(uri),
        Piece::Text(b">\r\n"),
    ];
    msg.lumps.insert_before(id, Cond::True, &pieces);
    Some(())
}
