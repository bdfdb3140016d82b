//! What all receivers of a socket know of its load, in shared memory.
//!
//! Invariant: plain numbers, each written whole. Whoever is elected to look writes them; two that overlap leave the
//! numbers of one of them, and a process that dies in between nothing that must be repaired.

use super::control::{Phase, Reading, Shares, Strain};
use crate::core::net::{Backlog, Proto, SocketInfo};
use crate::ipc::{PerProcess, ShmFull, ShmTag};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Sockets with a state of their own; those above share one.
const SOCKETS: usize = 64;
/// Bits of a share in a packed word.
const SHARE_BITS: u32 = 20;

crate::shm_struct! {
    /// The load of one socket.
    #[derive(Debug)]
    pub(super) struct Load {
        /// Number of the [`Phase`]; looked at for each datagram.
        phase: AtomicU32,
        /// Microseconds of lasting pressure.
        held: AtomicU32,
        /// The three [`Shares`].
        shares: AtomicU64,
        /// When somebody looked last, in the unit of the cycle clock.
        looked: AtomicU64,
        bytes: AtomicU32,
        limit: AtomicU32,
        waited_us: AtomicU64,
        /// Unix time of the last change between overloaded and not.
        since: AtomicU64,
        /// How often it was overloaded.
        overloads: AtomicU32,
        /// Of `refused` and `dropped` those before the present overload.
        before: AtomicU64,
        /// Requests answered with 503.
        pub refused: AtomicU64,
        /// Requests that got no answer.
        pub dropped: AtomicU64,
    }
}

impl Load {
    const fn new() -> Load {
        Load {
            phase: AtomicU32::new(Phase::Calm as u32),
            held: AtomicU32::new(0),
            shares: AtomicU64::new(0),
            looked: AtomicU64::new(0),
            bytes: AtomicU32::new(0),
            limit: AtomicU32::new(0),
            waited_us: AtomicU64::new(0),
            since: AtomicU64::new(0),
            overloads: AtomicU32::new(0),
            before: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// Whether nothing need be known of a datagram.
    #[inline]
    pub(super) fn is_calm(&self) -> bool {
        self.phase.load(Relaxed) == Phase::Calm as u32
    }

    pub(super) fn phase(&self) -> Phase {
        Phase::of(self.phase.load(Relaxed))
    }

    pub(super) fn strain(&self) -> Strain {
        Strain {
            phase: self.phase(),
            held: Duration::from_micros(self.held.load(Relaxed).into()),
        }
    }

    /// Keeps what a look has come to; true for the one that changes the phase.
    pub(super) fn set_strain(&self, before: Strain, after: Strain) -> bool {
        self.held.store(after.held.as_micros() as u32, Relaxed);
        let (from, to) = (before.phase as u32, after.phase as u32);
        from != to
            && self
                .phase
                .compare_exchange(from, to, Relaxed, Relaxed)
                .is_ok()
    }

    /// What is not served at present.
    pub(super) fn shares(&self) -> Shares {
        let packed = self.shares.load(Relaxed);
        let field = |n: u32| (packed >> (n * SHARE_BITS)) as u32 & ((1 << SHARE_BITS) - 1);
        Shares {
            new: field(0),
            light: field(1),
            silent: field(2),
        }
    }

    pub(super) fn set_shares(&self, shares: Shares) {
        let fields = [shares.new, shares.light, shares.silent];
        let packed = fields.iter().rev().fold(0, |packed: u64, field| {
            packed << SHARE_BITS | u64::from(*field)
        });
        self.shares.store(packed, Relaxed);
    }

    /// Makes the caller the one that looks, if the last look was `interval` before `now`; the time since then.
    pub(super) fn elect(&self, now: u64, interval: u64) -> Option<u64> {
        let looked = self.looked.load(Relaxed);
        // A look in the future is one by another clock.
        let passed = now.checked_sub(looked).unwrap_or(interval);
        let due = passed >= interval;
        let elected = due
            && self
                .looked
                .compare_exchange(looked, now, Relaxed, Relaxed)
                .is_ok();
        elected.then_some(passed)
    }

    pub(super) fn reading(&self) -> Reading {
        Reading {
            backlog: Backlog {
                bytes: self.bytes.load(Relaxed),
                limit: self.limit.load(Relaxed),
                ..Backlog::default()
            },
            waited: Duration::from_micros(self.waited_us.load(Relaxed)),
        }
    }

    pub(super) fn set_reading(&self, seen: &Reading) {
        self.bytes.store(seen.backlog.bytes, Relaxed);
        self.limit.store(seen.backlog.limit, Relaxed);
        self.waited_us
            .store(seen.waited.as_micros() as u64, Relaxed);
    }

    /// Unix time since when it is overloaded, or is not; 0: since the start.
    pub(super) fn since(&self) -> u64 {
        self.since.load(Relaxed)
    }

    /// It is overloaded from `now` on, for the n-th time.
    pub(super) fn begin(&self, now: u64) {
        self.since.store(now, Relaxed);
        self.before.store(self.turned_away(), Relaxed);
        self.overloads.fetch_add(1, Relaxed);
    }

    /// It no longer is; how long it was, in seconds, and how many requests were not served.
    pub(super) fn end(&self, now: u64) -> (u64, u64) {
        let began = self.since.swap(now, Relaxed);
        let turned_away = self.turned_away() - self.before.load(Relaxed);
        (now.saturating_sub(began), turned_away)
    }

    pub(super) fn overloads(&self) -> u32 {
        self.overloads.load(Relaxed)
    }

    fn turned_away(&self) -> u64 {
        self.refused.load(Relaxed) + self.dropped.load(Relaxed)
    }
}

static LOADS: OnceLock<&'static PerProcess<Load>> = OnceLock::new();

/// Makes the states; before the first fork.
pub(super) fn create() -> Result<(), ShmFull> {
    let loads = PerProcess::create(SOCKETS, ShmTag::CORE, Load::new)?;
    LOADS.get_or_init(|| loads);
    Ok(())
}

/// The state of a UDP socket; `None` where overload control is off.
pub(super) fn of(socket: &SocketInfo) -> Option<&'static Load> {
    let loads = LOADS.get().filter(|_| socket.proto == Proto::Udp)?;
    Some(loads.of(u16::try_from(socket.index).unwrap_or(u16::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept_whole() {
        let load = Load::new();
        let shares = Shares {
            new: super::super::control::ALL,
            light: 1,
            silent: 12_345,
        };
        load.set_shares(shares);
        assert_eq!(load.shares(), shares);
    }

    #[test]
    fn one_of_many_is_elected_to_look() {
        let load = Load::new();
        assert_eq!(load.elect(1000, 10), Some(1000));
        assert_eq!(load.elect(1005, 10), None);
        assert_eq!(load.elect(1010, 10), Some(10));
        assert_eq!(load.elect(3, 10), Some(10), "another clock");
    }

    #[test]
    fn an_overload_tells_its_length_and_its_toll() {
        let load = Load::new();
        load.refused.store(5, Relaxed);
        load.begin(100);
        load.refused.store(12, Relaxed);
        load.dropped.store(1, Relaxed);
        assert_eq!((load.since(), load.overloads()), (100, 1));
        assert_eq!(load.end(130), (30, 8));
        assert_eq!(load.since(), 130);
    }
}
