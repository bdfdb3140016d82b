//! The attendant: makes the processes exist that its table wants, replaces those that die, waits for
//! signals and orders, and stops the tree.
//!
//! Invariant: only this process forks, from its only thread, in [`Attendant::fork_wanted`]; a child that
//! died reaches [`Attendant::child_died`] exactly once, what it held is repaired before it is replaced, and a
//! pid that is not in the table touches nothing.

use super::auto_children::AutoChildren;
use super::child::{self, Birth};
use super::fork::{Forked, fork};
use super::no_fork::OwnReceiver;
use super::reload::{Configuration, Reloading};
use super::reports::{self, Reports};
use super::serve_orders::OpenOrders;
use super::signals::Attended;
use super::table::{State, Table, rank};
use super::upgrade::{Invocation, Outgoing, TakingOver};
use super::watch::Watch;
use super::{daemonize, hooks, memory, notify, orders, post_mortem, shared, title};
use crate::core::log::{level, log_fmt};
use crate::core::module::registry;
use crate::core::settings;
use crate::core::stats::work;
use crate::crit;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How long a TERM or INT that explains the death of a child may take to arrive: a terminal's ^C reaches
/// everybody, and a child may be quicker than this process.
const GRACE: Duration = Duration::from_millis(100);
/// After a fork that failed.
const NO_FORK: Duration = Duration::from_secs(1);

/// What the tree is started with (decided on the command line and in ser.cfg).
#[derive(Debug)]
pub struct Heritage {
    /// The processes to start.
    pub table: Table,
    /// In no-fork mode the receiver that runs in the main process itself.
    pub own_receiver: Option<OwnReceiver>,
    /// Leave the terminal when everything runs, and in each child at once.
    pub close_terminal: bool,
    /// But keep stderr for the log.
    pub keep_stderr: bool,
    /// Where another configuration comes from; `None`: it stays as it is.
    pub configuration: Option<Box<dyn Configuration>>,
    /// How this program was started; `None`: no other can be.
    pub invocation: Option<Invocation>,
    /// Somebody waits for the end of this very process.
    pub foreground: bool,
}

/// Why the tree stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// TERM or INT.
    Told,
    /// A process of the tree died before all had started.
    ChildDied,
    /// Another program is in office (and whether it ended well, if it was waited for).
    Succeeded(bool),
}

/// The attendant.
#[derive(Debug)]
pub struct Attendant {
    pub(super) table: Table,
    pub(super) heritage: Settled,
    pub(super) signals: Attended,
    pub(super) stop: Option<Stop>,
    own_receiver: Option<OwnReceiver>,
    reports: Reports,
    pub(super) start_failure: Option<String>,
    /// Every process has started once: from now on those that die are replaced.
    pub(super) stands: bool,
    pub(super) open_orders: OpenOrders,
    pub(super) watch: Watch,
    pub(super) reloading: Reloading,
    pub(super) auto_children: AutoChildren,
    pub(super) invocation: Option<Invocation>,
    /// The program that is to take over.
    pub(super) outgoing: Option<Outgoing>,
    /// The program that this one takes over from.
    pub(super) taking_over: Option<TakingOver>,
}

/// What is left of [`Heritage`] once the table and its like are taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settled {
    close_terminal: bool,
    keep_stderr: bool,
    foreground: bool,
    /// How long a stop may take; zero: as long as it takes.
    pub exit_timeout: Duration,
}

impl Attendant {
    /// Makes the process table. Nothing is forked yet.
    pub fn new(heritage: Heritage, signals: Attended) -> Result<Attendant, String> {
        shared::create(heritage.table.entries().len())?;
        orders::create()?;
        super::methods::register();
        crate::core::rpc::note_start();
        Ok(Attendant {
            table: heritage.table,
            heritage: Settled {
                close_terminal: heritage.close_terminal,
                keep_stderr: heritage.keep_stderr,
                foreground: heritage.foreground,
                exit_timeout: exit_timeout(),
            },
            own_receiver: heritage.own_receiver,
            signals,
            reports: Reports::open().map_err(|e| format!("cannot make a pipe: {e}"))?,
            stop: None,
            start_failure: None,
            stands: false,
            open_orders: OpenOrders::default(),
            watch: Watch::default(),
            reloading: Reloading::new(heritage.configuration),
            auto_children: AutoChildren::default(),
            invocation: heritage.invocation,
            outgoing: None,
            taking_over: None,
        })
    }

