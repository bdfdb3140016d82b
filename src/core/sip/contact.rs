//! Contact (RFC 3261 §20.10, RFC 5626 `+sip.instance`).
//!
//! Invariant: a list is understood to its last byte or refused; `*` at the start of a body stands for
//! all bindings and hides what follows it, as in SER.

use super::params::read_param;
use super::scan::{
    ANGLE, COLON, COMMA, EQUAL, QUOTE, SEMI, Scan, WS, find2, is_ws, quoted_end, skip_ws, trimmed,
    until,
};
use super::{Params, ParseError};

/// One contact address with the parameters that a registrar reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct Contact<'a> {
    /// The whole value in the buffer.
    pub raw: &'a [u8],
    /// Display name as received (quotes kept), trimmed.
    pub name: &'a [u8],
    /// The URI without brackets.
    pub uri: &'a [u8],
    /// The parameters as text.
    pub params: Params<'a>,
    /// Text of `q`; `Some("")` for a bare one. See [`super::value::q_value`].
    pub q: Option<&'a [u8]>,
    /// Text of `expires`. See [`super::value::expires`].
    pub expires: Option<&'a [u8]>,
    /// Text of `method` or `methods`. See [`super::MethodSet`].
    pub methods: Option<&'a [u8]>,
    /// Text of `received`, without quotes.
    pub received: Option<&'a [u8]>,
    /// Text of `+sip.instance`, without quotes.
    pub instance: Option<&'a [u8]>,
}

/// What a Contact body holds.
#[derive(Clone, Debug)]
pub enum ContactBody<'a> {
    /// `*`
    Star,
    /// Addresses, in the order of the text.
    List(ContactIter<'a>),
}

impl<'a> ContactBody<'a> {
    /// Looks at the first byte; the addresses are parsed by the iterator.
    pub fn new(body: &'a [u8]) -> ContactBody<'a> {
        let at = skip_ws(body, 0);
        if body.get(at) == Some(&b'*') {
            ContactBody::Star
        } else {
            ContactBody::List(ContactIter { body, at: Some(at) })
        }
    }
}

/// The addresses of one Contact body, in the order of the text; ends behind the first error.
#[derive(Clone, Debug)]
pub struct ContactIter<'a> {
    body: &'a [u8],
    at: Option<usize>,
}

impl<'a> Iterator for ContactIter<'a> {
    type Item = Result<Contact<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at.take()?;
        Some(match Contact::parse_at(self.body, at) {
            Ok((contact, end)) => {
                self.at = (end < self.body.len()).then_some(end + 1);
                Ok(contact)
            }
            Err(at) => Err(ParseError::Contact(at)),
        })
    }
}

impl<'a> Contact<'a> {
    /// Parses the value at `b[i]`; returns it and the index of the comma or end behind it. The error
    /// is the offset of the trouble.
    fn parse_at(b: &'a [u8], i: usize) -> Result<(Contact<'a>, usize), usize> {
        let start = skip_ws(b, i);
        let mut contact = Contact::default();
        let mut scan = <Scan>::new(b, b.len());
        let mut at = contact.read_address(b, start)?;
        let first = at;
        while b.get(at) == Some(&b';') {
            let param = read_param::<_, NAME, VALUE>(&mut scan, at + 1).ok_or(at)?;
            if param.name.is_empty() {
                return Err(at);
            }
            contact.keep(param.name, param.value);
            at = param.end;
        }
        contact.params = Params(trimmed(b, at.min(first + 1), at));
        contact.raw = trimmed(b, start, at);
        match b.get(at) {
            None | Some(b',') => Ok((contact, at)),
            Some(_) => Err(at),
        }
    }

    /// Reads name and URI; returns the index of the next non-blank.
    fn read_address(&mut self, b: &'a [u8], start: usize) -> Result<usize, usize> {
        let mut at = start;
        loop {
            at = until::<{ ANGLE | QUOTE | COLON | COMMA | SEMI }>(b, at);
            match b.get(at) {
                Some(b'"') => at = quoted_end(b, at).ok_or(at)?,
                Some(b'<') => break,
                Some(b':') => return self.read_bare(b, start, at),
                _ => return Err(at),
            }
        }
        self.name = trimmed(b, start, at);
        let close = find2(b, at + 1, b'>', b'<');
        self.uri = trimmed(b, at + 1, close);
        if b.get(close) != Some(&b'>') || self.uri.is_empty() {
            return Err(close);
        }
        Ok(skip_ws(b, close + 1))
    }

