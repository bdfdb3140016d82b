//! One header field out of the buffer: name, type, body, line end (RFC 3261 §7.3.1).
//!
//! Invariant: a field ends behind a LF that no blank follows (folding), and a buffer without any LF
//! left is read with CR as the line end; white space around the body does not belong to it.

use super::ParseError;
use super::block::line_masks;
use super::header::HdrType;
use super::scan::{find, is_ws};
use std::ops::Range;

/// Where the parts of a field are, counted from its start.
pub(super) struct Field {
    /// Behind the name.
    pub name: usize,
    /// The body.
    pub body: Range<usize>,
    /// Behind the line end.
    pub end: usize,
}

/// What stands where no field begins.
pub(super) enum Stop {
    /// The empty line, and the offset of the body behind it.
    Empty(usize),
    /// The end of the buffer.
    End,
}

/// Fewest bytes that may be left where a field begins.
const SHORTEST: usize = 4;

/// The bytes from `at` on, if a field begins there.
#[inline(always)]
pub(super) fn starts(buf: &[u8], at: usize) -> Option<&[u8]> {
    let left = buf.get(at..)?;
    let first = *left.first()?;
    (left.len() >= SHORTEST && !matches!(first, b'\r' | b'\n')).then_some(left)
}

/// What begins at `at` instead of a field.
///
/// # Errors
/// Too few bytes for a field.
pub(super) fn stop(buf: &[u8], at: usize) -> Result<Stop, ParseError> {
    match buf.get(at..).unwrap_or_default() {
        [] => Ok(Stop::End),
        [b'\r', b'\n', ..] => Ok(Stop::Empty(at + 2)),
        [b'\r' | b'\n', ..] => Ok(Stop::Empty(at + 1)),
        _ => Err(ParseError::Header(at)),
    }
}

/// Reads a field of the usual form: `Name: body` CR LF, no blanks around the body, no fold. `None`:
/// it has another.
#[inline(always)]
pub(super) fn plain(left: &[u8]) -> Option<(HdrType, Field)> {
    let padded;
    let start: &[u8; 64] = match left.first_chunk() {
        Some(start) => start,
        None => {
            padded = pad(left);
            &padded
        }
    };
    let (lf, colon) = line_masks(start);
    let (lf, colon) = (
        lf.trailing_zeros() as usize,
        colon.trailing_zeros() as usize,
    );
    if colon >= 32 || start[colon + 1] != b' ' || start[colon + 2] <= b' ' {
        return None;
    }
    let (lf, [end, cr, _, next]) = match lf {
        2..63 => (lf, [start[lf - 2], start[lf - 1], b'\n', start[lf + 1]]),
        _ => long_line(left)?,
    };
    let folded = next <= b' ' && next != b'\r' && next != b'\n';
    if end <= b' ' || cr != b'\r' || folded || colon + 2 >= lf {
        return None;
    }
    let kind = HdrType::of_start(start, colon);
    if kind == HdrType::Other && (colon == 0 || start[colon - 1] <= b' ') {
        return None;
    }
    let field = Field {
        name: colon,
        body: colon + 2..lf - 1,
        end: lf + 1,
    };
    Some((kind, field))
}

/// `left` with zeros behind it.
#[inline(never)]
fn pad(left: &[u8]) -> [u8; 64] {
    let mut padded = [0; 64];
    padded[..left.len()].copy_from_slice(left);
    padded
}

/// The first LF of a line of 62 bytes or more, and the four bytes around it.
#[inline(never)]
fn long_line(left: &[u8]) -> Option<(usize, [u8; 4])> {
    let lf = find(left, 0, b'\n');
    let around = left.get(lf.wrapping_sub(2)..)?.first_chunk()?;
    Some((lf, *around))
}

/// Reads a field of any form. `None`: the buffer cuts it.
#[inline(never)]
pub(super) fn loose(left: &[u8]) -> Option<(HdrType, Field)> {
    let (colon, end) = parts(left)?;
    let name = trim_name(left, colon.min(end));
    // Without a colon the body is the empty end of the line.
    let body = trim_body(left, end.min(colon + 1), end);
    if body.is_empty() && end == left.len() {
        // SER: "HF empty".
        return None;
    }
    let kind = HdrType::of_name(&left[..name]);
    Some((kind, Field { name, body, end }))
}

/// Index of the colon and index behind the line end of the field that `left` begins with; without a
/// colon both are the same. `None`: the buffer cuts it.
fn parts(left: &[u8]) -> Option<(usize, usize)> {
    let lf = find(left, 0, b'\n');
    let end = match left.get(lf + 1) {
        Some(b' ' | b'\t') => folded_end(left, lf + 1)?,
        _ if lf < left.len() => lf + 1,
        _ => cr_end(left, 0)?,
    };
    Some((find(&left[..end], 0, b':'), end))
}

