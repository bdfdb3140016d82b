//! Byte classes and the scanning loops of the parsers (RFC 3261 §25.1).
//!
//! Invariant: every function takes and returns indices within its slice; white space includes CR and
//! LF, because a folded header body keeps its line ends. Where white space ends a word every other
//! control character does too, so that none gets into a host, a URI or a token.

use super::block::{self, Block, Hits, mask_at};
use std::marker::PhantomData;

/// Blank, TAB, CR, LF and, as the end of a word, any other byte below them.
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
    let mut c = 0;
    while c <= b' ' as usize {
        t[c] = WS;
        c += 1;
    }
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

/// Blank, TAB, CR or LF.
#[inline(always)]
pub(super) fn is_ws(c: u8) -> bool {
    matches!(c, b' ' | b'\t' | b'\r' | b'\n')
}

/// What a [`Scan`] finds at once.
pub(super) trait Find {
    /// Bytes of `block` that are found.
    fn hits(block: Block) -> Hits;
}

/// Bytes of any class, backslashes, and `!`, which spares a comparison.
pub(super) struct Specials;

impl Find for Specials {
    #[inline(always)]
    fn hits(block: Block) -> Hits {
        let low = block.up_to(b'"');
        let middle = block.between(b':', b'>');
        let single = block.eq(b',').or(block.eq(b'(')).or(block.eq(b'\\'));
        low.or(middle).or(single)
    }
}

/// Bytes of the classes that matter in a name-addr, and backslashes.
pub(super) struct Address;

impl Find for Address {
    #[inline(always)]
    fn hits(block: Block) -> Hits {
        let low = block.up_to(b'"');
        let middle = block.between(b';', b'>');
        low.or(middle).or(block.eq(b',')).or(block.eq(b'\\'))
    }
}

/// What separates the parts of a URI, and a few characters more that spare comparisons.
pub(super) struct UriMarks;

impl Find for UriMarks {
    #[inline(always)]
    fn hits(block: Block) -> Hits {
        let middle = block.between(b':', b'@');
        let brackets = block.between(b'[', b']');
        middle.or(brackets).or(block.eq(b'&'))
    }
}

/// Bytes of the class `WS`.
pub(super) struct Blanks;

impl Find for Blanks {
    #[inline(always)]
    fn hits(block: Block) -> Hits {
        block.up_to(b' ')
    }
}

/// A text, and where its special characters are: 64 bytes of them at a time, found at once.
///
/// Invariant: `mask` speaks of the bytes from `base` on; its highest bit, if the end of `text` is among
/// them, is that of the end.
pub(super) struct Scan<'a, F = Specials> {
    /// What is parsed.
    pub text: &'a [u8],
    /// The same and what follows it in the buffer, which spares copies at the end.
    wide: &'a [u8],
    base: usize,
    mask: u64,
    find: PhantomData<F>,
}

