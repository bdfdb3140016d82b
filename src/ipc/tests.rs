//! Several processes at once: locks, the table, the allocator, and processes that are killed.

#![allow(unsafe_code)]

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::*;

/// Forks a child with a process slot of its own that runs `work` and ends; returns its pid.
pub(super) fn fork_child(slot: u16, work: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child runs `work` on a copy of this thread only and leaves by _exit; it takes no
    // lock of another thread but those in shared memory, whose owners live on in the parent.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork failed");
    if pid == 0 {
        set_process_slot(slot);
        let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or(99);
        // SAFETY: ends this process; nothing of the parent is flushed or dropped.
        unsafe { libc::_exit(code) };
    }
    pid
}

/// Waits for the end of child `pid`; returns its exit code, or minus the signal.
pub(super) fn wait_child(pid: i32) -> i32 {
    let mut status = 0;
    // SAFETY: waits for a child of this process and writes to a local.
    while unsafe { libc::waitpid(pid, &mut status, 0) } < 0 {}
    if libc::WIFEXITED(status) {
        libc::WEXITSTATUS(status)
    } else {
        -libc::WTERMSIG(status)
    }
}

/// Ends this process as SIGKILL does.
pub(super) fn kill_myself() -> ! {
    // SAFETY: signals this very process, which does not return from it.
    unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn kill(pid: i32) {
    // SAFETY: a child of this test that was not yet waited for.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_child_and_its_parent_see_the_same_memory() {
    test_segment();
    let number = shm_static(AtomicU32::new(1), ShmTag::CORE).expect("memory");
    let lease = lease_slot();
    let pid = fork_child(lease.slot(), || {
        number.store(42, Ordering::Release);
        0
    });
    assert_eq!(wait_child(pid), 0);
    assert_eq!(number.load(Ordering::Acquire), 42);
}

#[test]
fn four_processes_count_to_the_sum_under_one_mutex() {
    test_segment();
    let counter = shm_static(ranked(LockRank::MODULE, 0_u64), ShmTag::CORE).expect("memory");
    let leases: Vec<SlotLease> = (0..4).map(|_| lease_slot()).collect();
    let children: Vec<i32> = leases
        .iter()
        .map(|lease| {
            fork_child(lease.slot(), || {
                for _ in 0..50_000 {
                    *counter.lock() += 1;
                }
                0
            })
        })
        .collect();
    assert!(children.into_iter().all(|pid| wait_child(pid) == 0));
    assert_eq!(*counter.lock(), 200_000);
}

#[test]
fn the_killed_holder_of_a_mutex_is_found_and_the_mutex_released() {
    test_segment();
    let mutex = shm_static(ranked(LockRank::MODULE, 0_u32), ShmTag::CORE).expect("memory");
    let held = shm_static(AtomicBool::new(false), ShmTag::CORE).expect("memory");
    let lease = lease_slot();
    let dead = lease.slot();
    let pid = fork_child(dead, || {
        let _guard = mutex.lock();
        held.store(true, Ordering::Release);
        loop {
            std::thread::sleep(Duration::from_secs(1));
        }
    });
    wait_until("the child locks", || held.load(Ordering::Acquire));
    // A second process sleeps on the lock when its owner dies.
    let waiter = lease_slot();
    let second = fork_child(waiter.slot(), || {
        *mutex.lock() += 1;
        0
    });
    kill(pid);
    assert_eq!(wait_child(pid), -libc::SIGKILL);
    assert!(mutex.try_lock().is_none());

    let locks = held_locks(dead).expect("few locks");
    assert_eq!(locks.len(), 1);
    assert_eq!(locks[0].rank(), LockRank::MODULE);
    assert_eq!(locks[0].lock().owner(), Some(dead));
    assert!(!locks[0].lock().force_release(dead + 1));
    assert!(locks[0].lock().force_release(dead));
    recover_processes(&[dead]);
    assert_eq!(wait_child(second), 0);
    assert_eq!(*mutex.lock(), 1);
    assert_eq!(held_locks(dead).expect("empty").len(), 0);
}

/// A child that was killed while it held `mutex`; its slot is the lease's.
fn killed_holder(mutex: &ShmMutex<u32>, lease: &SlotLease) {
    let held = shm_static(AtomicBool::new(false), ShmTag::CORE).expect("memory");
    let pid = fork_child(lease.slot(), || {
        let mut guard = mutex.lock();
        *guard = 7;
        held.store(true, Ordering::Release);
        loop {
            std::thread::sleep(Duration::from_secs(1));
        }
    });
    wait_until("the child locks", || held.load(Ordering::Acquire));
    kill(pid);
    assert_eq!(wait_child(pid), -libc::SIGKILL);
}

#[test]
fn a_seized_mutex_gives_its_value_to_the_one_who_repairs_it() {
    test_segment();
    let mutex = shm_static(ranked(LockRank::MODULE, 0_u32), ShmTag::CORE).expect("memory");
    let lease = lease_slot();
    killed_holder(mutex, &lease);
    assert_eq!(mutex_owner(mutex), Some(lease.slot()));
    let mut guard = seize_mutex(mutex, lease.slot()).expect("the dead holds it");
    assert_eq!(std::mem::replace(&mut *guard, 8), 7);
    assert_eq!(mutex_owner(mutex), Some(process_slot()));
    assert!(seize_mutex(mutex, lease.slot()).is_none());
    drop(guard);
    assert_eq!(*mutex.lock(), 8);
    recover_processes(&[lease.slot()]);
}

#[test]
fn the_stuck_hook_frees_a_process_that_waits_for_the_dead() {
    test_segment();
    let mutex = shm_static(ranked(LockRank::MODULE, 0_u32), ShmTag::CORE).expect("memory");
    let (dead, waiter) = (lease_slot(), lease_slot());
    killed_holder(mutex, &dead);
    let pid = fork_child(waiter.slot(), || {
        set_stuck_hook(|lock, owner| assert!(lock.force_release(owner)));
        i32::from(*mutex.lock() != 7)
    });
    assert_eq!(wait_child(pid), 0);
    recover_processes(&[dead.slot()]);
}

#[test]
fn a_second_lock_by_the_same_process_panics_and_does_not_hang() {
    test_segment();
    let mutex = ranked(LockRank::NONE, ());
    let _guard = mutex.lock();
    let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(mutex.lock())));
    assert!(again.is_err());
}

