//! Single-value headers: numbers, q values, Content-Length, Expires, Event (RFC 3261 §20.14, §20.19,
//! §25.1; RFC 6665 §8.2.1).
//!
//! Invariant: a number that does not fit is no number; nothing wraps.

use super::error::BadQ;
use super::scan::{find, trim};
use super::{Params, ParseError};

/// The decimal number that `b` is from its first to its last byte.
#[inline]
pub fn number(b: &[u8]) -> Option<u64> {
    if b.is_empty() || b.len() > 19 {
        return number_of_many_digits(b);
    }
    let mut n = 0u64;
    for &c in b {
        if !c.is_ascii_digit() {
            return None;
        }
        n = n * 10 + u64::from(c - b'0');
    }
    Some(n)
}

/// As [`number`], for texts where the sum might overflow.
#[cold]
fn number_of_many_digits(b: &[u8]) -> Option<u64> {
    if b.is_empty() {
        return None;
    }
    b.iter().try_fold(0u64, |n, c| {
        let digit = c.is_ascii_digit().then(|| u64::from(c - b'0'))?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

/// Parses a Content-Length body: blanks (folds too) around at least one digit.
#[inline]
pub fn content_length(body: &[u8]) -> Result<u32, ParseError> {
    number(trim(body))
        .and_then(|n| u32::try_from(n).ok())
        .ok_or(ParseError::ContentLength(0))
}

/// Seconds of an Expires body or `expires` parameter. Digits beyond 2^32 - 1 count as 2^32 - 1, as
/// RFC 3261 §20.19 has it; `None`: no number.
pub fn expires(body: &[u8]) -> Option<u32> {
    let text = trim(body);
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(number(text).map_or(u32::MAX, |n| u32::try_from(n).unwrap_or(u32::MAX)))
}

/// Thousandths of a q value: 0 to 1000.
///
/// Accepts `0`, `1`, `.5`, `0.123`, `1.000`; digits behind the third are read and not kept.
pub fn q_value(text: &[u8]) -> Result<u16, ParseError> {
    parse_q(trim(text)).map_err(ParseError::Q)
}

fn parse_q(text: &[u8]) -> Result<u16, BadQ> {
    let dot = text.iter().position(|&c| c == b'.');
    let (whole, decimals) = text.split_at(dot.unwrap_or(text.len()));
    let digits = |b: &[u8]| b.iter().all(u8::is_ascii_digit);
    if text.is_empty() {
        return Err(BadQ::Empty);
    }
    if !digits(whole) || !digits(decimals.get(1..).unwrap_or_default()) {
        return Err(BadQ::Char);
    }
    if dot.is_some() && decimals.len() == 1 {
        return Err(BadQ::NoDecimals);
    }
    let first = decimals.iter().skip(1).chain(b"000").take(3);
    let thousandths = first.fold(0, |n, c| n * 10 + u16::from(c - b'0'));
    let beyond = decimals.iter().skip(1).any(|&c| c != b'0');
    match whole.iter().position(|&c| c != b'0') {
        None => Ok(thousandths),
        Some(at) if whole[at..] == *b"1" && !beyond => Ok(1000),
        Some(_) => Err(BadQ::TooBig),
    }
}

/// An Event body: package and parameters.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The event package, template included.
    pub package: &'a [u8],
    /// What follows the first `;`.
    pub params: Params<'a>,
}

impl<'a> Event<'a> {
    /// Parses an Event body.
    pub fn parse(body: &'a [u8]) -> Result<Event<'a>, ParseError> {
        let end = find(body, 0, b';');
        let package = trim(&body[..end]);
        if package.is_empty() {
            return Err(ParseError::Value(0));
        }
        let params = Params(trim(body.get(end + 1..).unwrap_or_default()));
        Ok(Event { package, params })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_values_are_thousandths_and_errors_have_sers_numbers() {
        let good = [
            ("0", 0),
            ("1", 1000),
            (".5", 500),
            ("0.123", 123),
            ("1.000", 1000),
        ];
        for (text, want) in good
            .into_iter()
            .chain([("0.7", 700), ("0.1239", 123), ("00.5", 500)])
        {
            assert_eq!(q_value(text.as_bytes()), Ok(want), "{text}");
        }
        for (text, code) in [
            ("x", -15),
            ("0.x", -15),
            ("", -16),
            ("7", -17),
            ("1.001", -17),
            ("0.", -18),
            ("-1", -15),
        ] {
            assert_eq!(
                q_value(text.as_bytes()).unwrap_err().ser_error(),
                code,
                "{text}"
            );
        }
    }

    #[test]
    fn content_length_is_digits_with_blanks_around() {
        assert_eq!(content_length(b"\r\n  042 \r\n "), Ok(42));
        for bad in ["", "-999", "12a", "1 2", "99999999999"] {
            assert!(content_length(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn expires_does_not_wrap() {
        assert_eq!(expires(b" 3600 "), Some(3600));
        assert_eq!(expires(b"99999999999"), Some(u32::MAX));
        assert_eq!(expires(&[b'1'; 101]), Some(u32::MAX));
        assert_eq!(expires(b"soon"), None);
        assert_eq!(expires(b""), None);
    }

    #[test]
    fn event_is_package_and_parameters() {
        let e = Event::parse(b"presence.winfo ; id=7").unwrap();
        assert_eq!(
            (e.package, e.params.get(b"id")),
            (&b"presence.winfo"[..], Some(Some(&b"7"[..])))
        );
        assert!(Event::parse(b";id=7").is_err());
    }
}
