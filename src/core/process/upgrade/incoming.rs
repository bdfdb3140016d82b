//! The successor: takes over the table of processes, and replaces each by one of its own.

use super::legacy::{EXPORT, Legacy};
use super::link::{Link, Message, Verb};
use super::{carry, passing, relay, roll};
use crate::core::dns;
use crate::core::module::registry;
use crate::core::net::inherited;
use crate::core::process::attendant::{Attendant, Stop};
use crate::core::process::hooks;
use crate::core::process::retire::Leave;
use crate::core::process::shared;
use crate::core::process::table::{Entry, Role, State, Table, rank};
use crate::core::process::title;
use crate::core::settings;
use crate::ipc::{set_process_slot, settle};
use nix::poll::PollTimeout;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::WaitStatus;
use nix::unistd::Pid;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// How long the attendant in office may take to hand over.
const HAND_OVER: Duration = Duration::from_secs(60);
/// How long all processes may take to be replaced; after that the old ones go on.
const REPLACE_LIMIT: Duration = Duration::from_secs(60);
/// How long processes of a successor that gives up may take to end.
const END_LIMIT: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(50);

/// What a successor knows of the program before, until that is gone.
#[derive(Debug)]
pub(in crate::core::process) struct TakingOver {
    link: Link,
    /// The slot of the old attendant, in the same segment.
    slot: Option<u16>,
    /// Processes that are the old attendant's children.
    theirs: Vec<Pid>,
    /// This attendant has replaced them all, and the old one knows.
    done: bool,
}

impl TakingOver {
    /// What the attendant polls.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.link.as_fd()
    }

    /// It can still be called off.
    pub fn can_fail(&self) -> bool {
        !self.done
    }
}

impl Attendant {
    /// Takes the place of the attendant in office, and its processes; returns when all of them are replaced. On an
    /// error it is as if this program had not been started, and the other goes on.
    pub fn take_over(&mut self, legacy: Legacy) -> Result<(), String> {
        title::set("main");
        self.taking_over = Some(TakingOver {
            link: legacy.link,
            slot: (!legacy.fresh).then_some(legacy.slot),
            theirs: Vec::new(),
            done: false,
        });
        if legacy.fresh {
            let started = self.start_with_own_memory(legacy.generation + 1);
            return started.inspect_err(|_| self.abandon());
        }
        registry::init_child(rank::PROC_MAIN)?;
        // What was made so far is there for good.
        settle();
        let listed = self.wait_for_office()?;
        set_process_slot(0);
        self.reloading.generation = legacy.generation + 1;
        self.table = Table::default();
        self.take_processes(listed, legacy.slot);
        let children = settings::get().children;
        let follows = settings::get().children_auto.is_some();
        let changed = children != legacy.children && !follows;
        self.reloading.replace_all();
        self.follow_sockets(changed.then_some(children as usize));
        shared::describe(0, rank::PROC_MAIN, "attendant");
        title::set("attendant");
        self.stands = true;
        let replaced = self.replace_theirs();
        replaced.inspect_err(|_| self.abandon())
    }

    /// Says that this program is ready, and waits until it is in office; the processes that it gets.
    fn wait_for_office(&mut self) -> Result<Vec<roll::Listed>, String> {
        let taking_over = self.taking_over.as_mut().ok_or("BUG: no line")?;
        let link = &mut taking_over.link;
        let broken = |why| format!("the attendant in office does not answer: {why}");
        link.send(Verb::Ready, "").map_err(broken)?;
        let yours = link.wait(HAND_OVER).map_err(broken)?;
        let listed = match yours.verb {
            Verb::Yours => roll::read(&yours.text),
            _ => None,
        };
        let listed = listed.ok_or_else(|| format!("BUG: not a roll of processes: {yours:?}"))?;
        taking_over.theirs = listed.iter().map(|l| l.pid).collect();
        Ok(listed)
    }

    /// With a segment of its own: takes what the program before has written down, and starts all processes.
    fn start_with_own_memory(&mut self, generation: u32) -> Result<(), String> {
        self.wait_for_office()?;
        self.reloading.generation = generation;
        let export = inherited::take(EXPORT).ok_or("BUG: nothing was carried over")?;
        let broken = |why| format!("what was carried over cannot be read: {why}");
        let keys = carry::read(export.into()).map_err(broken)?;
        log::info!(
            "INFO: the program before has {} transactions to end",
            keys.len()
        );
        passing::know(keys).map_err(broken)?;
        self.start()
    }

