//! Selects: `@part.part[index]…`, references to pieces of a message (SER's select.c).
//!
//! A select is resolved once, when ser.cfg is read, to a function; at run time it gives a value, null, or
//! an error, which are three different things in expressions and formats.

mod branch;
mod core_table;
mod header;
mod sys;
mod tail;

pub use core_table::CORE_SELECTS;
pub use tail::{name_addr as name_addr_parts, uri as uri_parts};

use crate::core::module::StrValue;
use crate::core::msg::SipMsg;
use parking_lot::RwLock;
use std::fmt;

/// What a select gives for a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SelectResult<'a> {
    /// The text, maybe empty.
    Value(&'a [u8]),
    /// There is no such thing in this message.
    Null,
    /// It cannot be told.
    Error,
}

impl<'a> SelectResult<'a> {
    /// `Some` is a value, `None` is null.
    pub fn or_null(value: Option<&'a [u8]>) -> Self {
        value.map_or(SelectResult::Null, SelectResult::Value)
    }
    /// `Some` is a value, `None` is an error.
    pub fn or_error(value: Option<&'a [u8]>) -> Self {
        value.map_or(SelectResult::Error, SelectResult::Value)
    }
}

/// The function that a select is resolved to.
pub type SelectFn = dyn for<'a> Fn(&mut SipMsg<'a>) -> SelectResult<'a> + Send + Sync;

/// Boxes a closure as a [`SelectFn`]; pins its lifetimes down.
pub fn select_fn<F>(f: F) -> Box<SelectFn>
where
    F: for<'a> Fn(&mut SipMsg<'a>) -> SelectResult<'a> + Send + Sync + 'static,
{
    Box::new(f)
}

/// The bracketed part of an element.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum PartIndex {
    Number(i32),
    Text(Box<[u8]>),
}

/// One element of the reference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// Lower-case name.
    pub name: String,
    /// Its index, if written.
    pub index: Option<PartIndex>,
    /// A second, numeric index: `["Name"][2]`.
    pub second: Option<i32>,
}

impl Part {
    /// The numeric index.
    pub fn number(&self) -> Option<i32> {
        match self.index {
            Some(PartIndex::Number(n)) => Some(n),
            _ => None,
        }
    }
    /// The text index.
    pub fn text(&self) -> Option<&[u8]> {
        match &self.index {
            Some(PartIndex::Text(text)) => Some(text),
            _ => None,
        }
    }
    /// The name with `_` as `-`, as it stands in messages (not for the first character).
    pub fn dashed(&self) -> Vec<u8> {
        let mut name = self.name.clone().into_bytes();
        name.iter_mut()
            .skip(1)
            .filter(|b| **b == b'_')
            .for_each(|b| *b = b'-');
        name
    }
}

/// Most elements of a select.
const MAX_PARTS: usize = 32;

/// A resolver for selects that begin with a name; the error is the level that it does not know.
pub type Resolver = fn(&[Part]) -> Result<Box<SelectFn>, usize>;

static TABLES: RwLock<Vec<(&'static str, Resolver)>> = RwLock::new(Vec::new());

/// Adds selects that begin with `name`; from a module before ser.cfg's routes are compiled, that is when
/// it is loaded (`register_select_table` of SER). They are asked before the core's own.
pub fn register_select(name: &'static str, resolver: Resolver) {
    TABLES.write().push((name, resolver));
}

/// A resolved select.
pub struct Select {
    source: String,
    get: Box<SelectFn>,
}

impl fmt::Debug for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.source)
    }
}

/// How the error about a select that nobody knows begins.
const UNRESOLVED: &str = "Unable to resolve select '";

/// The select in an error of [`Select::compile`] (or of what compiles selects inside of text), if the
/// error is that nobody knows it.
pub fn unresolved(error: &str) -> Option<&str> {
    let (select, _) = error.strip_prefix(UNRESOLVED)?.rsplit_once("' at level ")?;
    Some(select)
}

/// First words of all selects, for suggestions.
pub fn names() -> Vec<&'static str> {
    let tables = TABLES.read();
    let registered = tables.iter().map(|(name, _)| *name);
    let core = CORE_SELECTS.iter().map(|(name, _)| *name);
    registered.chain(core).collect()
}

impl Select {
    /// Parses and resolves the text behind the `@`.
    pub fn compile(text: &str) -> Result<Select, String> {
        let parts = parse(text)?;
        let get =
            resolve(&parts).map_err(|level| format!("{UNRESOLVED}{text}' at level {level}"))?;
        Ok(Select {
            source: text.to_owned(),
            get,
        })
    }
    /// Its value for this message.
    #[inline]
    pub fn get<'a>(&self, msg: &mut SipMsg<'a>) -> SelectResult<'a> {
        (self.get)(msg)
    }
}

