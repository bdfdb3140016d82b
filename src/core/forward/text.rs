//! Numbers and addresses as text, written into growing buffers without the heap.

use crate::core::msg::BumpVec;
pub use crate::core::net::parse_ip;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};

/// `00` to `99`.
static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

/// Decimal digits.
#[inline]
pub fn push_number(out: &mut BumpVec<'_, u8>, mut n: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    while n > 9 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(n % 100) as usize]);
        n /= 100;
    }
    if n > 0 || at == digits.len() {
        at -= 1;
        digits[at] = b'0' + n as u8;
    }
    out.extend_from_slice_copy(&digits[at..]);
}

/// Completes the line end of a line that a cut-off message may lack.
pub fn end_line(out: &mut BumpVec<'_, u8>) {
    match out.last() {
        Some(b'\n') => {}
        Some(b'\r') => out.push(b'\n'),
        Some(_) | None => out.extend_from_slice_copy(b"\r\n"),
    }
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

/// A preference in thousandths in its shortest form: `1`, `0.5`, `0.123`, `0` (SER's q2str).
pub fn push_q(out: &mut BumpVec<'_, u8>, q: i32) {
    if q >= 1000 {
        out.push(b'1');
        return;
    }
    out.push(b'0');
    let q = q.max(0);
    let digits = [q / 100, q / 10 % 10, q % 10].map(|d| b'0' + d as u8);
    if let Some(last) = digits.iter().rposition(|&d| d != b'0') {
        out.push(b'.');
        out.extend_from_slice_copy(&digits[..=last]);
    }
}

/// `<uri>;q=0.5`; with an unspecified q (negative) the URI alone, as it stands.
pub fn push_uri_q(out: &mut BumpVec<'_, u8>, uri: &[u8], q: i32) {
    if q < 0 {
        out.extend_from_slice_copy(uri);
        return;
    }
    out.push(b'<');
    out.extend_from_slice_copy(uri);
    out.extend_from_slice_copy(b">;q=");
    push_q(out, q);
}

/// The address, IPv6 without brackets.
pub fn push_ip(out: &mut BumpVec<'_, u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            let (text, len) = ipv4_text(ip);
            out.extend_from_slice_copy(&text[..len]);
        }
        IpAddr::V6(ip) => {
            let written = write!(out, "{ip}");
            debug_assert!(written.is_ok(), "a growing buffer takes everything");
        }
    }
}

/// The address as text, and its length.
fn ipv4_text(ip: Ipv4Addr) -> ([u8; 16], usize) {
    let (mut text, mut len) = ([b'.'; 16], 0);
    for octet in ip.octets() {
        let pair = PAIRS[usize::from(octet % 100)];
        if octet > 99 {
            text[len] = b'0' + octet / 100;
            len += 1;
        }
        if octet > 9 {
            text[len] = pair[0];
            len += 1;
        }
        text[len] = pair[1];
        len += 2;
    }
    (text, len - 1)
}

/// Whether `host`, as written in a Via or URI (IPv6 with or without brackets), is the address `ip`.
pub fn host_is_ip(host: &[u8], ip: IpAddr) -> bool {
    parse_ip(host) == Some(ip)
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
    fn a_preference_is_written_in_its_shortest_form() {
        let arena = Bump::new();
        let shown = |q| {
            let mut out = BumpVec::new_in(&arena);
            push_uri_q(&mut out, b"sip:a", q);
            String::from_utf8(out.to_vec()).unwrap()
        };
        let all = [1000, 500, 123, 120, 50, 5, 0];
        let expected = ["1", "0.5", "0.123", "0.12", "0.05", "0.005", "0"];
        for (q, text) in all.into_iter().zip(expected) {
            assert_eq!(shown(q), format!("<sip:a>;q={text}"));
        }
        assert_eq!(shown(-1), "sip:a");
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

    #[test]
    fn numbers_are_written_without_leading_zeros() {
        let arena = Bump::new();
        let all = [
            0,
            7,
            10,
            42,
            99,
            100,
            105,
            999,
            5060,
            12_345,
            1_000_000,
            u64::MAX,
        ];
        for n in all {
            let mut out = BumpVec::new_in(&arena);
            push_number(&mut out, n);
            assert_eq!(&out[..], n.to_string().as_bytes());
        }
    }

    #[test]
    fn every_octet_is_written_as_it_is_read() {
        let arena = Bump::new();
        for n in 0..=255u8 {
            let ip = Ipv4Addr::new(n, 255 - n, 0, n / 2);
            let mut out = BumpVec::new_in(&arena);
            push_ip(&mut out, ip.into());
            assert_eq!(&out[..], ip.to_string().as_bytes());
            assert_eq!(parse_ip(&out), Some(ip.into()));
        }
    }
}
