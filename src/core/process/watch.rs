//! Processes that do not come to an end: they have worked on one message, or held a lock, for longer than
//! `stuck_limit`. They are told once, counted, and replaced if `stuck_replace` says so.
//!
//! The attendant looks as seldom as it can: not before a piece of work that is under way could reach the limit, and at
//! most once a second. What is over the limit counts when it is seen again a second later, so that a machine that
//! slept does not make everybody look stuck.

use super::at_work::AtWork;
use super::attendant::Attendant;
use super::{post_mortem, shared};
use crate::core::settings;
use crate::core::stats::activity::{Task, What};
use crate::core::stats::{Counter, count, work};
use crate::ipc::{HeldLock, held_locks, turns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// What a process may be stuck in.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece {
    /// Work that is over the limit, by its beginning.
    Work(u64),
    /// Locks, by their places, held while the process has not come to its next piece of work.
    Locks { turns: u64, places: Vec<u64> },
}

/// A process that may be stuck.
#[derive(Debug)]
struct Note {
    piece: Piece,
    /// When it was seen first.
    from: Instant,
    told: bool,
}

/// What is known of processes that may be stuck, by slot.
#[derive(Debug, Default)]
pub(super) struct Watch {
    notes: BTreeMap<u16, Note>,
    next_look: Option<Instant>,
}

/// What one look at a process gives.
struct Look {
    piece: Option<Piece>,
    /// When it has to be looked at again.
    again: Duration,
}

/// A process that is stuck for longer than the limit, which was not told yet.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Stuck {
    slot: u16,
    pid: Pid,
    desc: String,
    piece: Piece,
}

impl Watch {
    /// How long until the next look; `None`: there is no limit.
    pub fn next_look(&self, now: Instant) -> Option<Duration> {
        let next = self.next_look.map(|at| at.saturating_duration_since(now));
        limit().map(|limit| next.unwrap_or(limit))
    }

    /// Whether it was told of this piece of work that it does not end.
    pub fn has_told(&self, slot: u16, since: u64) -> bool {
        let note = self.notes.get(&slot);
        note.is_some_and(|note| note.told && note.piece == Piece::Work(since))
    }

    /// The process of a slot is dead.
    pub fn forget(&mut self, slot: u16) {
        self.notes.remove(&slot);
    }

    /// Takes what was seen of a process; whether it is to be told now.
    fn take(&mut self, slot: u16, look: &Look, limit: Duration, now: Instant) -> bool {
        let same = |note: &&mut Note| Some(&note.piece) == look.piece.as_ref();
        if let Some(note) = self.notes.get_mut(&slot).filter(same) {
            let passed = now.saturating_duration_since(note.from);
            let over = match note.piece {
                Piece::Work(_) => passed >= SECOND,
                Piece::Locks { .. } => passed >= limit,
            };
            return over && !std::mem::replace(&mut note.told, over);
        }
        let note = look.piece.clone().map(|piece| Note {
            piece,
            from: now,
            told: false,
        });
        let before = match note {
            Some(note) => self.notes.insert(slot, note),
            None => self.notes.remove(&slot),
        };
        if before.is_some_and(|before| before.told) {
            shared::set_stuck(slot, false);
            log::error!("ERROR: process number {slot}, which was stuck, goes on");
        }
        false
    }
}

fn limit() -> Option<Duration> {
    match settings::get().stuck_limit {
        0 => None,
        seconds => Some(Duration::from_secs(seconds.into())),
    }
}

fn look_at(slot: u16, limit: Duration) -> Look {
    // A method of RPC may wait for others as long as it wants.
    let activity = work::activity(slot).filter(|now| now.what != What::Task(Task::Rpc));
    let worked = activity.map(|now| (now.since, Duration::from_micros(now.us as u64)));
    let locks = || held_locks(slot).unwrap_or_default();
    let (piece, again) = match worked {
        Some((since, worked)) if worked >= limit => (Some(Piece::Work(since)), SECOND),
        Some((_, worked)) => (hold(slot, &locks()), limit - worked),
        None => (hold(slot, &locks()), limit),
    };
    let again = match piece {
        Some(_) => SECOND,
        None => again.max(SECOND),
    };
    Look { piece, again }
}

fn hold(slot: u16, locks: &[HeldLock]) -> Option<Piece> {
    let places: Vec<u64> = locks.iter().map(HeldLock::offset).collect();
    let turns = turns(slot);
    (!places.is_empty()).then_some(Piece::Locks { turns, places })
}

