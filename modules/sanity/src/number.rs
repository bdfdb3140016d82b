//! What counts as a number in CSeq and Expires.

use ser::core::sip::value;

/// Largest number that passes, SER's: one more than 32 bits hold.
const LARGEST: u64 = 1 << 32;

/// Whether `text` is digits from its first to its last byte, and not too large.
pub fn is_legal(text: &[u8]) -> bool {
    value::number(text).is_some_and(|n| n <= LARGEST)
}

#[cfg(test)]
mod tests {
    use super::is_legal;

    #[test]
    fn digits_up_to_the_largest_are_legal() {
        for good in [
            "0",
            "0009",
            "4294967295",
            "4294967296",
            "00000000000000000001",
        ] {
            assert!(is_legal(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "-1",
            "+1",
            "1 2",
            "4294967297",
            "36893488147419103232",
            "0x1",
        ] {
            assert!(!is_legal(bad.as_bytes()), "{bad}");
        }
    }
}
