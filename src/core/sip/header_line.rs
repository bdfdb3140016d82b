//! One header field out of the buffer: name, type, body, line end (RFC 3261 §7.3.1).
//!
//! Invariant: a field ends behind a LF that no blank follows (folding), and a buffer without any LF
//! left is read with CR as the line end; white space around the body does not belong to it.

use super::ParseError;
use super::header::{HdrType, Header};
use memchr::memchr;

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
#[inline]
pub(super) fn read(buf: &[u8], at: usize) -> Result<Line<'_>, ParseError> {
    let left = buf.get(at..).unwrap_or_default();
    match left {
        [] => return Ok(Line::End),
        [b'\r', b'\n', ..] => return Ok(Line::Empty { body: at + 2 }),
        [b'\r' | b'\n', ..] => return Ok(Line::Empty { body: at + 1 }),
        _ => {}
    }
    if left.len() < SHORTEST {
        return Err(ParseError::Header(at));
    }
    let end = field_end(left).ok_or(ParseError::Header(at))?;
    let raw = &left[..end];
    let (name, body) = split(raw).ok_or(ParseError::Header(at))?;
    if body.is_empty() && end == left.len() {
        // SER: "HF empty".
        return Err(ParseError::Header(at));
    }
    let kind = HdrType::of_name(name);
    let header = Header {
        kind,
        name,
        body,
        raw,
    };
    let end = at + end;
    Ok(Line::Header { header, end })
}

/// Index behind the field that `b` begins with; `None`: the buffer cuts it.
#[inline]
fn field_end(b: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let Some(n) = memchr(b'\n', &b[from..]) else {
            return field_end_cr(b, from);
        };
        from += n + 1;
        if !matches!(b.get(from), Some(b' ' | b'\t')) {
            return Some(from);
        }
    }
}

/// As `field_end`, where no LF is left: CR alone ends lines.
#[cold]
fn field_end_cr(b: &[u8], mut from: usize) -> Option<usize> {
    loop {
        from += memchr(b'\r', &b[from..])? + 1;
        if !matches!(b.get(from), Some(b' ' | b'\t')) {
            return Some(from);
        }
    }
}

/// Name and body of a field. A line without colon is its own name with an empty body; a line of
/// nothing but a colon's left side being empty is none (`None`).
#[inline]
fn split(raw: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = raw.iter().position(|&c| c == b':');
    let (mut name, mut body) = match colon {
        Some(n) => (&raw[..n], &raw[n + 1..]),
        None => (raw, &raw[raw.len()..]),
    };
    while let [head @ .., b' ' | b'\t' | b'\r' | b'\n'] = name {
        name = head;
    }
    while let [b' ' | b'\t' | b'\r' | b'\n', tail @ ..] = body {
        body = tail;
    }
    while let [head @ .., b' ' | b'\t' | b'\r' | b'\n' | 0] = body {
        body = head;
    }
    Some((name, body))
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