impl Attendant {
    /// Looks for processes that are stuck, if it is time.
    pub(super) fn look_for_stuck(&mut self) {
        let now = Instant::now();
        let Some(limit) = limit().filter(|_| self.watch.next_look.is_none_or(|at| at <= now))
        else {
            return;
        };
        let (mut again, mut stuck) = (limit, Vec::new());
        for (entry, pid) in self.table.alive() {
            let look = look_at(entry.slot, limit);
            again = again.min(look.again);
            if self.watch.take(entry.slot, &look, limit, now)
                && let Some(piece) = look.piece
            {
                let (slot, desc) = (entry.slot, entry.desc.clone());
                stuck.push(Stuck {
                    slot,
                    pid,
                    desc,
                    piece,
                });
            }
        }
        self.watch.next_look = Some(now + again.max(SECOND));
        stuck.iter().for_each(Stuck::deal_with);
    }
}

impl Stuck {
    fn deal_with(&self) {
        count(Counter::Stuck);
        shared::set_stuck(self.slot, true);
        self.tell();
        if settings::get().stuck_replace {
            let Stuck { pid, desc, .. } = self;
            log::error!("ERROR: process {pid} ({desc}) is killed to be replaced");
            if let Err(why) = kill(self.pid, Signal::SIGKILL) {
                log::error!("ERROR: process {pid} ({desc}) cannot be killed: {why}");
            }
        }
    }

    fn tell(&self) {
        let Stuck {
            slot, pid, desc, ..
        } = self;
        let (state, locks) = (state_of(*pid), names_of_locks(*slot));
        let work = AtWork::of(*slot).filter(|_| matches!(self.piece, Piece::Work(_)));
        let Some(work) = work else {
            log::error!("ERROR: process {pid} ({desc}) does not release {locks}, it is {state}");
            return;
        };
        let holds = match locks.as_str() {
            "" => String::new(),
            locks => format!(", holds {locks}"),
        };
        let text = work.message.as_ref().map_or(String::new(), |message| {
            let (length, text) = (message.bytes.len(), message.beginning());
            format!("; {length} bytes: <{text}>")
        });
        log::error!("ERROR: process {pid} ({desc}) is stuck, {state}, after {work}{holds}{text}");
        // Each repetition of the message would hold up another process.
        work.message.iter().for_each(post_mortem::suspect);
    }
}

fn names_of_locks(slot: u16) -> String {
    let held = held_locks(slot).unwrap_or_default();
    let names: Vec<_> = held.iter().map(|lock| lock.rank().to_string()).collect();
    names.join(", ")
}

/// What the kernel says of it: the letter behind the name in proc_pid_stat(5).
fn state_of(pid: Pid) -> &'static str {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let letter = stat
        .rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next());
    match letter {
        Some('R') => "running",
        Some('S') => "sleeping",
        Some('D') => "waiting for a device",
        Some('T' | 't') => "stopped",
        Some(_) | None => "in a state unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn look(piece: Option<Piece>) -> Look {
        Look {
            piece,
            again: SECOND,
        }
    }

    #[test]
    fn work_that_is_over_the_limit_is_told_once_and_when_it_was_seen_twice() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        let one = look(Some(Piece::Work(17)));
        let takes = |watch: &mut Watch, look: &Look, seconds: u64| {
            watch.take(3, look, LIMIT, now + SECOND * seconds as u32)
        };
        assert!(!takes(&mut watch, &one, 0));
        assert!(!watch.has_told(3, 17));
        assert!(takes(&mut watch, &one, 1));
        assert!(watch.has_told(3, 17) && !watch.has_told(3, 18));
        assert!(!takes(&mut watch, &one, 2));
        // Another piece begins anew, and what has ended is forgotten.
        let other = look(Some(Piece::Work(18)));
        assert!(!takes(&mut watch, &other, 3));
        assert!(!takes(&mut watch, &look(None), 4));
        assert!(!takes(&mut watch, &other, 5));
        assert!(takes(&mut watch, &other, 6));
    }

    #[test]
    fn locks_are_told_when_the_same_ones_were_held_for_the_limit() {
        let (mut watch, now) = (Watch::default(), Instant::now());
        let locks = |turns| {
            let places = vec![64];
            look(Some(Piece::Locks { turns, places }))
        };
        assert!(!watch.take(3, &locks(1), LIMIT, now));
        assert!(!watch.take(3, &locks(2), LIMIT, now + LIMIT));
        assert!(!watch.take(3, &locks(2), LIMIT, now + LIMIT + SECOND));
        assert!(watch.take(3, &locks(2), LIMIT, now + 2 * LIMIT));
    }

    #[test]
    fn this_thread_is_running_and_nobody_is_in_no_state() {
        // The thread of this test; the process itself waits for it.
        assert_eq!(state_of(nix::unistd::gettid()), "running");
        assert_eq!(state_of(Pid::from_raw(i32::MAX)), "in a state unknown");
    }
}