    /// Starts the tree and waits until every process has done its `child_init`.
    pub fn start(&mut self) -> Result<(), String> {
        title::set("main");
        self.fork_wanted()?;
        match &mut self.own_receiver {
            // The main process is a receiver: no attendant's rank, no processes of modules.
            Some(receiver) => receiver.start()?,
            None => {
                registry::init_child(rank::PROC_MAIN)?;
                hooks::take_into(&mut self.table);
                self.fork_wanted()?;
            }
        }
        self.wait_until_ready()?;
        let desc = self.own_receiver.as_ref().map(OwnReceiver::desc);
        let desc = desc.unwrap_or_else(|| "attendant".into());
        title::set(&desc);
        shared::describe(0, rank::PROC_MAIN, &desc);
        self.stands = true;
        Ok(())
    }

    /// Whether somebody said stop already: then the start is no failure, but nobody may rely on it.
    pub fn told_to_stop(&self) -> bool {
        self.stop == Some(Stop::Told)
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        while self.table.starting() && self.stop.is_none() && self.start_failure.is_none() {
            self.step(PollTimeout::NONE);
        }
        match (self.start_failure.take(), self.stop) {
            (Some(why), _) => Err(why),
            (None, Some(Stop::ChildDied)) => Err("a process died while the server started".into()),
            (None, Some(Stop::Told | Stop::Succeeded(_)) | None) => Ok(()),
        }
    }

    /// Leaves the terminal, if that was asked for: everything runs.
    pub fn close_terminal(&self) -> Result<(), String> {
        if self.heritage.close_terminal {
            daemonize::close_terminal(self.heritage.keep_stderr)?;
        }
        Ok(())
    }

    /// Whether this is no-fork mode: there are no processes to be changed.
    pub(super) fn is_alone(&self) -> bool {
        self.own_receiver.is_some()
    }

    /// Whether whoever started the server waits for the end of this process, not of its successor's.
    pub(super) fn is_waited_for(&self) -> bool {
        self.heritage.foreground && !notify::is_managed()
    }

    /// Forks a process for each entry that wants one now.
    pub(super) fn fork_wanted(&mut self) -> Result<(), String> {
        shared::check_room(self.table.entries().len() + 1)?;
        while let Some(slot) = self.table.wanted(Instant::now()) {
            self.fork_one(slot)?;
        }
        Ok(())
    }

    /// The same once the tree stands: what cannot be forked now is tried again later.
    pub(super) fn replace_dead(&mut self) {
        while let Some(slot) = self.table.wanted(Instant::now()) {
            let Err(why) = self.fork_one(slot) else {
                continue;
            };
            log::error!("ERROR: {why}");
            if let Some(entry) = self.table.get_mut(slot) {
                entry.respawn.wait(Instant::now(), NO_FORK);
            }
        }
    }

    /// What children are told.
    pub(super) fn birth(&self) -> Birth {
        Birth {
            attendant: getpid(),
            close_terminal: self.heritage.close_terminal,
            keep_stderr: self.heritage.keep_stderr,
        }
    }

    /// Other settings are in force.
    pub(super) fn follow_settings(&mut self) {
        self.auto_children.forget();
        self.heritage.exit_timeout = exit_timeout();
    }

    fn fork_one(&mut self, slot: u16) -> Result<(), String> {
        let birth = self.birth();
        let generation = self.reloading.generation;
        let Some(entry) = self.table.get_mut(slot) else {
            return Err(format!("BUG: no entry for process {slot}"));
        };
        shared::describe(slot, entry.rank, &entry.desc);
        match fork().map_err(|e| format!("cannot fork {}: {e}", entry.desc))? {
            Forked::Parent(pid) => {
                entry.state = State::Starting(pid);
                entry.generation = generation;
                entry.respawn.started(Instant::now(), slot);
                shared::started(slot, pid.as_raw());
                Ok(())
            }
            Forked::Child => child::live(entry, &birth, self.reports.writer()),
        }
    }

