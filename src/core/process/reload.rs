//! Another configuration while the server runs: a process of its own finds out what the file comes to, the attendant
//! puts that in force, and then one process after the other is replaced by one that was forked with it.
//!
//! Invariant: a process is retired only when its successor is at work, so no socket ever has fewer receivers than
//! it is to have. Of the timers and the like there must not be two: there the successor comes second, a few
//! milliseconds later, and finds everything that was due meanwhile.

use super::attendant::Attendant;
use super::child;
use super::fork::{Forked, fork};
use super::orders::Answer;
use super::table::{Entry, Role, State, rank};
use super::{notify, shared};
use crate::core::dns;
use crate::core::net;
use crate::core::rpc::RpcFault;
use nix::sys::signal::{Signal, kill};
use std::fmt::Debug;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::time::{Duration, Instant};

/// The process that looks at a file may take so long.
const CHECK_LIMIT: Duration = Duration::from_secs(30);
/// The answers of so many attempts are kept for those who wait for them.
const KEPT: usize = 8;
/// A file that is good begins its result with this.
const PASSED: u8 = b'+';

/// Who knows where the configuration comes from (a floor above).
pub trait Configuration: Debug {
    /// Finds out what the configuration has come to, in a process that is thrown away.
    fn check(&mut self) -> Checked;
    /// Puts in force what [`Configuration::check`] has found, for processes that are forked from now on. If it
    /// fails, nothing has changed.
    fn install(&mut self, plan: &[u8]) -> Result<Change, String>;
    /// Puts the configuration before in force.
    fn roll_back(&mut self) -> Result<Change, String>;
    /// What is in force, what was before (a line each: number, whose file it is, since when, hash), and the path.
    fn describe(&self) -> String;
}

/// What became of a look at the configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checked {
    /// It may be put in force.
    pub passed: bool,
    /// All findings, for people.
    pub text: String,
    /// For [`Configuration::install`].
    pub plan: Vec<u8>,
}

/// What another configuration asks of the processes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Another number of receivers.
    pub children: Option<usize>,
    /// Its number.
    pub generation: u32,
}

/// A process looks at the configuration.
#[derive(Debug)]
struct Checking {
    attempt: Attempt,
    slot: u16,
    result: File,
    end: Instant,
}

/// Processes are replaced by those of the generation in force.
#[derive(Debug)]
struct Replacing {
    attempt: Attempt,
    /// What the check has found.
    text: String,
}

/// An attempt, whose answer comes later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Attempt(u32);

/// What the attendant knows of its configuration.
#[derive(Debug)]
pub(super) struct Reloading {
    configuration: Option<Box<dyn Configuration>>,
    /// The generation that processes are forked with.
    pub generation: u32,
    last: Attempt,
    checking: Option<Checking>,
    replacing: Option<Replacing>,
    /// What the last attempts came to.
    ended: Vec<(Attempt, Answer)>,
}

impl Reloading {
    pub(super) fn new(configuration: Option<Box<dyn Configuration>>) -> Reloading {
        Reloading {
            configuration,
            generation: 1,
            last: Attempt(0),
            checking: None,
            replacing: None,
            ended: Vec::new(),
        }
    }

    /// What is in force.
    pub(super) fn describe(&self) -> Answer {
        let configuration = self.configuration.as_ref().ok_or_else(no_fork);
        configuration.map(|c| c.describe().into_bytes())
    }

    /// What an attempt came to; `None`: it is under way.
    pub(super) fn answer(&self, attempt: Attempt) -> Option<Answer> {
        let ended = self.ended.iter().find(|(own, _)| *own == attempt);
        ended.map(|(_, answer)| answer.clone())
    }

    /// How long a check may take still.
    pub(super) fn next_look(&self, now: Instant) -> Option<Duration> {
        let checking = self.checking.as_ref()?;
        Some(checking.end.saturating_duration_since(now))
    }

    fn begin(&mut self) -> Result<Attempt, RpcFault> {
        if self.configuration.is_none() {
            return Err(no_fork());
        }
        if self.checking.is_some() {
            return Err(RpcFault::new(
                503,
                "The configuration is being read already",
            ));
        }
        self.last.0 += 1;
        Ok(self.last)
    }

