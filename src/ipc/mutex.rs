//! A mutex that works between processes and knows who holds it.
//!
//! The word holds the owner's process slot plus one; 0 is free; the top bit says that somebody
//! sleeps on it. Sleeping uses futex without the PRIVATE flag, because the waiters are in other
//! processes. Invariant: the owner bits equal the slot of the process between its `lock` and its
//! `unlock`, whatever happens to that process; that is what lets the attendant find and release
//! the locks of the dead ([`RawShmMutex::owner`], [`RawShmMutex::force_release`]).

#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use lock_api::{GuardNoSend, RawMutex};
use parking_lot::RwLock;
use rustix::io::Errno;
use rustix::thread::futex;

use super::alloc;
use super::fault::point;
use super::rank::{self, LockRank};
use super::slot::{self, ProcArea};

/// A value in shared memory behind a [`RawShmMutex`].
pub type ShmMutex<T> = lock_api::Mutex<RawShmMutex, T>;
/// What [`ShmMutex::lock`] gives.
pub type ShmMutexGuard<'a, T> = lock_api::MutexGuard<'a, RawShmMutex, T>;

/// Somebody sleeps in the kernel on this word.
const CONTENDED: u32 = 1 << 31;
/// How often a waiter looks again before it sleeps: about a microsecond, longer than the critical
/// sections of this server, shorter than a futex call.
const SPINS: u32 = 80;
/// A sleeper looks again after this long: its waker may have been killed between the release of
/// the word and the wake-up call.
const RECHECK: rustix::time::Timespec = rustix::time::Timespec {
    tv_sec: 0,
    tv_nsec: 500_000_000,
};

/// Called by a process that has waited half a second for a lock, again every half second.
pub type StuckHook = fn(&RawShmMutex, owner: u16);

static STUCK_HOOK: RwLock<Option<StuckHook>> = RwLock::new(None);

/// Sets what a process does that waits long for a lock. The attendant looks whether the owner is dead (it cannot
/// reap while it waits) and then has what the lock protects repaired and released ([`super::rescue`]). Children
/// inherit the hook.
pub fn set_stuck_hook(hook: StuckHook) {
    *STUCK_HOOK.write() = Some(hook);
}

/// The lock word and its place in the lock order; 8 bytes.
#[repr(C)]
pub struct RawShmMutex {
    word: AtomicU32,
    rank: LockRank,
    index: u16,
}

/// A mutex around `value` with a place in the lock order (see `src/ipc/README.md`).
pub const fn ranked<T>(rank: LockRank, value: T) -> ShmMutex<T> {
    lock_api::Mutex::from_raw(RawShmMutex::new(rank, 0), value)
}

/// The process slot that holds `mutex`, if any does.
pub fn mutex_owner<T>(mutex: &ShmMutex<T>) -> Option<u16> {
    // SAFETY: only reads the word; nothing is unlocked.
    unsafe { mutex.raw() }.owner()
}

/// Takes `mutex` over from the dead process `slot`, to repair its value; `None` if `slot` does not
/// hold it. Only for a process that was reaped.
pub fn seize_mutex<T>(mutex: &ShmMutex<T>, slot: u16) -> Option<ShmMutexGuard<'_, T>> {
    // SAFETY: a seized lock is held by this process, which has no guard for it yet; that of the
    // dead ended with its process.
    unsafe {
        mutex
            .raw()
            .seize(slot)
            .then(|| mutex.make_guard_unchecked())
    }
}

impl RawShmMutex {
    /// A free lock of class `rank`. Locks of one class may be held together when their `index`
    /// ascends.
    pub const fn new(rank: LockRank, index: u16) -> Self {
        RawShmMutex {
            word: AtomicU32::new(0),
            rank,
            index,
        }
    }

    /// The process slot that holds the lock, if any does.
    pub fn owner(&self) -> Option<u16> {
        let owner = self.word.load(Ordering::Relaxed) & !CONTENDED;
        owner.checked_sub(1).map(|slot| slot as u16)
    }

    /// The class of this lock.
    pub fn rank(&self) -> LockRank {
        self.rank
    }

    /// Takes the lock away from `slot` and wakes the waiters; false if `slot` does not hold it.
    ///
    /// Only for a process that is known to be dead, and after what the lock protects was repaired.
    pub fn force_release(&self, slot: u16) -> bool {
        let owned = u32::from(slot) + 1;
        let mut word = self.word.load(Ordering::Acquire);
        while word & !CONTENDED == owned {
            match self
                .word
                .compare_exchange(word, 0, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => {
                    wake(&self.word, u32::MAX >> 1);
                    return true;
                }
                Err(now) => word = now,
            }
        }
        false
    }

