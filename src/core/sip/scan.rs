//! Byte classes and the scanning loops of the parsers (RFC 3261 §25.1).
//!
//! Invariant: every function takes and returns indices within its slice; white space includes CR and
//! LF, because a folded header body keeps its line ends.

/// Blank, TAB, CR, LF.
pub(super) const WS: u8 = 1;
/// `;`
pub(super) const SEMI: u8 = 2;
/// `,`
pub(super) const COMMA: u8 = 4;
/// `:`
pub(super) const COLON: u8 = 8;
/// `=`
pub(super) const EQUAL: u8 = 16;
/// `(`
pub(super) const PAREN: u8 = 32;
/// `"`
pub(super) const QUOTE: u8 = 64;
/// `<` and `>`
pub(super) const ANGLE: u8 = 128;

static CLASS: [u8; 256] = {
    let mut t = [0; 256];
    t[b' ' as usize] = WS;
    t[b'\t' as usize] = WS;
    t[b'\r' as usize] = WS;
    t[b'\n' as usize] = WS;
    t[b';' as usize] = SEMI;
    t[b',' as usize] = COMMA;
    t[b':' as usize] = COLON;
    t[b'=' as usize] = EQUAL;
    t[b'(' as usize] = PAREN;
    t[b'"' as usize] = QUOTE;
    t[b'<' as usize] = ANGLE;
    t[b'>' as usize] = ANGLE;
    t
};

/// True for a byte of one of the classes in `mask`.
#[inline(always)]
pub(super) fn is(c: u8, mask: u8) -> bool {
    CLASS[c as usize] & mask != 0
}

/// Index of the first byte at or after `i` that is of a class in `mask`, or the length.
#[inline(always)]
pub(super) fn until(b: &[u8], i: usize, mask: u8) -> usize {
    let Some(tail) = b.get(i..) else {
        return b.len();
    };
    tail.iter()
        .position(|&c| is(c, mask))
        .map_or(b.len(), |n| i + n)
}

/// Index of the first byte at or after `i` that is no white space, or the length.
#[inline(always)]
pub(super) fn skip_ws(b: &[u8], mut i: usize) -> usize {
    while i < b.len() && is(b[i], WS) {
        i += 1;
    }
    i
}

/// `b[from..to]` without white space at both ends.
#[inline(always)]
pub(super) fn trimmed(b: &[u8], mut from: usize, mut to: usize) -> &[u8] {
    while from < to && is(b[from], WS) {
        from += 1;
    }
    while from < to && is(b[to - 1], WS) {
        to -= 1;
    }
    &b[from..to]
}

/// `b` without white space at both ends.
#[inline]
pub(super) fn trim(b: &[u8]) -> &[u8] {
    trimmed(b, 0, b.len())
}

/// Index behind the closing quote of the quoted string that opens at `b[i]`; a backslash takes the
/// next byte with it. `None`: it is not closed.
pub(super) fn quoted_end(b: &[u8], i: usize) -> Option<usize> {
    let mut i = i + 1;
    while i < b.len() {
        match b[i] {
            b'\\' => i += 2,
            b'"' => return Some(i + 1),
            _ => i += 1,
        }
    }
    None
}

/// Value of a text of 1 to 5 digits not above 65535.
#[inline]
pub(super) fn port(b: &[u8]) -> Option<u16> {
    if b.is_empty() || b.len() > 5 {
        return None;
    }
    let mut n = 0u32;
    for &c in b {
        if !c.is_ascii_digit() {
            return None;
        }
        n = n * 10 + u32::from(c - b'0');
    }
    u16::try_from(n).ok()
}
