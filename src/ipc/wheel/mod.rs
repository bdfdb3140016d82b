//! The timer wheel: hierarchical, in shared memory, a lock for each slot.
//!
//! SER's shape: 16384 slots of one tick (1/16 s), 512 of 16384 ticks, 512 of 2^23 ticks, and 1024
//! lists that hand due timers to the slow timer process. Any process adds and deletes in constant
//! time; the timer process advances. The wheel knows no code: it yields due timers with the number
//! of their handler, and takes the handler's return value.
//!
//! Invariants: a node is linked in the slot that its `place` names, changed under that slot's
//! lock. `processed` is published before the slot of that tick is locked, and whoever links a node
//! checks under the lock that the slot is still to come, so no timer is missed. A node that
//! is popped is named in `running` before it leaves its slot and until its handler has ended and
//! it is linked again, so a deleter sees it in one or the other.

#![allow(unsafe_code)]

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use lock_api::RawMutex;

mod node;
mod recover;
mod run;
#[cfg(test)]
mod tests;

use super::alloc::{ShmFull, ShmTag};
use super::boxed::shm_static_with;
use super::fault::point;
use super::mutex::{sleep, wake};
use super::rank::LockRank;
use super::recover::{note_change, register_owner};
use super::rows::ShmRows;
use super::safe::ShmSafe;
use super::segment;
use super::slot::{MAX_PROCESSES, process_slot};
use super::table::{Bucket, buckets};
pub use node::TimerNode;
use node::{ACTIVE, DELETED};
pub use run::{Advance, Due, ONE_SHOT, PERIODIC};

/// Ticks in a second.
pub const TICKS_HZ: u32 = 16;
/// The longest time a timer can be set to, in ticks (four years).
pub const MAX_DELTA: u32 = i32::MAX as u32;

const LEVEL0: u32 = 1 << 14;
const LEVEL1: u32 = 1 << 9;
const LEVEL2: u32 = 1 << 9;
const SHIFT1: u32 = 14;
const SHIFT2: u32 = 23;
/// Number of the first slow list.
const SLOW: u32 = LEVEL0 + LEVEL1 + LEVEL2;
/// Slow lists; one is filled while up to 1023 wait.
const SLOW_LISTS: u32 = 1024;
const SLOTS: u32 = SLOW + SLOW_LISTS;

/// How many timers each process has linked, less how many it has unlinked.
static LINKED: ShmRows<AtomicI64> = ShmRows::new();

#[inline]
fn count_linked(n: i64) {
    if let Some(linked) = LINKED.my_first() {
        linked.store(linked.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }
}

/// Which process runs handlers: the timer, or the slow timer.
const TIMER: usize = 0;
const SLOW_TIMER: usize = 1;

/// Why a timer was not added or deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimerError {
    /// It was added before; [`TimerNode::reinit`] first.
    Active,
    /// More than [`MAX_DELTA`] ticks.
    TooLong,
    /// A handler tried to delete its own timer.
    OwnHandler,
}

impl fmt::Display for TimerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TimerError::Active => "the timer was added before and not re-initialised",
            TimerError::TooLong => "the timer is set too far ahead",
            TimerError::OwnHandler => "the timer's handler tried to delete it",
        })
    }
}

impl std::error::Error for TimerError {}

/// What one of the two timer processes is doing.
#[repr(C)]
struct Running {
    /// Offset of the node whose handler runs, or 0.
    node: AtomicU64,
    /// Offset of the node that is being moved between two slots, or 0.
    moving: AtomicU64,
    /// One more than the process slot of the runner.
    slot: AtomicU32,
    _pad: AtomicU32,
}

impl Running {
    const fn new() -> Running {
        Running {
            node: AtomicU64::new(0),
            moving: AtomicU64::new(0),
            slot: AtomicU32::new(0),
            _pad: AtomicU32::new(0),
        }
    }

    fn is_mine(&self) -> bool {
        self.slot.load(Ordering::Relaxed) == u32::from(process_slot()) + 1
    }
}

/// The wheel; one for the server, made before the first fork.
#[repr(C)]
pub struct Wheel {
    slots: u64,
    /// The clock, in ticks since an arbitrary moment.
    ticks: AtomicU32,
    /// The last tick whose timers were run.
    processed: AtomicU32,
    /// Slow list that is being filled; counts on, the list is this modulo 1024.
    slow_in: AtomicU32,
    /// Slow list that is to be worked off next.
    slow_out: AtomicU32,
    running: [Running; 2],
}

// SAFETY: atomics, and the offset of an array of buckets.
unsafe impl ShmSafe for Wheel {}

