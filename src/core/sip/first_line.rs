//! Request line and status line (RFC 3261 §7.1, §7.2).
//!
//! Invariant: a request line is `METHOD SP URI blanks VERSION blanks` and nothing else; any version
//! token is accepted here, `receive_msg` sorts out what is not SIP.

use super::error::BadFirstLine;
use super::method::place_of_word;
use super::scan::{Blanks, Scan, WS, lower8, word8};
use super::{Method, ParseError};

/// The first line of a message.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum FirstLine<'a> {
    Request {
        method: Method,
        method_name: &'a [u8],
        /// The place of the method in [`COUNTED`](super::COUNTED).
        place: u8,
        uri: &'a [u8],
        version: &'a [u8],
    },
    Reply {
        version: &'a [u8],
        code: u16,
        reason: &'a [u8],
    },
}

/// Fewest bytes that a message has, first line to end.
const SHORTEST: usize = 17;

impl<'a> FirstLine<'a> {
    /// Parses the first line of `buf`, line ends before it skipped; returns it and the offset of the
    /// first header. CR LF, LF and CR end the line.
    #[inline]
    pub(super) fn parse(buf: &'a [u8]) -> Result<(FirstLine<'a>, usize), ParseError> {
        let is_end = |c: &&u8| matches!(**c, b'\r' | b'\n');
        let start = buf.iter().take_while(is_end).count();
        let left = buf.len() - start;
        if left < SHORTEST {
            return Err(ParseError::TooShort(left));
        }
        let version = &buf[start..start + 8];
        let is_reply = lower8(buf, start, start + 8) == word8(b"SIP/2.0 ")
            && version.eq_ignore_ascii_case(b"SIP/2.0 ");
        let read = if is_reply {
            reply(buf, start)
        } else {
            request(buf, start)
        };
        read.map_err(ParseError::FirstLine)
    }
}

/// Reads `METHOD SP URI blanks VERSION [blanks]`.
#[inline]
fn request(buf: &[u8], start: usize) -> Result<(FirstLine<'_>, usize), BadFirstLine> {
    let mut scan = Scan::<Blanks>::new(&buf[start..], buf.len() - start);
    let mut word_end = |i: usize| start + scan.until::<WS>(i - start);
    let method_end = word_end(start);
    if method_end == start || buf.get(method_end) != Some(&b' ') {
        return Err(BadFirstLine::Method);
    }
    let uri_at = method_end + 1;
    let uri_end = word_end(uri_at);
    let version_at = skip_blanks(buf, uri_end);
    let version_end = word_end(version_at);
    let line_end = skip_blanks(buf, version_end);
    if uri_end == uri_at || version_end == version_at {
        return Err(BadFirstLine::Request);
    }
    let next = behind_line_end(buf, line_end).ok_or(BadFirstLine::Request)?;
    let method_name = &buf[start..method_end];
    let place = place_of_word(lower8(buf, start, method_end), method_name);
    let line = FirstLine::Request {
        method: Method::at_place(place),
        method_name,
        place: place as u8,
        uri: &buf[uri_at..uri_end],
        version: &buf[version_at..version_end],
    };
    Ok((line, next))
}

/// Reads `SIP/2.0 CODE SP REASON`; the version is known to be there.
#[inline]
fn reply(buf: &[u8], start: usize) -> Result<(FirstLine<'_>, usize), BadFirstLine> {
    let at = start + 8;
    let mut scan = Scan::<Blanks>::new(&buf[at..], buf.len() - at);
    let code_end = at + scan.until::<WS>(0);
    let code = &buf[at..code_end];
    if code.len() != 3 {
        let len = code.len();
        return Err(BadFirstLine::CodeLength { at, len });
    }
    if !code.iter().all(u8::is_ascii_digit) {
        return Err(BadFirstLine::CodeNumber { at });
    }
    if buf.get(code_end) != Some(&b' ') {
        return Err(BadFirstLine::Reply);
    }
    let reason_at = code_end + 1;
    let tail = &buf[reason_at..];
    let line_end = reason_at + memchr::memchr2(b'\r', b'\n', tail).ok_or(BadFirstLine::Reply)?;
    let next = behind_line_end(buf, line_end).ok_or(BadFirstLine::Reply)?;
    let line = FirstLine::Reply {
        version: &buf[start..start + 7],
        code: code.iter().fold(0, |n, c| n * 10 + u16::from(c - b'0')),
        reason: &buf[reason_at..line_end],
    };
    Ok((line, next))
}

