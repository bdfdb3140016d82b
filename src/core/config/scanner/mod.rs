//! Reads the bytes of a ser.cfg: white space, comments, words, numbers, strings.
//!
//! There is no token stream: what a run of characters means (a host, a number, a socket) depends on where
//! it stands, so the parser asks for what it expects.

mod number;
mod string;

pub use number::parse_number;

use super::ast::Span;
use super::diagnostics::{Diagnostic, Diagnostics};

/// Deepest nesting of blocks and expressions that the parser follows.
pub const MAX_NESTING: u32 = 200;

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
    /// Levels of nesting around this place.
    depth: u32,
    /// A block was never closed: all the blocks around it end here, and nobody complains again.
    pub unclosed: bool,
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_'
}

/// Characters that SER's scanner passes through: they mean nothing outside of strings.
fn is_meaningless(b: u8) -> bool {
    matches!(b, b'~' | b'`' | b'^' | b'?' | b'\\' | 0..=31 | 127..=255)
        && !matches!(b, b'\t' | b'\r' | b'\n' | 8 | 12)
}

impl<'s> Scanner<'s> {
    /// At the start of a text; a byte order mark is no part of it.
    pub fn new(src: &'s [u8]) -> Self {
        let at = if src.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        Scanner {
            src,
            at,
            last_end: at,
            diagnostics: Diagnostics::default(),
            depth: 0,
            unclosed: false,
        }
    }

    /// From `start` to here.
    pub fn span_from(&self, start: usize) -> Span {
        Span {
            start: start as u32,
            end: self.last_end.max(start) as u32,
        }
    }

    /// One character.
    pub fn point(at: usize) -> Span {
        Span {
            start: at as u32,
            end: at as u32 + 1,
        }
    }

    /// Adds an error from `start` to what was read last.
    pub fn error_from(&mut self, start: usize, message: impl Into<String>) -> &mut Diagnostic {
        let span = self.span_from(start);
        self.diagnostics.error(span, message)
    }

    /// Adds an error at one character.
    pub fn error_at(&mut self, at: usize, message: impl Into<String>) -> &mut Diagnostic {
        self.diagnostics.error(Self::point(at), message)
    }

    /// Does something one level deeper; `None` after an error when that is too deep.
    pub fn nested<T>(&mut self, f: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth == MAX_NESTING {
            let start = self.start();
            self.skip_statement();
            self.error_at(start, "too deeply nested");
            return None;
        }
        self.depth += 1;
        let result = f(self);
        self.depth -= 1;
        result
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
        let to = to.min(self.src.len());
        &self.src[from.min(to)..to]
    }

    /// Everything from `from` on.
    pub fn rest(&self, from: usize) -> &'s [u8] {
        self.text(from, usize::MAX)
    }

    /// The line that a byte stands in, from 1.
    pub fn line_of(&self, at: usize) -> usize {
        memchr::memchr_iter(b'\n', self.text(0, at)).count() + 1
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

    /// White space, comments, and characters that mean nothing.
    pub fn skip_blanks(&mut self) {
        while let Some(&b) = self.src.get(self.at) {
            match b {
                b' ' | b'\t' | b'\r' | b'\n' | 8 | 12 => self.at += 1,
                b'#' => self.skip_hash(),
                b'/' if self.src.get(self.at + 1) == Some(&b'*') => self.skip_comment(),
                b'\\' if matches!(self.src.get(self.at + 1), Some(b'\n' | b'\r')) => self.at += 2,
                b if is_meaningless(b) => self.skip_meaningless(),
                _ => break,
            }
        }
    }

    fn line_end(&self, from: usize) -> usize {
        memchr::memchr(b'\n', &self.src[from..]).map_or(self.src.len(), |n| from + n)
    }

    /// A comment to the end of the line. What looks like a directive of later generations gets a warning.
    fn skip_hash(&mut self) {
        let start = self.at;
        self.at = self.line_end(start);
        let line = self.text(start, self.at);
        let Some(directive) = line.strip_prefix(b"#!") else {
            return;
        };
        let len = directive.iter().take_while(|b| b.is_ascii_alphabetic());
        let word = &directive[..len.count()];
        let known: [&[u8]; 8] = [
            b"define", b"ifdef", b"ifndef", b"ifexp", b"else", b"endif", b"subst", b"include",
        ];
        if known.contains(&word) {
            let span = Span {
                start: start as u32,
                end: (start + 2 + word.len()) as u32,
            };
            self.diagnostics
                .warning(span, "there are no directives: this line is a comment");
        }
    }

    fn skip_meaningless(&mut self) {
        let start = self.at;
        let len = self.src[start..]
            .iter()
            .take_while(|b| is_meaningless(**b))
            .count();
        self.at += len;
        let span = Span {
            start: start as u32,
            end: self.at as u32,
        };
        let text = if len == 1 {
            "this character means nothing here and is ignored"
        } else {
            "these characters mean nothing here and are ignored"
        };
        self.diagnostics.warning(span, text);
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
            .error(span, format!("unexpected EOF: {depth} comments open"))
            .help("comments nest: each /* needs a */ of its own");
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

    /// What stands behind the word here, white space aside.
    pub fn behind_word(&mut self) -> Option<u8> {
        let word = self.peek_word();
        let mut rest = self.rest(self.at + word.len()).iter();
        rest.find(|b| !b.is_ascii_whitespace()).copied()
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

    /// Moves behind the next `;`, or behind the block that comes first, or before a `}`.
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
        self.at = self.line_end(self.at);
        self.last_end = self.at;
    }

    /// Whether something else stands behind the last thing on its line.
    pub fn same_line(&mut self) -> bool {
        let from = self.last_end;
        let at = self.start();
        at < self.src.len() && !self.text(from, at).contains(&b'\n')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn characters_without_meaning_are_ignored_with_one_warning_a_run() {
        let mut s = Scanner::new(b"~~~\x01 x ^ y");
        assert_eq!((s.word(), s.word()), ("x", "y"));
        assert_eq!(s.diagnostics.warnings(), 2);
    }

    #[test]
    fn directives_of_later_generations_are_comments_that_are_warned_of() {
        let mut s = Scanner::new(b"#!define WITH_AUTH\n#!KAMAILIO\n# define\nx");
        assert_eq!(s.word(), "x");
        assert_eq!(s.diagnostics.warnings(), 1);
    }

    #[test]
    fn a_statement_is_skipped_with_its_block() {
        let mut s = Scanner::new(b"a { b; \"}\" c; } d ; e");
        s.skip_statement();
        assert_eq!(s.word(), "d");
        s.skip_statement();
        assert_eq!(s.word(), "e");
    }
}
