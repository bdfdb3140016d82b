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
    fn allow_lists_become_bits() {
        let set = MethodSet::parse(b"INVITE, ack,\r\n\tOPTIONS , FOO,");
        assert_eq!(set, MethodSet(32 + 2 + 128 + 1));
        assert!(set.contains(32));
        assert!(!set.contains(4));
    }
}
