//! One timer: what is embedded in the thing that it is for.
//!
//! States: *fresh* (never added), *active* (added once; linked, running, ended, or deleted). Only
//! [`TimerNode::reinit`] makes an active timer fresh again, as in SER.

#![allow(unsafe_code)]

use std::marker::PhantomPinned;
use std::sync::atomic::{AtomicU16, AtomicU32, AtomicU64, Ordering};

use super::Wheel;
use crate::ipc::chain::Links;
use crate::ipc::safe::ShmSafe;
use crate::ipc::segment;

/// Run by the timer process itself.
pub(super) const FAST: u32 = 1;
/// Added once.
pub(super) const ACTIVE: u32 = 0x200;
/// Deleted: whoever is about to link it must not.
pub(super) const DELETED: u32 = 0x400;

/// A timer in shared memory. It must stay where it is while it is active: keep it in a
/// [`crate::ipc::ShmBox`] (which does not let it move) or in a `shm_static`. Dropping it deletes
/// it.
#[repr(C)]
#[derive(Debug)]
pub struct TimerNode {
    /// First, as the chain demands. Protected by the lock of the slot that `place` names.
    links: Links,
    /// The tick at which it is due.
    pub(super) expire: AtomicU32,
    /// Ticks between runs of a periodic timer.
    pub(super) interval: AtomicU32,
    /// One more than the number of the slot it is linked in; 0 if in none.
    pub(super) place: AtomicU32,
    pub(super) state: AtomicU32,
    callback: AtomicU16,
    data: AtomicU64,
    /// Offset of the wheel it was added to.
    pub(super) wheel: AtomicU64,
    _stays: PhantomPinned,
}

// SAFETY: atomics, and links that are offsets.
unsafe impl ShmSafe for TimerNode {}

impl TimerNode {
    fn new(callback: u16, data: u64, flags: u32) -> TimerNode {
        TimerNode {
            links: Links::new(),
            expire: AtomicU32::new(0),
            interval: AtomicU32::new(0),
            place: AtomicU32::new(0),
            state: AtomicU32::new(flags),
            callback: AtomicU16::new(callback),
            data: AtomicU64::new(data),
            wheel: AtomicU64::new(0),
            _stays: PhantomPinned,
        }
    }

    /// A timer whose handler, number `callback`, runs in the timer process. It must be quick.
    pub fn fast(callback: u16, data: u64) -> TimerNode {
        TimerNode::new(callback, data, FAST)
    }

    /// A timer whose handler, number `callback`, runs in the slow timer process.
    pub fn slow(callback: u16, data: u64) -> TimerNode {
        TimerNode::new(callback, data, 0)
    }

    /// Changes what the handler is given; not while the timer is active.
    pub fn set_data(&self, data: u64) {
        self.data.store(data, Ordering::Relaxed);
    }

    /// What the handler is given.
    pub fn data(&self) -> u64 {
        self.data.load(Ordering::Relaxed)
    }

    /// The number of the handler.
    pub fn callback(&self) -> u16 {
        self.callback.load(Ordering::Relaxed)
    }

    /// True once it was added, even if it ended or was deleted since.
    pub fn is_active(&self) -> bool {
        self.state.load(Ordering::Acquire) & ACTIVE != 0
    }

    /// True if it waits to expire or to be handled.
    pub fn is_pending(&self) -> bool {
        self.place.load(Ordering::Acquire) != 0
    }

    pub(super) fn is_fast(&self) -> bool {
        self.state.load(Ordering::Relaxed) & FAST != 0
    }

    /// Marks the timer as added and not deleted.
    pub(super) fn activate(&self) {
        let kept = self.state.load(Ordering::Relaxed) & FAST;
        self.state.store(kept | ACTIVE, Ordering::SeqCst);
    }

    /// Makes a timer that ended or was deleted ready to be added again; false if it is pending.
    pub fn reinit(&self) -> bool {
        let idle = !self.is_pending();
        if idle {
            self.state.fetch_and(FAST, Ordering::AcqRel);
        }
        idle
    }

    pub(super) fn offset(&self) -> u64 {
        segment::offset_of(self)
    }
}

impl Drop for TimerNode {
    fn drop(&mut self) {
        let wheel = self.wheel.load(Ordering::Relaxed);
        if wheel != 0 && self.is_active() {
            // SAFETY: `add` noted the offset of a wheel, which lives for good.
            unsafe { &*segment::at::<Wheel>(wheel) }.forget(self);
        }
    }
}
