//! Reads the bytes of a ser.cfg: white space, comments, words, numbers, strings.
//!
//! There is no token stream: what a run of characters means (a host, a number, a socket) depends on where
//! it stands, so the parser asks for what it expects.

use super::ast::Span;
use super::diagnostics::Diagnostics;

/// A place in the text.
#[derive(Debug)]
pub struct Scanner<'s> {
    src: &'s [u8],
    /// Offset of the next byte.
    pub at: usize,
    /// Where the last thing that was read ended.
    pub last_end: usize,
    /// Findings so far.
    pub diagnostics: Diagnostics,
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

impl<'s> Scanner<'s> {
    /// At the start of a text.
    pub fn new(src: &'s [u8]) -> Self {
        Scanner {
            src,
            at: 0,
            last_end: 0,
            diagnostics: Diagnostics::default(),
        }
    }

    /// From `start` to here.
    pub fn span_from(&self, start: usize) -> Span {
        Span {
            start: start as u32,
            end: self.last_end.max(start) as u32,
        }
    }

    /// The byte here, after white space.
    pub fn peek(&mut self) -> Option<u8> {
        self.skip_blanks();
        self.src.get(self.at).copied()
    }

    /// The byte `n` places on, as it stands.
    pub fn raw(&self, n: usize) -> Option<u8> {
        self.src.get(self.at + n).copied()
    }

    /// The text between two offsets.
    pub fn text(&self, from: usize, to: usize) -> &'s [u8] {
        &self.src[from.min(self.src.len())..to.min(self.src.len())]
    }

    /// Start of the next thing.
    pub fn start(&mut self) -> usize {
        self.skip_blanks();
        self.at
    }

    /// Moves on over `n` bytes that were read.
    pub fn advance(&mut self, n: usize) {
        self.at = (self.at + n).min(self.src.len());
        self.last_end = self.at;
    }

    /// White space, comments, and characters that mean nothing (SER passes them through).
    pub fn skip_blanks(&mut self) {
        while let Some(&b) = self.src.get(self.at) {
            match b {
                b' ' | b'\t' | b'\r' | b'\n' | 8 | 12 => self.at += 1,
                b'#' => self.at = self.line_end(),
                b'/' if self.src.get(self.at + 1) == Some(&b'*') => self.skip_comment(),
                b'\\' if matches!(self.src.get(self.at + 1), Some(b'\n' | b'\r')) => self.at += 2,
                b'~' | b'`' | b'^' | b'?' | b'\\' | 0..=31 | 127..=255 => {
                    let span = Span {
                        start: self.at as u32,
                        end: self.at as u32 + 1,
                    };
                    self.diagnostics
                        .warning(span, "this character means nothing here and is ignored");
                    self.at += 1;
                }
                _ => break,
            }
        }
    }

    fn line_end(&self) -> usize {
        memchr::memchr(b'\n', &self.src[self.at..]).map_or(self.src.len(), |n| self.at + n)
    }

    /// `/* … */`, nested.
    fn skip_comment(&mut self) {
        let start = self.at;
        let mut depth = 0;
        while self.at < self.src.len() {
            match (self.src[self.at], self.src.get(self.at + 1)) {
                (b'/', Some(b'*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.at += 1,
            }
        }
        let span = Span {
            start: start as u32,
            end: start as u32 + 2,
        };
        self.diagnostics
            .error(span, format!("unexpected EOF: {depth} comments open"));
    }

    /// Takes `text` if it stands here.
    pub fn eat(&mut self, text: &str) -> bool {
        self.skip_blanks();
        let found = self.src[self.at..].starts_with(text.as_bytes());
        if found {
            self.advance(text.len());
        }
        found
    }

    /// Takes the word `text` if it stands here whole.
    pub fn eat_word(&mut self, text: &str) -> bool {
        let found = self.peek_word() == text;
        if found {
            self.advance(text.len());
        }
        found
    }

    /// The word here (letters, digits, `_`), not taken; empty if there is none.
    pub fn peek_word(&mut self) -> &'s str {
        self.skip_blanks();
        let len = self.src[self.at..]
            .iter()
            .take_while(|b| is_word(**b))
            .count();
        std::str::from_utf8(&self.src[self.at..self.at + len]).unwrap_or_default()
    }

    /// Takes the word here.
    pub fn word(&mut self) -> &'s str {
        let word = self.peek_word();
        if !word.is_empty() {
            self.advance(word.len());
        }
        word
    }

    /// The run of characters that hosts, addresses, numbers and sockets are made of, not taken.
    pub fn peek_run(&mut self) -> &'s str {
        self.skip_blanks();
        let wanted =
            |b: &u8| is_word(*b) || matches!(b, b'.' | b':' | b'-' | b'[' | b']' | b'/' | b'*');
        let mut len = self.src[self.at..].iter().take_while(|b| wanted(b)).count();
        // A comment may follow at once.
        if let Some(comment) = self.src[self.at..self.at + len]
            .windows(2)
            .position(|w| w == b"/*")
        {
            len = comment;
        }
        std::str::from_utf8(&self.src[self.at..self.at + len]).unwrap_or_default()
    }

    /// Takes a string if one begins here.
    pub fn string(&mut self) -> Option<Vec<u8>> {
        match self.peek()? {
            b'"' => Some(self.quoted()),
            b'\'' => Some(self.raw_string()),
            _ => None,
        }
    }

    fn unclosed(&mut self, start: usize) {
        let line_end =
            memchr::memchr(b'\n', &self.src[start..]).map_or(self.src.len(), |n| start + n);
        let span = Span {
            start: start as u32,
            end: line_end as u32,
        };
        self.diagnostics
            .error(span, "unexpected EOF in unclosed string")
            .help("the string that begins here has no closing quote");
        self.at = self.src.len();
        self.last_end = self.at;
    }

    fn raw_string(&mut self) -> Vec<u8> {
        let start = self.at;
        match memchr::memchr(b'\'', &self.src[start + 1..]) {
            Some(len) => {
                self.advance(len + 2);
                self.src[start + 1..start + 1 + len].to_vec()
            }
            None => {
                self.unclosed(start);
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
                    self.unclosed(start);
                    return out;
                }
                Some(b'"') => {
                    self.at = at + 1;
                    self.last_end = self.at;
                    return out;
                }
                Some(b'\\') => at += self.escape(at, &mut out),
                Some(&b) => {
                    out.push(b);
                    at += 1;
                }
            }
        }
    }

    /// Reads the escape at `at`; its length. What is no escape keeps its backslash (`\1` of a regex).
    fn escape(&self, at: usize, out: &mut Vec<u8>) -> usize {
        let rest = &self.src[at + 1..];
        let simple = |b: u8| match b {
            b'n' => Some(b'\n'),
            b'r' => Some(b'\r'),
            b'a' => Some(7),
            b't' => Some(b'\t'),
            b'"' | b'\\' => Some(b),
            _ => None,
        };
        match rest.first() {
            Some(&b) if simple(b).is_some() => {
                out.extend(simple(b));
                2
            }
            Some(b'\n') => 2,
            Some(b'x') => {
                let digits = rest[1..]
                    .iter()
                    .take(2)
                    .take_while(|b| b.is_ascii_hexdigit())
                    .count();
                if digits == 0 {
                    out.extend_from_slice(b"\\x");
                    return 2;
                }
                out.push(number(&rest[1..=digits], 16));
                2 + digits
            }
            Some(b'0'..=b'7') => {
                let digits = rest
                    .iter()
                    .take(3)
                    .take_while(|b| (b'0'..=b'7').contains(b))
                    .count();
                if digits < 2 {
                    out.push(b'\\');
                    return 1;
                }
                out.push(number(&rest[..digits], 8));
                1 + digits
            }
            _ => {
                out.push(b'\\');
                1
            }
        }
    }

    /// Moves to the end of the line, or before `;` or `}` if one comes first.
    pub fn skip_statement(&mut self) {
        let mut depth = 0usize;
        while let Some(b) = self.peek() {
            match b {
                b'"' | b'\'' => {
                    self.string();
                    continue;
                }
                b'{' => depth += 1,
                b'}' if depth == 0 => return,
                b'}' => {
                    depth -= 1;
                    if depth == 0 {
                        self.advance(1);
                        return;
                    }
                }
                b';' if depth == 0 => {
                    self.advance(1);
                    return;
                }
                _ => {}
            }
            self.advance(1);
        }
    }

    /// Moves to the end of this line.
    pub fn skip_line(&mut self) {
        self.at = self.line_end();
        self.last_end = self.at;
    }
}

