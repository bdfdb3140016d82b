//! The start order (SER's `main`), and what is undone when a step fails.
//!
//! What can fail does so before the launching shell gets its exit status: sockets are bound before the
//! daemon leaves the terminal, and the launcher waits until every process has done its `child_init`.
//! Invariant: a start that fails leaves no process and no file behind, and says why exactly once.

use super::config_file;
use super::effective::{Effective, listeners};
use super::fork_mode::ForkMode;
use super::getopt::Opt;
use super::live_config::{ConfigFile, LiveConfig};
use super::overrides::Overrides;
use super::passes::Early;
use super::succession::{self, Succession};
use crate::core::config::{Facts, Target};
use crate::core::dns;
use crate::core::log as ser_log;
use crate::core::module::registry;
use crate::core::net::{self, Listeners, SocketInfo, inherited, socket_pool, udp};
use crate::core::overload;
use crate::core::process::daemonize::{self, Inherited, Launcher};
use crate::core::process::pidfile::{PgidFile, PidFile};
use crate::core::process::privileges::{Identity, Unknown};
use crate::core::process::{
    Attendant, Attended, Configuration, Heritage, Invocation, Legacy, OwnReceiver, SCRATCH, Stop,
    Table, clean_up, limits, notify, say_thanks, serve_core_fifo, serve_core_unixsock,
};
use crate::core::receive::quarantine;
use crate::core::script::{self, HostNames, Program};
use crate::core::settings::{self, Settings};
use crate::core::stats;
use crate::core::time;
use crate::ipc::{MAX_PROCESSES, Scratch, Segment, set_process_slot};
use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

const MIB: u64 = 1 << 20;

/// The start failed, or the server did: the text for the operator (empty: everything is said).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Failed(pub String);

impl From<String> for Failed {
    fn from(text: String) -> Self {
        Failed(text)
    }
}

/// What the config file and the command line come to.
pub(super) struct Plan {
    settings: Settings,
    identity: Identity,
    pub(super) mode: ForkMode,
    pub(super) more: Overrides,
    shm_limit: u64,
    /// The config file, as named.
    config: String,
    /// It takes the place of another program.
    succeeds: bool,
    /// The number of its configuration.
    generation: u32,
    /// Taken out when it is fixed up.
    program: Cell<Option<Program>>,
    /// Taken out by the attendant, which may read the file again.
    reload: Cell<Option<(ConfigFile, Facts)>>,
}

/// Where this program comes from.
pub(super) struct Origin {
    /// Descriptors that somebody left open.
    pub inherited: Inherited,
    /// How it was started, if that can be told.
    pub invocation: io::Result<Invocation>,
}

/// Runs the server, or checks its config.
pub(super) fn serve(early: Early, options: &[Opt], origin: Origin) -> Result<(), Failed> {
    ser_log::set_debug(early.debug as i32);
    ser_log::set_stderr(early.log_stderr);
    if early.check {
        return start(&early, options, origin, None);
    }
    notify::connect();
    let Some(mut legacy) = Legacy::find()? else {
        return start(&early, options, origin, None);
    };
    match legacy.take_segment() {
        Ok(()) => start(&early, options, origin, Some(legacy)),
        Err(why) => {
            legacy.failed(&why);
            Err(why.into())
        }
    }
}

fn start(
    early: &Early,
    options: &[Opt],
    origin: Origin,
    legacy: Option<Legacy>,
) -> Result<(), Failed> {
    let Origin {
        inherited,
        invocation,
    } = origin;
    let mut succession = Succession {
        legacy,
        invocation: invocation.ok(),
    };
    let result = start_or_fail(early, options, inherited, &mut succession);
    // Nobody has taken it so far: it ends here.
    if let (Err(Failed(why)), Some(legacy)) = (&result, succession.legacy) {
        legacy.failed(&format!("{}{why}", config_file::findings()));
    }
    result
}

fn start_or_fail(
    early: &Early,
    options: &[Opt],
    inherited: Inherited,
    succession: &mut Succession,
) -> Result<(), Failed> {
    let plan = make_plan(early, options, succession)?;
    print_listen_block(net::listeners());
    if early.check {
        ser_log::print_stderr(format_args!("config file ok, exiting..."));
        return Ok(());
    }
    settle(&plan)?;
    prepare(&plan)?;
    run(plan, inherited, succession)
}

