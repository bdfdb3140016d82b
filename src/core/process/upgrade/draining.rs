//! Handing over to a program that does not see the same in shared memory: it gets the sockets and what modules carry over,
//! and this one brings to an end what it has begun.
//!
//! Receivers leave, so that nothing new comes in, and finishers come, which are passed the messages of what is unfinished;
//! then it is written down what there is. Invariant: between that and the first receiver of the successor nobody takes a
//! datagram from a socket; the kernel keeps them.

use super::link::Verb;
use super::outgoing::{Outgoing, Stage};
use super::relay::Relayed;
use super::{carry, passing};
use crate::core::process::attendant::Attendant;
use crate::core::process::table::{Entry, Role, State};
use crate::core::process::{finisher, notify};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io;
use std::time::{Duration, Instant};

/// So many processes finish what is unfinished.
const FINISHERS: usize = 2;
/// How long receivers may take to leave; after that they are left alone with what they do.
const LEAVE_LIMIT: Duration = Duration::from_secs(5);
/// How long the successor may take to serve.
const SERVE_LIMIT: Duration = Duration::from_secs(60);
/// What is not at its end after this is given up: longer than a phone may ring.
const DRAIN_LIMIT: Duration = Duration::from_secs(300);
/// Between two looks whether there is anything left.
const LOOK: Duration = Duration::from_millis(250);

/// Processes that have left for the successor, and come back if it fails.
#[derive(Debug, Default)]
pub(super) struct Left(Vec<(Role, i32, String)>);

impl Attendant {
    /// Goes on with an upgrade by stages; `outgoing` stays what it is until the last one.
    pub(super) fn go_on_draining(&mut self, mut outgoing: Outgoing) {
        let now = Instant::now();
        match outgoing.stage {
            Stage::Ready => {
                self.add_finishers();
                outgoing.stage = Stage::Finishing;
            }
            Stage::Finishing if !self.has_wanted(is_finisher) => {
                outgoing.left = self.let_receivers_go();
                outgoing.end = now + LEAVE_LIMIT;
                outgoing.stage = Stage::Leaving;
            }
            Stage::Leaving if !self.has(is_receiver) || now >= outgoing.end => {
                outgoing.end = now + SERVE_LIMIT;
                outgoing.stage = Stage::HandedOver;
                let sent = carry::write(&outgoing.export)
                    .and_then(|()| outgoing.link.send(Verb::Yours, ""));
                if let Err(why) = sent {
                    outgoing.why = Some(format!("cannot hand over: {why}"));
                    // Its death is what ends the attempt.
                    let _ = kill(outgoing.pid, Signal::SIGKILL);
                }
            }
            Stage::Draining if self.is_drained() || now >= outgoing.end => {
                return self.end_draining(outgoing);
            }
            Stage::Preparing
            | Stage::Finishing
            | Stage::Leaving
            | Stage::HandedOver
            | Stage::Draining => {}
        }
        self.outgoing = Some(outgoing);
    }

    /// The successor serves: what is left here is to be brought to an end.
    pub(super) fn begin_draining(&mut self) {
        let Some(outgoing) = &mut self.outgoing else {
            return;
        };
        outgoing.stage = Stage::Draining;
        outgoing.end = Instant::now() + DRAIN_LIMIT;
        let (attempt, pid) = (outgoing.attempt, outgoing.pid);
        log::info!("INFO: another program ({pid}) is in office, this one ends what it has begun");
        notify::succeeded(pid.as_raw());
        self.end_upgrade(attempt, pid);
    }

    pub(super) fn end_draining(&mut self, mut outgoing: Outgoing) {
        let left = carry::unfinished().len();
        if left > 0 {
            log::warn!("WARNING: {left} transactions are given up: they do not end");
        }
        // The successor's entry is none of those that are stopped.
        self.table.remove(outgoing.slot);
        self.stop_children();
        match self.relay_to_the_end(&mut outgoing.link, outgoing.pid, outgoing.attempt) {
            Relayed::Over(stop) => self.stop = Some(stop),
            Relayed::Back(why) => log::error!("BUG: {why}"),
        }
    }

    /// The successor has failed before it served: everybody comes back.
    pub(super) fn come_back(&mut self, left: Left) {
        for slot in self.slots(is_finisher) {
            self.retire(slot);
        }
        for (role, rank, desc) in left.0 {
            self.table.add(role, rank, desc);
        }
    }

    /// Nothing is left to end, and who serves clients has told them everything.
    fn is_drained(&self) -> bool {
        !self.has(|role| matches!(role, Role::Module(_))) && carry::unfinished().is_empty()
    }

    fn add_finishers(&mut self) {
        for number in 0..FINISHERS {
            let rank = self.table.free_rank();
            self.table
                .add(Role::Finisher, rank, format!("finisher {number}"));
        }
    }

    /// Receivers, and what serves clients, whose listening sockets the successor has.
    fn let_receivers_go(&mut self) -> Left {
        let goes =
            |e: &&Entry| e.stays() && (is_receiver(&e.role) || matches!(e.role, Role::Module(_)));
        let going: Vec<_> = self.table.entries().iter().filter(goes).collect();
        let left = going
            .iter()
            .map(|e| (e.role, e.rank, e.desc.clone()))
            .collect();
        let slots: Vec<u16> = going.iter().map(|e| e.slot).collect();
        slots.into_iter().for_each(|slot| self.retire(slot));
        Left(left)
    }

    fn slots(&self, is_it: fn(&Role) -> bool) -> Vec<u16> {
        let entries = self.table.entries().iter();
        entries.filter(|e| is_it(&e.role)).map(|e| e.slot).collect()
    }

    fn has(&self, is_it: fn(&Role) -> bool) -> bool {
        !self.slots(is_it).is_empty()
    }

    /// Whether some of these are not at work yet.
    fn has_wanted(&self, is_it: fn(&Role) -> bool) -> bool {
        let mut entries = self.table.entries().iter().filter(|e| is_it(&e.role));
        entries.any(|e| !matches!(e.state, State::Running(_)))
    }

    /// Where signals go while this program ends what it has begun.
    pub(in crate::core::process) fn drains_for(&mut self, signal: Signal) -> Option<Pid> {
        let outgoing = self.outgoing.as_mut();
        let outgoing = outgoing.filter(|o| o.stage == Stage::Draining)?;
        if matches!(signal, Signal::SIGTERM | Signal::SIGINT) {
            outgoing.end = Instant::now();
        }
        Some(outgoing.pid)
    }
}

impl Outgoing {
    /// How long until it has to be looked at again, even if it says nothing.
    pub fn next_look(&self, now: Instant) -> Duration {
        let left = self.end.saturating_duration_since(now);
        match self.stage {
            Stage::Draining => left.min(LOOK),
            _ => left,
        }
    }
}

fn is_receiver(role: &Role) -> bool {
    matches!(role, Role::UdpReceiver(..))
}

fn is_finisher(role: &Role) -> bool {
    matches!(role, Role::Finisher)
}

/// The pipe on which finishers are passed messages; the other end is for the successor.
pub(super) fn pipe() -> io::Result<std::os::fd::OwnedFd> {
    let (ours, theirs) = passing::pipe()?;
    finisher::read_from(ours);
    Ok(theirs)
}
