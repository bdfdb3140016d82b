//! The attendant's loop: one turn after the other, until somebody says stop.
//!
//! Invariant: a panic costs the rest of its turn, never the server; what the turn left undone the next one finds in the
//! table. Only when turn after turn panics the server ends, as it would do nothing for its processes any more.

use super::attendant::{Attendant, Stop};
use super::table::{Entry, Role, State};
use crate::core::isolation;
use crate::core::receive::quarantine;
use crate::core::stats::{Counter, count};
use nix::poll::PollTimeout;
use std::time::{Duration, Instant};

/// So many turns in a row may panic.
const PANICS: u32 = 10;
/// Between a panic and the next turn.
const PAUSE: Duration = Duration::from_millis(50);

impl Attendant {
    /// Attends until somebody says stop.
    pub fn attend(&mut self) -> Stop {
        let (mut panics, mut buried) = (0, true);
        loop {
            if let Some(stop) = self.stop {
                return stop;
            }
            let done = isolation::catch(|| {
                if !std::mem::replace(&mut buried, true) {
                    self.bury_unburied();
                }
                self.turn();
            });
            if done.is_some() {
                panics = 0;
                continue;
            }
            panics += 1;
            count(Counter::TaskPanics);
            log::error!("ERROR: panic in the attendant, it goes on");
            assert!(panics <= PANICS, "the attendant cannot go on");
            std::thread::sleep(PAUSE);
            buried = false;
        }
    }

    fn turn(&mut self) {
        self.take_orders();
        self.go_on_reloading();
        self.go_on_upgrading();
        if self.stop.is_some() {
            return;
        }
        self.replace_dead();
        self.nudge_retiring();
        self.answer_orders();
        self.look_for_stuck();
        self.look_at_children();
        self.step(self.next_due().map_or(PollTimeout::NONE, timeout));
    }

    /// Whoever is dead still was left by the turn that panicked; but a former attendant, who lives.
    fn bury_unburied(&mut self) {
        let is_left = |e: &&Entry| e.state == State::Dead && !matches!(e.role, Role::Former);
        let left = self.table.entries().iter().filter(is_left);
        let left: Vec<u16> = left.map(|e| e.slot).collect();
        self.bury(&left);
    }

    /// How long until something is to be done without being asked.
    fn next_due(&self) -> Option<Duration> {
        let now = Instant::now();
        let due = [
            self.table.next_due(now),
            self.next_nudge(now),
            self.open_orders.next_look(now),
            self.reloading.next_look(now),
            quarantine::sweep(),
            self.watch.next_look(now),
            self.outgoing.as_ref().map(|o| o.next_look(now)),
            self.auto_children.next_look(now),
        ];
        due.into_iter().flatten().min()
    }
}

/// Rounded up, so that what is due then is due.
fn timeout(delay: Duration) -> PollTimeout {
    let ms = delay.as_micros().div_ceil(1000);
    PollTimeout::try_from(ms).unwrap_or(PollTimeout::MAX)
}