/// End of a field that goes on at `b[from]`, which is a blank; `None`: the buffer cuts it.
#[cold]
fn folded_end(b: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let lf = find(b, from, b'\n');
        if lf == b.len() {
            return cr_end(b, from);
        }
        from = lf + 1;
        if !matches!(b.get(from), Some(b' ' | b'\t')) {
            return Some(from);
        }
    }
}

/// End of a field where no LF is left: CR alone ends lines.
#[cold]
fn cr_end(b: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let cr = find(b, from, b'\r');
        if cr == b.len() {
            return None;
        }
        from = cr + 1;
        if !matches!(b.get(from), Some(b' ' | b'\t')) {
            return Some(from);
        }
    }
}

/// End of a name that ends at `to`, without the white space behind it.
fn trim_name(b: &[u8], mut to: usize) -> usize {
    while to > 0 && is_ws(b[to - 1]) {
        to -= 1;
    }
    to
}

/// A body without white space before it, white space and NUL behind it.
fn trim_body(b: &[u8], mut from: usize, mut to: usize) -> Range<usize> {
    while from < to && is_ws(b[from]) {
        from += 1;
    }
    while from < to && (is_ws(b[to - 1]) || b[to - 1] == 0) {
        to -= 1;
    }
    from..to
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, body and whole of the field at the start of `text`; both ways to read it agree.
    fn field(text: &[u8]) -> [&[u8]; 3] {
        let show = |(_, f): (HdrType, Field)| [&text[..f.name], &text[f.body], &text[..f.end]];
        let loose = loose(text).map(show).expect("a field");
        assert_eq!(plain(text).map(show).unwrap_or(loose), loose);
        loose
    }

    fn cut(text: &[u8]) -> bool {
        starts(text, 0).is_none_or(|t| plain(t).or_else(|| loose(t)).is_none())
    }

    #[test]
    fn fields_end_where_no_blank_follows() {
        let [name, body, raw] = field(b"Subject :  one\r\n two\r\n\tthree \0\r\nTo: x\r\n");
        assert_eq!(
            (name, body),
            (&b"Subject"[..], &b"one\r\n two\r\n\tthree"[..])
        );
        assert_eq!(raw, b"Subject :  one\r\n two\r\n\tthree \0\r\n");
        assert_eq!(field(b"v:a\nTo: x")[1], b"a");
        let [_, body, raw] = field(b"s: a\r  b\rTo: x\r\r");
        assert_eq!((body, raw), (&b"a\r  b"[..], &b"s: a\r  b\r"[..]));
    }

    #[test]
    fn usual_fields_are_read_at_once_and_all_others_the_long_way() {
        let long = format!("Subject: {}\r\nTo: x\r\n\r\n", "x".repeat(100));
        for usual in ["Via: a\r\n\r\n", "To: a b\r\nFrom: b\r\n", long.as_str()] {
            let b = usual.as_bytes();
            assert!(plain(b).is_some(), "{usual}");
            field(b);
        }
        for other in [
            "v:a\r\n\r\n",
            "v : a\r\n\r\n",
            "v:  a\r\n\r\n",
            "v: a \r\n\r\n",
            "v: a\n\r\n",
            "v: a\r\n b\r\n\r\n",
            "v: \r\n\r\n",
            "v:\r\n\r\n",
            "nothing\r\nv: a\r\n\r\n",
            "v: a\r\n",
            "nothing\r\n a: b\r\n\r\n",
            ": a\r\nb: c\r\n",
        ] {
            let b = other.as_bytes();
            assert!(plain(b).is_none(), "{other:?}");
        }
    }

    #[test]
    fn an_empty_body_is_a_body_unless_the_buffer_ends() {
        assert_eq!(field(b"Subject:\r\nTo: x\r\n")[1], b"");
        assert!(cut(b"Subject: \r\n"));
    }

    #[test]
    fn a_line_without_colon_is_a_header_of_its_own() {
        let [name, body, raw] = field(b"this is no header\r\nTo: x\r\n");
        assert_eq!((name, body), (&b"this is no header"[..], &b""[..]));
        assert_eq!(raw, b"this is no header\r\n");
    }

    #[test]
    fn cut_fields_are_refused_and_empty_lines_end_the_headers() {
        assert!(cut(b"Call-ID: x") && cut(b"a:\n"));
        assert!(stop(b"a:\n", 0).is_err());
        for (text, body) in [
            (&b"\r\nbody"[..], 2),
            (b"\nbody", 1),
            (b"\rbody", 1),
            (b"\n", 1),
        ] {
            assert!(starts(text, 0).is_none());
            assert!(matches!(stop(text, 0), Ok(Stop::Empty(at)) if at == body));
        }
        assert!(starts(b"", 0).is_none() && matches!(stop(b"", 0), Ok(Stop::End)));
    }
}
