//! Numbers.

/// The number that a word is: decimal, hexadecimal, octal, binary (`101b`), or one of the words for 1 and 0.
pub fn parse_number(word: &str) -> Option<i64> {
    match word {
        "yes" | "true" | "on" | "enable" => return Some(1),
        "no" | "false" | "off" | "disable" => return Some(0),
        "inet" | "INET" => return Some(libc::AF_INET.into()),
        "inet6" | "INET6" => return Some(libc::AF_INET6.into()),
        _ => {}
    }
    let all = |set: std::ops::RangeInclusive<u8>, text: &str| {
        !text.is_empty() && text.bytes().all(|b| set.contains(&b))
    };
    if let Some(hex) = word.strip_prefix("0x") {
        let digits = hex.bytes().all(|b| b.is_ascii_hexdigit());
        return i64::from_str_radix(hex, 16).ok().filter(|_| digits);
    }
    if let Some(binary) = word.strip_suffix('b').filter(|w| all(b'0'..=b'1', w)) {
        return i64::from_str_radix(binary, 2).ok();
    }
    if word.len() > 1 && word.starts_with('0') {
        let octal = all(b'0'..=b'7', word);
        return i64::from_str_radix(word, 8).ok().filter(|_| octal);
    }
    let digits = word.strip_prefix('-').unwrap_or(word);
    if !all(b'0'..=b'9', digits) || digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    word.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_base() {
        for (word, number) in [
            ("10", 10),
            ("-5", -5),
            ("0", 0),
            ("0x1f", 31),
            ("017", 15),
            ("101b", 5),
            ("yes", 1),
            ("enable", 1),
            ("off", 0),
            ("inet", 2),
            ("INET6", 10),
        ] {
            assert_eq!(parse_number(word), Some(number), "{word}");
        }
    }

    #[test]
    fn what_only_looks_like_a_number_is_none() {
        for word in [
            "1a", "x", "", "-", "08", "0x", "0x-1", "-0x10", "-017", "-101b", "YES", "1.5", "b",
        ] {
            assert_eq!(parse_number(word), None, "{word}");
        }
        assert_eq!(parse_number("99999999999999999999"), None);
    }
}
