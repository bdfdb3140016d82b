//! name-addr / addr-spec with parameters: To, From, Refer-To, Remote-Party-ID, … (RFC 3261 §20.10,
//! §25.1).
//!
//! Invariant: a value is understood to its last byte or refused; the display name is the whole text
//! before `<`.

use super::params::read_param;
use super::scan::{ANGLE, Address, COMMA, EQUAL, QUOTE, SEMI, Scan, WS, trimmed, until, word8};
use super::{Params, ParseError};

/// `display-name <uri>;params`
#[derive(Clone, Copy, Debug, Default)]
pub struct NameAddr<'a> {
    /// Display name as received (quotes kept), trimmed.
    pub display: &'a [u8],
    /// The URI without brackets.
    pub uri: &'a [u8],
    /// The parameters behind it, from the first `;`'s next byte to the end of the value.
    pub params: Params<'a>,
    /// Value of `tag` (empty for a bare `;tag`), the last one where there are several.
    pub tag: Option<&'a [u8]>,
    /// The whole value in the buffer.
    pub raw: &'a [u8],
    /// The URI stood in `<>`.
    pub bracketed: bool,
}

impl<'a> NameAddr<'a> {
    /// Parses the one value that `body` is (To, From, Refer-To, Remote-Party-ID, …).
    pub fn parse(body: &'a [u8]) -> Result<NameAddr<'a>, ParseError> {
        let mut value = NameAddr::default();
        value.read_in(body, body.len())?;
        Ok(value)
    }

    /// As `parse` of the first `len` bytes of `wide`, into a fresh value.
    #[inline(never)]
    pub(super) fn read_in(&mut self, wide: &'a [u8], len: usize) -> Result<(), ParseError> {
        let mut scan = Scan::<Address>::new(wide, len);
        if self.read_usual(&mut scan).is_some() {
            return Ok(());
        }
        *self = NameAddr::default();
        self.read_any(&mut scan)
    }

    /// Reads a value of any form, to the end of the text.
    #[inline(never)]
    pub(super) fn read_any(&mut self, scan: &mut Scan<'a, Address>) -> Result<(), ParseError> {
        match self.read::<ADDRESS, NAME, VALUE>(scan, 0)? {
            end if end == scan.text.len() => Ok(()),
            end => Err(ParseError::To(end)),
        }
    }

    /// Reads a value of the usual form: `<uri>` with a quoted name or one without odd characters
    /// before it, and with nothing or `;tag=token` behind it. `None`: it has another.
    #[inline(always)]
    pub(super) fn read_usual(&mut self, scan: &mut Scan<'a, Address>) -> Option<()> {
        let b = scan.text;
        let (display, open) = match *b.first()? {
            b'<' => (0, 0),
            ..=b' ' => return None,
            b'"' => {
                let (quote, c) = scan.step_over(1, |c| !matches!(c, b'"' | b'\\' | 0));
                let blank = usize::from(b.get(quote + 1) == Some(&b' '));
                (c == b'"').then_some((quote + 1, quote + 1 + blank))?
            }
            _ => {
                let (open, _) = scan.step_over(0, |c| c == b' ');
                (
                    open - usize::from(b.get(open.checked_sub(1)?) == Some(&b' ')),
                    open,
                )
            }
        };
        let (close, _) = scan.step_over(open + 1, |c| !matches!(c, b'>' | 0));
        let name = b.get(..display)?;
        let uri = b.get(open + 1..close)?;
        let clean = |b: &[u8]| b.first() > Some(&b' ') && b.last() > Some(&b' ');
        if b[open] != b'<' || !clean(uri) || !(name.is_empty() || clean(name)) {
            return None;
        }
        match &b[close..] {
            b">" => {}
            [b'>', b';', b't', b'a', b'g', b'=', first, ..] if *first != b'"' => {
                let token = |c| matches!(c, b'=' | b',' | b'!' | b'"' | b'\\');
                let (end, _) = scan.step_over(close + 6, token);
                if end != b.len() {
                    return None;
                }
                self.tag = Some(&b[close + 6..]);
                self.params = Params(&b[close + 2..]);
            }
            _ => return None,
        }
        (self.display, self.uri, self.raw, self.bracketed) = (name, uri, b, true);
        Some(())
    }

    /// Reads the value that begins at `i` into a fresh `self`; returns the index of what ended it.
    /// The classes are what ends the parts: with `COMMA` in lists.
    #[inline(always)]
    fn read<const ADDRESS: u8, const NAME: u8, const VALUE: u8>(
        &mut self,
        scan: &mut Scan<'a, Address>,
        i: usize,
    ) -> Result<usize, ParseError> {
        let start = scan.skip_ws(i);
        let mut at = self.read_address::<ADDRESS>(scan, start)?;
        if scan.text.get(at) == Some(&b';') {
            at = self.read_params::<NAME, VALUE>(scan, at)?;
        }
        self.raw = trimmed(scan.text, start, at);
        Ok(at)
    }

    /// Reads display name and URI; returns the index of the next non-blank.
    #[inline(always)]
    fn read_address<const ADDRESS: u8>(
        &mut self,
        scan: &mut Scan<'a, Address>,
        start: usize,
    ) -> Result<usize, ParseError> {
        let b = scan.text;
        let mut at = start;
        loop {
            at = scan.until::<ADDRESS>(at);
            match b.get(at) {
                Some(b'<') => break,
                Some(b'"') => at = scan.quoted_end(at).ok_or(ParseError::To(at))?,
                Some(b'>') => return Err(ParseError::To(at)),
                _ => return self.read_bare(b, start, at),
            }
        }
        self.display = trimmed(b, start, at);
        let mut close = scan.until::<ANGLE>(at + 1);
        while b.get(close) == Some(&b'<') {
            close = scan.until::<ANGLE>(close + 1);
        }
        self.uri = trimmed(b, at + 1, close);
        self.bracketed = true;
        if self.uri.is_empty() || close == b.len() {
            return Err(ParseError::To(at));
        }
        Ok(scan.skip_ws(close + 1))
    }

    /// An addr-spec without brackets that ends at `end`: one word.
    fn read_bare(&mut self, b: &'a [u8], start: usize, end: usize) -> Result<usize, ParseError> {
        self.uri = trimmed(b, start, end);
        let gap = until::<{ WS | QUOTE }>(self.uri, 0);
        if self.uri.is_empty() || gap < self.uri.len() {
            return Err(ParseError::To(start + gap));
        }
        Ok(end)
    }

    /// Reads the parameters, the first `;` being at `first`; returns the index of what follows.
    #[inline(always)]
    fn read_params<const NAME: u8, const VALUE: u8>(
        &mut self,
        scan: &mut Scan<'a, Address>,
        first: usize,
    ) -> Result<usize, ParseError> {
        const TAG: u64 = word8(b"tag");
        let b = scan.text;
        let mut at = first;
        while b.get(at) == Some(&b';') {
            let param = read_param::<_, NAME, VALUE>(scan, at + 1).ok_or(ParseError::To(at))?;
            if param.name.len() == 3 && scan.lower8(param.start, param.start + 3) == TAG {
                self.tag = Some(param.value.unwrap_or_default());
            }
            at = param.end;
        }
        self.params = Params(trimmed(b, first + 1, at));
        Ok(at)
    }
}

/// What ends a display name or a bare URI.
const ADDRESS: u8 = ANGLE | SEMI | QUOTE;
/// What ends the name of a parameter.
const NAME: u8 = EQUAL | SEMI | WS | ANGLE;
/// What ends the value of a parameter.
const VALUE: u8 = SEMI | WS | ANGLE;

/// The values of a Route or Record-Route body: name-addr in `<>`, separated by commas.
#[derive(Clone, Debug)]
pub struct RouteList<'a> {
    body: &'a [u8],
    at: Option<usize>,
}