    /// The same for what does not go together with another change.
    pub(super) fn begin_alone(&mut self) -> Result<Attempt, RpcFault> {
        if self.replacing.is_some() {
            return Err(RpcFault::new(503, "Processes are being replaced already"));
        }
        self.begin()
    }

    /// All processes of older generations are to be replaced.
    pub(super) fn replace_all(&mut self) {
        let text = String::new();
        self.replacing = Some(Replacing {
            attempt: self.last,
            text,
        });
    }

    /// Whether there are some still.
    pub(super) fn is_replacing(&self) -> bool {
        self.replacing.is_some()
    }

    pub(super) fn end(&mut self, attempt: Attempt, answer: Answer) {
        match &answer {
            Ok(_) => log::info!("INFO: generation {} is in force", self.generation),
            Err(fault) => log::error!("ERROR: {}", fault.reason.trim_end()),
        }
        self.ended.insert(0, (attempt, answer));
        self.ended.truncate(KEPT);
    }
}

fn no_fork() -> RpcFault {
    RpcFault::new(500, "In no-fork mode the configuration stays as it is")
}

impl Attendant {
    /// What is in force, what was before, the path, and how many processes are of older generations.
    pub(super) fn generation_answer(&self) -> Answer {
        let generation = self.reloading.generation;
        let old = |e: &&Entry| e.pid().is_some() && e.generation < generation;
        let old = self.table.entries().iter().filter(old).count();
        let mut answer = self.reloading.describe()?;
        answer.extend(format!("{old}\n").into_bytes());
        Ok(answer)
    }

    /// Begins to read the configuration again.
    pub(super) fn reload(&mut self) -> Result<Attempt, RpcFault> {
        let attempt = self.begin_change()?;
        let refused = |why: String| RpcFault::new(500, why);
        // Each process is replaced by one that needs a place of its own.
        self.room_for_one().map_err(refused)?;
        self.fork_check(attempt).map_err(refused)?;
        notify::reloading();
        Ok(attempt)
    }

    /// The same, told by a signal: what becomes of it stands in the log.
    pub(super) fn reload_on_signal(&mut self) {
        log::info!("INFO: signal HUP received, the configuration is read again");
        if let Err(fault) = self.reload() {
            log::error!("ERROR: {}", fault.reason);
        }
    }

    /// Goes back to the configuration before.
    pub(super) fn roll_back(&mut self) -> Result<Attempt, RpcFault> {
        let attempt = self.begin_change()?;
        self.room_for_one().map_err(|why| RpcFault::new(500, why))?;
        let configuration = self.reloading.configuration.as_mut();
        let change = configuration.map(|c| c.roll_back());
        match change.unwrap_or_else(|| Err("BUG: no configuration".into())) {
            Ok(change) => {
                self.follow(attempt, &change, String::new());
                Ok(attempt)
            }
            Err(why) => Err(RpcFault::new(409, why)),
        }
    }

    fn begin_change(&mut self) -> Result<Attempt, RpcFault> {
        if self.outgoing.is_some() {
            return Err(RpcFault::new(503, "An upgrade is under way"));
        }
        self.reloading.begin()
    }

    fn room_for_one(&self) -> Result<(), String> {
        shared::check_room(self.table.entries().len() + 2)
    }

    fn fork_check(&mut self, attempt: Attempt) -> Result<(), String> {
        let flags = rustix::fs::MemfdFlags::CLOEXEC;
        let result = rustix::fs::memfd_create("ser-config", flags);
        let result = File::from(result.map_err(|why| format!("memfd_create: {why}"))?);
        let desc = "config check".to_owned();
        let slot = self
            .table
            .add(Role::ConfigCheck, rank::PROC_NOCHLDINIT, desc);
        let forked = self.fork_for(slot, |configuration| {
            let checked = configuration.check();
            if let Err(why) = write(&result, &checked) {
                log::error!("ERROR: config check: {why}");
            }
        });
        if let Err(why) = forked {
            self.table.remove(slot);
            return Err(why);
        }
        self.reloading.checking = Some(Checking {
            attempt,
            slot,
            result,
            end: Instant::now() + CHECK_LIMIT,
        });
        Ok(())
    }

