//! The first minute of a forked process: from the fork to its work loop.
//!
//! Invariant: whatever goes wrong here ends this process only, with a text to the attendant that says
//! why; nothing ever returns into the attendant's code.

use super::fork::exit_now;
use super::reports::report;
use super::table::{Entry, Role, rank};
use super::{
    daemonize, dns_resolver, finisher, shared, signals, slow_timer, timer, title, udp_receiver,
};
use crate::core::dns::{self, Resolver};
use crate::core::log as ser_log;
use crate::core::module::registry;
use crate::core::{net, script, settings};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getppid};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Exit status of a process that could not start.
const FAILED: i32 = 255;

/// What a child is told by the attendant that forks it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Birth {
    /// The attendant.
    pub attendant: Pid,
    /// Leave the terminal.
    pub close_terminal: bool,
    /// But keep stderr for the log.
    pub keep_stderr: bool,
}

/// Lives the life of the process that `entry` wants; how its start went is told to `reports` (see [`report`]).
pub(super) fn live(entry: &Entry, birth: &Birth, reports: &File) -> ! {
    match catch_unwind(AssertUnwindSafe(|| begin_and_work(entry, birth, reports))) {
        Ok(Ok(())) => exit_now(0),
        // The attendant tells why.
        Ok(Err(why)) => {
            if let Err(e) = report(reports, entry.slot, &why) {
                log::error!("ERROR: {}: {why}; {e}", entry.desc);
            }
            exit_now(FAILED)
        }
        // The panic hook has told what happened; leave a core.
        Err(_) => std::process::abort(),
    }
}

fn begin_and_work(entry: &Entry, birth: &Birth, reports: &File) -> Result<(), String> {
    begin(entry, birth)?;
    keep_configuration();
    // Before `child_init`, which may ask for a name: here nobody else would look it up.
    let resolver = match entry.role {
        Role::DnsResolver => Some(Resolver::start()?),
        _ => None,
    };
    if entry.rank != rank::PROC_NOCHLDINIT {
        registry::init_child(entry.rank)?;
    }
    report(reports, entry.slot, "")?;
    work(entry, resolver)
}

fn begin(entry: &Entry, birth: &Birth) -> Result<(), String> {
    die_with(birth.attendant)?;
    ser_log::set_process(i32::from(entry.slot));
    shared::enter(entry.slot);
    signals::become_worker(birth.attendant.as_raw()).map_err(|e| format!("signals: {e}"))?;
    title::set(&entry.desc);
    if birth.close_terminal {
        daemonize::close_terminal(birth.keep_stderr)?;
    }
    Ok(())
}

/// What is in force now is in force in this process to its end.
pub(super) fn keep_configuration() {
    settings::keep();
    net::keep();
    dns::keep();
    script::keep();
}

/// The life of a process that does one thing, which is `work`.
pub(super) fn live_for(entry: &Entry, birth: &Birth, work: impl FnOnce()) -> ! {
    let life = || begin(entry, birth).map(|()| work());
    match catch_unwind(AssertUnwindSafe(life)) {
        Ok(Ok(())) => exit_now(0),
        Ok(Err(why)) => log::error!("ERROR: {}: {why}", entry.desc),
        // The panic hook has told what happened.
        Err(_) => {}
    }
    exit_now(FAILED)
}

/// Asks the kernel for TERM when the attendant dies; it may have died before that.
fn die_with(attendant: Pid) -> Result<(), String> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGTERM)
        .map_err(|e| format!("PR_SET_PDEATHSIG: {e}"))?;
    if getppid() == attendant {
        Ok(())
    } else {
        Err("the attendant is gone".into())
    }
}

fn work(entry: &Entry, resolver: Option<Resolver>) -> Result<(), String> {
    match entry.role {
        Role::UdpReceiver(socket, _) => udp_receiver::run(socket),
        Role::Finisher => finisher::run(),
        Role::SlowTimer => slow_timer::run(),
        Role::Timer => timer::run(),
        Role::DnsResolver => dns_resolver::run(&mut resolver.ok_or("BUG: no resolver")?),
        Role::Module(run) => {
            run();
            Ok(())
        }
        Role::ConfigCheck | Role::Successor | Role::Former => {
            Err("BUG: it has a life of its own".into())
        }
    }
}