impl<'a> RouteList<'a> {
    /// Walks `body`; stops behind the first error.
    pub fn new(body: &'a [u8]) -> RouteList<'a> {
        RouteList { body, at: Some(0) }
    }

    /// What is not walked yet, from the next value on; empty at the end.
    pub fn rest(&self) -> &'a [u8] {
        let at = self.at.unwrap_or(self.body.len());
        trimmed(self.body, at, self.body.len())
    }
}

impl<'a> Iterator for RouteList<'a> {
    type Item = Result<NameAddr<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at.take()?;
        let mut value = NameAddr::default();
        let mut scan = Scan::<Address>::new(self.body, self.body.len());
        let read =
            value.read::<{ ADDRESS | COMMA }, { NAME | COMMA }, { VALUE | COMMA }>(&mut scan, at);
        Some(match read.map(|end| (end, self.body.get(end))) {
            Ok((_, None)) if value.bracketed => Ok(value),
            Ok((end, Some(b','))) if value.bracketed => {
                self.at = Some(end + 1);
                Ok(value)
            }
            Ok((end, _)) => Err(ParseError::Route(end)),
            Err(e) => Err(ParseError::Route(e.offset().unwrap_or(at))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_addr_and_addr_spec_are_taken_apart() {
        let v = NameAddr::parse(b"\"A \\\" <B>\" <sip:a@b;x=y>\r\n ;tag = 7 ;q").unwrap();
        assert_eq!(v.display, b"\"A \\\" <B>\"");
        assert_eq!((v.uri, v.tag), (&b"sip:a@b;x=y"[..], Some(&b"7"[..])));
        assert_eq!(v.params.0, b"tag = 7 ;q");
        let v = NameAddr::parse(b"sip:a@b?h=1 ; tag=x").unwrap();
        assert_eq!((v.uri, v.tag), (&b"sip:a@b?h=1"[..], Some(&b"x"[..])));
        let v = NameAddr::parse(b"Watson, Thomas < sip:t@e >").unwrap();
        assert_eq!(
            (v.display, v.uri),
            (&b"Watson, Thomas"[..], &b"sip:t@e"[..])
        );
    }

    #[test]
    fn the_last_tag_wins_and_an_empty_one_is_a_tag() {
        assert_eq!(
            NameAddr::parse(b"<s:a>;tag=1;TAG=2").unwrap().tag,
            Some(&b"2"[..])
        );
        assert_eq!(NameAddr::parse(b"<s:a>;tag").unwrap().tag, Some(&b""[..]));
        assert_eq!(NameAddr::parse(b"<s:a>;tag=").unwrap().tag, Some(&b""[..]));
        assert_eq!(NameAddr::parse(b"<s:a>").unwrap().tag, None);
    }

    #[test]
    fn quoted_parameter_values_are_whole_and_may_hold_backslashes() {
        let v = NameAddr::parse(b"<sip:a@b>;x=\"a\\\"b;tag=1\";tag=2").unwrap();
        assert_eq!(v.tag, Some(&b"2"[..]));
        assert_eq!(v.params.get(b"x"), Some(Some(&b"a\\\"b;tag=1"[..])));
    }

    #[test]
    fn broken_values_are_refused() {
        for bad in [
            "",
            "  ",
            "\"Mr. J. User <sip:j@e>",
            "<sip:a",
            "sip:a>",
            "<sip:a> b",
            "a b c",
            "<>",
            "<sip:a>;x=<y>",
            "\"a\"",
            "<sip:a>;x=\"y",
            "<sip:a>, <sip:b>",
            "\"a\"b;tag=1",
        ] {
            let got = NameAddr::parse(bad.as_bytes());
            assert!(matches!(got, Err(ParseError::To(_))), "{bad}: {got:?}");
        }
    }

    #[test]
    fn route_lists_need_brackets() {
        let body = b"<sip:p1;lr>, \"x, y\" <sip:p2;lr=on>;p=1 ,<sip:p3>";
        let uris: Vec<&[u8]> = RouteList::new(body).map(|r| r.unwrap().uri).collect();
        assert_eq!(uris, [&b"sip:p1;lr"[..], b"sip:p2;lr=on", b"sip:p3"]);
        for bad in ["sip:p1", "<sip:p1>,", "<sip:p1> <sip:p2>", ""] {
            assert!(RouteList::new(bad.as_bytes()).any(|r| r.is_err()), "{bad}");
        }
    }
}
