//! Strings: `"…"` with escapes, `'…'` raw. Both may span lines.

use super::Scanner;
use crate::core::config::ast::{Span, Spanned};

impl Scanner<'_> {
    /// Takes a string if one begins here.
    pub fn string(&mut self) -> Option<Vec<u8>> {
        match self.peek()? {
            b'"' => Some(self.quoted()),
            b'\'' => Some(self.raw_string()),
            _ => None,
        }
    }

    /// Takes a string with its place.
    pub fn spanned_string(&mut self) -> Option<Spanned<Vec<u8>>> {
        let start = self.start();
        let node = self.string()?;
        let span = self.span_from(start);
        Some(Spanned { node, span })
    }

    fn unclosed_string(&mut self, start: usize) {
        let span = Span {
            start: start as u32,
            end: self.line_end(start) as u32,
        };
        self.diagnostics
            .error(span, "unexpected EOF in unclosed string")
            .help("the string that begins here has no closing quote");
        self.at = self.src.len();
        self.last_end = self.at;
        // No block can be closed behind it: that follows from the quote.
        self.unclosed = true;
    }

    fn raw_string(&mut self) -> Vec<u8> {
        let start = self.at;
        match memchr::memchr(b'\'', &self.src[start + 1..]) {
            Some(len) => {
                self.advance(len + 2);
                self.src[start + 1..start + 1 + len].to_vec()
            }
            None => {
                self.unclosed_string(start);
                Vec::new()
            }
        }
    }

    fn quoted(&mut self) -> Vec<u8> {
        let start = self.at;
        let mut at = start + 1;
        let mut out = Vec::new();
        loop {
            match self.src.get(at) {
                None => {
                    self.unclosed_string(start);
                    return out;
                }
                Some(b'"') => {
                    self.at = at + 1;
                    self.last_end = self.at;
                    return out;
                }
                Some(b'\\') => at += escape(&self.src[at + 1..], &mut out),
                Some(&b) => {
                    out.push(b);
                    at += 1;
                }
            }
        }
    }
}

/// Reads the escape whose backslash stands before `rest`; its length. What is no escape keeps its
/// backslash (`\1` of a regular expression).
fn escape(rest: &[u8], out: &mut Vec<u8>) -> usize {
    let simple = match rest {
        [b'n', ..] => b'\n',
        [b'r', ..] => b'\r',
        [b'a', ..] => 7,
        [b't', ..] => b'\t',
        [b @ (b'"' | b'\\'), ..] => *b,
        [b'\n', ..] => return 2,
        [b'\r', b'\n', ..] => return 3,
        [b'x', digits @ ..] => {
            return numeric(digits, 2, 1, 16, out).map_or_else(|| keep(out), |n| n + 2);
        }
        [b'0'..=b'7', ..] => {
            return numeric(rest, 3, 2, 8, out).map_or_else(|| keep(out), |n| n + 1);
        }
        _ => return keep(out),
    };
    out.push(simple);
    2
}

/// The backslash is text.
fn keep(out: &mut Vec<u8>) -> usize {
    out.push(b'\\');
    1
}

/// Reads at least `least` and at most `most` digits as one byte; how many there were.
fn numeric(text: &[u8], most: usize, least: usize, radix: u32, out: &mut Vec<u8>) -> Option<usize> {
    let digit = |b: &u8| (*b as char).to_digit(radix);
    let digits: Vec<u32> = text.iter().take(most).map_while(digit).collect();
    if digits.len() < least {
        return None;
    }
    let value = digits.iter().fold(0, |n, d| n * radix + d);
    out.push(value as u8);
    Some(digits.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<u8> {
        Scanner::new(text).string().expect("a string")
    }

    #[test]
    fn escapes_are_those_of_ser() {
        assert_eq!(read(br#""a\n\r\t\a""#), b"a\n\r\t\x07");
        assert_eq!(read(br#""\x41\xag\101\60""#), b"A\x0agA0");
        assert_eq!(read(br#""\"\\""#), b"\"\\");
        assert_eq!(read(b"\"a\\\nb\\\r\nc\""), b"abc");
    }

    #[test]
    fn what_is_no_escape_keeps_its_backslash() {
        assert_eq!(read(br#""\1\.\x""#), br"\1\.\x");
        assert_eq!(read(br"'r\naw'"), br"r\naw");
    }

    #[test]
    fn strings_may_span_lines() {
        assert_eq!(read(b"'a\nb'"), b"a\nb");
        assert_eq!(read(b"\"a\nb\""), b"a\nb");
    }

    #[test]
    fn a_string_without_end_is_one_error() {
        for text in [&b"\"abc"[..], b"'abc", b"\"abc\\"] {
            let mut s = Scanner::new(text);
            s.string();
            assert_eq!((s.diagnostics.errors(), s.peek()), (1, None));
        }
    }
}