    /// Takes the lock over from the dead process `slot`, so that its data can be repaired under
    /// it; false if `slot` does not hold it.
    pub fn seize(&self, slot: u16) -> bool {
        let owned = u32::from(slot) + 1;
        let mut word = self.word.load(Ordering::Acquire);
        while word & !CONTENDED == owned {
            let mine = slot::area().me() | CONTENDED;
            match self
                .word
                .compare_exchange(word, mine, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => {
                    slot::area().note_lock(self);
                    rank::acquired(self.rank, self.index);
                    return true;
                }
                Err(now) => word = now,
            }
        }
        false
    }

    /// Locks in the name of `slot`, for tests that play a process which dies.
    #[cfg(test)]
    pub(super) fn lock_as(&self, slot: u16) {
        self.word.store(u32::from(slot) + 1, Ordering::Relaxed);
    }

    #[cold]
    fn lock_slow(&self, mine: u32) {
        let mut spins = SPINS;
        let mut claim = mine;
        loop {
            let word = self.word.load(Ordering::Relaxed);
            if word == 0 {
                if self
                    .word
                    .compare_exchange(0, claim, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
                {
                    return;
                }
                continue;
            }
            if word & !CONTENDED == mine {
                self.forget(slot::area());
                panic!("{} taken twice by process slot {}", self.rank, mine - 1);
            }
            if spins > 0 && word & CONTENDED == 0 {
                spins -= 1;
                std::hint::spin_loop();
                continue;
            }
            if word & CONTENDED == 0
                && self
                    .word
                    .compare_exchange(word, word | CONTENDED, Ordering::Relaxed, Ordering::Relaxed)
                    .is_err()
            {
                continue;
            }
            // From here on others may sleep beside us, so the claim keeps the bit.
            claim = mine | CONTENDED;
            let from = Instant::now();
            let woken = sleep(&self.word, word | CONTENDED, &RECHECK);
            slot::area().add_lock_wait(from.elapsed().as_nanos() as u64);
            if !woken {
                self.ask_about((word & !CONTENDED) as u16 - 1);
            }
        }
    }

    /// The lock did not come free for a long while.
    #[cold]
    fn ask_about(&self, owner: u16) {
        let hook = *STUCK_HOOK.read();
        if let Some(hook) = hook {
            hook(self, owner);
        }
    }

    fn forget(&self, area: &ProcArea) {
        area.forget_lock(self);
    }
}

/// Sleeps while `word` equals `expected`, at most `limit`; wakes early on signals. False if the
/// time is over.
pub(super) fn sleep(word: &AtomicU32, expected: u32, limit: &rustix::time::Timespec) -> bool {
    match futex::wait(word, futex::Flags::empty(), expected, Some(limit)) {
        // Woken, already changed, signal, or time to look again: the caller's loop decides.
        Ok(()) | Err(Errno::AGAIN | Errno::INTR) => true,
        Err(Errno::TIMEDOUT) => false,
        Err(_) => {
            std::thread::yield_now();
            false
        }
    }
}

/// Wakes up to `count` sleepers of `word`.
pub(super) fn wake(word: &AtomicU32, count: u32) {
    if futex::wake(word, futex::Flags::empty(), count).is_err() {
        // Sleepers look again by themselves after RECHECK.
        std::hint::spin_loop();
    }
}

impl std::fmt::Debug for RawShmMutex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} (owner {:?})", self.rank, self.owner())
    }
}

// SAFETY: `lock` returns only after a compare-exchange from 0 to this process's word, and only
// `unlock` of that process (or `force_release` for a dead one) stores 0: the lock is exclusive.
// Guards are not Send, because the word names the process (in tests: the thread) that locked.
unsafe impl RawMutex for RawShmMutex {
    #[allow(clippy::declare_interior_mutable_const)]
    const INIT: Self = RawShmMutex::new(LockRank::NONE, 0);
    type GuardMarker = GuardNoSend;

    #[inline]
    fn lock(&self) {
        rank::check(self.rank, self.index);
        let area = slot::area();
        let mine = area.me();
        area.note_lock(self);
        if self
            .word
            .compare_exchange(0, mine, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            self.lock_slow(mine);
        }
        point();
        rank::acquired(self.rank, self.index);
    }

    #[inline]
    fn try_lock(&self) -> bool {
        let area = slot::area();
        let mine = area.me();
        area.note_lock(self);
        let won = self
            .word
            .compare_exchange(0, mine, Ordering::Acquire, Ordering::Relaxed)
            .is_ok();
        if won {
            rank::acquired(self.rank, self.index);
        } else {
            area.forget_lock(self);
        }
        won
    }

    #[inline]
    unsafe fn unlock(&self) {
        rank::released(self.rank, self.index);
        point();
        if self.word.swap(0, Ordering::Release) & CONTENDED != 0 {
            wake(&self.word, 1);
        }
        point();
        let area = slot::area();
        area.forget_lock(self);
        point();
        if area.journal.holds_back() && !area.holds_back() {
            alloc::give_back(area);
        }
    }

    #[inline]
    fn is_locked(&self) -> bool {
        self.word.load(Ordering::Relaxed) != 0
    }
}
