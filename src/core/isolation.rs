//! The border at which a panic ends: a piece of work that panics costs itself, and its process goes on.
//!
//! Guards release their locks while the panic passes by. Invariant: behind the border no lock is held that was not held
//! before it; where one is (somebody has forgotten a guard), what it protects may be half-done, and the process ends, so
//! that the attendant repairs that and gives the lock back.

use crate::core::stats::activity::Task;
use crate::core::stats::{Counter, count, work};
use crate::ipc::{held_locks, locks_held, process_slot};
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs a piece of work; `None`: it panicked, which the panic hook has told.
pub fn catch<T>(work: impl FnOnce() -> T) -> Option<T> {
    let before = locks_held();
    let result = catch_unwind(AssertUnwindSafe(work)).ok();
    if result.is_none() && locks_held() > before {
        end_with_lock();
    }
    result
}

/// Does a piece of work that is no message; one that panics is counted and told by the name `what`.
pub fn task<T>(task: Task, what: impl Display, work: impl FnOnce() -> T) -> Option<T> {
    let result = catch(|| work::task(task, work));
    if result.is_none() {
        count(Counter::TaskPanics);
        log::error!("ERROR: panic in {what}");
    }
    result
}

fn end_with_lock() -> ! {
    let held = held_locks(process_slot()).unwrap_or_default();
    let names: Vec<_> = held.iter().map(|lock| lock.rank().to_string()).collect();
    let names = names.join(", ");
    crate::crit!("BUG: the panic has left locked: {names}; this process ends to have it repaired");
    std::process::abort()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::{LockRank, ranked, test_segment};

    #[test]
    fn a_panic_ends_at_the_border_and_releases_the_locks_inside() {
        test_segment();
        let (outer, inner) = (ranked(LockRank(101), 1), ranked(LockRank(102), 2));
        let _outer = outer.lock();
        let result = catch(|| {
            let _inner = inner.lock();
            assert!(locks_held() >= 2);
            panic!("as told")
        });
        assert_eq!(result, None::<()>);
        assert!(inner.try_lock().is_some());
        assert_eq!(catch(|| 5), Some(5));
        assert_eq!(task(Task::Timer, "a test", || panic!("too")), None::<()>);
    }
}