fn make_plan(early: &Early, options: &[Opt], succession: &Succession) -> Result<Plan, Failed> {
    let (loaded, hash) = config_file::read(early)?;
    let effective = Effective::of(loaded, early, options)?;
    let mode = ForkMode::choose(effective.more.dont_fork, effective.settings.fork);
    let identity = look_up_identity(&effective.settings)?;
    let mut listeners = effective.listeners()?;
    if mode == ForkMode::NoFork && !early.check {
        use_first_socket(&mut listeners)?;
    }
    net::install(listeners);
    Ok(Plan {
        settings: effective.settings,
        identity,
        mode,
        more: effective.more,
        shm_limit: shm_limit(early.shm_megabytes),
        config: early.config.display().to_string(),
        succeeds: succession.legacy.is_some(),
        generation: succession
            .legacy
            .as_ref()
            .map_or(1, Legacy::next_generation),
        program: Cell::new(Some(effective.program)),
        reload: Cell::new(Some((
            ConfigFile::new(early, options, hash)?,
            effective.facts,
        ))),
    })
}

/// Whether a server with this file could find the addresses that it is to listen on.
pub(super) fn check_addresses(mut target: Target) -> Result<(), String> {
    dns::settle(&mut target.settings);
    listeners(&target.listen, &target.aliases, &target.settings).map(drop)
}

/// SER's texts; the one for groups names the other letter, as the original's does.
fn look_up_identity(settings: &Settings) -> Result<Identity, Failed> {
    let (user, group) = (settings.user.as_deref(), settings.group.as_deref());
    Identity::look_up(user, group).map_err(|unknown| {
        Failed(match unknown {
            Unknown::User => format!("bad user name/uid number: -u {}", user.unwrap_or("")),
            Unknown::Group => format!("bad group name/gid number: -u {}", group.unwrap_or("")),
        })
    })
}

/// In no-fork mode the first UDP socket does everything; warns about the others.
fn use_first_socket(listeners: &mut Listeners) -> Result<(), Failed> {
    let more = match listeners.udp.len() {
        0 => "and no udp listen address found",
        1 => "",
        _ => "and more than one listen address found (will use only the the first one)",
    };
    ser_log::print_stderr(format_args!("WARNING: no fork mode {more}"));
    let Some(&first) = listeners.udp.first() else {
        let text = "no fork mode requires at least one udp listen address, exiting...";
        return Err(Failed(text.into()));
    };
    listeners.send_ipv4 = Some(first);
    listeners.send_ipv6 = Some(first);
    Ok(())
}

/// `-m` in bytes; without it half of the machine.
fn shm_limit(megabytes: Option<i64>) -> u64 {
    match megabytes.map(u64::try_from) {
        Some(Ok(megabytes @ 1..)) => megabytes.saturating_mul(MIB),
        Some(Ok(0) | Err(_)) | None => Segment::default_limit(),
    }
}

/// A closed stdout is no reason not to serve.
fn print_listen_block(listeners: &Listeners) {
    let _ = super::print(&net::listen_block(listeners));
}

/// Goes where the server will live. A server that runs already is found by its pid file here, before
/// its sockets are in the way.
fn settle(plan: &Plan) -> Result<(), Failed> {
    // While its path can be reached: a chroot may follow.
    ser_log::open_syslog();
    // SER does not daemonize at all then: no pid file, no other directory.
    if plan.mode == ForkMode::NoFork {
        return Ok(());
    }
    let Settings {
        chroot, workdir, ..
    } = &plan.settings;
    daemonize::enter(chroot.as_deref(), workdir.as_deref())?;
    let pid_file = plan.more.pid_file.as_deref().filter(|_| !plan.succeeds);
    pid_file.map_or(Ok(()), PidFile::check)?;
    Ok(())
}

