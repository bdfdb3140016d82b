//! What is done for a wheel when a process died inside of it.
//!
//! Slots that the dead had locked get their links and places right again; a timer that was on its
//! way between two slots is linked again; one whose handler was running is set again after its
//! interval (a handler may so run twice for one expiry, never not at all). The tick that the timer process was
//! running is run again.

#![allow(unsafe_code)]

use std::sync::atomic::Ordering;

use lock_api::RawMutex;

use super::{Bucket, SLOTS, TIMER, Wheel};
use crate::ipc::mutex::RawShmMutex;
use crate::ipc::node::Steps;
use crate::ipc::recover::{Owner, held_locks};
use crate::ipc::segment;

impl Wheel {
    /// Repairs what the processes `dead`, which were reaped, left behind. Name all that died at once.
    fn repair(&self, dead: &[u16]) {
        for &dead in dead {
            for index in self.locked_by(dead) {
                self.repair_slot(index, dead);
            }
        }
        for (role, runner) in self.running.iter().enumerate() {
            let slot = runner.slot.load(Ordering::Relaxed);
            if !dead.iter().any(|&dead| u32::from(dead) + 1 == slot) {
                continue;
            }
            let moved = runner.moving.load(Ordering::Acquire);
            if moved != 0 {
                self.relink(moved, self.node(moved).expire.load(Ordering::Relaxed));
                runner.moving.store(0, Ordering::Release);
            }
            let ran = runner.node.load(Ordering::SeqCst);
            if ran != 0 {
                let interval = self.node(ran).interval.load(Ordering::Relaxed).max(1);
                self.relink(ran, self.ticks().wrapping_add(interval));
                runner.node.store(0, Ordering::SeqCst);
            }
            if role == TIMER {
                // What was not run of its tick is run with the next one; what was run is not due any more.
                let tick = self.processed.load(Ordering::Relaxed);
                self.processed.store(tick.wrapping_sub(1), Ordering::SeqCst);
            }
            runner.slot.store(0, Ordering::Relaxed);
        }
    }

    /// The numbers of the slots that `dead` has locked.
    fn locked_by(&self, dead: u16) -> Vec<u32> {
        let of_the_dead = |&index: &u32| self.slot(index).lock.owner() == Some(dead);
        match held_locks(dead) {
            Some(held) => held
                .iter()
                .filter_map(|held| self.index_of(held.lock()))
                .filter(of_the_dead)
                .collect(),
            None => (0..SLOTS).filter(of_the_dead).collect(),
        }
    }

    /// The number of the slot that this is the lock of.
    fn index_of(&self, lock: &RawShmMutex) -> Option<u32> {
        let offset = segment::offset_of(lock).checked_sub(self.slots)?;
        let index = u32::try_from(offset / size_of::<Bucket>() as u64).ok()?;
        (index < SLOTS && std::ptr::eq(&self.slot(index).lock, lock)).then_some(index)
    }

    fn repair_slot(&self, index: u32, dead: u16) {
        let slot = self.slot(index);
        if !slot.lock.seize(dead) {
            return;
        }
        slot.chain.repair();
        for offset in Steps::new(&slot.chain) {
            self.node(offset).place.store(index + 1, Ordering::SeqCst);
        }
        // SAFETY: seized above by this process.
        unsafe { slot.lock.unlock() };
    }

    /// Links the node again if it is in no slot.
    fn relink(&self, offset: u64, expire: u32) {
        let timer = self.node(offset);
        let place = timer.place.load(Ordering::SeqCst);
        if place != 0 {
            let slot = self.slot(place - 1);
            slot.lock.lock();
            let linked = Steps::new(&slot.chain).any(|node| node == offset);
            // SAFETY: locked above by this process.
            unsafe { slot.lock.unlock() };
            if linked {
                return;
            }
            timer.place.store(0, Ordering::SeqCst);
        }
        self.link(timer, expire);
    }
}

impl Owner for Wheel {
    fn recover(&self, dead: &[u16]) {
        self.repair(dead);
    }

    fn rescue(&self, lock: &RawShmMutex, dead: u16) -> bool {
        let index = self.index_of(lock);
        index.map(|index| self.repair_slot(index, dead)).is_some()
    }

    fn check(&self) -> Result<(), String> {
        Wheel::check(self).map(drop)
    }
}
