//! `;name=value` lists (RFC 3261 §25.1 generic-param), and the step that all their parsers share.
//!
//! Invariant: a value in quotes is handed out without them and whole; a backslash in it takes the
//! next byte with it (SER lost the last byte and refused backslashes).

use super::scan::{
    ANGLE, COMMA, EQUAL, Find, QUOTE, SEMI, Scan, WS, find, quoted_end, trimmed, until,
};

/// A `;`-separated parameter list, kept as text and walked on demand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Params<'a>(pub &'a [u8]);

impl<'a> Params<'a> {
    /// Walks name/value pairs; a bare parameter has `None`; quoted values come without quotes.
    pub fn iter(&self) -> ParamIter<'a> {
        ParamIter {
            text: self.0,
            at: 0,
        }
    }

    /// First parameter of that name (case-insensitive): `Some(None)` when it has no value.
    pub fn get(&self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        let mut all = self.iter();
        all.find_map(|(n, v)| n.eq_ignore_ascii_case(name).then_some(v))
    }

    /// True when the list has no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The pairs of a [`Params`]; broken pieces are skipped, it never fails.
#[derive(Clone, Debug)]
pub struct ParamIter<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Iterator for ParamIter<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let mut scan = <Scan>::new(self.text, self.text.len());
        while self.at < self.text.len() {
            let param = read_param::<_, { EQUAL | SEMI | WS }, { SEMI | WS }>(&mut scan, self.at);
            // Whatever follows the value up to the next `;` belongs to no parameter.
            self.at = param.map_or(self.text.len(), |p| find(self.text, p.end, b';')) + 1;
            match param {
                Some(p) if !p.name.is_empty() => return Some((p.name, p.value)),
                _ => {}
            }
        }
        None
    }
}

/// One parameter as it was found.
#[derive(Clone, Copy)]
pub(super) struct Param<'a> {
    /// Empty where nothing stands between two separators.
    pub name: &'a [u8],
    /// Without quotes; `None` without `=`.
    pub value: Option<&'a [u8]>,
    /// Index of the name.
    pub start: usize,
    /// Behind the last byte of the parameter, before the blanks that follow.
    pub value_end: usize,
    /// First non-blank behind it: a separator, the end, or what does not belong there.
    pub end: usize,
}

/// Reads one parameter that begins at `i` (behind its `;`). `NAME` and `VALUE` are the classes
/// that end its parts: `=`, `;` and white space for a name, and for a value all but `=`; `,` as well
/// in lists. `None`: a quoted value is not closed.
#[inline(always)]
pub(super) fn read_param<'a, F: Find, const NAME: u8, const VALUE: u8>(
    scan: &mut Scan<'a, F>,
    i: usize,
) -> Option<Param<'a>> {
    let b = scan.text;
    let start = scan.skip_ws(i);
    let name_end = scan.until::<NAME>(start);
    let after = scan.skip_ws(name_end);
    let mut param = Param {
        name: &b[start..name_end],
        value: None,
        start,
        value_end: name_end,
        end: after,
    };
    if b.get(after) != Some(&b'=') {
        return Some(param);
    }
    let from = scan.skip_ws(after + 1);
    if b.get(from) == Some(&b'"') {
        param.value_end = scan.quoted_end(from)?;
        param.value = Some(&b[from + 1..param.value_end - 1]);
    } else {
        let to = scan.until::<VALUE>(from);
        param.value = Some(&b[from..to]);
        // `name=` alone keeps its place right behind the `=`.
        param.value_end = if to == from { after + 1 } else { to };
    }
    param.end = scan.skip_ws(param.value_end);
    Some(param)
}

/// Splits a comma-separated list at the commas that stand outside quotes and angle brackets.
#[derive(Clone, Debug)]
pub struct CommaList<'a>(pub(super) Option<&'a [u8]>);

impl<'a> CommaList<'a> {
    /// The elements of `body`, trimmed; empty ones are left out.
    pub fn new(body: &'a [u8]) -> CommaList<'a> {
        CommaList(Some(body))
    }
}

impl<'a> Iterator for CommaList<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while let Some(b) = self.0 {
            let end = element_end(b);
            self.0 = b.get(end + 1..);
            let element = trimmed(b, 0, end);
            if !element.is_empty() {
                return Some(element);
            }
        }
        None
    }
}

/// Index of the first comma outside quotes and angle brackets, or the length.
pub(super) fn element_end(b: &[u8]) -> usize {
    let mut i = 0;
    loop {
        i = until::<{ QUOTE | ANGLE | COMMA }>(b, i);
        match b.get(i) {
            Some(b'"') => i = quoted_end(b, i).unwrap_or(b.len()),
            Some(b'<') => i = find(b, i, b'>'),
            Some(b'>') => i += 1,
            Some(_) => return i,
            None => return b.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Vec<(&[u8], Option<&[u8]>)> {
        Params(text).iter().collect()
    }

    #[test]
    fn pairs_are_walked_with_blanks_quotes_and_bare_names() {
        let got = all(b"a=1; b ;c = \"x;\\\"y\" ;d=;;e\r\n =2");
        let want: Vec<(&[u8], Option<&[u8]>)> = vec![
            (b"a", Some(b"1")),
            (b"b", None),
            (b"c", Some(b"x;\\\"y")),
            (b"d", Some(b"")),
            (b"e", Some(b"2")),
        ];
        assert_eq!(got, want);
    }

    #[test]
    fn an_open_quote_ends_the_list() {
        assert_eq!(all(b"a=\"x;b=1").len(), 0);
    }

    #[test]
    fn get_ignores_case_and_takes_the_first() {
        let p = Params(b"Lr;q=1;Q=2");
        assert_eq!(p.get(b"q"), Some(Some(&b"1"[..])));
        assert_eq!(p.get(b"LR"), Some(None));
        assert_eq!(p.get(b"x"), None);
    }

    #[test]
    fn commas_in_quotes_and_brackets_do_not_split() {
        let list = b"\"a,b\" <sip:x,y@z>;p=\"1,2\", , <sip:q>";
        let got: Vec<&[u8]> = CommaList::new(list).collect();
        assert_eq!(got.len(), 2);
        assert_eq!(got[1], b"<sip:q>");
    }
}
