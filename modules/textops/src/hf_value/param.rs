//! The parameters of one value: `value;name=x;name2` or, for credentials and their kin,
//! `Scheme name=x, name2="y"`.

use super::list::pieces;
use std::ops::Range;

/// How parameters are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// Behind a `;`.
    Semicolon,
    /// Separated by `,` behind a first word.
    Comma,
}

/// One parameter: offsets in the value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Param {
    /// The name.
    pub name: Range<usize>,
    /// What stands behind the `=`, quotes included; empty and behind the name without one.
    pub value: Range<usize>,
}

impl Style {
    /// What stands between two parameters.
    pub fn separator(self) -> u8 {
        match self {
            Style::Semicolon => b';',
            Style::Comma => b',',
        }
    }
}

/// All parameters in order.
fn params(text: &[u8], style: Style) -> impl Iterator<Item = Param> + '_ {
    let first = match style {
        // What stands before the first `;` is the value itself.
        Style::Semicolon => 1,
        Style::Comma => 0,
    };
    let all = pieces(text, style.separator()).enumerate().skip(first);
    all.map(move |(i, piece)| param(text, piece, style == Style::Comma && i == 0))
}

fn param(text: &[u8], piece: Range<usize>, behind_scheme: bool) -> Param {
    let trimmed = trim(text, piece);
    let equals = text[trimmed.clone()].iter().position(|&b| b == b'=');
    let name_end = equals.map_or(trimmed.end, |n| trimmed.start + n);
    let mut name = trim(text, trimmed.start..name_end);
    if behind_scheme
        && let Some(blank) = text[name.clone()].iter().rposition(u8::is_ascii_whitespace)
    {
        name.start += blank + 1;
    }
    let value = match equals {
        Some(_) => trim(text, name_end + 1..trimmed.end),
        None => name.end..name.end,
    };
    Param { name, value }
}

fn trim(text: &[u8], range: Range<usize>) -> Range<usize> {
    let inner = &text[range.clone()];
    let front = inner.len() - inner.trim_ascii_start().len();
    let start = range.start + front;
    start..start + inner.trim_ascii().len()
}

/// The parameter of that name, in any case.
pub fn find(text: &[u8], name: &[u8], style: Style) -> Option<Param> {
    params(text, style).find(|p| text[p.name.clone()].eq_ignore_ascii_case(name))
}

/// What goes when a parameter is removed: it and the separator that joins it to its neighbour.
pub fn extent(text: &[u8], param: &Param, style: Style) -> Range<usize> {
    let end = param.value.end;
    let before = text[..param.name.start].trim_ascii_end();
    let separator = style.separator();
    if before.last() == Some(&separator) {
        return before.len() - 1..end;
    }
    // The first behind a scheme: the separator that follows, and the blanks behind it.
    let rest = &text[end..];
    let skipped = rest.len() - rest.trim_ascii_start().len();
    match rest[skipped..].strip_prefix(&[separator]) {
        Some(tail) => {
            let blanks = tail.len() - tail.trim_ascii_start().len();
            param.name.start..end + skipped + 1 + blanks
        }
        None => param.name.start..end,
    }
}

/// A value without its quotes.
pub fn unquoted(value: &[u8]) -> &[u8] {
    value
        .strip_prefix(b"\"")
        .and_then(|v| v.strip_suffix(b"\""))
        .unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'t>(text: &'t [u8], name: &[u8], style: Style) -> &'t [u8] {
        &text[find(text, name, style).unwrap().value]
    }

    fn without(text: &[u8], name: &[u8], style: Style) -> String {
        let gone = extent(text, &find(text, name, style).unwrap(), style);
        String::from_utf8([&text[..gone.start], &text[gone.end..]].concat()).unwrap()
    }

    #[test]
    fn parameters_of_an_address_are_those_behind_the_bracket() {
        let text = br#""Nm;x" <sip:u@h;x=1>;foo=bar;baz"#;
        assert_eq!(found(text, b"FOO", Style::Semicolon), b"bar");
        assert_eq!(found(text, b"baz", Style::Semicolon), b"");
        assert!(find(text, b"x", Style::Semicolon).is_none());
        assert_eq!(
            without(text, b"foo", Style::Semicolon),
            r#""Nm;x" <sip:u@h;x=1>;baz"#
        );
    }

    #[test]
    fn parameters_of_credentials_stand_behind_the_scheme() {
        let text = br#"Digest username="a,b", realm="r""#;
        assert_eq!(found(text, b"username", Style::Comma), br#""a,b""#);
        assert_eq!(
            without(text, b"username", Style::Comma),
            r#"Digest realm="r""#
        );
        assert_eq!(
            without(text, b"realm", Style::Comma),
            r#"Digest username="a,b""#
        );
    }
}
