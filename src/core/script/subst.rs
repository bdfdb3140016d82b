//! Substitutions as sed writes them: `/regex/replacement/flags` (SER's core subst).
//!
//! Any character may stand for the slash. Flags: `i` ignore case, `g` all matches, `s` the dot matches line
//! ends too (no REG_NEWLINE). In the replacement `\0`..`\9` are the match and its groups, and `%`
//! specifiers of formats are filled in.

use super::xl::XlFormat;
use crate::core::module::Regex;
use crate::core::msg::{BumpVec, SipMsg};

enum Piece {
    Text(Vec<u8>),
    Group(usize),
    Format(XlFormat),
}

/// A compiled substitution.
pub struct Subst {
    source: Box<[u8]>,
    regex: Regex,
    all: bool,
    replacement: Vec<Piece>,
}

/// One match: the stretch of the text, and what takes its place.
#[derive(Clone, Copy, Debug)]
pub struct Replacement<'a> {
    /// First byte that is replaced.
    pub start: usize,
    /// One past the last.
    pub end: usize,
    /// The new text.
    pub text: &'a [u8],
}

impl Subst {
    /// Compiles the whole text with its delimiters.
    pub fn compile(text: &[u8]) -> Result<Subst, String> {
        let shown = || String::from_utf8_lossy(text).into_owned();
        let (&delimiter, rest) = text
            .split_first()
            .ok_or_else(|| "an empty substitution".to_owned())?;
        let mut parts = split(rest, delimiter);
        let (Some(pattern), Some(replacement), Some(flags), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(format!(
                "bad substitution {}: it is /regex/replacement/flags",
                shown()
            ));
        };
        let mut compile_flags = libc::REG_NEWLINE;
        let mut all = false;
        for flag in flags {
            match flag {
                b'i' => compile_flags |= libc::REG_ICASE,
                b'g' => all = true,
                b's' => compile_flags &= !libc::REG_NEWLINE,
                other => {
                    return Err(format!(
                        "bad substitution {}: unknown flag {}",
                        shown(),
                        other as char
                    ));
                }
            }
        }
        Ok(Subst {
            source: text.into(),
            regex: Regex::with_flags(&unescape_delimiter(&pattern, delimiter), compile_flags)?,
            all,
            replacement: parse_replacement(&replacement, delimiter)?,
        })
    }

    /// The whole text with its delimiters, as written.
    pub fn source(&self) -> &[u8] {
        &self.source
    }

    /// The replacements in `text`, in order; empty when nothing matches.
    pub fn matches<'a>(&self, text: &[u8], msg: &mut SipMsg<'a>) -> BumpVec<'a, Replacement<'a>> {
        let mut found = BumpVec::new_in(msg.arena);
        let mut at = 0;
        while let Some(groups) = self.regex.find_at(text, at) {
            let Some((start, end)) = groups[0] else { break };
            let group = |n: usize| groups[n].map_or(&b""[..], |(s, e)| &text[s..e]);
            let new = self.fill(msg, group);
            found.push(Replacement {
                start,
                end,
                text: new,
            });
            // An empty match moves on, or it would be found for ever.
            at = if end > start { end } else { end + 1 };
            if !self.all || at > text.len() {
                break;
            }
        }
        found
    }

    fn fill<'a, 't>(&self, msg: &mut SipMsg<'a>, group: impl Fn(usize) -> &'t [u8]) -> &'a [u8] {
        let mut out = BumpVec::new_in(msg.arena);
        for piece in &self.replacement {
            match piece {
                Piece::Text(text) => out.extend_from_slice_copy(text),
                Piece::Group(n) => out.extend_from_slice_copy(group(*n)),
                Piece::Format(format) => {
                    format.write(msg, &mut out);
                }
            }
        }
        out.into_bump_slice()
    }

    /// `text` with its matches replaced; `None` when nothing matches.
    pub fn apply<'a>(&self, text: &[u8], msg: &mut SipMsg<'a>) -> Option<&'a [u8]> {
        let found = self.matches(text, msg);
        if found.is_empty() {
            return None;
        }
        let mut out = BumpVec::with_capacity_in(text.len() + 64, msg.arena);
        let mut at = 0;
        for one in found {
            out.extend_from_slice_copy(&text[at..one.start]);
            out.extend_from_slice_copy(one.text);
            at = one.end;
        }
        out.extend_from_slice_copy(&text[at..]);
        Some(out.into_bump_slice())
    }
}

/// The parts between unescaped delimiters.
fn split(text: &[u8], delimiter: u8) -> impl Iterator<Item = Vec<u8>> + '_ {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let current = rest?;
        let mut at = 0;
        while at < current.len() && current[at] != delimiter {
            at += if current[at] == b'\\' { 2 } else { 1 };
        }
        let at = at.min(current.len());
        rest = current.get(at + 1..);
        if at == current.len() {
            rest = None;
        }
        Some(current[..at].to_vec())
    })
}

/// `\/` is the delimiter itself, not an escape of the regular expression.
fn unescape_delimiter(pattern: &[u8], delimiter: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(pattern.len());
    let mut bytes = pattern.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'\\' && bytes.peek() == Some(&delimiter) {
            continue;
        }
        out.push(byte);
        if byte == b'\\'
            && let Some(next) = bytes.next()
        {
            out.push(next);
        }
    }
    out
}

fn parse_replacement(text: &[u8], delimiter: u8) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut literal = Vec::new();
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            literal.push(byte);
            continue;
        }
        match bytes.next() {
            Some(digit @ b'0'..=b'9') => {
                flush(&mut pieces, &mut literal)?;
                pieces.push(Piece::Group(usize::from(digit - b'0')));
            }
            Some(b'n') => literal.push(b'\n'),
            Some(b'r') => literal.push(b'\r'),
            Some(b't') => literal.push(b'\t'),
            Some(other) if other == delimiter || other == b'\\' => literal.push(other),
            Some(other) => literal.extend([b'\\', other]),
            None => literal.push(b'\\'),
        }
    }
    flush(&mut pieces, &mut literal)?;
    Ok(pieces)
}

fn flush(pieces: &mut Vec<Piece>, literal: &mut Vec<u8>) -> Result<(), String> {
    let text = std::mem::take(literal);
    if text.contains(&b'%') {
        pieces.push(Piece::Format(XlFormat::parse(&text)?));
    } else if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(())
}
