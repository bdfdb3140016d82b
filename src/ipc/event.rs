//! `ShmEvent`: a word in shared memory that a process waits on until another changes it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::mutex::{sleep, wake};

crate::shm_struct! {
    /// Counts how often something happened; whoever has seen a count can wait for the next.
    ///
    /// Invariant: what was stored before [`ShmEvent::happen`] is seen after a [`ShmEvent::count`] that
    /// tells of it.
    #[derive(Debug, Default)]
    pub struct ShmEvent {
        count: AtomicU32,
    }
}

impl ShmEvent {
    /// One that has not happened yet.
    pub const fn new() -> ShmEvent {
        ShmEvent {
            count: AtomicU32::new(0),
        }
    }

    /// How often it happened; wraps.
    pub fn count(&self) -> u32 {
        self.count.load(Ordering::Acquire)
    }

    /// It happens: everybody who waits goes on.
    pub fn happen(&self) {
        self.count.fetch_add(1, Ordering::Release);
        wake(&self.count, u32::MAX >> 1);
    }

    /// Sleeps until the count is no longer `seen`, at most `limit`. May return early (a signal).
    /// False if the time is over.
    pub fn wait(&self, seen: u32, limit: Duration) -> bool {
        let limit = rustix::time::Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        };
        sleep(&self.count, seen, &limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::tests::{fork_child, wait_child};
    use crate::ipc::{ShmTag, lease_slot, shm_static, test_segment};

    #[test]
    fn a_process_waits_for_another() {
        test_segment();
        let event = shm_static(ShmEvent::new(), ShmTag::CORE).expect("memory");
        let lease = lease_slot();
        let seen = event.count();
        let pid = fork_child(lease.slot(), || {
            event.happen();
            0
        });
        while event.count() == seen {
            event.wait(seen, Duration::from_secs(30));
        }
        assert_eq!(wait_child(pid), 0);
        assert!(
            event.wait(seen, Duration::from_secs(30)),
            "it happened already"
        );
        assert!(!event.wait(event.count(), Duration::from_millis(1)));
    }
}
