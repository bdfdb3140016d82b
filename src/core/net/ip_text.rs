//! Addresses as they stand in Via and URIs.

use std::net::{IpAddr, Ipv4Addr};

/// The address that `host` is, if it is a literal; IPv6 with or without brackets.
#[inline]
pub fn parse_ip(host: &[u8]) -> Option<IpAddr> {
    if let Some(ip) = parse_ipv4(host) {
        return Some(ip.into());
    }
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

/// Four numbers up to 255 without leading zeros.
fn parse_ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut octets, mut part, mut value, mut digits) = ([0; 4], 0, 0u32, 0);
    for &c in text {
        match c {
            b'0'..=b'9' if digits == 0 || value > 0 => {
                value = value * 10 + u32::from(c - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && part < 3 => {
                octets[part] = u8::try_from(value).ok()?;
                (part, value, digits) = (part + 1, 0, 0);
            }
            _ => return None,
        }
        if value > 255 {
            return None;
        }
    }
    octets[3] = u8::try_from(value).ok()?;
    (part == 3 && digits > 0).then(|| octets.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_refused_as_the_library_refuses_it() {
        let all = [
            "",
            "1",
            "1.2.3",
            "1.2.3.",
            ".1.2.3",
            "1..2.3",
            "1.2.3.4.",
            "1.2.3.4.5",
            "1.2.3.256",
            "01.2.3.4",
            "1.2.3.00",
            "0.0.0.0",
            "1.2.3.4a",
            "a.b.c.d",
            "1.2.3.1000",
            "99999999999999.1.1.1",
            "::",
            "2001:db8::1",
            "::ffff:1.2.3.4",
            "1234",
            "beef",
            "5060.example.org",
        ];
        for text in all {
            assert_eq!(parse_ip(text.as_bytes()), text.parse().ok(), "{text}");
        }
    }
}
