//! What was decided about a call lately, so that a retransmission, and the same request with credentials, meet
//! the same answer. Used only while a socket is not calm.
//!
//! A table without chains in shared memory: 2^14 words, each the newest verdict of the Call-IDs that share it.
//! Invariant: a word is written whole; one that was overwritten is a verdict forgotten, and decided anew.

use crate::ipc::{ShmFull, ShmTag, shm_static};
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

const WORDS: usize = 1 << 14;
/// For so long a verdict holds, in eighths of a second: T1 × 16 (RFC 3261 §17.1.1.2), the first four retransmissions.
const HOLDS: u32 = 8 * 8;
/// Bits of the time in a word.
const TIME_BITS: u32 = 11;

crate::shm_struct! {
    struct Verdicts {
        /// 20 bits of the hash, 11 of the time, one of the verdict; 0: none.
        words: [AtomicU32; WORDS],
    }
}

/// What was decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// Let in.
    Admitted,
    /// Refused.
    Refused,
}

static VERDICTS: OnceLock<&'static Verdicts> = OnceLock::new();
/// The same keys in all processes.
static HASHER: OnceLock<RandomState> = OnceLock::new();

/// Makes the table; before the first fork.
pub(super) fn create() -> Result<(), ShmFull> {
    let words = [const { AtomicU32::new(0) }; WORDS];
    let verdicts = shm_static(Verdicts { words }, ShmTag::CORE)?;
    VERDICTS.get_or_init(|| verdicts);
    HASHER.get_or_init(RandomState::new);
    Ok(())
}

/// A call, known by the hash of its Call-ID.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call(u64);

impl Call {
    /// The call of that Call-ID.
    pub(super) fn of(call_id: &[u8]) -> Call {
        Call(HASHER.get_or_init(RandomState::new).hash_one(call_id))
    }

    /// A number that decides about the call, evenly spread below 2^16.
    pub(super) fn lot(self) -> u32 {
        (self.0 >> 48) as u32
    }

    fn word(self) -> Option<&'static AtomicU32> {
        VERDICTS.get()?.words.get(self.0 as usize % WORDS)
    }

    /// The word that says `verdict` at `time`. Its hash is never 0, so that no word looks empty.
    fn text(self, time: u32, verdict: Verdict) -> u32 {
        let hash = (self.0 >> 16) as u32 | 1 << 12;
        let time = time & ((1 << TIME_BITS) - 1);
        hash & !0xfff | time << 1 | verdict as u32
    }

    /// What was decided lately; `time` in eighths of a second.
    pub(super) fn verdict(self, time: u32) -> Option<Verdict> {
        let word = self.word()?.load(Relaxed);
        let since = word >> 1 & ((1 << TIME_BITS) - 1);
        let age = time.wrapping_sub(since) & ((1 << TIME_BITS) - 1);
        let ours = (word ^ self.text(0, Verdict::Admitted)) >> (TIME_BITS + 1) == 0;
        (ours && age < HOLDS).then_some(match word & 1 {
            0 => Verdict::Admitted,
            _ => Verdict::Refused,
        })
    }

    /// Keeps what is decided now.
    pub(super) fn decide(self, time: u32, verdict: Verdict) {
        if let Some(word) = self.word() {
            word.store(self.text(time, verdict), Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::test_segment;

    #[test]
    fn a_verdict_holds_for_eight_seconds_also_over_the_end_of_the_clock() {
        test_segment();
        create().unwrap();
        let call = Call::of(b"verdict-1@h");
        assert_eq!(call.verdict(5), None);
        for (time, verdict) in [
            (5, Verdict::Refused),
            (2047, Verdict::Admitted),
            (u32::MAX, Verdict::Refused),
        ] {
            call.decide(time, verdict);
            assert_eq!(call.verdict(time), Some(verdict));
            assert_eq!(call.verdict(time.wrapping_add(HOLDS - 1)), Some(verdict));
            assert_eq!(call.verdict(time.wrapping_add(HOLDS)), None);
        }
    }

    #[test]
    fn calls_do_not_share_verdicts_and_lots_are_even() {
        test_segment();
        create().unwrap();
        let calls: Vec<Call> = (0..500)
            .map(|n| Call::of(format!("lot-{n}").as_bytes()))
            .collect();
        for call in &calls {
            call.decide(9, Verdict::Refused);
        }
        let refused = calls
            .iter()
            .filter(|c| c.verdict(9) == Some(Verdict::Refused));
        assert!(refused.count() > 450, "few meet in one word");
        let others = (0..500).map(|n| Call::of(format!("other-{n}").as_bytes()));
        assert_eq!(others.filter(|c| c.verdict(9).is_some()).count(), 0);
        let low = calls.iter().filter(|c| c.lot() < 1 << 15).count();
        assert!((180..320).contains(&low), "{low} of 500");
    }
}
