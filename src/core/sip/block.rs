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
        move_mask_i8_m128i, set_splat_i8_m128i, zeroed_m128i,
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
    }

    impl Hits {
        #[inline(always)]
        pub(in super::super) fn none() -> Hits {
            Hits(zeroed_m128i())
        }

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
    }

    impl Hits {
        #[inline(always)]
        pub(in super::super) fn none() -> Hits {
            Hits(0)
        }

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

/// Which of 64 bytes are `c`.
#[inline(always)]
pub(super) fn eq64(bytes: &[u8; 64], c: u8) -> u64 {
    let (blocks, _) = bytes.as_chunks();
    let part = |n: usize| u64::from(Block::load(&blocks[n]).eq(c).mask()) << (n * LEN);
    part(0) | part(1) | part(2) | part(3)
}

/// Which of the first 32 of 64 bytes are `c`.
#[inline(always)]
pub(super) fn eq32(bytes: &[u8; 64], c: u8) -> u32 {
    let (blocks, _) = bytes.as_chunks();
    let part = |n: usize| Block::load(&blocks[n]).eq(c).mask() << (n * LEN);
    part(0) | part(1)
}

#[cfg(test)]
mod tests {
    use super::{Block, Hits, plain};

    #[test]
    fn both_implementations_find_the_same_bytes() {
        let bytes: [u8; 16] = *b"a;\x00\xff \x7f;:\r\n,<\x80\x20\x21;";
        let (fast, slow) = (Block::load(&bytes), plain::Block::load(&bytes));
        for c in 0..=255 {
            assert_eq!(fast.eq(c).mask(), slow.eq(c).mask(), "{c}");
            assert_eq!(fast.up_to(c).mask(), slow.up_to(c).mask(), "{c}");
        }
        let both = fast.eq(b';').or(fast.eq(b'a')).or(Hits::none());
        assert_eq!(both.mask(), 0b1000_0000_0100_0011);
    }
}