/// What the whole tree shares: settings, memory, clock, sockets.
fn prepare(plan: &Plan) -> Result<(), Failed> {
    settings::set(plan.settings.clone());
    match Segment::get() {
        Some(_) => log::info!("ser: shared memory: that of the program before"),
        None => create_segment(plan.shm_limit)?,
    }
    socket_pool::record_numbers();
    Scratch::create(inherited::take(SCRATCH))
        .map_err(|why| format!("no buffers to receive into: {why}"))?;
    time::create().map_err(|_| "out of shared memory for the timers".to_string())?;
    stats::memory_limit::create()?;
    quarantine::create().map_err(|_| "out of shared memory for the quarantine".to_string())?;
    dns::create(&plan.settings)?;
    overload::create(&plan.settings)?;
    for socket in sockets_to_bind(plan) {
        udp::bind(socket, &plan.settings)
            .map_err(|why| format!("ERROR: udp_init: bind({}): {why}", socket.addr))?;
    }
    Ok(())
}

fn create_segment(bytes: u64) -> Result<(), Failed> {
    Segment::create(bytes)
        .map_err(|why| format!("Too much shared memory demanded: {bytes}: {why}"))?;
    log::info!("ser: shared memory: {bytes} bytes");
    set_process_slot(0);
    Ok(())
}

fn sockets_to_bind(plan: &Plan) -> &'static [&'static SocketInfo] {
    let udp = &net::listeners().udp;
    match plan.mode {
        ForkMode::NoFork => &udp[..1],
        ForkMode::Daemon | ForkMode::Foreground => udp,
    }
}

/// Leaves the terminal as far as the mode asks for, then lives.
fn run(plan: Plan, inherited: Inherited, succession: &mut Succession) -> Result<(), Failed> {
    if let Some(legacy) = succession.legacy.take() {
        let invocation = succession.invocation.take();
        return ended(succession::succeed(&plan, invocation, legacy)?);
    }
    let invocation = succession.invocation.take();
    let stop = match plan.mode {
        ForkMode::NoFork => live_to_the_end(&plan, invocation, None)?,
        ForkMode::Foreground => live_with_files(&plan, invocation, None)?,
        ForkMode::Daemon => {
            let launcher = daemonize::detach()?;
            inherited.close();
            live_with_files(&plan, invocation, Some(launcher))?
        }
    };
    ended(stop)
}

fn ended(stop: Stop) -> Result<(), Failed> {
    match stop {
        Stop::Succeeded(true) => Ok(()),
        // Its log has told why.
        Stop::Succeeded(false) => Err(Failed(String::new())),
        Stop::Told => {
            say_thanks();
            Ok(())
        }
        // The log has told whose death it was.
        Stop::ChildDied => Err(Failed(String::new())),
    }
}

/// The pid file and the process group file exist as long as the server lives.
fn live_with_files(
    plan: &Plan,
    invocation: Option<Invocation>,
    launcher: Option<Launcher>,
) -> Result<Stop, Failed> {
    ser_log::set_process(0);
    let pid_file = plan.more.pid_file.as_deref();
    let pid_file = pid_file.map(PidFile::create).transpose()?;
    let result = create_pgid_file(plan).and_then(|pgid_file| {
        let result = live_to_the_end(plan, invocation, launcher);
        remove_files(&result, None, pgid_file);
        result
    });
    remove_files(&result, pid_file, None);
    result
}

/// They are the successor's, if there is one.
pub(super) fn remove_files(
    result: &Result<Stop, Failed>,
    pid_file: Option<PidFile>,
    pgid_file: Option<PgidFile>,
) {
    if !matches!(result, Ok(Stop::Succeeded(_))) {
        pgid_file.into_iter().for_each(PgidFile::remove);
        pid_file.into_iter().for_each(PidFile::remove);
    }
}

pub(super) fn attend(mut attendant: Attendant) -> Stop {
    let stop = attendant.attend();
    if !matches!(stop, Stop::Succeeded(_)) {
        notify::stopping();
        attendant.shut_down(Some(stop));
    }
    stop
}

pub(super) fn create_pgid_file(plan: &Plan) -> Result<Option<PgidFile>, Failed> {
    let own_group = plan.mode == ForkMode::Daemon;
    let pgid = own_group.then(|| nix::unistd::getpgrp().as_raw());
    match plan.more.pgid_file.as_deref() {
        Some(path) => Ok(PgidFile::create(path, pgid)?),
        None => Ok(None),
    }
}

