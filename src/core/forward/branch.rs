//! Branch values of our Via (SER's hash over Call-ID and CSeq number, and its MD5 form).

use super::tag::hex;
use super::text::push_reverse_hex;
use crate::core::msg::{BumpVec, SipMsg};
use crate::core::settings;
use crate::core::sip::ParseError;
use md5::{Digest, Md5};

/// What every RFC 3261 branch begins with (§8.1.1.7).
pub const MAGIC_COOKIE: &[u8] = b"z9hG4bK";
/// The branch of stateless forwarding with `syn_branch`: literally this, no transaction is behind it.
const STATELESS: &[u8] = b"0";

/// SER's hash of two strings (Call-ID and CSeq number), before masking; bytes count as signed.
pub fn hash(call_id: &[u8], cseq: &[u8]) -> u32 {
    let mut h = 0u32;
    for text in [call_id, cseq] {
        let (words, rest) = text.as_chunks::<4>();
        for word in words {
            mix(&mut h, word);
        }
        mix(&mut h, rest);
    }
    h.wrapping_add(h >> 11)
        .wrapping_add(h >> 13)
        .wrapping_add(h >> 23)
}

#[inline]
fn mix(h: &mut u32, bytes: &[u8]) {
    let v = bytes
        .iter()
        .fold(0u32, |v, &b| (v << 8).wrapping_add(b as i8 as u32));
    *h = h.wrapping_add(v ^ (v >> 3));
}

/// Index of the slot that the hash means.
#[inline]
pub fn hash_index(call_id: &[u8], cseq: &[u8]) -> u16 {
    (hash(call_id, cseq) & 0xffff) as u16
}

/// The branch value of a statelessly forwarded request.
pub fn stateless_branch<'a>(msg: &mut SipMsg<'a>) -> Result<&'a [u8], ParseError> {
    if settings::get().syn_branch {
        return Ok(STATELESS);
    }
    let call_id = msg.sip.call_id()?;
    let (cseq, _) = msg.sip.cseq()?;
    let mut out = BumpVec::with_capacity_in(56, msg.arena);
    out.extend_from_slice_copy(MAGIC_COOKIE);
    push_reverse_hex(&mut out, hash_index(call_id, cseq).into());
    out.push(b'.');
    let at = out.len();
    out.extend_from_slice_copy(&[0; 32]);
    hex(&identity(msg)?, &mut out[at..]);
    out.extend_from_slice_copy(b".0");
    Ok(out.into_bump_slice())
}

/// MD5 over what makes a request the same when it is sent again.
pub fn identity(msg: &mut SipMsg<'_>) -> Result<[u8; 16], ParseError> {
    let mut md5 = Md5::new();
    let from = msg.sip.from()?.raw;
    let to = msg.sip.to()?.raw;
    let call_id = msg.sip.call_id()?;
    let (cseq, _) = msg.sip.cseq()?;
    let via = msg.sip.via1().ok_or(ParseError::Missing)?;
    let parts = [
        from,
        to,
        call_id,
        msg.original_uri(),
        cseq,
        via.host,
        via.port,
        via.branch.unwrap_or_default(),
    ];
    for part in parts {
        md5.update(part.trim_ascii());
    }
    Ok(md5.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_original() {
        assert_eq!(hash_index(b"abc123@host", b"10"), 0x8326);
    }
}
