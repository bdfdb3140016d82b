//! The attendant in office: starts its successor, hands over, and takes back.

use super::draining::{self, Left};
use super::invocation::Invocation;
use super::legacy::{self, EXPORT, SCRATCH, SEGMENT, VARIABLE};
use super::link::{Link, Message, Verb};
use super::passing::PIPE;
use super::relay::Relayed;
use super::roll;
use crate::core::net::inherited;
use crate::core::process::attendant::Attendant;
use crate::core::process::reload::Attempt;
use crate::core::process::shared;
use crate::core::process::table::{Role, State, rank};
use crate::core::rpc::RpcFault;
use crate::core::settings;
use crate::ipc::{Scratch, Segment, set_process_slot, settle};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// How long a successor may take until it is ready.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// How much of what it wrote is told when it fails.
const ERRORS_SHOWN: usize = 16 * 1024;

/// A successor that was started and is not in office.
#[derive(Debug)]
pub struct Outgoing {
    pub(super) attempt: Attempt,
    pub(super) slot: u16,
    pub(super) pid: Pid,
    pub(super) link: Link,
    /// What it writes to stderr.
    errors: File,
    pub(super) end: Instant,
    pub(super) stage: Stage,
    /// It has a segment of its own.
    fresh: bool,
    /// It cannot go on with this one.
    foreign: bool,
    /// What is carried over to such a one.
    pub(super) export: File,
    /// Who has left for it.
    pub(super) left: Left,
    /// Why it fails.
    pub(super) why: Option<String>,
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// It starts.
    Preparing,
    /// It can take over.
    Ready,
    /// Finishers start.
    Finishing,
    /// Receivers leave.
    Leaving,
    /// It has what it needs, and starts its processes.
    HandedOver,
    /// It serves, and this program ends what it has begun.
    Draining,
}

impl Outgoing {
    /// What the attendant polls.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }

    fn report(mut self) -> String {
        let mut written = Vec::new();
        let read = self.errors.rewind().and_then(|()| {
            let mut errors = (&self.errors).take(ERRORS_SHOWN as u64);
            errors.read_to_end(&mut written)
        });
        if let Err(why) = read {
            log::warn!("WARNING: cannot read what the new program wrote: {why}");
        }
        let written = String::from_utf8_lossy(&written);
        let why = self.why.unwrap_or_default();
        let mut text = written.trim_end().to_owned();
        if !text.contains(why.trim_end()) || text.is_empty() {
            text = format!("{text}\n{why}");
        }
        match text.trim() {
            "" => "see the log".into(),
            text => text.into(),
        }
    }
}

impl Attendant {
    /// Begins to let a new program take over.
    pub(in crate::core::process) fn upgrade(&mut self) -> Result<Attempt, RpcFault> {
        if self.is_alone() {
            return Err(RpcFault::new(500, "In no-fork mode nobody can take over"));
        }
        if settings::get().chroot.is_some() {
            let why = "The new program would not find its files inside of the chroot";
            return Err(RpcFault::new(500, why));
        }
        if self.outgoing.is_some() {
            return Err(RpcFault::new(503, "An upgrade is under way already"));
        }
        if self.taking_over.is_some() {
            let why = "The program before has not ended yet what it had begun";
            return Err(RpcFault::new(503, why));
        }
        let attempt = self.reloading.begin_alone()?;
        self.start_successor(attempt, false)
            .map_err(|why| RpcFault::new(500, why))?;
        Ok(attempt)
    }

    /// The same, told by a signal: what becomes of it stands in the log.
    pub(in crate::core::process) fn upgrade_on_signal(&mut self) {
        log::info!("INFO: signal USR2 received, a new program takes over");
        if let Err(fault) = self.upgrade() {
            log::error!("ERROR: {}", fault.reason);
        }
    }

