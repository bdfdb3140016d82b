//! The values of a header, over all its lines: split at commas outside of quotes and angle brackets.

use super::spec::HeaderName;
use ser::core::msg::{Bump, BumpVec, SipMsg};
use ser::core::sip::Header;
use std::ops::Range;

/// One line of the header with its values.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    pub header: Header<'a>,
    pub values: BumpVec<'a, &'a [u8]>,
}

/// A value by its line and its place there.
pub type Place = (usize, usize);

/// All lines of that header; `None` where the message is malformed.
pub fn lines<'a>(msg: &mut SipMsg<'a>, name: &HeaderName) -> Option<BumpVec<'a, Line<'a>>> {
    lines_split_by(msg, name, split)
}

/// The same with the whole body as the one value of a line.
pub fn whole_lines<'a>(msg: &mut SipMsg<'a>, name: &HeaderName) -> Option<BumpVec<'a, Line<'a>>> {
    lines_split_by(msg, name, |arena, body| {
        BumpVec::from_iter_in([body], arena)
    })
}

fn lines_split_by<'a>(
    msg: &mut SipMsg<'a>,
    name: &HeaderName,
    split: fn(&'a Bump, &'a [u8]) -> BumpVec<'a, &'a [u8]>,
) -> Option<BumpVec<'a, Line<'a>>> {
    msg.sip.parse_all().ok()?;
    let arena = msg.arena;
    let headers = msg.sip.parsed_headers().iter().filter(|h| name.means(h));
    let lines = headers.map(|h| Line {
        header: *h,
        values: split(arena, h.body),
    });
    Some(BumpVec::from_iter_in(lines, arena))
}

/// Where each value is, in order.
pub fn places<'l>(lines: &'l [Line<'_>]) -> impl Iterator<Item = Place> + 'l {
    let all = lines.iter().enumerate();
    all.flat_map(|(l, line)| (0..line.values.len()).map(move |v| (l, v)))
}

/// The place with that index: from 1, or from the end below 0.
pub fn at(lines: &[Line<'_>], index: i32) -> Option<Place> {
    let n = index.unsigned_abs() as usize;
    let from_start = if index > 0 {
        n.checked_sub(1)?
    } else {
        places(lines).count().checked_sub(n)?
    };
    places(lines).nth(from_start)
}

fn split<'a>(arena: &'a Bump, body: &'a [u8]) -> BumpVec<'a, &'a [u8]> {
    let values = pieces(body, b',').map(|piece| body[piece].trim_ascii());
    BumpVec::from_iter_in(values, arena)
}

/// The stretches between separators outside of quotes and angle brackets.
pub fn pieces(text: &[u8], separator: u8) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let end = piece_end(text, start, separator);
        next = end.map(|end| end + 1);
        Some(start..end.unwrap_or(text.len()))
    })
}

/// The next separator from `start` on.
fn piece_end(text: &[u8], start: usize, separator: u8) -> Option<usize> {
    let (mut quoted, mut bracket) = (false, false);
    let mut at = start;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'<' if !quoted => bracket = true,
            b'>' if !quoted => bracket = false,
            b if b == separator && !quoted && !bracket => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use ser::core::sip::HdrType;

    #[test]
    fn commas_in_quotes_and_brackets_do_not_split() {
        let arena = Bump::new();
        assert_eq!(split(&arena, b"b, c")[..], [&b"b"[..], b"c"]);
        let tricky = br#""a, \"b" <sip:x;y=1,2>;p="q,r" , z"#;
        assert_eq!(
            split(&arena, tricky)[..],
            [&br#""a, \"b" <sip:x;y=1,2>;p="q,r""#[..], b"z"]
        );
        assert_eq!(split(&arena, b"")[..], [b""]);
    }

    #[test]
    fn places_are_counted_from_either_end() {
        let arena = Bump::new();
        let line = |body| Line {
            header: Header {
                kind: HdrType::Other,
                name: b"X",
                body,
                raw: body,
            },
            values: split(&arena, body),
        };
        let all = [line(b"a"), line(b"b,c")];
        assert_eq!(at(&all, 1), Some((0, 0)));
        assert_eq!(at(&all, -1), Some((1, 1)));
        assert_eq!((at(&all, 0), at(&all, 4), at(&all, -4)), (None, None, None));
    }
}
