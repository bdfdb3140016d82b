//! CSeq (RFC 3261 §20.16): number and method, as text.
//!
//! Invariant: as in SER the number is a word that nobody has checked. White space in a body is linear
//! white space, folds included (SER refuses a fold here, and so the valid `wsinv` of RFC 4475).

use super::scan::{Blanks, Scan, WS};
use super::{Method, ParseError};

/// A CSeq value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// The number as received, leading zeros kept; any word.
    pub number: &'a [u8],
    /// The method token.
    pub method: &'a [u8],
}

impl<'a> CSeq<'a> {
    /// Parses a CSeq body.
    pub fn parse(body: &'a [u8]) -> Result<CSeq<'a>, ParseError> {
        Self::parse_in(body, body.len())
    }

    /// As `parse` of the first `len` bytes of `wide`.
    #[inline]
    pub(super) fn parse_in(wide: &'a [u8], len: usize) -> Result<CSeq<'a>, ParseError> {
        let mut scan = Scan::<Blanks>::new(wide, len);
        let body = scan.text;
        let start = scan.skip_ws(0);
        let number_end = scan.until::<WS>(start);
        let at = scan.skip_ws(number_end);
        let end = scan.until::<WS>(at);
        let number = &body[start..number_end];
        let method = &body[at..end];
        if number.is_empty() || method.is_empty() || scan.skip_ws(end) != body.len() {
            return Err(ParseError::CSeq(at));
        }
        Ok(CSeq { number, method })
    }

    /// The method as SER's number.
    pub fn method_id(&self) -> Method {
        Method::parse(self.method)
    }

    /// The number, if it is one below 2^32.
    pub fn value(&self) -> Option<u32> {
        super::value::number(self.number).and_then(|n| u32::try_from(n).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_method_are_kept_as_text() {
        let c = CSeq::parse(b"0007   OPTIONS").unwrap();
        assert_eq!(
            (c.number, c.method, c.value()),
            (&b"0007"[..], &b"OPTIONS"[..], Some(7))
        );
        let c = CSeq::parse(b"36893488147419103232\tREGISTER \r\n ").unwrap();
        assert_eq!((c.value(), c.method_id()), (None, Method::Register));
    }

    #[test]
    fn a_fold_is_a_blank() {
        let c = CSeq::parse(b"0009\r\n  INVITE").unwrap();
        assert_eq!((c.number, c.method), (&b"0009"[..], &b"INVITE"[..]));
    }

    #[test]
    fn missing_methods_and_junk_are_refused() {
        for bad in ["", "1", "1 ", "1\r\n ", "1 INVITE x"] {
            assert!(CSeq::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