/// The place in the lock order: a lower level is taken after a higher one, a slow list after all.
fn lock_index(slot: usize) -> u16 {
    let slot = slot as u32;
    if slot < SLOW {
        (SLOW - 1 - slot) as u16
    } else {
        slot as u16
    }
}

/// Signed distance from tick `from` to tick `to`; ticks wrap.
fn distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from).cast_signed()
}

/// The slot for a timer due at `expire`, not before `now`, when the ticks up to `now` are done.
fn slot_for(now: u32, expire: u32) -> u32 {
    match expire.wrapping_sub(now) {
        0..LEVEL0 => expire % LEVEL0,
        LEVEL0..0x80_0000 => LEVEL0 + (expire >> SHIFT1) % LEVEL1,
        _ => LEVEL0 + LEVEL1 + (expire >> SHIFT2) % LEVEL2,
    }
}

impl Wheel {
    /// Makes a wheel whose clock stands at `start` (SER starts at a random tick). 300 KB.
    pub fn create(start: u32, tag: ShmTag) -> Result<&'static Wheel, ShmFull> {
        LINKED.create(MAX_PROCESSES, 1, tag)?;
        let make = || {
            Ok(Wheel {
                slots: buckets(SLOTS as usize, LockRank::WHEEL, tag, lock_index)?,
                ticks: AtomicU32::new(start),
                processed: AtomicU32::new(start),
                slow_in: AtomicU32::new(0),
                slow_out: AtomicU32::new(0),
                running: [const { Running::new() }; 2],
            })
        };
        let wheel = shm_static_with(tag, make)?;
        register_owner(wheel);
        Ok(wheel)
    }

    /// Verifies the links of every slot; returns the number of pending timers, the text says what is wrong.
    pub fn check(&self) -> Result<usize, String> {
        let check = |index| {
            let slot = self.slot(index);
            slot.lock.lock();
            let result = slot.chain.check();
            // SAFETY: locked above by this process.
            unsafe { slot.lock.unlock() };
            result
        };
        (0..SLOTS).map(check).sum()
    }

    /// The clock in ticks of 1/16 s; wraps.
    #[inline]
    pub fn ticks(&self) -> u32 {
        self.ticks.load(Ordering::Relaxed)
    }

    /// How many timers are set. A process that was killed may have counted one too many or too few.
    pub fn armed(&self) -> i64 {
        let counts = LINKED.iter().flatten();
        let sum: i64 = counts.map(|n| n.load(Ordering::Relaxed)).sum();
        sum.max(0)
    }

    /// Ticks of which the timers were not run yet.
    pub fn ticks_behind(&self, now: u32) -> u32 {
        let behind = distance(self.processed.load(Ordering::Relaxed), now);
        behind.max(0).cast_unsigned()
    }

    /// Lists that wait for the slow timer process.
    pub fn slow_lists(&self) -> u32 {
        let out = self.slow_out.load(Ordering::Relaxed);
        self.slow_in.load(Ordering::Relaxed).wrapping_sub(out)
    }

    fn slot(&self, index: u32) -> &Bucket {
        debug_assert!(index < SLOTS);
        // SAFETY: the array has SLOTS initialised buckets and lives for good.
        unsafe { &*segment::at::<Bucket>(self.slots).add(index as usize) }
    }

    /// The node at `offset`.
    fn node(&self, offset: u64) -> &TimerNode {
        // SAFETY: callers hold the lock of the slot it is linked in, or it is named in `running`:
        // in both cases its owner waits in `del` before it frees the node.
        unsafe { &*segment::at::<TimerNode>(offset) }
    }

    /// Starts `timer`: its handler is due `delta` ticks from now, and a periodic one every `delta`
    /// ticks after. 0 means at the next tick.
    pub fn add(&self, timer: &TimerNode, delta: u32) -> Result<(), TimerError> {
        if delta > MAX_DELTA {
            return Err(TimerError::TooLong);
        }
        if timer.state.fetch_or(ACTIVE, Ordering::AcqRel) & ACTIVE != 0 {
            return Err(TimerError::Active);
        }
        if delta == 0 {
            log::warn!("0 expire timer added");
        }
        timer
            .wheel
            .store(segment::offset_of(self), Ordering::Relaxed);
        timer.interval.store(delta, Ordering::Relaxed);
        self.link(timer, self.ticks().wrapping_add(delta));
        Ok(())
    }

    /// Sets `timer` to be due `delta` ticks from now (0: at the next tick), whether it is fresh, pending or
    /// ended; never waits for a handler. All calls for one timer, those of its own handler included, must
    /// be made under one lock of the caller's; a handler that uses it returns [`ONE_SHOT`], and may be
    /// called once too often when it was about to run.
    pub fn set(&self, timer: &TimerNode, delta: u32) {
        let delta = delta.min(MAX_DELTA);
        timer.activate();
        loop {
            let place = timer.place.load(Ordering::SeqCst);
            if place == 0 || self.unlink(timer, place) {
                break;
            }
        }
        timer
            .wheel
            .store(segment::offset_of(self), Ordering::Relaxed);
        timer.interval.store(delta, Ordering::Relaxed);
        self.link(timer, self.ticks().wrapping_add(delta));
    }

    /// Links an unlinked `timer` to expire at tick `expire`, or at the next one to come; unless it
    /// was deleted meanwhile.
    fn link(&self, timer: &TimerNode, expire: u32) {
        note_change(timer);
        loop {
            let now = self.processed.load(Ordering::Acquire);
            let expire = if distance(now, expire) <= 0 {
                now.wrapping_add(1)
            } else {
                expire
            };
            let index = slot_for(now, expire);
            let slot = self.slot(index);
            slot.lock.lock();
            let now = self.processed.load(Ordering::Acquire);
            let to_come = distance(now, expire) > 0 && slot_for(now, expire) == index;
            if to_come {
                timer.expire.store(expire, Ordering::Relaxed);
                slot.chain.push_back(timer.offset());
                point();
                timer.place.store(index + 1, Ordering::SeqCst);
                count_linked(1);
                // A deleter sets the flag first and looks for the place second.
                if timer.state.load(Ordering::SeqCst) & DELETED != 0 {
                    slot.chain.remove(timer.offset());
                    timer.place.store(0, Ordering::SeqCst);
                    count_linked(-1);
                }
            }
            // SAFETY: locked above by this process.
            unsafe { slot.lock.unlock() };
            if to_come {
                return;
            }
        }
    }

    /// Stops `timer`. If its handler runs in another process, waits until that ends. True if the
    /// timer was pending. Afterwards its memory may be freed.
    pub fn del(&self, timer: &TimerNode) -> Result<bool, TimerError> {
        if !timer.is_active() {
            return Ok(false);
        }
        timer.state.fetch_or(DELETED, Ordering::SeqCst);
        let mut waited = 0;
        loop {
            let place = timer.place.load(Ordering::SeqCst);
            if place != 0 {
                if self.unlink(timer, place) {
                    return Ok(true);
                }
                continue;
            }
            let offset = timer.offset();
            let Some(runner) = self
                .running
                .iter()
                .find(|r| r.node.load(Ordering::SeqCst) == offset)
            else {
                return Ok(false);
            };
            if runner.is_mine() {
                return Err(TimerError::OwnHandler);
            }
            pause(waited);
            waited += 1;
        }
    }

    /// Unlinks `timer` if it is still in the slot that `place` names.
    fn unlink(&self, timer: &TimerNode, place: u32) -> bool {
        let slot = self.slot(place - 1);
        slot.lock.lock();
        let here = timer.place.load(Ordering::SeqCst) == place;
        if here {
            if slot.chain.names(timer.offset()) {
                slot.chain.remove(timer.offset());
            }
            point();
            timer.place.store(0, Ordering::SeqCst);
            count_linked(-1);
        }
        // SAFETY: locked above by this process.
        unsafe { slot.lock.unlock() };
        here
    }

    /// Inside a handler: its timer may be deleted and freed from now on without waiting for the
    /// handler's end. The handler's return value then counts for nothing.
    pub fn allow_del(&self) {
        for runner in &self.running {
            if runner.is_mine() {
                runner.node.store(0, Ordering::SeqCst);
            }
        }
    }

    /// The end of a timer's memory.
    fn forget(&self, timer: &TimerNode) {
        if self.del(timer) == Err(TimerError::OwnHandler) {
            self.allow_del();
        }
    }

    /// In the slow timer process: sleeps until there is work, at most `limit`; a signal ends it.
    pub fn wait_slow(&self, limit: Duration) {
        let filled = self.slow_in.load(Ordering::Acquire);
        if filled == self.slow_out.load(Ordering::Acquire) {
            let limit = rustix::time::Timespec {
                tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: limit.subsec_nanos().into(),
            };
            sleep(&self.slow_in, filled, &limit);
        }
    }

    fn wake_slow(&self) {
        wake(&self.slow_in, 1);
    }
}

/// Lets the process go on that runs the handler we wait for.
fn pause(waited: u32) {
    if waited < 100 {
        std::thread::yield_now();
    } else {
        std::thread::sleep(Duration::from_micros(200));
    }
}
