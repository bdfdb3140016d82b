//! Retiring a process: it takes no new work, finishes what it has, and ends.
//!
//! It is told by a word in shared memory that its work loop looks at; who waits for work is nudged, and again
//! from time to time, because the signal may come just before the wait begins. Invariant: a process that is
//! retired is never killed for being slow; the log tells of it.

use super::attendant::Attendant;
use super::shared;
use super::signals::NUDGE;
use super::table::{Entry, Role, State};
use nix::sys::signal::kill;
use std::time::{Duration, Instant};

/// Between two nudges.
const AGAIN: Duration = Duration::from_millis(50);
/// Who is not gone after this is told of in the log.
const SLOW: Duration = Duration::from_secs(10);

/// How far the retirement of a process has come.
#[derive(Clone, Copy, Debug)]
pub struct Leave {
    since: Instant,
    /// When it is nudged next.
    due: Instant,
    told: bool,
    /// When it is gone, another process takes its place.
    pub again: bool,
}

impl Leave {
    /// It begins.
    pub fn now() -> Leave {
        let now = Instant::now();
        Leave {
            since: now,
            due: now,
            told: false,
            again: false,
        }
    }
}

impl Attendant {
    /// Retires the process of `slot`, and the one that was to take its place.
    pub(super) fn retire(&mut self, slot: u16) {
        if let Some(successor) = self.table.successor(slot) {
            self.retire(successor);
        }
        let Some(entry) = self.table.get_mut(slot) else {
            return;
        };
        entry.leave.get_or_insert_with(Leave::now);
        match entry.state {
            State::Starting(pid) | State::Running(pid) => {
                entry.state = State::Retiring(pid);
                nudge(entry);
            }
            // Its process never was, or is gone and repaired.
            State::Wanted => {
                self.table.remove(slot);
                shared::vacate(slot);
            }
            // It goes when what it held is repaired.
            State::Retiring(_) | State::Dead => {}
        }
    }

    /// Retires the process of `slot`, of whose kind there must not be two at a time; another follows it.
    pub(super) fn retire_first(&mut self, slot: u16) {
        self.retire(slot);
        let leave = self.table.get_mut(slot).and_then(|e| e.leave.as_mut());
        leave.into_iter().for_each(|leave| leave.again = true);
    }

    /// The process of `slot` is gone, and repaired. Whether nobody is to take its place, or somebody has: then its
    /// entry goes.
    pub(super) fn let_go(&mut self, slot: u16) -> bool {
        let successor = self.table.successor(slot);
        let Some(entry) = self.table.get_mut(slot) else {
            return true;
        };
        if let Some(leave) = entry.leave.take_if(|leave| leave.again) {
            log::debug!(
                "{} is replaced after {:?}",
                entry.desc,
                leave.since.elapsed()
            );
            shared::vacate(slot);
            return false;
        }
        let role = entry.role;
        if entry.stays() && !entry.ends() && successor.is_none() {
            return false;
        }
        if let Some(successor) = successor.and_then(|slot| self.table.get_mut(slot)) {
            successor.replaces = None;
        }
        self.table.remove(slot);
        shared::vacate(slot);
        match role {
            Role::ConfigCheck => self.check_ended(slot),
            Role::Successor => self.successor_ended(slot),
            Role::UdpReceiver(..)
            | Role::SlowTimer
            | Role::Timer
            | Role::DnsResolver
            | Role::Module(_)
            | Role::Finisher
            | Role::Former => {}
        }
        true
    }

    /// Nudges those that are retired and there still.
    pub(super) fn nudge_retiring(&mut self) {
        let now = Instant::now();
        for entry in self.table.iter_mut() {
            if entry.leave.is_some_and(|leave| leave.due <= now) {
                nudge(entry);
            }
        }
    }

    /// How long until somebody has to be nudged; `None`: nobody is retired.
    pub(super) fn next_nudge(&self, now: Instant) -> Option<Duration> {
        let there = |e: &&Entry| matches!(e.state, State::Retiring(_));
        let there = self.table.entries().iter().filter(there);
        let leaving = there.filter_map(|e| e.leave);
        leaving.map(|l| l.due.saturating_duration_since(now)).min()
    }
}

fn nudge(entry: &mut Entry) {
    let (State::Retiring(pid), Some(leave)) = (entry.state, &mut entry.leave) else {
        return;
    };
    let now = Instant::now();
    leave.due = now + AGAIN;
    if shared::retire(entry.slot)
        && let Err(e) = kill(pid, NUDGE)
    {
        log::warn!("WARNING: cannot nudge {} ({pid}): {e}", entry.desc);
    }
    if !leave.told && now - leave.since >= SLOW {
        leave.told = true;
        let (desc, seconds) = (&entry.desc, SLOW.as_secs());
        log::warn!("WARNING: {desc} ({pid}) was retired {seconds} s ago and works still");
    }
}