    fn fork_for(
        &mut self,
        slot: u16,
        work: impl FnOnce(&mut dyn Configuration),
    ) -> Result<(), String> {
        let birth = self.birth();
        let entry = self.table.get_mut(slot).ok_or("BUG: no entry")?;
        shared::describe(slot, entry.rank, &entry.desc);
        match fork().map_err(|e| format!("cannot fork {}: {e}", entry.desc))? {
            Forked::Parent(pid) => {
                entry.state = State::Running(pid);
                shared::started(slot, pid.as_raw());
                Ok(())
            }
            Forked::Child => {
                let configuration = self.reloading.configuration.as_mut();
                child::live_for(entry, &birth, || {
                    if let Some(configuration) = configuration {
                        work(configuration.as_mut());
                    }
                })
            }
        }
    }

    /// The process that looked at the configuration is gone, and its entry too.
    pub(super) fn check_ended(&mut self, slot: u16) {
        let reloading = &mut self.reloading;
        let Some(checking) = reloading.checking.take_if(|c| c.slot == slot) else {
            return;
        };
        let attempt = checking.attempt;
        let Some(checked) = read(checking.result) else {
            let why = "The process that looked at the configuration died, see the log";
            notify::reloaded();
            return reloading.end(attempt, Err(RpcFault::new(500, why)));
        };
        if !checked.passed {
            notify::reloaded();
            return reloading.end(attempt, Err(RpcFault::new(400, checked.text)));
        }
        let configuration = reloading.configuration.as_mut();
        let change = configuration.map(|c| c.install(&checked.plan));
        match change.unwrap_or_else(|| Err("BUG: no configuration".into())) {
            Ok(change) => self.follow(attempt, &change, checked.text),
            Err(why) => {
                notify::reloaded();
                reloading.end(attempt, Err(RpcFault::new(500, why)));
            }
        }
    }

    /// Another configuration is in force: the table follows it.
    fn follow(&mut self, attempt: Attempt, change: &Change, text: String) {
        if let Some(before) = self.reloading.replacing.take() {
            let why = "Another configuration came after this one";
            let fault = RpcFault::new(503, why);
            self.reloading.end(before.attempt, Err(fault));
        }
        self.reloading.generation = change.generation;
        self.reloading.replacing = Some(Replacing { attempt, text });
        self.follow_settings();
        self.follow_sockets(change.children);
        if dns::is_resolver_wanted() && !self.has_resolver() {
            dns::announce_resolver();
            self.table.add_resolver();
        }
    }

    fn has_resolver(&self) -> bool {
        let mut entries = self.table.entries().iter();
        entries.any(|e| matches!(e.role, Role::DnsResolver))
    }

    /// Receivers of sockets that are no longer listened on go, those of new ones come.
    pub(super) fn follow_sockets(&mut self, children: Option<usize>) {
        let udp = &net::listeners().udp;
        let others: Vec<u16> = self
            .table
            .entries()
            .iter()
            .filter_map(|entry| {
                let Role::UdpReceiver(socket, _) = entry.role else {
                    return None;
                };
                (!udp.contains(&socket)).then_some(entry.slot)
            })
            .collect();
        others.into_iter().for_each(|slot| self.retire(slot));
        for &socket in udp {
            let now = self.table.receivers(socket).count();
            let wanted = match (now, children) {
                (0, _) => crate::core::settings::get().children as usize,
                (now, None) => now,
                (_, Some(children)) => children,
            };
            if let Err(why) = self.set_children(socket, wanted.max(1)) {
                log::error!("ERROR: {why}");
            }
        }
    }