    /// Those that have a place here get it; the others go. What is wanted beside them is added.
    fn take_processes(&mut self, listed: Vec<roll::Listed>, former: u16) {
        let mut specs = hooks::take();
        let resolver = dns::is_resolver_wanted();
        for listed in listed {
            let role = listed.role(resolver, &mut specs);
            let leaves = matches!(role, Role::Former);
            self.table.place(Entry {
                state: match leaves {
                    true => State::Retiring(listed.pid),
                    false => State::Running(listed.pid),
                },
                leave: leaves.then(Leave::now),
                ..Entry::new(listed.slot, role, listed.rank, listed.desc)
            });
        }
        // The old attendant's: nobody else may have it.
        let desc = "former attendant".to_owned();
        self.table.place(Entry {
            state: State::Dead,
            leave: Some(Leave::now()),
            ..Entry::new(former, Role::Former, rank::PROC_NOCHLDINIT, desc)
        });
        self.table.add_missing(resolver);
        hooks::put(&mut self.table, specs);
    }

    fn replace_theirs(&mut self) -> Result<(), String> {
        let end = Instant::now() + REPLACE_LIMIT;
        while self.reloading.is_replacing() {
            self.go_on_reloading();
            self.replace_dead();
            self.nudge_retiring();
            if !self.reloading.is_replacing() {
                break;
            }
            if let Some(why) = self.start_failure.take() {
                return Err(why);
            }
            if self.stop.is_some() {
                return Err("it was told to stop".into());
            }
            if self.taking_over.as_ref().is_none_or(|t| t.link.is_gone()) {
                return Err("the attendant in office is gone".into());
            }
            if Instant::now() >= end {
                return Err("the processes could not be replaced in time".into());
            }
            self.step(PollTimeout::from(LOOK.as_millis() as u16));
        }
        Ok(())
    }

    /// Tells the old attendant that it is one no more.
    pub fn announce(&mut self) {
        let Some(taking_over) = &mut self.taking_over else {
            return;
        };
        taking_over.done = true;
        if let Err(why) = taking_over.link.send(Verb::Done, "") {
            log::warn!("WARNING: cannot tell the old attendant: {why}");
        }
    }

    /// Retires this program's own processes, so that the old attendant can take everything back and no message is lost.
    fn abandon(&mut self) {
        self.stop = Some(Stop::Told);
        let theirs = self.taking_over.as_ref().map(|t| t.theirs.clone());
        let theirs = theirs.unwrap_or_default();
        let end = Instant::now() + END_LIMIT;
        loop {
            self.reap();
            let own = self.table.alive().filter(|(_, pid)| !theirs.contains(pid));
            let own: Vec<(u16, Pid)> = own.map(|(entry, pid)| (entry.slot, pid)).collect();
            if own.is_empty() {
                break;
            }
            for (slot, pid) in own {
                self.retire(slot);
                if Instant::now() >= end {
                    // It may have ended meanwhile.
                    let _ = kill(pid, Signal::SIGKILL);
                }
            }
            self.nudge_retiring();
            self.step(PollTimeout::from(LOOK.as_millis() as u16));
        }
        settle();
    }

    /// The line on which [`Attendant::take_over`] has failed: what is left to be told goes there.
    pub fn give_up(mut self, why: &str) {
        if let Some(mut taking_over) = self.taking_over.take()
            && let Err(e) = taking_over.link.send(Verb::Failed, why)
        {
            log::warn!("WARNING: cannot tell the attendant in office: {e}");
        }
    }

    /// Hears of the deaths of processes that are not this one's children.
    pub(in crate::core::process) fn hear_former(&mut self) {
        let mut dead = Vec::new();
        let mut over = false;
        while let Some(message) = self.taking_over.as_mut().and_then(|t| t.link.receive()) {
            match message.verb {
                Verb::Over => over = true,
                _ => dead.extend(self.hear_death(message)),
            }
        }
        let is_gone = |t: &mut TakingOver| t.done && (over || t.link.is_gone());
        if let Some(former) = self.taking_over.take_if(is_gone) {
            dead.extend(self.former_ended(former));
        }
        self.bury(&dead);
    }

    fn hear_death(&mut self, message: Message) -> Option<u16> {
        let death = match message.verb {
            Verb::Died => relay::read_death(&message.text),
            _ => None,
        };
        let Some((pid, status)) = death else {
            log::error!("BUG: the old attendant says {message:?}");
            return None;
        };
        if let Some(taking_over) = &mut self.taking_over {
            taking_over.theirs.retain(|&p| p != pid);
        }
        self.child_died(pid, status)
    }

    /// The old attendant has ended; its processes have ended before, unless it was killed.
    fn former_ended(&mut self, former: TakingOver) -> Vec<u16> {
        log::info!("INFO: nothing is left of the program before");
        let mut dead: Vec<u16> = former.slot.into_iter().collect();
        for pid in former.theirs {
            shared::end_process(pid);
            let status = WaitStatus::Signaled(pid, Signal::SIGKILL, false);
            dead.extend(self.child_died(pid, status));
        }
        former.slot.into_iter().for_each(shared::died);
        dead
    }
}