/// A panic of the attendant ends the server, but its files go, and the exit status is that of a failure.
fn live_to_the_end(
    plan: &Plan,
    invocation: Option<Invocation>,
    launcher: Option<Launcher>,
) -> Result<Stop, Failed> {
    // The panic hook has told what happened; the kernel tells the children.
    catch_unwind(AssertUnwindSafe(|| live(plan, invocation, launcher)))
        .unwrap_or_else(|_| Err(Failed(String::new())))
}

/// From the signals to the end of the tree.
fn live(
    plan: &Plan,
    invocation: Option<Invocation>,
    launcher: Option<Launcher>,
) -> Result<Stop, Failed> {
    let signals = Attended::begin().map_err(|e| format!("cannot catch signals: {e}"))?;
    set_limits(plan)?;
    init(plan).inspect_err(|_| clean_up())?;
    let attendant = heritage(plan, invocation).and_then(|h| Ok(Attendant::new(h, signals)?));
    let mut attendant = attendant.inspect_err(|_| clean_up())?;
    let started = attendant
        .start()
        .and_then(|()| attendant.close_terminal())
        .inspect(|()| notify::ready())
        .and_then(|()| match launcher {
            Some(launcher) if !attendant.told_to_stop() => tell_launcher(launcher),
            Some(_) | None => Ok(()),
        });
    if let Err(why) = started {
        attendant.shut_down(None);
        return Err(Failed(why));
    }
    Ok(attend(attendant))
}

fn tell_launcher(launcher: Launcher) -> Result<(), String> {
    let ready = launcher.ready();
    ready.map_err(|e| format!("whoever started the server is gone: {e}"))
}

pub(super) fn set_limits(plan: &Plan) -> Result<(), Failed> {
    limits::set_core(plan.settings.disable_core_dump);
    if let Ok(files @ 1..) = u64::try_from(plan.settings.open_files_limit) {
        limits::raise_open_files(files)
            .map_err(|e| format!("ERROR: error could not increase file limits: {e}"))?;
    }
    Ok(())
}

/// The modules, then the script's arguments, then down with the privileges.
pub(super) fn init(plan: &Plan) -> Result<(), Failed> {
    registry::init_modules()?;
    // In no-fork mode nobody would serve them.
    if plan.mode != ForkMode::NoFork {
        serve_core_fifo()?;
        serve_core_unixsock()?;
    }
    if let Some(mut program) = plan.program.take() {
        program
            .fixup(&mut HostNames::look_up())
            .map_err(|why| format!("{}: {why}", plan.config))?;
        script::install(program);
    }
    plan.identity.assume()?;
    Ok(())
}

/// What can read the config file again. In no-fork mode there are no processes that could take the place of others.
fn configuration(plan: &Plan) -> Option<Box<dyn Configuration>> {
    let (file, facts) = plan.reload.take()?;
    let forks = plan.mode != ForkMode::NoFork;
    forks.then(|| Box::new(LiveConfig::new(file, facts, plan.generation)) as Box<dyn Configuration>)
}

/// Before a table of any length is made of a mistyped `children`.
fn check_number(sockets: usize, children: u32) -> Result<(), Failed> {
    let wanted = sockets.saturating_mul(children as usize);
    if wanted < MAX_PROCESSES {
        return Ok(());
    }
    let text = format!("{children} children for each of {sockets} sockets are too many processes");
    Err(Failed(text))
}

pub(super) fn heritage(plan: &Plan, invocation: Option<Invocation>) -> Result<Heritage, Failed> {
    let first = net::listeners()
        .udp
        .first()
        .filter(|_| plan.mode == ForkMode::NoFork);
    let own_receiver = first.map(|&socket| OwnReceiver::new(socket)).transpose()?;
    let (udp, children) = (&net::listeners().udp, plan.settings.children);
    let mut table = match own_receiver {
        Some(_) => Table::timers_only(),
        None => {
            check_number(udp.len(), children)?;
            Table::forking(udp, children)
        }
    };
    if dns::is_resolver_wanted() {
        dns::announce_resolver();
        if own_receiver.is_none() {
            table.add_resolver();
        }
    }
    Ok(Heritage {
        table,
        own_receiver,
        close_terminal: plan.mode != ForkMode::NoFork,
        keep_stderr: plan.settings.log_stderror,
        configuration: configuration(plan),
        invocation,
        foreground: plan.mode == ForkMode::Foreground,
    })
}
