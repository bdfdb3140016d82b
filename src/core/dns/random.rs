//! Random numbers: unguessable ones for questions (RFC 5452 §9.2), quick ones for the choice by weight.

use crate::ipc::process_slot;
use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

/// A number that nobody can guess: ids of questions. One system call.
pub(super) fn unguessable() -> u64 {
    let mut bytes = [0; 8];
    let flags = rustix::rand::GetRandomFlags::empty();
    match rustix::rand::getrandom(&mut bytes, flags) {
        Ok(8) => u64::from_ne_bytes(bytes),
        // Cannot happen for eight bytes once the kernel is up; SipHash with secret keys does as well.
        Ok(_) | Err(_) => RandomState::new().hash_one(std::time::Instant::now()),
    }
}

thread_local! {
    /// The generator's state, and the process slot that it was seeded in: a child inherits the state of
    /// the attendant, and is not to draw the same lots as its brothers.
    static STATE: Cell<(u64, u16)> = const { Cell::new((0, u16::MAX)) };
}

/// A number that is different each time in each process. No system call but the first time.
#[inline]
pub(super) fn seed() -> u64 {
    let (state, slot) = STATE.get();
    let now = process_slot();
    let mut rng = Rng(if slot == now { state } else { unguessable() });
    let next = rng.next();
    STATE.set((rng.0, now));
    next
}

/// SplitMix64: small, and good enough to choose a server.
#[derive(Clone, Debug)]
pub(super) struct Rng(pub u64);

impl Rng {
    /// The next 64 bits.
    #[inline]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `max`, both included.
    #[inline]
    pub fn up_to(&mut self, max: u32) -> u32 {
        let range = u64::from(max) + 1;
        // Multiply and shift (Lemire); the bias is below 2^-32.
        (((self.next() >> 32) * range) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_in_their_range_and_reach_both_ends() {
        let mut rng = Rng(7);
        let mut seen = [0; 4];
        for _ in 0..1000 {
            seen[rng.up_to(3) as usize] += 1;
        }
        assert!(seen.iter().all(|&n| n > 150), "{seen:?}");
        assert_eq!(rng.up_to(0), 0);
    }

    #[test]
    fn seeds_differ() {
        assert_ne!(seed(), seed());
        assert_ne!(unguessable(), unguessable());
    }
}