    fn start_successor(&mut self, attempt: Attempt, fresh: bool) -> Result<(), String> {
        shared::check_room(self.table.entries().len() + 2)?;
        let invocation = self
            .invocation
            .clone()
            .ok_or("its program file is not known")?;
        let desc = "next program".to_owned();
        let slot = self
            .table
            .add(Role::Successor, rank::PROC_NOCHLDINIT, desc.clone());
        shared::describe(slot, rank::PROC_NOCHLDINIT, &desc);
        match self.spawn(&invocation, slot, fresh) {
            Ok((pid, link, errors, export)) => {
                if let Some(entry) = self.table.get_mut(slot) {
                    entry.state = State::Running(pid);
                }
                shared::started(slot, pid.as_raw());
                self.outgoing = Some(Outgoing {
                    attempt,
                    slot,
                    pid,
                    link,
                    errors,
                    end: Instant::now() + READY_LIMIT,
                    stage: Stage::Preparing,
                    fresh,
                    foreign: false,
                    export,
                    left: Left::default(),
                    why: None,
                });
                Ok(())
            }
            Err(why) => {
                self.table.remove(slot);
                shared::vacate(slot);
                Err(format!("cannot start {}: {why}", invocation.file.display()))
            }
        }
    }

    fn spawn(
        &self,
        invocation: &Invocation,
        slot: u16,
        fresh: bool,
    ) -> io::Result<(Pid, Link, File, File)> {
        let mut handed = inherited::copies()?;
        let export = File::from(memory_file()?);
        if fresh {
            handed.push((EXPORT.into(), rustix::io::dup(&export)?));
            handed.push((PIPE.into(), rustix::io::dup(draining::pipe()?)?));
        } else {
            let segment = Segment::get().ok_or(io::ErrorKind::NotFound)?.fd();
            handed.push((SEGMENT.into(), rustix::io::dup(segment)?));
            let scratch = Scratch::fd().ok_or(io::ErrorKind::NotFound)?;
            handed.push((SCRATCH.into(), rustix::io::dup(scratch)?));
        }
        let (link, theirs) = Link::pair()?;
        let theirs = rustix::io::dup(&theirs)?;
        let all = handed
            .iter()
            .map(|(name, fd)| (name.clone(), fd.as_raw_fd()));
        let numbers = (
            slot,
            self.reloading.generation,
            settings::get().children,
            fresh,
        );
        let text = legacy::list(numbers, theirs.as_raw_fd(), all);
        let list = memory_file()?;
        File::from(rustix::io::dup(&list)?).write_all(text.as_bytes())?;
        let errors = File::from(memory_file()?);
        let mut command = invocation.command();
        let value = format!("{}:{}", getpid(), list.as_raw_fd());
        command
            .env(VARIABLE, value)
            // It is not the process that the manager knows, and is pinged for all the same.
            .env_remove("WATCHDOG_PID")
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if !self.birth().keep_stderr {
            command.stderr(errors.try_clone()?);
        }
        let child = command.spawn()?;
        Ok((Pid::from_raw(child.id() as i32), link, errors, export))
    }

    /// Hears what the successor has to say.
    pub(in crate::core::process) fn go_on_upgrading(&mut self) {
        while let Some(message) = self.outgoing.as_mut().and_then(|o| o.link.receive()) {
            self.hear_successor(message);
        }
        let Some(mut outgoing) = self.outgoing.take() else {
            return;
        };
        let late = !matches!(outgoing.stage, Stage::Leaving | Stage::Draining);
        if late && Instant::now() >= outgoing.end {
            outgoing.end += READY_LIMIT;
            outgoing.why = Some("the new program takes too long to start".into());
            // Its death is what ends the attempt.
            let _ = kill(outgoing.pid, Signal::SIGKILL);
        }
        // Who starts now reports to this process.
        match (outgoing.fresh, outgoing.stage) {
            (false, Stage::Ready) if !self.table.starting() => self.hand_over(outgoing),
            (false, _) => self.outgoing = Some(outgoing),
            (true, _) => self.go_on_draining(outgoing),
        }
    }

