//! A short text that one process writes now and then, and all may read without a lock.
//!
//! Invariant: a text is read whole: its words are written between two changes of `version`, which is odd meanwhile.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

crate::shm_struct! {
    /// Room for 127 bytes.
    pub struct TextCell {
        version: AtomicU32,
        words: [AtomicU64; WORDS],
    }
}

const WORDS: usize = 16;
/// Bytes of a text that are kept: one word is never filled to its end (SER's arrays of 128 have a final zero).
pub const MAX_TEXT: usize = WORDS * 8 - 1;

impl TextCell {
    /// Empty.
    pub const fn new() -> TextCell {
        TextCell {
            version: AtomicU32::new(0),
            words: [const { AtomicU64::new(0) }; WORDS],
        }
    }

    /// Writes the first [`MAX_TEXT`] bytes, cut at a character; by one process at a time.
    pub fn set(&self, text: &str) {
        let mut bytes = [0; WORDS * 8];
        let len = text.floor_char_boundary(MAX_TEXT);
        bytes[..len].copy_from_slice(&text.as_bytes()[..len]);
        let version = self.version.load(Ordering::Relaxed) & !1;
        self.version
            .store(version.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        for (word, chunk) in self.words.iter().zip(bytes.as_chunks::<8>().0) {
            word.store(u64::from_ne_bytes(*chunk), Ordering::Relaxed);
        }
        self.version
            .store(version.wrapping_add(2), Ordering::Release);
    }

    /// The text.
    pub fn get(&self) -> String {
        let mut words = [0; WORDS];
        // A writer that was killed leaves the version odd: after some tries take what is there.
        for _ in 0..1000 {
            let before = self.version.load(Ordering::Acquire);
            words = std::array::from_fn(|i| self.words[i].load(Ordering::Relaxed));
            fence(Ordering::Acquire);
            if before & 1 == 0 && self.version.load(Ordering::Relaxed) == before {
                break;
            }
            std::hint::spin_loop();
        }
        let bytes: Vec<u8> = words
            .iter()
            .flat_map(|word| word.to_ne_bytes())
            .take_while(|b| *b != 0)
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Default for TextCell {
    fn default() -> Self {
        TextCell::new()
    }
}

impl std::fmt::Debug for TextCell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.get(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_a_character() {
        let cell = TextCell::new();
        assert_eq!(cell.get(), "");
        let long = "ä".repeat(100);
        cell.set(&long);
        assert_eq!(cell.get(), long[..MAX_TEXT - 1]);
        cell.set("short");
        assert_eq!(cell.get(), "short");
    }
}