#[cfg(debug_assertions)]
#[test]
fn the_witness_refuses_locks_in_the_wrong_order() {
    test_segment();
    let (low, high) = (ranked(LockRank(100), ()), ranked(LockRank(101), ()));
    {
        let _first = low.lock();
        let _second = high.lock();
    }
    let _first = high.lock();
    let wrong = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(low.lock())));
    assert!(wrong.is_err());
}

crate::shm_struct! {
    struct Entry {
        key: u64,
        text: ShmStr,
        seen: ShmList<u64>,
    }
}

fn entry(key: u64, tag: ShmTag) -> Result<Entry, ShmFull> {
    let text = format!("the text of the entry with the number {key}");
    Ok(Entry {
        key,
        text: ShmStr::try_new_in(text.as_bytes(), tag)?,
        seen: ShmList::new_in(tag),
    })
}

/// Inserts, changes and removes entries; entries of other processes too.
fn hammer(table: &ShmTable<Entry>, tag: ShmTag, seed: u64, rounds: u32) -> Result<(), ShmFull> {
    let mut state = seed;
    for _ in 0..rounds {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let key = (state >> 33) % 512;
        let mut bucket = table.bucket(key as u32).lock();
        match state >> 60 {
            0..=6 => {
                if bucket.find(|e| e.key == key).is_none() {
                    bucket.insert(entry(key, tag)?)?;
                }
            }
            7..=10 => {
                if let Some(found) = bucket.find_mut(|e| e.key == key) {
                    found.seen.push_back(state)?;
                    found.text.replace(entry(key, tag)?.text);
                }
            }
            _ => drop(bucket.remove(|e| e.key == key)),
        }
        for found in bucket.iter() {
            let expected = format!("the text of the entry with the number {}", found.key);
            assert_eq!(found.text.as_bytes(), expected.as_bytes());
        }
    }
    Ok(())
}

#[test]
fn four_processes_hammer_one_table_and_nothing_is_lost() {
    test_segment();
    let tag = ShmTag::register("table stress");
    let table: &ShmTable<Entry> = ShmTable::create(64, tag).expect("memory");
    let before = tag_stats()[usize::from(tag.index())].allocations;
    let leases: Vec<SlotLease> = (0..4).map(|_| lease_slot()).collect();
    let children: Vec<i32> = leases
        .iter()
        .map(|lease| {
            let seed = u64::from(lease.slot()) * 7919;
            fork_child(lease.slot(), || {
                i32::from(hammer(table, tag, seed, 40_000).is_err())
            })
        })
        .collect();
    assert!(children.into_iter().all(|pid| wait_child(pid) == 0));
    let counted = table.check().expect("links");
    assert!(counted > 0);
    for bucket in table.iter_buckets() {
        bucket.lock().retain(|_| false);
    }
    assert_eq!(tag_stats()[usize::from(tag.index())].allocations, before);
    check_allocator().expect("allocator");
}

impl Mend for Entry {
    fn mend(&mut self) -> Fate {
        self.seen.repair();
        self.text.repair();
        Fate::Keep
    }
}

#[test]
fn killed_workers_leave_a_table_and_an_allocator_that_can_be_repaired() {
    test_segment();
    let tag = ShmTag::register("kill stress");
    let table: &ShmTable<Entry> = ShmTable::create(16, tag).expect("memory");
    let started = shm_static(AtomicU64::new(0), ShmTag::CORE).expect("memory");
    for round in 0..60_u64 {
        let lease = lease_slot();
        let dead = lease.slot();
        let pid = fork_child(dead, || {
            started.store(round + 1, Ordering::Release);
            i32::from(hammer(table, tag, round * 104_729 + 1, u32::MAX).is_err())
        });
        wait_until("the child works", || {
            started.load(Ordering::Acquire) == round + 1
        });
        std::thread::sleep(Duration::from_micros(300 + round * 37));
        kill(pid);
        assert_eq!(wait_child(pid), -libc::SIGKILL);
        recover_processes(&[dead]);
        table.check().expect("links after a kill");
        check_allocator().expect("allocator after a kill");
    }
    // The survivors can go on working with it.
    hammer(table, tag, 3, 20_000).expect("memory");
    table.check().expect("links at the end");
}