    /// Waits for whatever comes first, at most `timeout`, and deals with it.
    pub(super) fn step(&mut self, timeout: PollTimeout) {
        let own = self.own_receiver.as_ref().filter(|_| self.stop.is_none());
        let mut fds = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.reports.as_fd(), PollFlags::POLLIN),
        ];
        fds.extend(own.map(|own| PollFd::new(own.as_fd(), PollFlags::POLLIN)));
        let resolver = own.and_then(OwnReceiver::resolver);
        fds.extend(resolver.map(|r| PollFd::new(r.as_fd(), PollFlags::POLLIN)));
        // While the tree starts or stops nothing is ordered.
        let bell = orders::bell().filter(|_| self.stands && self.stop.is_none());
        fds.extend(bell.map(|bell| PollFd::new(bell, PollFlags::POLLIN)));
        // Who hears what comes of itself looks each time.
        fds.extend(
            self.outgoing
                .as_ref()
                .map(|o| PollFd::new(o.fd(), PollFlags::POLLIN)),
        );
        fds.extend(
            self.taking_over
                .as_ref()
                .map(|t| PollFd::new(t.fd(), PollFlags::POLLIN)),
        );
        match poll(&mut fds, notify::until_ping(timeout)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(e) => log::error!("poll: {e}"),
        }
        let [has_signal, has_report, has_message, has_name] =
            [0, 1, 2, 3].map(|i| fds.get(i).is_some_and(|fd| fd.any() == Some(true)));
        if has_report {
            self.take_reports();
        }
        if has_signal {
            while let Some(signal) = self.signals.next() {
                self.take_signal(signal.ssi_signo as i32, signal.ssi_pid as i32);
            }
        }
        if has_message && let Some(receiver) = &mut self.own_receiver {
            receiver.serve();
        }
        if has_name && let Some(receiver) = &mut self.own_receiver {
            receiver.work_for_names();
        }
        self.hear_former();
        notify::tick();
    }

    fn take_reports(&mut self) {
        for line in self.reports.read() {
            self.take_report(&line);
        }
    }

    fn take_report(&mut self, line: &str) {
        let Some((slot, why)) = reports::read_report(line) else {
            log::error!("BUG: report of a process not understood: {line}");
            return;
        };
        let can_fail = !self.stands || self.taking_over.as_ref().is_some_and(|t| t.can_fail());
        let Some(entry) = self.table.get_mut(slot) else {
            return;
        };
        match entry.state {
            // The first reason is the one that is told; others may follow from it.
            State::Starting(_) if !why.is_empty() && can_fail => {
                let why = format!("{}: {why}", entry.desc);
                self.start_failure.get_or_insert(why);
            }
            State::Starting(_) if !why.is_empty() => log::error!("ERROR: {}: {why}", entry.desc),
            State::Starting(pid) => {
                entry.state = State::Running(pid);
                let replaced = entry.replaces.take();
                shared::running(slot);
                if let Some(gap) = entry.respawn.ready(Instant::now()) {
                    let ms = gap.as_secs_f64() * 1000.0;
                    log::warn!(
                        "WARNING: {} is replaced after {ms:.1} ms by {pid}",
                        entry.desc
                    );
                }
                if let Some(replaced) = replaced {
                    self.retire(replaced);
                }
            }
            // Ready, but not needed any more.
            State::Retiring(_) if why.is_empty() => {}
            State::Wanted | State::Running(_) | State::Retiring(_) | State::Dead => {
                log::error!("{}: {why}", entry.desc);
            }
        }
    }

    fn take_signal(&mut self, number: i32, sender: i32) {
        let signal = Signal::try_from(number);
        if let Ok(signal) = signal
            && !matches!(signal, Signal::SIGCHLD | Signal::SIGPIPE)
            && let Some(successor) = self.drains_for(signal)
        {
            // It may have ended.
            let _ = kill(successor, signal);
            return;
        }
        match signal {
            Ok(Signal::SIGTERM | Signal::SIGINT) => {
                log::debug!("signal {number} received, program terminates");
                self.stop = Some(Stop::Told);
            }
            Ok(Signal::SIGCHLD) => self.reap(),
            Ok(Signal::SIGUSR1) => memory::dump(),
            Ok(Signal::SIGUSR2) => self.upgrade_on_signal(),
            Ok(Signal::SIGTTIN) => self.change_all(true),
            Ok(Signal::SIGTTOU) => self.change_all(false),
            Ok(Signal::SIGHUP) if settings::get().reload_on_hup => self.reload_on_signal(),
            Ok(Signal::SIGHUP) => log::debug!("SIGHUP received, ignoring it"),
            // Writing to a closed pipe sends one, too: then the writer has the error already.
            Ok(Signal::SIGPIPE) if sender == getpid().as_raw() => {}
            Ok(Signal::SIGPIPE) => log::warn!("WARNING: SIGPIPE received and ignored"),
            Ok(_) | Err(_) => crit!("WARNING: unhandled signal {number}"),
        }
    }

    /// Collects every child that died, then repairs what they left: all at once, because a lock of one
    /// may be needed to repair after another.
    pub(super) fn reap(&mut self) {
        let mut dead = Vec::new();
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => break,
                Ok(status) => {
                    // What the dead reported is in the pipe by now, and comes before its death.
                    self.take_reports();
                    let slot = status.pid().and_then(|pid| self.child_died(pid, status));
                    dead.extend(slot);
                }
                Err(Errno::EINTR) => {}
                Err(e) => {
                    log::error!("waitpid: {e}");
                    break;
                }
            }
        }
        self.bury(&dead);
    }

    /// Repairs what the dead left, and wants others in their place.
    pub(super) fn bury(&mut self, dead: &[u16]) {
        if !dead.is_empty() {
            shared::recover(dead);
            self.want_again(dead);
        }
    }

    /// The one place that learns of a death, and reports it.
    pub(super) fn child_died(&mut self, pid: Pid, status: WaitStatus) -> Option<u16> {
        let Some(entry) = self.table.by_pid(pid) else {
            log::debug!("process {pid}, which is not of the table, ended");
            return None;
        };
        entry.state = State::Dead;
        let (slot, how) = (entry.slot, describe_death(status));
        // After a failed start its reason is told, not its consequences.
        let failed = self.start_failure.is_some();
        let expected = failed || self.stop.is_some() || was_told(status);
        let retired = was_told(status) && !entry.stays();
        let level = match (retired, expected) {
            (true, _) => level::DBG,
            (false, true) => level::INFO,
            (false, false) => level::ERR,
        };
        let text = format_args!("child process {pid} ({}) {how}", entry.desc);
        log_fmt(level, text);
        let worked = entry.respawn.has_worked(slot);
        let killed = matches!(status, WaitStatus::Signaled(_, Signal::SIGKILL, _));
        // Who leaves was not killed by its start.
        let delay = match entry.stays() {
            true => entry.respawn.died(Instant::now(), worked, killed),
            false => GRACE,
        };
        if was_told(status) && delay < GRACE {
            entry.respawn.wait(Instant::now(), GRACE);
        }
        if expected {
            work::forget_activity(slot);
        } else {
            post_mortem::examine(slot, pid, &entry.desc, status, &self.watch);
        }
        self.watch.forget(slot);
        shared::died(slot);
        Some(slot)
    }

    /// What the dead held was repaired: they are replaced, unless the tree stops or did not stand yet.
    pub(super) fn want_again(&mut self, dead: &[u16]) {
        if self.stop.is_some() {
            return;
        }
        if !self.stands {
            log::info!("INFO: terminating due to SIGCHLD");
            self.stop = Some(Stop::ChildDied);
            return;
        }
        let now = Instant::now();
        for &slot in dead {
            if self.let_go(slot) {
                continue;
            }
            let Some(entry) = self.table.get_mut(slot) else {
                continue;
            };
            entry.state = State::Wanted;
            let delay = entry.respawn.delay(now);
            if delay > GRACE {
                log::warn!(
                    "WARNING: {} dies again and again, the next one starts in {:.1} s",
                    entry.desc,
                    delay.as_secs_f32()
                );
            }
        }
    }
}

fn exit_timeout() -> Duration {
    Duration::from_secs(settings::get().exit_timeout.into())
}

/// Whether a worker ended as one does that got TERM or INT.
fn was_told(status: WaitStatus) -> bool {
    matches!(status, WaitStatus::Exited(_, 0))
}

fn describe_death(status: WaitStatus) -> String {
    match status {
        WaitStatus::Exited(_, code) => format!("exited normally, status={code}"),
        WaitStatus::Signaled(_, signal, core) => {
            let not = if core { "" } else { "not " };
            format!(
                "exited by a signal {} ({signal}), core was {not}generated",
                signal as i32
            )
        }
        other => format!("changed its state: {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_death_is_described_with_status_or_signal() {
        let pid = Pid::from_raw(7);
        assert_eq!(
            describe_death(WaitStatus::Exited(pid, 3)),
            "exited normally, status=3"
        );
        assert_eq!(
            describe_death(WaitStatus::Signaled(pid, Signal::SIGSEGV, true)),
            "exited by a signal 11 (SIGSEGV), core was generated"
        );
        assert_eq!(
            describe_death(WaitStatus::Signaled(pid, Signal::SIGKILL, false)),
            "exited by a signal 9 (SIGKILL), core was not generated"
        );
    }
}
