//! Advancing the wheel: what the timer process and the slow timer process do.

#![allow(unsafe_code)]

use std::sync::atomic::Ordering;

use lock_api::RawMutex;

use super::{
    LEVEL0, LEVEL1, LEVEL2, MAX_DELTA, Running, SHIFT1, SHIFT2, SLOW, SLOW_LISTS, SLOW_TIMER,
    TIMER, TimerNode, Wheel, count_linked, distance, slot_for,
};
use crate::ipc::fault::point;
use crate::ipc::node::Steps;
use crate::ipc::slot::process_slot;

/// A handler returns this to end its timer.
pub const ONE_SHOT: u32 = 0;
/// A handler returns this to be called again after the timer's interval. Any other value is the
/// number of ticks to the next call.
pub const PERIODIC: u32 = u32::MAX;

/// A timer that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Due {
    /// Number of the handler.
    pub callback: u16,
    /// What the timer was made with.
    pub data: u64,
    /// The tick it was set for (fast), or the clock's tick (slow).
    pub tick: u32,
}

/// What one call of [`Wheel::advance`] did.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Advance {
    /// Ticks run.
    pub ticks: u32,
    /// Fast handlers called.
    pub fast: u32,
    /// Timers handed to the slow timer process.
    pub slow: u32,
    /// The slow timer process is 1023 lists behind ("slow timer too slow: overflow"); nothing is
    /// lost, the timers of several ticks share a list.
    pub overflow: bool,
}

impl Wheel {
    /// In the timer process: sets the clock to `now` (never back) and runs every tick up to it, in
    /// order. `run` is called for fast timers; slow ones go to the slow timer process.
    pub fn advance(&self, now: u32, mut run: impl FnMut(Due) -> u32) -> Advance {
        if distance(self.ticks(), now) > 0 {
            self.ticks.store(now, Ordering::Release);
        }
        self.running[TIMER]
            .slot
            .store(u32::from(process_slot()) + 1, Ordering::Relaxed);
        let mut done = Advance::default();
        while distance(self.processed.load(Ordering::Relaxed), self.ticks()) > 0 {
            let tick = self.processed.load(Ordering::Relaxed).wrapping_add(1);
            // Before any slot is locked: see the invariants in the module's documentation.
            self.processed.store(tick, Ordering::SeqCst);
            self.cascade(tick);
            self.run_tick(tick, &mut run, &mut done);
            done.ticks += 1;
        }
        done
    }

    /// At the turn of a lower level, spreads the next slot of the higher one over it.
    fn cascade(&self, tick: u32) {
        if !tick.is_multiple_of(LEVEL0) {
            return;
        }
        if tick.is_multiple_of(1 << SHIFT2) {
            self.spread(LEVEL0 + LEVEL1 + (tick >> SHIFT2) % LEVEL2, tick);
        }
        self.spread(LEVEL0 + (tick >> SHIFT1) % LEVEL1, tick);
    }

    fn spread(&self, source: u32, tick: u32) {
        let slot = self.slot(source);
        slot.lock.lock();
        for offset in Steps::new(&slot.chain) {
            let expire = self.node(offset).expire.load(Ordering::Relaxed);
            let target = slot_for(tick, expire);
            // A timer for the next turn of this very slot stays.
            if target != source {
                self.transfer(source, target, offset);
            }
        }
        // SAFETY: locked above by this process.
        unsafe { slot.lock.unlock() };
    }

    /// Moves a node from slot `source`, which is locked, to slot `target`.
    fn transfer(&self, source: u32, target: u32, offset: u64) {
        let to = self.slot(target);
        let moving = &self.running[TIMER].moving;
        to.lock.lock();
        moving.store(offset, Ordering::Release);
        self.slot(source).chain.remove(offset);
        point();
        to.chain.push_back(offset);
        point();
        self.node(offset).place.store(target + 1, Ordering::SeqCst);
        moving.store(0, Ordering::Release);
        // SAFETY: locked above by this process.
        unsafe { to.lock.unlock() };
    }

