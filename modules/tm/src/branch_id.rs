//! The branch parameter of our Via: `z9hG4bK` index `.` label `.` branch number, in SER's reversed
//! hexadecimal; with `syn_branch=no` an MD5 sum of the request stands in the place of the label.

use crate::table::TxId;
use crate::transaction::Transaction;
use ser::core::forward::branch::MAGIC_COOKIE;
use ser::core::forward::text::push_reverse_hex;
use ser::core::msg::{Bump, BumpVec};

/// The branch parameter of branch number `branch`; `md5` is empty unless `syn_branch=no`.
pub fn write<'a>(id: TxId, md5: &[u8], branch: usize, arena: &'a Bump) -> &'a [u8] {
    let mut out = BumpVec::with_capacity_in(56, arena);
    out.extend_from_slice_copy(MAGIC_COOKIE);
    push_reverse_hex(&mut out, id.index.into());
    out.push(b'.');
    if md5.is_empty() {
        push_reverse_hex(&mut out, id.uid);
    } else {
        out.extend_from_slice_copy(md5);
    }
    out.push(b'.');
    push_reverse_hex(&mut out, branch as u32);
    out.into_bump_slice()
}

/// What a branch parameter names, if it can be one of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BranchId<'a> {
    pub index: u16,
    /// Label or MD5 sum.
    identity: &'a [u8],
    pub branch: usize,
}

impl<'a> BranchId<'a> {
    /// Takes a branch parameter apart.
    pub fn parse(text: &'a [u8]) -> Option<BranchId<'a>> {
        let text = text.strip_prefix(MAGIC_COOKIE)?;
        let mut parts = text.split(|b| *b == b'.');
        let (index, identity, branch) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(BranchId {
            index: reverse_hex(index)?.try_into().ok()?,
            identity,
            branch: reverse_hex(branch)? as usize,
        })
    }

    /// Whether it is one of `t`.
    pub fn is_of(&self, t: &Transaction) -> bool {
        if t.md5.is_empty() {
            reverse_hex(self.identity) == Some(t.uid)
        } else {
            self.identity == &*t.md5
        }
    }
}

/// The number of digits that stand with the least significant first.
fn reverse_hex(text: &[u8]) -> Option<u32> {
    if text.is_empty() || text.len() > 8 {
        return None;
    }
    text.iter()
        .rev()
        .try_fold(0u32, |n, b| Some(n << 4 | char::from(*b).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_is_taken_apart_as_the_original_writes_it() {
        let id = BranchId::parse(b"z9hG4bKc1a6.2a6303d6.0").unwrap();
        assert_eq!((id.index, id.branch), (0x6a1c, 0));
        assert_eq!(reverse_hex(id.identity), Some(0x6d3036a2));
    }

    #[test]
    fn what_others_write_is_no_branch_of_ours() {
        for text in [
            "0",
            "z9hG4bK",
            "z9hG4bKnone.none.0",
            "z9hG4bK1.2",
            "z9hG4bK1.2.3.4",
            "z9hG4bK11111.2.0",
            "z9hG4bK1.2.123456789",
            "z9hG4bK1..0",
        ] {
            let id = BranchId::parse(text.as_bytes());
            let label = id.and_then(|id| reverse_hex(id.identity));
            assert!(label.is_none(), "{text}: {id:?}");
        }
    }
}