    fn hear_successor(&mut self, message: Message) {
        let Some(outgoing) = &mut self.outgoing else {
            return;
        };
        match message.verb {
            Verb::Ready => outgoing.stage = Stage::Ready,
            Verb::Done if outgoing.fresh => self.begin_draining(),
            Verb::Failed => drop(outgoing.why.get_or_insert(message.text)),
            Verb::Foreign => {
                outgoing.foreign = true;
                outgoing.why.get_or_insert(message.text);
            }
            Verb::Done | Verb::Yours | Verb::Died | Verb::Over => {
                log::error!("BUG: the new program says {:?}", message.verb);
            }
        }
    }

    /// The successor is gone, and its entry too; it was not in office.
    pub(in crate::core::process) fn successor_ended(&mut self, slot: u16) {
        // What it said last.
        while let Some(message) = self.outgoing.as_mut().and_then(|o| o.link.receive()) {
            self.hear_successor(message);
        }
        let Some(mut outgoing) = self.outgoing.take_if(|o| o.slot == slot) else {
            return;
        };
        if outgoing.stage == Stage::Draining {
            return self.end_draining(outgoing);
        }
        self.come_back(std::mem::take(&mut outgoing.left));
        let attempt = outgoing.attempt;
        let why = if outgoing.foreign && !outgoing.fresh {
            let why = outgoing.why.unwrap_or_default();
            log::info!("INFO: the new program gets shared memory of its own: {why}");
            match self.start_successor(attempt, true) {
                Ok(()) => return,
                Err(why) => why,
            }
        } else {
            outgoing.report()
        };
        let why = format!("The new program failed, this one goes on: {why}");
        self.reloading.end(attempt, Err(RpcFault::new(500, why)));
    }

    fn hand_over(&mut self, mut outgoing: Outgoing) {
        self.answer_all_but(outgoing.attempt);
        let (slot, successor) = (outgoing.slot, outgoing.pid);
        let own = |e: &&crate::core::process::table::Entry| e.slot != slot;
        let roll = roll::write(self.table.entries().iter().filter(own));
        settle();
        shared::hand_over(slot, successor.as_raw());
        set_process_slot(slot);
        if let Some(entry) = self.table.get_mut(slot) {
            // Its death is the relay's business.
            entry.state = State::Dead;
        }
        let sent = outgoing.link.send(Verb::Yours, &roll);
        if let Err(why) = &sent {
            log::error!("ERROR: cannot hand over: {why}");
            let _ = kill(successor, Signal::SIGKILL);
        }
        match self.relay(&mut outgoing.link, successor, outgoing.attempt) {
            Relayed::Over(stop) => self.stop = Some(stop),
            Relayed::Back(why) => {
                outgoing.why = Some(why);
                self.take_back(outgoing);
            }
        }
    }

    /// The successor has failed after it took over: this attendant is in office again.
    fn take_back(&mut self, outgoing: Outgoing) {
        let (slot, attempt) = (outgoing.slot, outgoing.attempt);
        let text = format!(
            "The new program failed, this one is in office again: {}",
            outgoing.report()
        );
        let ours: Vec<u16> = self.table.entries().iter().map(|e| e.slot).collect();
        let orphans = shared::end_others(&ours);
        shared::recover(&[&[0][..], &orphans].concat());
        settle();
        set_process_slot(0);
        shared::take_office(slot);
        let mut dead = vec![slot];
        for entry in self.table.iter_mut().filter(|e| e.state == State::Dead) {
            if entry.slot != slot {
                // The successor may have done that, and may not.
                if shared::is_listed(entry.slot) {
                    shared::died(entry.slot);
                }
                dead.push(entry.slot);
            }
        }
        shared::recover(&dead);
        self.table.remove(slot);
        for &slot in orphans.iter().chain(&[slot]) {
            shared::vacate(slot);
        }
        dead.retain(|&s| s != slot);
        self.want_again(&dead);
        self.reloading.end(attempt, Err(RpcFault::new(500, text)));
    }
}

/// A file in memory that stays open over `exec`.
fn memory_file() -> io::Result<OwnedFd> {
    let flags = rustix::fs::MemfdFlags::empty();
    Ok(rustix::fs::memfd_create("ser-upgrade", flags)?)
}
