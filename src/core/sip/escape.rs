//! User parts made comparable: `%XX` undone (RFC 3261 §19.1.2), telephone numbers without visual
//! separators (RFC 3966 §5.1.1).
//!
//! Invariant: text without anything to change is handed back as it is, without a copy.

use super::ParseError;
use super::uri::is_visual_separator;
use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

/// `text` with every `%XX` replaced by its byte; only 32 to 126 may stand escaped.
///
/// # Errors
/// [`ParseError::Escape`] with the offset of the `%`.
pub fn un_escape<'a>(text: &'a [u8], arena: &'a Bump) -> Result<&'a [u8], ParseError> {
    let Some(mut at) = memchr::memchr(b'%', text) else {
        return Ok(text);
    };
    let mut out = BumpVec::with_capacity_in(text.len(), arena);
    out.extend_from_slice_copy(&text[..at]);
    while at < text.len() {
        if text[at] != b'%' {
            out.push(text[at]);
            at += 1;
            continue;
        }
        let byte = match text.get(at + 1..at + 3) {
            Some(&[high, low]) => hex(high).zip(hex(low)).map(|(h, l)| h * 16 + l),
            _ => None,
        };
        let printable = byte.filter(|b| (32..=126).contains(b));
        out.push(printable.ok_or(ParseError::Escape(at))?);
        at += 3;
    }
    Ok(out.into_bump_slice())
}

/// `number` without `-`, `.`, `(`, `)`.
pub fn normalize_tel<'a>(number: &'a [u8], arena: &'a Bump) -> &'a [u8] {
    if !number.iter().any(|&c| is_visual_separator(c)) {
        return number;
    }
    let digits = number.iter().copied().filter(|&c| !is_visual_separator(c));
    BumpVec::from_iter_in(digits, arena).into_bump_slice()
}

fn hex(c: u8) -> Option<u8> {
    char::from(c)
        .to_digit(16)
        .and_then(|d| u8::try_from(d).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_printable_bytes() {
        let arena = Bump::new();
        assert_eq!(un_escape(b"%62ob%7e", &arena), Ok(&b"bob~"[..]));
        let plain = b"bob";
        assert_eq!(un_escape(plain, &arena).unwrap().as_ptr(), plain.as_ptr());
        for (bad, at) in [
            ("a%", 1),
            ("a%4", 1),
            ("%zz", 0),
            ("ab%00", 2),
            ("%7f", 0),
            ("%c3%a9", 0),
        ] {
            assert_eq!(
                un_escape(bad.as_bytes(), &arena),
                Err(ParseError::Escape(at)),
                "{bad}"
            );
        }
    }

    #[test]
    fn numbers_lose_their_visual_separators() {
        let arena = Bump::new();
        assert_eq!(normalize_tel(b"+1-(201).555", &arena), b"+1201555");
        assert_eq!(normalize_tel(b"+1201555", &arena), b"+1201555");
    }
}