    /// A URI without brackets: the word around the scheme's colon. What stands before it is the name.
    fn read_bare(&mut self, b: &'a [u8], start: usize, colon: usize) -> Result<usize, usize> {
        let before = &b[start..colon];
        let from = start + before.iter().rposition(|&c| is_ws(c)).map_or(0, |n| n + 1);
        let to = until::<{ SEMI | COMMA | WS | ANGLE }>(b, colon);
        if from == colon {
            return Err(colon);
        }
        self.name = trimmed(b, start, from);
        self.uri = &b[from..to];
        Ok(skip_ws(b, to))
    }

    /// Files a parameter that has a field of its own; the last of a name wins.
    fn keep(&mut self, name: &[u8], value: Option<&'a [u8]>) {
        let value = Some(value.unwrap_or_default());
        match name.len() {
            1 if name.eq_ignore_ascii_case(b"q") => self.q = value,
            7 if name.eq_ignore_ascii_case(b"expires") => self.expires = value,
            6 if name.eq_ignore_ascii_case(b"method") => self.methods = value,
            7 if name.eq_ignore_ascii_case(b"methods") => self.methods = value,
            8 if name.eq_ignore_ascii_case(b"received") => self.received = value,
            13 if name.eq_ignore_ascii_case(b"+sip.instance") => self.instance = value,
            // Others stay in `params`.
            _ => {}
        }
    }
}

/// What ends the name of a parameter.
const NAME: u8 = EQUAL | SEMI | WS | COMMA | ANGLE;
/// What ends the value of a parameter.
const VALUE: u8 = SEMI | WS | COMMA | ANGLE;

#[cfg(test)]
mod tests {
    use super::*;

    fn list(body: &[u8]) -> Result<Vec<Contact<'_>>, ParseError> {
        match ContactBody::new(body) {
            ContactBody::Star => panic!("a star"),
            ContactBody::List(all) => all.collect(),
        }
    }

    #[test]
    fn addresses_come_in_the_order_of_the_text_with_their_parameters() {
        let body = b"\"Q, \\\"\" <sip:a@b;x>;q=.5;Expires=60 , sip:c@d:1;methods=\"ACK,BYE\",\r\n Joe sip:e@f ; received=\"sip:1.2.3.4:5\";+sip.instance=\"<urn:uuid:1>\"";
        let all = list(body).unwrap();
        assert_eq!(all.len(), 3);
        assert_eq!(
            (all[0].name, all[0].uri),
            (&b"\"Q, \\\"\""[..], &b"sip:a@b;x"[..])
        );
        assert_eq!(
            (all[0].q, all[0].expires),
            (Some(&b".5"[..]), Some(&b"60"[..]))
        );
        assert_eq!(
            (all[1].uri, all[1].methods),
            (&b"sip:c@d:1"[..], Some(&b"ACK,BYE"[..]))
        );
        assert_eq!((all[2].name, all[2].uri), (&b"Joe"[..], &b"sip:e@f"[..]));
        assert_eq!(all[2].received, Some(&b"sip:1.2.3.4:5"[..]));
        assert_eq!(all[2].instance, Some(&b"<urn:uuid:1>"[..]));
        assert_eq!(all[1].params.0, b"methods=\"ACK,BYE\"");
        assert_eq!(all[1].raw, b"sip:c@d:1;methods=\"ACK,BYE\"");
    }

    #[test]
    fn a_star_hides_what_follows() {
        assert!(matches!(
            ContactBody::new(b" * , <sip:a@b>"),
            ContactBody::Star
        ));
    }

    #[test]
    fn headers_stay_in_a_bare_uri() {
        let all = list(b"sip:user@example.com?Route=%3Csip:sip.example.com%3E").unwrap();
        assert_eq!(
            all[0].uri,
            b"sip:user@example.com?Route=%3Csip:sip.example.com%3E"
        );
    }

    #[test]
    fn broken_lists_are_refused() {
        for bad in [
            "",
            "<<<",
            "<sip:a@b",
            "<sip:a@b>,",
            "<sip:a@b>;",
            "<sip:a@b>;;q=1",
            "sip:a@b>",
            "a@b",
            "<sip:a@b>, *",
            "\"x <sip:a@b>",
            "<sip:a@b> x",
            ":a@b",
            "<sip:a@b>;q=\"1",
            "<>",
            ",",
        ] {
            let got = list(bad.as_bytes());
            assert!(matches!(got, Err(ParseError::Contact(_))), "{bad}: {got:?}");
        }
    }
}