impl<'a, F: Find> Scan<'a, F> {
    /// Scans the first `len` bytes of `wide`, or all if it is shorter.
    #[inline(always)]
    pub(super) fn new(wide: &'a [u8], len: usize) -> Scan<'a, F> {
        let text = wide.get(..len).unwrap_or(wide);
        let mut scan = Scan {
            text,
            wide,
            base: 0,
            mask: 0,
            find: PhantomData,
        };
        scan.mask = scan.window(0);
        scan
    }

    /// The mask of the window at `base`, which is below the length.
    #[inline(always)]
    fn window(&self, base: usize) -> u64 {
        let mask = mask_at(self.wide, base, F::hits);
        match self.text.len() - base {
            // The end is found like a special character.
            left @ 0..64 => mask & !(u64::MAX << left) | 1 << left,
            _ => mask,
        }
    }

    /// Index of the first special character at or after `i`, or the length.
    #[inline(always)]
    fn next(&mut self, i: usize) -> usize {
        let from = i.wrapping_sub(self.base);
        if from < 64 {
            let mask = self.mask >> from;
            if mask != 0 {
                return i + mask.trailing_zeros() as usize;
            }
        }
        self.next_window(i)
    }

    /// As `next`, where this window has none left.
    #[inline(never)]
    fn next_window(&mut self, i: usize) -> usize {
        // Going back is rare: where a short cut turns out to be none.
        let back = i < self.base;
        let mut base = if back { i } else { i.max(self.base + 64) };
        while base < self.text.len() {
            let mask = self.window(base);
            if mask != 0 {
                (self.base, self.mask) = (base, mask);
                return base + mask.trailing_zeros() as usize;
            }
            base += 64;
        }
        self.text.len()
    }

    /// The first special character at or after `i` and its index; at the end 0 and the length.
    #[inline(always)]
    pub(super) fn step(&mut self, i: usize) -> (usize, u8) {
        let at = self.next(i);
        (at, self.text.get(at).copied().unwrap_or(0))
    }

    /// As `step`, over special characters that `passes`, which 0 must not.
    #[inline(always)]
    pub(super) fn step_over(&mut self, i: usize, passes: impl Fn(u8) -> bool) -> (usize, u8) {
        let mut found = self.step(i);
        while passes(found.1) {
            found = self.step(found.0 + 1);
        }
        found
    }

    /// Index of the first byte at or after `i` that is of a class in `MASK`, or the length.
    #[inline(always)]
    pub(super) fn until<const MASK: u8>(&mut self, mut i: usize) -> usize {
        loop {
            i = self.next(i);
            match self.text.get(i) {
                Some(c) if !is(*c, MASK) => i += 1,
                _ => return i,
            }
        }
    }

    /// The bytes from `from` to `to` as [`lower8`] has them.
    #[inline(always)]
    pub(super) fn lower8(&self, from: usize, to: usize) -> u64 {
        lower8(self.wide, from, to)
    }

    /// Index of the first byte at or after `i` that is no white space, or the length.
    #[inline(always)]
    pub(super) fn skip_ws(&self, i: usize) -> usize {
        skip_ws(self.text, i)
    }

    /// Index behind the closing quote of the quoted string that opens at `i`; a backslash takes the
    /// next byte with it. `None`: it is not closed.
    #[inline(always)]
    pub(super) fn quoted_end(&mut self, i: usize) -> Option<usize> {
        let mut i = i + 1;
        loop {
            i = self.next(i);
            match self.text.get(i)? {
                b'"' => return Some(i + 1),
                b'\\' => i += 2,
                _ => i += 1,
            }
        }
    }
}

/// Index of the first byte at or after `i` that is of a class in `MASK`, or the length.
#[inline]
pub(super) fn until<const MASK: u8>(b: &[u8], i: usize) -> usize {
    let tail = b.get(i..).unwrap_or_default();
    let found = tail.iter().position(|&c| is(c, MASK));
    found.map_or(b.len(), |n| i + n)
}

/// Index of the first byte at or after `i` that `block_hits` or `byte_hits` (which must agree) find,
/// or the length.
#[inline(always)]
fn search(
    b: &[u8],
    i: usize,
    block_hits: impl Fn(Block) -> Hits,
    byte_hits: impl Fn(u8) -> bool,
) -> usize {
    let Some(tail) = b.get(i..) else {
        return b.len();
    };
    let (chunks, rest) = tail.as_chunks();
    for (n, chunk) in chunks.iter().enumerate() {
        let mask = block_hits(Block::load(chunk)).mask();
        if mask != 0 {
            return i + n * block::LEN + mask.trailing_zeros() as usize;
        }
    }
    let plain = rest.iter().position(|&c| byte_hits(c));
    plain.map_or(b.len(), |n| b.len() - rest.len() + n)
}

/// Index of the first `c` at or after `i`, or the length.
#[inline(always)]
pub(super) fn find(b: &[u8], i: usize, c: u8) -> usize {
    search(b, i, |block| block.eq(c), |byte| byte == c)
}

/// Index of the first `c` or `d` at or after `i`, or the length.
#[inline(always)]
pub(super) fn find2(b: &[u8], i: usize, c: u8, d: u8) -> usize {
    search(
        b,
        i,
        |block| block.eq(c).or(block.eq(d)),
        |byte| byte == c || byte == d,
    )
}

/// Index of the first byte at or after `i` that is no white space, or the length.
#[inline(always)]
pub(super) fn skip_ws(b: &[u8], mut i: usize) -> usize {
    while let Some(c) = b.get(i)
        && is_ws(*c)
    {
        i += 1;
    }
    i
}

/// `b[from..to]` without white space at both ends.
#[inline(always)]
pub(super) fn trimmed(b: &[u8], mut from: usize, mut to: usize) -> &[u8] {
    while from < to && is_ws(b[from]) {
        from += 1;
    }
    while from < to && is_ws(b[to - 1]) {
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
#[inline]
pub(super) fn quoted_end(b: &[u8], i: usize) -> Option<usize> {
    let mut i = i + 1;
    loop {
        i = find2(b, i, b'"', b'\\');
        match b.get(i)? {
            b'"' => return Some(i + 1),
            _ => i += 2,
        }
    }
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

/// The bytes of a word of at most eight, letters made small, as one number; 0 for a longer one. For
/// words without control characters, which the scanners see to.
#[inline(always)]
pub(super) fn lower8(b: &[u8], from: usize, to: usize) -> u64 {
    let len = to - from;
    if len > 8 {
        return 0;
    }
    let n = match b.get(from..).and_then(<[u8]>::first_chunk) {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => {
            let bytes = b[from..to].iter().rev();
            bytes.fold(0, |n, c| n << 8 | u64::from(*c))
        }
    };
    (n | CASE) & low_bytes(len)
}

/// As [`lower8`], for names known at compile time.
pub(super) const fn word8(name: &[u8]) -> u64 {
    assert!(name.len() <= 8);
    let mut n = 0;
    let mut i = 0;
    while i < name.len() {
        n |= ((name[i] | 0x20) as u64) << (8 * i);
        i += 1;
    }
    n
}

/// The bit that tells small letters from capitals, in each byte.
pub(super) const CASE: u64 = 0x2020_2020_2020_2020;

/// Ones in the `n` lowest bytes, `n` from 0 to 8.
#[inline(always)]
pub(super) const fn low_bytes(n: usize) -> u64 {
    if n == 0 {
        return 0;
    }
    u64::MAX >> (64 - 8 * n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_agree_with_a_plain_loop_at_every_length_and_start() {
        let text = b"abcdefgh;ijklm nopqrs\x01tuvw;xyz<ABCDEF>\"ghi\xff\x80 jk=l";
        for len in 0..=text.len() {
            let b = &text[..len];
            for i in 0..=len + 1 {
                let plain = |m: u8| (i..len).find(|&k| is(b[k], m)).unwrap_or(len);
                assert_eq!(until::<{ WS | SEMI }>(b, i), plain(WS | SEMI), "{len} {i}");
                assert_eq!(
                    until::<{ ANGLE | EQUAL }>(b, i),
                    plain(ANGLE | EQUAL),
                    "{len} {i}"
                );
                let semi = (i..len).find(|&k| b[k] == b';').unwrap_or(len);
                assert_eq!(find(b, i, b';'), semi, "{len} {i}");
            }
        }
    }

    #[test]
    fn words_are_compared_as_numbers_in_any_case() {
        let b = b"  BrAnCh=x";
        assert_eq!(lower8(b, 2, 8), word8(b"branch"));
        assert_eq!(lower8(b"rport", 0, 5), word8(b"rport"));
        assert_ne!(lower8(b"rporta", 0, 6), word8(b"rport"));
        assert_eq!(lower8(b"received=", 0, 8), word8(b"received"));
        assert_eq!(lower8(b"receivedx", 0, 9), 0);
        assert_eq!(lower8(b"x", 0, 0), 0);
    }

    #[test]
    fn quoted_strings_end_at_the_first_bare_quote() {
        assert_eq!(quoted_end(b"\"a\\\"b\" c", 0), Some(6));
        assert_eq!(quoted_end(b"\"a\\\\\"", 0), Some(5));
        for open in [&b"\"a"[..], b"\"", b"\"\\", b"\"a\\\""] {
            assert_eq!(quoted_end(open, 0), None);
        }
    }
}
