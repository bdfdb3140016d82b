//! Deaths and failures on demand, for tests: the server is built so that a process may die at any store to shared
//! memory, and any allocation may fail; with this a test makes it happen at each of them, one after the other.
//!
//! The code calls [`point`] between the stores of a change, and the allocator asks [`fails`]. Nothing of it is in
//! release builds. Invariant: private to its process, and off until a test module arms it.

#[cfg(debug_assertions)]
mod armed {
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Points to be passed alive, plus one; 0: no death is planned.
    static DEATH: AtomicU64 = AtomicU64::new(0);
    /// Allocations that succeed still, plus one; 0: none fails.
    static FAILURE: AtomicU64 = AtomicU64::new(0);

    /// Counts down; true once, at the end.
    fn is_over(counter: &AtomicU64) -> bool {
        let left = counter.load(Ordering::Relaxed);
        if left == 0 {
            return false;
        }
        counter.store(left - 1, Ordering::Relaxed);
        left == 1
    }

    pub fn plan_death(points: u64) {
        DEATH.store(points + 1, Ordering::Relaxed);
    }

    pub fn plan_failure(allocations: u64) {
        FAILURE.store(allocations + 1, Ordering::Relaxed);
    }

    pub fn cancel() -> (u64, u64) {
        let taken = [&DEATH, &FAILURE].map(|counter| counter.swap(0, Ordering::Relaxed));
        (taken[0], taken[1])
    }

    #[inline]
    pub fn point() {
        if is_over(&DEATH) {
            die();
        }
    }

    #[cold]
    fn die() -> ! {
        // No destructor, no handler: as a crash in the middle of the instruction.
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)
            .ok();
        loop {
            std::hint::spin_loop();
        }
    }

    #[inline]
    pub fn fails() -> bool {
        is_over(&FAILURE)
    }
}

#[cfg(not(debug_assertions))]
mod armed {
    pub fn plan_death(_: u64) {}
    pub fn plan_failure(_: u64) {}
    pub fn cancel() -> (u64, u64) {
        (0, 0)
    }
    #[inline(always)]
    pub fn point() {}
    #[inline(always)]
    pub fn fails() -> bool {
        false
    }
}

/// Between two stores: dies here if that is planned.
pub(super) use armed::point;

/// Whether the allocation that is being made is planned to fail.
pub(super) use armed::fails;

/// With this in the environment a debug build takes every segment of another program for one that it does not understand.
pub const FOREIGN: &str = "SER_TEST_FOREIGN";

/// Whether that is so.
pub(super) fn is_foreign() -> bool {
    AVAILABLE && std::env::var_os(FOREIGN).is_some()
}

/// Whether this build has faults at all.
pub const AVAILABLE: bool = cfg!(debug_assertions);

/// This process dies at the next point but `points`.
pub fn plan_death(points: u64) {
    armed::plan_death(points);
}

/// In this process the next allocation but `allocations` fails.
pub fn plan_failure(allocations: u64) {
    armed::plan_failure(allocations);
}

/// Takes the plans back; returns what was left of them, 0 for a plan that was carried out or not made.
pub fn cancel() -> (u64, u64) {
    armed::cancel()
}