    /// What is due: replaces the next process, or ends the change when all are replaced.
    pub(super) fn go_on_reloading(&mut self) {
        self.look_at_check();
        let busy = |e: &Entry| e.replaces.is_some() || e.leave.is_some_and(|leave| leave.again);
        let is_busy = self.table.entries().iter().any(busy);
        if self.reloading.replacing.is_none() || is_busy {
            return;
        }
        match self.next_old() {
            Some((slot, true)) if self.room_for_one().is_ok() => self.table.add_successor(slot),
            // Somebody who leaves makes room.
            Some((_, true)) => {}
            Some((slot, false)) => self.retire_first(slot),
            None if self.all_run() => self.end_replacing(),
            None => {}
        }
    }

    fn look_at_check(&mut self) {
        let checking = self.reloading.checking.as_mut();
        let late = checking.filter(|c| Instant::now() >= c.end);
        let Some(checking) = late else {
            return;
        };
        checking.end += CHECK_LIMIT;
        let entry = self.table.get_mut(checking.slot);
        if let Some(pid) = entry.and_then(|entry| entry.pid()) {
            log::error!("ERROR: config check ({pid}) takes too long");
            // Its death is what ends the attempt.
            let _ = kill(pid, Signal::SIGKILL);
        }
    }

    /// A process of an older generation, and whether its successor can run beside it. Receivers come first, what
    /// there is one of comes last.
    fn next_old(&self) -> Option<(u16, bool)> {
        let generation = self.reloading.generation;
        let old = |e: &&Entry| {
            let old = e.generation < generation && !e.ends();
            old && e.stays() && matches!(e.state, State::Running(_))
        };
        let old = self.table.entries().iter().filter(old);
        let next = old.min_by_key(|e| (!can_be_two(e), e.slot))?;
        Some((next.slot, can_be_two(next)))
    }

    fn all_run(&self) -> bool {
        let mut entries = self.table.entries().iter().filter(|e| e.stays());
        entries.all(|e| matches!(e.state, State::Running(_)))
    }

    fn end_replacing(&mut self) {
        if let Some(replacing) = self.reloading.replacing.take() {
            let generation = self.reloading.generation;
            let answer = format!("{generation}\n{}", replacing.text);
            let answer = Ok(answer.into_bytes());
            if self.taking_over.is_none() {
                notify::reloaded();
            }
            self.reloading.end(replacing.attempt, answer);
        }
    }
}

/// Receivers, and processes that serve clients of one listening socket.
fn can_be_two(entry: &Entry) -> bool {
    match entry.role {
        Role::UdpReceiver(..) => true,
        Role::Module(_) => matches!(entry.rank, rank::PROC_RPC | rank::PROC_UNIXSOCK),
        Role::SlowTimer
        | Role::Timer
        | Role::DnsResolver
        | Role::ConfigCheck
        | Role::Finisher
        | Role::Successor
        | Role::Former => false,
    }
}

/// A mark, the length of the text in a line, text and plan.
fn write(mut result: &File, checked: &Checked) -> std::io::Result<()> {
    let mark = if checked.passed { '+' } else { '-' };
    let head = format!("{mark}{}\n", checked.text.len());
    let parts = [head.as_bytes(), checked.text.as_bytes(), &checked.plan];
    result.write_all(&parts.concat())
}

/// `None`: nothing whole was written.
fn read(mut result: File) -> Option<Checked> {
    let mut bytes = Vec::new();
    result.rewind().ok()?;
    result.read_to_end(&mut bytes).ok()?;
    let end = memchr::memchr(b'\n', &bytes)?;
    let (mark, length) = bytes[..end].split_first()?;
    let length = std::str::from_utf8(length).ok()?.parse().ok()?;
    let (text, plan) = bytes[end + 1..].split_at_checked(length)?;
    Some(Checked {
        passed: *mark == PASSED,
        text: String::from_utf8_lossy(text).into_owned(),
        plan: plan.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_process_has_found_another_reads() {
        let flags = rustix::fs::MemfdFlags::CLOEXEC;
        let file = || File::from(rustix::fs::memfd_create("test", flags).unwrap());
        let checked = Checked {
            passed: true,
            text: "a\nb".into(),
            plan: b"\n\xffplan".to_vec(),
        };
        let result = file();
        write(&result, &checked).unwrap();
        assert_eq!(read(result), Some(checked));
        assert_eq!(read(file()), None);
    }
}
