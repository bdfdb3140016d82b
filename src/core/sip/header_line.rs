//! One header field out of the buffer: name, type, body, line end (RFC 3261 §7.3.1).
//!
//! Invariant: a field ends behind a LF that no blank follows (folding), and a buffer without any LF
//! left is read with CR as the line end; white space around the body does not belong to it.

use super::ParseError;
use super::block::mask_at;
use super::header::{HdrType, Header};
use super::scan::find;

/// What begins at an offset of the header part.
pub(super) enum Line<'a> {
    /// A field, and the offset behind it.
    Header { header: Header<'a>, end: usize },
    /// The empty line; the body begins at this offset.
    Empty { body: usize },
    /// The buffer ended.
    End,
}

/// Fewest bytes that may be left where a field begins.
const SHORTEST: usize = 4;

/// Reads the field, the empty line or the end that stands at `buf[at]`.
#[inline(always)]
pub(super) fn read(buf: &[u8], at: usize) -> Result<Line<'_>, ParseError> {
    let left = buf.get(at..).unwrap_or_default();
    let Some(&first) = left.first() else {
        return Ok(Line::End);
    };
    if matches!(first, b'\r' | b'\n') {
        let crlf = left.starts_with(b"\r\n");
        let body = at + 1 + usize::from(crlf);
        return Ok(Line::Empty { body });
    }
    if left.len() < SHORTEST {
        return Err(ParseError::Header(at));
    }
    let Some((header, end)) = plain(buf, left).or_else(|| loose(left)) else {
        return Err(ParseError::Header(at));
    };
    let end = at + end;
    Ok(Line::Header { header, end })
}

/// Reads a field of the usual form: `Name: body` CR LF, no blanks around the body, no fold. `None`:
/// it has another. `left` is the end of `buf`.
#[inline(always)]
fn plain<'a>(buf: &[u8], left: &'a [u8]) -> Option<(Header<'a>, usize)> {
    let at = buf.len() - left.len();
    let colon = mask_at(buf, at, |block| block.eq(b':')).trailing_zeros() as usize;
    let lf = match mask_at(buf, at, |block| block.eq(b'\n')).trailing_zeros() {
        64 => find(left, 64, b'\n'),
        n => n as usize,
    };
    // What stands around the colon, and around the line end.
    let [name_end, _, b' ', start] = *left.get(colon.wrapping_sub(1)..)?.first_chunk()? else {
        return None;
    };
    let [end, b'\r', b'\n', next] = *left.get(lf.wrapping_sub(2)..)?.first_chunk()? else {
        return None;
    };
    let blank = name_end <= b' ' || start <= b' ' || end <= b' ';
    if blank || matches!(next, b' ' | b'\t') {
        return None;
    }
    let body = left.get(colon + 2..lf - 1)?;
    let name = &left[..colon];
    let raw = &left[..lf + 1];
    let kind = HdrType::of_start(left, colon);
    let header = Header {
        kind,
        name,
        body,
        raw,
    };
    Some((header, lf + 1))
}

/// Reads a field of any form. `None`: the buffer cuts it.
#[inline(never)]
fn loose(left: &[u8]) -> Option<(Header<'_>, usize)> {
    let (colon, end) = parts(left)?;
    let raw = &left[..end];
    let name = trim_name(raw.get(..colon).unwrap_or(raw));
    // Without a colon the body is the empty end of the line: a place in the buffer all the same.
    let body = trim_body(&raw[raw.len().min(colon + 1)..]);
    if body.is_empty() && end == left.len() {
        // SER: "HF empty".
        return None;
    }
    let kind = HdrType::of_name(name);
    let header = Header {
        kind,
        name,
        body,
        raw,
    };
    Some((header, end))
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

/// A name without the white space behind it.
#[inline(always)]
fn trim_name(mut name: &[u8]) -> &[u8] {
    while let [head @ .., b' ' | b'\t' | b'\r' | b'\n'] = name {
        name = head;
    }
    name
}

/// A body without white space before it, white space and NUL behind it.
#[inline(always)]
fn trim_body(mut body: &[u8]) -> &[u8] {
    if let [head @ .., b'\r', b'\n'] = body {
        body = head;
    }
    if let [b' ', tail @ ..] = body {
        body = tail;
    }
    while let [b' ' | b'\t' | b'\r' | b'\n', tail @ ..] = body {
        body = tail;
    }
    while let [head @ .., b' ' | b'\t' | b'\r' | b'\n' | 0] = body {
        body = head;
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &[u8]) -> Header<'_> {
        match read(text, 0) {
            Ok(Line::Header { header, .. }) => header,
            _ => panic!("no header"),
        }
    }

    #[test]
    fn fields_end_where_no_blank_follows() {
        let h = header(b"Subject :  one\r\n two\r\n\tthree \0\r\nTo: x\r\n");
        assert_eq!((h.kind, h.name), (HdrType::Subject, &b"Subject"[..]));
        assert_eq!(h.body, b"one\r\n two\r\n\tthree");
        assert_eq!(h.raw, b"Subject :  one\r\n two\r\n\tthree \0\r\n");
        assert_eq!(header(b"v:a\nTo: x").body, b"a");
        let h = header(b"s: a\r  b\rTo: x\r\r");
        assert_eq!((h.body, h.raw), (&b"a\r  b"[..], &b"s: a\r  b\r"[..]));
    }

    #[test]
    fn an_empty_body_is_a_body_unless_the_buffer_ends() {
        assert_eq!(header(b"Subject:\r\nTo: x\r\n").body, b"");
        assert!(read(b"Subject: \r\n", 0).is_err());
    }

    #[test]
    fn a_line_without_colon_is_a_header_of_its_own() {
        let h = header(b"this is no header\r\nTo: x\r\n");
        assert_eq!(
            (h.kind, h.name),
            (HdrType::Other, &b"this is no header"[..])
        );
        assert_eq!(h.body, b"");
    }

    #[test]
    fn cut_fields_are_refused_and_empty_lines_end_the_headers() {
        assert!(read(b"Call-ID: x", 0).is_err());
        assert!(read(b"a:\n", 0).is_err());
        assert!(matches!(read(b"\r\nbody", 0), Ok(Line::Empty { body: 2 })));
        assert!(matches!(read(b"\nbody", 0), Ok(Line::Empty { body: 1 })));
        assert!(matches!(read(b"", 0), Ok(Line::End)));
    }
}
