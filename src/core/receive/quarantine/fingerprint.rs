//! How a message is recognised that has come before.
//!
//! A request that is not answered is repeated byte for byte (RFC 3261 §17.1.1.2, §17.1.2.2), so every byte counts, and
//! no other message has this fingerprint: its branch, Call-ID and CSeq make it the only one. The address it comes from
//! does not count: a NAT may give the repetition another port.

use crate::ipc::{ShmFull, ShmTag, shm_static};
use std::fmt;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher, RandomState};
use std::str::FromStr;
use std::sync::OnceLock;

crate::shm_struct! {
    /// The key of the hash, of this server alone: nobody outside can make a message that collides with another. It
    /// stays the same when another program takes over.
    struct Key {
        words: [u64; 2],
    }
}

static KEY: OnceLock<&'static Key> = OnceLock::new();

/// A hash of a whole message, in the lowest 16 bits its length; never 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Chooses the key; before the first fork, so that all processes have the same.
    pub(super) fn choose_key() -> Result<(), ShmFull> {
        let random = RandomState::new();
        let words = [1, 2].map(|n| random.hash_one(n));
        let key = shm_static(Key { words }, ShmTag::CORE)?;
        KEY.get_or_init(|| key);
        Ok(())
    }

    /// That of a message.
    pub fn of(message: &[u8]) -> Fingerprint {
        let mut hasher = DefaultHasher::new();
        KEY.get().map_or([0; 2], |key| key.words).hash(&mut hasher);
        hasher.write(message);
        let hash = hasher.finish() & !0xffff;
        Fingerprint((hash | length(message)).max(1))
    }

    /// Whether that can be the fingerprint of this message, as far as can be told without hashing it.
    pub(super) fn may_be(self, message: &[u8]) -> bool {
        self.0 & 0xffff == length(message)
    }

    /// As it is kept in a word; 0 stands for none.
    pub(super) fn to_word(self) -> u64 {
        self.0
    }

    pub(super) fn from_word(word: u64) -> Option<Fingerprint> {
        (word != 0).then_some(Fingerprint(word))
    }
}

fn length(message: &[u8]) -> u64 {
    message.len() as u64 & 0xffff
}

/// `x` and 16 digits: a word that no client of RPC takes for a number.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "x{:016x}", self.0)
    }
}

impl FromStr for Fingerprint {
    type Err = ();

    fn from_str(text: &str) -> Result<Fingerprint, ()> {
        let digits = text.strip_prefix('x').filter(|digits| digits.len() == 16);
        let word = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        word.and_then(Fingerprint::from_word).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_counts() {
        let message = b"INVITE sip:a@b SIP/2.0\r\nCall-ID: 1\r\n\r\n";
        let print = Fingerprint::of(message);
        assert_eq!(print, Fingerprint::of(message));
        assert!(print.may_be(message) && !print.may_be(&message[1..]));
        for i in 0..message.len() {
            let mut other = *message;
            other[i] ^= 1;
            assert_ne!(print, Fingerprint::of(&other), "byte {i}");
        }
    }

    #[test]
    fn a_fingerprint_is_written_and_read() {
        let print = Fingerprint::of(b"OPTIONS");
        assert_eq!(print.to_string().parse(), Ok(print));
        let zero = format!("x{}", "0".repeat(16));
        let sign = format!("x+{}", "0".repeat(15));
        for wrong in ["", "x", "x12", "0123456789abcdef", &zero, &sign] {
            assert_eq!(Fingerprint::from_str(wrong), Err(()), "{wrong}");
        }
    }
}
