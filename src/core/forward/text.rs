//! Numbers and addresses as text, written into growing buffers without the heap.

use crate::core::msg::BumpVec;
use std::io::Write;
use std::net::IpAddr;

/// Decimal digits.
#[inline]
pub fn push_number(out: &mut BumpVec<'_, u8>, mut n: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice_copy(&digits[at..]);
}

/// Lower-case hexadecimal digits, least significant first, no padding; 0 is `0` (SER's int2reverse_hex).
#[inline]
pub fn push_reverse_hex(out: &mut BumpVec<'_, u8>, mut n: u32) {
    loop {
        out.push(b"0123456789abcdef"[(n & 15) as usize]);
        n >>= 4;
        if n == 0 {
            break;
        }
    }
}

/// The address, IPv6 without brackets.
pub fn push_ip(out: &mut BumpVec<'_, u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            for (i, octet) in [a, b, c, d].into_iter().enumerate() {
                if i > 0 {
                    out.push(b'.');
                }
                push_number(out, octet.into());
            }
        }
        IpAddr::V6(ip) => {
            let written = write!(out, "{ip}");
            debug_assert!(written.is_ok(), "a growing buffer takes everything");
        }
    }
}

/// Whether `host`, as written in a Via or URI (IPv6 with or without brackets), is the address `ip`.
pub fn host_is_ip(host: &[u8], ip: IpAddr) -> bool {
    parse_ip(host) == Some(ip)
}

/// The address that `host` is, if it is a literal; IPv6 with or without brackets.
#[inline]
pub fn parse_ip(host: &[u8]) -> Option<IpAddr> {
    let bare = host
        .strip_prefix(b"[")
        .and_then(|h| h.strip_suffix(b"]"))
        .unwrap_or(host);
    let may_be = bare
        .first()
        .is_some_and(|c| c.is_ascii_hexdigit() || *c == b':');
    if !may_be || bare.len() > 45 {
        return None;
    }
    std::str::from_utf8(bare).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bumpalo::Bump;

    #[test]
    fn hexadecimal_digits_stand_in_reverse() {
        let arena = Bump::new();
        let mut out = BumpVec::new_in(&arena);
        push_reverse_hex(&mut out, 0x8326);
        out.push(b' ');
        push_reverse_hex(&mut out, 0);
        assert_eq!(&out[..], b"6238 0");
    }

    #[test]
    fn addresses_are_written_as_everywhere() {
        let arena = Bump::new();
        let mut out = BumpVec::new_in(&arena);
        push_ip(&mut out, [127, 0, 0, 10].into());
        push_ip(&mut out, "::1".parse().unwrap());
        assert_eq!(&out[..], b"127.0.0.10::1");
        assert!(host_is_ip(b"[::1]", "::1".parse().unwrap()));
        assert!(!host_is_ip(b"127.0", [127, 0, 0, 1].into()));
    }
}