impl StrValue for Select {
    fn eval<'a>(&self, msg: &mut SipMsg<'a>) -> Option<&'a [u8]> {
        match self.get(msg) {
            SelectResult::Value(text) => Some(text),
            SelectResult::Null | SelectResult::Error => None,
        }
    }
    fn source(&self) -> &str {
        &self.source
    }
}

fn resolve(parts: &[Part]) -> Result<Box<SelectFn>, usize> {
    let mut deepest = 0;
    let tables: Vec<_> = TABLES
        .read()
        .iter()
        .filter(|(n, _)| *n == parts[0].name)
        .map(|(_, r)| *r)
        .collect();
    for resolver in tables.into_iter().chain([core_table::resolve as Resolver]) {
        match resolver(parts) {
            Ok(get) => return Ok(get),
            Err(level) => deepest = deepest.max(level),
        }
    }
    Err(deepest)
}

/// How many bytes at the start of `text` (behind the `@`) belong to a select; for formats, where it is
/// followed by other text.
pub fn extent(text: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let word = text[at..]
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
            .count();
        if word == 0 {
            return at.saturating_sub(usize::from(at > 0));
        }
        at += word;
        for _ in 0..2 {
            if text.get(at) == Some(&b'[') {
                match index_length(&text[at..]) {
                    Some(length) => at += length,
                    None => return at,
                }
            }
        }
        if text.get(at) != Some(&b'.') {
            return at;
        }
        at += 1;
    }
}

/// Length of `[n]` or `["text"]`, quotes maybe escaped by a backslash.
fn index_length(text: &[u8]) -> Option<usize> {
    let close = text.iter().position(|&b| b == b']')?;
    if let Some(rest) = text[1..]
        .strip_prefix(b"\"")
        .or(text[1..].strip_prefix(b"\\\""))
    {
        let start = text.len() - rest.len();
        let end = rest.iter().position(|&b| b == b'"')? + start;
        return (text.get(end + 1) == Some(&b']')).then_some(end + 2);
    }
    Some(close + 1)
}

/// Splits the text into its elements.
pub fn parse(text: &str) -> Result<Vec<Part>, String> {
    let bytes = text.as_bytes();
    let bad = || format!("malformed select '@{text}'");
    let mut parts = Vec::new();
    let mut at = 0;
    loop {
        let word = bytes[at..]
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
            .count();
        if word == 0 || parts.len() == MAX_PARTS {
            return Err(bad());
        }
        let name = text[at..at + word].to_ascii_lowercase();
        at += word;
        let mut index = None;
        if bytes.get(at) == Some(&b'[') {
            let length = index_length(&bytes[at..]).ok_or_else(bad)?;
            index = Some(parse_index(&bytes[at + 1..at + length - 1]).ok_or_else(bad)?);
            at += length;
        }
        let mut second = None;
        if index.is_some() && bytes.get(at) == Some(&b'[') {
            let length = index_length(&bytes[at..]).ok_or_else(bad)?;
            match parse_index(&bytes[at + 1..at + length - 1]) {
                Some(PartIndex::Number(n)) => second = Some(n),
                _ => return Err(bad()),
            }
            at += length;
        }
        parts.push(Part {
            name,
            index,
            second,
        });
        match bytes.get(at) {
            None => return Ok(parts),
            Some(b'.') => at += 1,
            Some(_) => return Err(bad()),
        }
    }
}

fn parse_index(text: &[u8]) -> Option<PartIndex> {
    let quoted = text.strip_prefix(b"\\\"").or(text.strip_prefix(b"\""));
    if let Some(inner) = quoted {
        let inner = inner.strip_suffix(b"\"")?;
        return Some(PartIndex::Text(
            inner.strip_suffix(b"\\").unwrap_or(inner).into(),
        ));
    }
    std::str::from_utf8(text)
        .ok()?
        .trim()
        .parse()
        .ok()
        .map(PartIndex::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_select_ends_where_its_words_end() {
        assert_eq!(extent(b"from.uri.user=x"), 13);
        assert_eq!(extent(b"via[1].host port"), 11);
        assert_eq!(extent(b"msg.header[\"X-Foo\"][2] y"), 22);
        assert_eq!(extent(b"ruri."), 4);
        assert_eq!(extent(b"-"), 0);
    }

    #[test]
    fn what_cannot_be_resolved_names_the_level() {
        assert!(
            Select::compile("nosuch")
                .unwrap_err()
                .contains("at level 0")
        );
        assert!(
            Select::compile("from.nosuch")
                .unwrap_err()
                .contains("at level 1")
        );
        assert!(Select::compile("from..uri").is_err());
    }
}