/// Index of the first byte at or after `i` that is no blank or TAB, or the length.
#[inline(always)]
fn skip_blanks(b: &[u8], mut i: usize) -> usize {
    while i < b.len() && matches!(b[i], b' ' | b'\t') {
        i += 1;
    }
    i
}

/// Index behind the line end at `i`; `None` where there is no line end or nothing follows it.
#[inline(always)]
fn behind_line_end(b: &[u8], i: usize) -> Option<usize> {
    let next = match (b.get(i)?, b.get(i + 1)?) {
        (b'\r', b'\n') => i + 2,
        (b'\r' | b'\n', _) => i + 1,
        _ => return None,
    };
    (next < b.len()).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bad(text: &str) -> BadFirstLine {
        match FirstLine::parse(text.as_bytes()) {
            Err(ParseError::FirstLine(e)) => e,
            other => panic!("{text:?}: {other:?}"),
        }
    }

    #[test]
    fn request_lines_end_with_any_line_end_and_may_have_blanks_before_it() {
        for end in ["\r\n", "\n", "\r", "  \r\n", "\t\n"] {
            let text = format!("\r\n\nOPTIONS sip:a@b   SIP/2.0{end}Via: x");
            let (line, next) = FirstLine::parse(text.as_bytes()).unwrap();
            let FirstLine::Request {
                method,
                method_name,
                uri,
                version,
                ..
            } = line
            else {
                panic!("no request");
            };
            assert_eq!((method, method_name), (Method::Other, &b"OPTIONS"[..]));
            assert_eq!((uri, version), (&b"sip:a@b"[..], &b"SIP/2.0"[..]));
            assert_eq!(&text[next..], "Via: x");
        }
    }

    #[test]
    fn status_lines_need_the_blank_and_not_the_reason() {
        let (line, next) = FirstLine::parse(b"sip/2.0 100 \r\nVia: x\r\n").unwrap();
        let FirstLine::Reply {
            version,
            code,
            reason,
        } = line
        else {
            panic!("no reply");
        };
        assert_eq!(
            (version, code, reason, next),
            (&b"sip/2.0"[..], 100, &b""[..], 14)
        );
        assert_eq!(
            bad("SIP/2.0 100\r\nVia: SIP/2.0/UDP h\r\n"),
            BadFirstLine::Reply
        );
    }

    #[test]
    fn errors_have_sers_texts() {
        let show = |text: &str| {
            let e = FirstLine::parse(text.as_bytes()).unwrap_err();
            e.describe(text.as_bytes()).to_string()
        };
        assert_eq!(show("\r\nINVITE a"), "message too short: 8");
        assert_eq!(
            show("SIP/2.0 4294967301 better\r\nVia: x"),
            "len(status code)!=3: 4294967301"
        );
        assert_eq!(
            show("SIP/2.0 2x0 better\r\nVia: x"),
            "status_code non-numerical: 2x0"
        );
        assert_eq!(
            show("INVITE\r\nVia: SIP/2.0/UDP h"),
            "method not followed by SP"
        );
    }

    #[test]
    fn other_first_lines_are_refused() {
        for text in [
            "INVITE  sip:a@b SIP/2.0\r\nVia: x",
            "INVITE sip:a@b; lr SIP/2.0\r\nVia: x",
            "INVITE sip:a@b\r\nVia: xxxxxxxxxx",
            "INVITE sip:a@b SIP/2.0",
            "INVITE sip:a@b SIP/2.0\r\n",
        ] {
            assert_eq!(bad(text), BadFirstLine::Request, "{text:?}");
        }
        assert_eq!(
            bad(" INVITE sip:a@b SIP/2.0\r\nVia: x"),
            BadFirstLine::Method
        );
    }
}
