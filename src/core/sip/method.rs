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
        Self::of_word(lower8(token, 0, token.len()), token)
    }

    /// The method named by `token`, of which `word` is what `lower8` makes of it.
    #[inline]
    pub(super) fn of_word(word: u64, token: &[u8]) -> Method {
        const INVITE: u64 = word8(b"invite");
        const CANCEL: u64 = word8(b"cancel");
        const ACK: u64 = word8(b"ack");
        const BYE: u64 = word8(b"bye");
        const INFO: u64 = word8(b"info");
        const REGISTER: u64 = word8(b"register");
        const NOTIFY: u64 = word8(b"notify");
        match word {
            INVITE => Method::Invite,
            CANCEL => Method::Cancel,
            ACK => Method::Ack,
            BYE => Method::Bye,
            INFO => Method::Info,
            REGISTER => Method::Register,
            NOTIFY => Method::Notify,
            // Longer than a word.
            0 if token.eq_ignore_ascii_case(b"subscribe") => Method::Subscribe,
            _ => Method::Other,
        }
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

/// The place of a method in [`COUNTED`].
#[inline]
pub fn place_in_counted(name: &[u8]) -> usize {
    const WORDS: [u64; 14] = {
        let mut words = [0; 14];
        let mut i = 0;
        while i < words.len() {
            let name = COUNTED[i].as_bytes();
            // The one that is longer than a word is looked for by itself.
            words[i] = if name.len() > 8 { 0 } else { word8(name) };
            i += 1;
        }
        words
    };
    const LONG: usize = 8;
    let word = lower8(name, 0, name.len());
    if word == 0 {
        let is_it = name.eq_ignore_ascii_case(COUNTED[LONG].as_bytes());
        return if is_it { LONG } else { WORDS.len() };
    }
    WORDS
        .iter()
        .position(|known| *known == word)
        .unwrap_or(WORDS.len())
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
