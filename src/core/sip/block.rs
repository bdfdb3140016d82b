//! Sixteen bytes at a time: which of them are of a kind.
//!
//! Invariant: bit *n* of a mask speaks of byte *n*, and bits 16 and above are 0. SSE2 belongs to
//! every x86-64 machine, so nothing is asked at run time; other machines take the plain loops.

/// Bytes in a block.
pub(super) const LEN: usize = 16;

#[cfg(target_arch = "x86_64")]
mod imp {
    use safe_arch::{
        bitor_m128i, cmp_eq_mask_i8_m128i, load_unaligned_m128i, m128i, min_u8_m128i,
        move_mask_i8_m128i, set_splat_i8_m128i, sub_i8_m128i,
    };

    /// Sixteen bytes.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Block(m128i);

    /// One yes or no for each byte of a block.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Hits(m128i);

    impl Block {
        #[inline(always)]
        pub(in super::super) fn load(bytes: &[u8; 16]) -> Block {
            Block(load_unaligned_m128i(bytes))
        }

        /// Bytes equal to `c`.
        #[inline(always)]
        pub(in super::super) fn eq(self, c: u8) -> Hits {
            Hits(cmp_eq_mask_i8_m128i(self.0, set_splat_i8_m128i(c as i8)))
        }

        /// Bytes not above `c`.
        #[inline(always)]
        pub(in super::super) fn up_to(self, c: u8) -> Hits {
            let least = min_u8_m128i(self.0, set_splat_i8_m128i(c as i8));
            Hits(cmp_eq_mask_i8_m128i(least, self.0))
        }

        /// Bytes not below `c` and not above `d`.
        #[inline(always)]
        pub(in super::super) fn between(self, c: u8, d: u8) -> Hits {
            let from = sub_i8_m128i(self.0, set_splat_i8_m128i(c as i8));
            Block(from).up_to(d - c)
        }
    }

    impl Hits {
        #[inline(always)]
        pub(in super::super) fn or(self, other: Hits) -> Hits {
            Hits(bitor_m128i(self.0, other.0))
        }

        #[inline(always)]
        pub(in super::super) fn mask(self) -> u32 {
            move_mask_i8_m128i(self.0) as u32
        }
    }
}

#[cfg(any(test, not(target_arch = "x86_64")))]
#[cfg_attr(target_arch = "x86_64", allow(dead_code))]
mod plain {
    /// Sixteen bytes.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Block([u8; 16]);

    /// One yes or no for each byte of a block.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Hits(u32);

    impl Block {
        #[inline(always)]
        pub(in super::super) fn load(bytes: &[u8; 16]) -> Block {
            Block(*bytes)
        }

        #[inline(always)]
        fn hits(self, test: impl Fn(u8) -> bool) -> Hits {
            let bit = |(n, &c): (usize, &u8)| u32::from(test(c)) << n;
            Hits(self.0.iter().enumerate().map(bit).sum())
        }

        /// Bytes equal to `c`.
        #[inline(always)]
        pub(in super::super) fn eq(self, c: u8) -> Hits {
            self.hits(|b| b == c)
        }

        /// Bytes not above `c`.
        #[inline(always)]
        pub(in super::super) fn up_to(self, c: u8) -> Hits {
            self.hits(|b| b <= c)
        }

        /// Bytes not below `c` and not above `d`.
        #[inline(always)]
        pub(in super::super) fn between(self, c: u8, d: u8) -> Hits {
            self.hits(|b| (c..=d).contains(&b))
        }
    }

    impl Hits {
        #[inline(always)]
        pub(in super::super) fn or(self, other: Hits) -> Hits {
            Hits(self.0 | other.0)
        }

        #[inline(always)]
        pub(in super::super) fn mask(self) -> u32 {
            self.0
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) use imp::{Block, Hits};
#[cfg(not(target_arch = "x86_64"))]
pub(super) use plain::{Block, Hits};

/// Which of 64 bytes `hits` finds.
#[inline(always)]
pub(super) fn mask64(bytes: &[u8; 64], hits: impl Fn(Block) -> Hits) -> u64 {
    let (blocks, _) = bytes.as_chunks();
    let part = |n: usize| u64::from(hits(Block::load(&blocks[n])).mask()) << (n * LEN);
    part(0) | part(1) | part(2) | part(3)
}

/// Which of the first 64 bytes of `b[at..]` `hits` finds; no bit is set behind the end. What stands
/// before `at` may be read too.
#[inline(always)]
pub(super) fn mask_at(b: &[u8], at: usize, hits: impl Fn(Block) -> Hits) -> u64 {
    let Some(tail) = b.get(at..) else {
        return 0;
    };
    if let Some(start) = tail.first_chunk() {
        return mask64(start, hits);
    }
    if let Some(last) = b.last_chunk::<64>() {
        return match 64 - tail.len() {
            64 => 0,
            shift => mask64(last, hits) >> shift,
        };
    }
    mask_of_short(tail, hits)
}

/// Where LF stands in 64 bytes, and `:` in the first 32 of them.
#[inline(always)]
pub(super) fn line_masks(bytes: &[u8; 64]) -> (u64, u32) {
    let (blocks, _) = bytes.as_chunks();
    let part = |n: usize| Block::load(&blocks[n]).eq(b':').mask();
    let lf = mask64(bytes, |block| block.eq(b'\n'));
    (lf, part(0) | part(1) << LEN)
}

/// As `mask_at`, for fewer than 64 bytes in all.
#[inline(never)]
fn mask_of_short(b: &[u8], hits: impl Fn(Block) -> Hits) -> u64 {
    let mut padded = [0; 64];
    padded[..b.len()].copy_from_slice(b);
    match b.len() {
        0 => 0,
        len => mask64(&padded, hits) & (u64::MAX >> (64 - len)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, mask_at, plain};

    #[test]
    fn both_implementations_find_the_same_bytes() {
        let bytes: [u8; 16] = *b"a;\x00\xff \x7f;:\r\n,<\x80\x20\x21;";
        let (fast, slow) = (Block::load(&bytes), plain::Block::load(&bytes));
        for c in 0..=255 {
            assert_eq!(fast.eq(c).mask(), slow.eq(c).mask(), "{c}");
            assert_eq!(fast.up_to(c).mask(), slow.up_to(c).mask(), "{c}");
            let wide = c.saturating_add(40);
            assert_eq!(
                fast.between(c, wide).mask(),
                slow.between(c, wide).mask(),
                "{c}"
            );
        }
        let both = fast.eq(b';').or(fast.eq(b'a'));
        assert_eq!(both.mask(), 0b1000_0000_0100_0011);
    }

    #[test]
    fn masks_of_windows_end_with_the_text() {
        let text: Vec<u8> = (0..200)
            .map(|n| if n % 7 == 3 { b';' } else { b'a' })
            .collect();
        for len in 0..text.len() {
            let b = &text[..len];
            for at in 0..=len + 1 {
                let bit = |n: usize| u64::from(b.get(at + n) == Some(&b';')) << n;
                let want = (0..64).map(bit).sum::<u64>();
                assert_eq!(mask_at(b, at, |block| block.eq(b';')), want, "{len} {at}");
            }
        }
    }
}
