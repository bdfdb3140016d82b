//! Request methods: SER's bit numbers (RFC 3261 §7.1), and the wider set that Allow speaks of.
//!
//! Names are compared without regard to case, as SER does.

use super::scan::{lower8, word8};

/// A request method; the discriminants are SER's bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u16)]
#[allow(missing_docs)]
pub enum Method {
    Invite = 1,
    Cancel = 2,
    Ack = 4,
    Bye = 8,
    Info = 16,
    Register = 32,
    Subscribe = 64,
    Notify = 128,
    Other = 256,
}

impl Method {
    /// The method named by `token`, compared without regard to case, as SER does.
    #[inline]
    pub fn parse(token: &[u8]) -> Method {
        Self::at_place(place_in_counted(token))
    }

    /// The method at a place in [`COUNTED`].
    #[inline]
    pub(super) fn at_place(place: usize) -> Method {
        const METHODS: [Method; COUNTED.len()] = [
            Method::Invite,
            Method::Ack,
            Method::Cancel,
            Method::Bye,
            Method::Register,
            Method::Other,
            Method::Info,
            Method::Other,
            Method::Subscribe,
            Method::Notify,
            Method::Other,
            Method::Other,
            Method::Other,
            Method::Other,
            Method::Other,
        ];
        METHODS[place]
    }

    /// SER's number for it.
    #[inline]
    pub fn bits(self) -> u16 {
        self as u16
    }
}

/// The methods that are told apart where messages are counted (RFC 3261, 3262, 3311, 3428, 3515, 3903, 6086, 6665);
/// the last stands for all others.
pub const COUNTED: [&str; 15] = [
    "INVITE",
    "ACK",
    "CANCEL",
    "BYE",
    "REGISTER",
    "OPTIONS",
    "INFO",
    "PRACK",
    "SUBSCRIBE",
    "NOTIFY",
    "UPDATE",
    "MESSAGE",
    "REFER",
    "PUBLISH",
    "other",
];

/// The one in [`COUNTED`] that is longer than a word.
const LONG: usize = 8;
/// The last one there, for all others.
const OTHER: usize = COUNTED.len() - 1;

/// The place of a method in [`COUNTED`].
#[inline]
pub fn place_in_counted(name: &[u8]) -> usize {
    place_of_word(lower8(name, 0, name.len()), name)
}

/// The place of `name`, of which `word` is what `lower8` makes of it.
#[inline]
pub(super) fn place_of_word(word: u64, name: &[u8]) -> usize {
    if word == 0 {
        let is_long = name.eq_ignore_ascii_case(COUNTED[LONG].as_bytes());
        return if is_long { LONG } else { OTHER };
    }
    let (known, place) = HASHED[hash(word)];
    if known == word { place } else { OTHER }
}

/// The words of [`COUNTED`] with their places, each where [`hash`] has it; 0 where nothing is.
const HASHED: [(u64, usize); 16] = {
    let mut table = [(0, OTHER); 16];
    let mut place = 0;
    while place < OTHER {
        if place != LONG {
            let word = word8(COUNTED[place].as_bytes());
            let slot = &mut table[hash(word)];
            assert!(
                slot.0 == 0,
                "two methods in one slot: choose another factor"
            );
            *slot = (word, place);
        }
        place += 1;
    }
    table
};

/// The factor was tried out: with it no two methods share a slot.
#[inline]
const fn hash(word: u64) -> usize {
    (word.wrapping_mul(0x295A_81F1_B618_BA25) >> 60) as usize
}

/// A set of methods as Allow and the `methods` parameter of Contact carry it; SER's bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct MethodSet(pub u32);

impl MethodSet {
    /// A method that has no bit of its own.
    pub const UNKNOWN: u32 = 1;
    /// Name and bit of each method that has one.
    pub const NAMES: [(&'static str, u32); 13] = [
        ("ACK", 2),
        ("BYE", 4),
        ("CANCEL", 8),
        ("INFO", 16),
        ("INVITE", 32),
        ("NOTIFY", 64),
        ("OPTIONS", 128),
        ("PRACK", 256),
        ("REGISTER", 512),
        ("SUBSCRIBE", 1024),
        ("UPDATE", 2048),
        ("MESSAGE", 4096),
        ("REFER", 8192),
    ];

    /// Bit of one method name, `UNKNOWN` when it has none.
    pub fn bit_of(name: &[u8]) -> u32 {
        Self::NAMES
            .iter()
            .find(|(n, _)| name.eq_ignore_ascii_case(n.as_bytes()))
            .map_or(Self::UNKNOWN, |(_, bit)| *bit)
    }

    /// Parses a comma-separated list of method names. Unlike SER, which compares prefixes and then
    /// refuses `INFOX`, whole names are compared and an unknown one sets [`Self::UNKNOWN`].
    pub fn parse(list: &[u8]) -> MethodSet {
        let names = list.split(|&c| c == b',').map(super::scan::trim);
        MethodSet(
            names
                .filter(|n| !n.is_empty())
                .fold(0, |set, n| set | Self::bit_of(n)),
        )
    }

    /// True when every bit of `bit` is in the set.
    pub fn contains(self, bit: u32) -> bool {
        self.0 & bit == bit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_names_are_known_in_any_case_and_nothing_but_whole_names_counts() {
        assert_eq!(Method::parse(b"INVITE"), Method::Invite);
        assert_eq!(Method::parse(b"rEGISTER"), Method::Register);
        assert_eq!(Method::parse(b"OPTIONS"), Method::Other);
        assert_eq!(Method::parse(b"INVITES"), Method::Other);
        assert_eq!(Method::parse(b""), Method::Other);
    }

    #[test]
    fn a_method_is_counted_under_its_name_and_all_others_under_one() {
        for (place, name) in COUNTED.iter().enumerate() {
            assert_eq!(place_in_counted(name.as_bytes()), place, "{name}");
            let small = name.to_ascii_lowercase();
            assert_eq!(place_in_counted(small.as_bytes()), place, "{name}");
        }
        for other in [
            "",
            "INVITES",
            "SUBSCRIB",
            "SUBSCRIBES",
            "FOO",
            "VERYLONGMETHOD",
        ] {
            assert_eq!(place_in_counted(other.as_bytes()), 14, "{other}");
        }
    }

    #[test]
    fn allow_lists_become_bits() {
        let set = MethodSet::parse(b"INVITE, ack,\r\n\tOPTIONS , FOO,");
        assert_eq!(set, MethodSet(32 + 2 + 128 + 1));
        assert!(set.contains(32));
        assert!(!set.contains(4));
    }
}
