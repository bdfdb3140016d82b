//! What is done for a wheel when a process died inside of it.
//!
//! Slots that the dead had locked get their links and places right again; a timer that was on its
//! way between two slots is linked again; one whose handler was running is set again after its
//! interval (a handler may so run twice for one expiry, never not at all).

#![allow(unsafe_code)]

use std::sync::atomic::Ordering;

use lock_api::RawMutex;

use super::{SLOTS, Wheel};
use crate::ipc::node::Steps;

impl Wheel {
    /// Repairs what the processes `dead`, which were reaped, left behind; returns how many slots
    /// they had locked. Name all that died at once.
    pub fn recover(&self, dead: &[u16]) -> usize {
        let of_the_dead = |index: &u32| {
            self.slot(*index)
                .lock
                .owner()
                .is_some_and(|slot| dead.contains(&slot))
        };
        let locked: Vec<u32> = (0..SLOTS).filter(of_the_dead).collect();
        for &index in &locked {
            self.repair_slot(index, dead);
        }
        for runner in &self.running {
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
            runner.slot.store(0, Ordering::Relaxed);
        }
        locked.len()
    }

    fn repair_slot(&self, index: u32, dead: &[u16]) {
        let slot = self.slot(index);
        if !dead.iter().any(|&dead| slot.lock.seize(dead)) {
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