    fn run_tick(&self, tick: u32, run: &mut impl FnMut(Due) -> u32, done: &mut Advance) {
        while let Some((offset, due)) = self.pop_fast(tick, done) {
            let next = run(due);
            self.finish(TIMER, offset, next, tick);
            done.fast += 1;
        }
        self.publish_slow(done);
    }

    /// Hands the slow timers of `tick` over; takes out the first fast one.
    fn pop_fast(&self, tick: u32, done: &mut Advance) -> Option<(u64, Due)> {
        let index = tick % LEVEL0;
        let slot = self.slot(index);
        let list = SLOW + self.slow_in.load(Ordering::Relaxed) % SLOW_LISTS;
        let mut popped = None;
        slot.lock.lock();
        for offset in Steps::new(&slot.chain) {
            let timer = self.node(offset);
            if timer.expire.load(Ordering::Relaxed) != tick {
                continue;
            }
            if timer.is_fast() {
                popped = Some((offset, self.start(TIMER, index, timer, tick)));
                break;
            }
            self.transfer(index, list, offset);
            done.slow += 1;
        }
        // SAFETY: locked above by this process.
        unsafe { slot.lock.unlock() };
        popped
    }

    /// Takes `timer` out of slot `index`, which is locked, to run its handler.
    fn start(&self, role: usize, index: u32, timer: &TimerNode, tick: u32) -> Due {
        let offset = timer.offset();
        let due = Due {
            callback: timer.callback(),
            data: timer.data(),
            tick,
        };
        self.running[role].node.store(offset, Ordering::SeqCst);
        point();
        self.slot(index).chain.remove(offset);
        point();
        timer.place.store(0, Ordering::SeqCst);
        count_linked(-1);
        due
    }

    /// After the handler: links the timer again as it wished, unless it was let go.
    fn finish(&self, role: usize, offset: u64, next: u32, base: u32) {
        let Running { node, .. } = &self.running[role];
        if node.load(Ordering::SeqCst) != offset {
            return;
        }
        let timer = self.node(offset);
        if next != ONE_SHOT && !timer.is_pending() {
            let delta = if next == PERIODIC {
                timer.interval.load(Ordering::Relaxed)
            } else {
                next
            };
            self.link(timer, base.wrapping_add(delta.clamp(1, MAX_DELTA)));
        }
        node.store(0, Ordering::SeqCst);
    }

    /// Lets the slow timer process have the list that was filled.
    fn publish_slow(&self, done: &mut Advance) {
        let filled = self.slow_in.load(Ordering::Relaxed);
        if self.slot(SLOW + filled % SLOW_LISTS).chain.first() == 0 {
            return;
        }
        if filled.wrapping_sub(self.slow_out.load(Ordering::Acquire)) >= SLOW_LISTS - 1 {
            done.overflow = true;
            return;
        }
        self.slow_in
            .store(filled.wrapping_add(1), Ordering::Release);
        self.wake_slow();
    }

    /// In the slow timer process: runs the handlers of all timers that were handed over; returns
    /// how many. Periodic ones are set from the clock's tick, not from the one they were due at.
    pub fn run_slow(&self, mut run: impl FnMut(Due) -> u32) -> usize {
        self.running[SLOW_TIMER]
            .slot
            .store(u32::from(process_slot()) + 1, Ordering::Relaxed);
        let mut count = 0;
        loop {
            let out = self.slow_out.load(Ordering::Relaxed);
            if out == self.slow_in.load(Ordering::Acquire) {
                return count;
            }
            while let Some((offset, due)) = self.pop_slow(SLOW + out % SLOW_LISTS) {
                let next = run(due);
                self.finish(SLOW_TIMER, offset, next, self.ticks());
                count += 1;
            }
            self.slow_out.store(out.wrapping_add(1), Ordering::Release);
        }
    }

    fn pop_slow(&self, list: u32) -> Option<(u64, Due)> {
        let slot = self.slot(list);
        slot.lock.lock();
        let first = slot.chain.first();
        let popped = (first != 0).then(|| {
            (
                first,
                self.start(SLOW_TIMER, list, self.node(first), self.ticks()),
            )
        });
        // SAFETY: locked above by this process.
        unsafe { slot.lock.unlock() };
        popped
    }
}