fn number(digits: &[u8], radix: u32) -> u8 {
    let value = digits.iter().fold(0u32, |n, d| {
        n * radix + (*d as char).to_digit(radix).unwrap_or(0)
    });
    value as u8
}

/// The number that a word is: decimal, hexadecimal, octal, binary (`101b`), or one of the words for 1 and 0.
pub fn parse_number(word: &str) -> Option<i64> {
    match word {
        "yes" | "true" | "on" | "enable" => return Some(1),
        "no" | "false" | "off" | "disable" => return Some(0),
        "inet" | "INET" => return Some(libc::AF_INET.into()),
        "inet6" | "INET6" => return Some(libc::AF_INET6.into()),
        _ => {}
    }
    let digits = word.strip_prefix('-').unwrap_or(word);
    if let Some(hex) = digits.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok();
    }
    if let Some(binary) = digits.strip_suffix('b')
        && !binary.is_empty()
        && binary.bytes().all(|b| matches!(b, b'0' | b'1'))
    {
        return i64::from_str_radix(binary, 2).ok();
    }
    if digits.len() > 1
        && digits.starts_with('0')
        && digits.bytes().all(|b| (b'0'..=b'7').contains(&b))
    {
        return i64::from_str_radix(digits, 8).ok();
    }
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    word.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_base() {
        let all: Vec<_> = [
            "10", "-5", "0x1f", "017", "101b", "yes", "off", "inet", "1a", "x",
        ]
        .into_iter()
        .map(parse_number)
        .collect();
        let expected = [
            Some(10),
            Some(-5),
            Some(31),
            Some(15),
            Some(5),
            Some(1),
            Some(0),
            Some(2),
            None,
            None,
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn escapes_are_those_of_ser() {
        let mut s = Scanner::new(br#""a\n\x41\101\1\.\"\\" 'r\aw'"#);
        assert_eq!(s.string().unwrap(), b"a\nAA\\1\\.\"\\");
        assert_eq!(s.string().unwrap(), b"r\\aw");
    }

    #[test]
    fn comments_nest_and_may_end_the_file() {
        let mut s = Scanner::new(b"/* a /* b */ c */ x # end");
        assert_eq!(s.word(), "x");
        assert_eq!(s.peek(), None);
        assert_eq!(s.diagnostics.errors(), 0);
        let mut open = Scanner::new(b"/* a /* b */ x");
        assert_eq!(open.peek(), None);
        assert_eq!(open.diagnostics.errors(), 1);
    }
}
