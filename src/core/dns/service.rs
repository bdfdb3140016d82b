//! Who resolves: the resolver process, in no-fork mode the main process; and before there is one, or
//! where nobody thought that names would be needed, whoever asks.
//!
//! Invariant: a process hosts at most one engine, in a cell that is never borrowed while a handler
//! runs; so a handler may ask for names, and wait for them, itself.

use super::cache::Cache;
use super::engine::local::Local;
use super::engine::{Engine, Finished};
use super::jobs::{Jobs, Taken};
use super::policy::Policy;
use super::task::{Done, Task};
use super::{Failure, Waiter};
use crate::core::isolation;
use crate::core::settings::{self, Settings};
use crate::core::stats::work::{self, Blocked};
use crate::core::stats::{Counter, count};
use crate::core::time;
use crate::ipc::MAX_PROCESSES;
use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// A process that waits looks this much longer than the resolver may take.
const SLACK: Duration = Duration::from_secs(1);
/// Numbers of jobs that their own process works off are from here on.
const OWN: u64 = 1 << 63;

/// What all processes share.
pub(super) struct Shared {
    pub cache: Option<Cache>,
    pub jobs: Jobs,
    /// How long a process waits for a result, in milliseconds.
    limit: AtomicU64,
}

static SHARED: OnceLock<Shared> = OnceLock::new();
static WANTED: AtomicBool = AtomicBool::new(false);
static SERVED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static ENGINE: RefCell<Option<Engine>> = const { RefCell::new(None) };
    static NEXT_OWN: Cell<u64> = const { Cell::new(OWN) };
}

/// What all processes share, once it exists.
pub(super) fn shared() -> Option<&'static Shared> {
    SHARED.get()
}

/// Makes it, in the attendant, once there is shared memory.
pub(super) fn create(settings: &Settings) -> Result<(), String> {
    let cache = match settings.use_dns_cache {
        true => {
            Some(Cache::create(settings).map_err(|_| "out of shared memory for the dns cache")?)
        }
        false => None,
    };
    let jobs = Jobs::create(MAX_PROCESSES)?;
    let limit = AtomicU64::new(0);
    SHARED.get_or_init(|| Shared { cache, jobs, limit });
    settings_changed(settings);
    start_sweep(settings.dns_cache_gc_interval)
}

/// Other parameters are in force, for processes that are forked from now on.
pub(super) fn settings_changed(settings: &Settings) {
    if let Some(shared) = SHARED.get() {
        let limit = Local::new(settings).longest() + SLACK;
        let ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        shared.limit.store(ms, Ordering::Relaxed);
    }
    // Via of a message may hold a name.
    if settings.received_dns != 0 || settings.reply_to_via {
        want_resolver();
    }
}

/// The slow timer removes what has expired; 0 means never (a full cache does it, too).
fn start_sweep(interval: u32) -> Result<(), String> {
    fn sweep(_seconds: u32, _param: u64) {
        if let Some(cache) = SHARED.get().and_then(|shared| shared.cache.as_ref()) {
            let gone = cache.collect_garbage(time::get_ticks_raw());
            log::debug!("dns cache: {gone} expired");
        }
    }
    match interval {
        0 => Ok(()),
        interval => time::register_timer("dns cache: expire", sweep, 0, interval),
    }
}

/// Something in the config may lead to a name: a resolver process is worth its while.
pub fn want_resolver() {
    WANTED.store(true, Ordering::Relaxed);
}

/// Whether [`want_resolver`] was called.
pub fn is_resolver_wanted() -> bool {
    WANTED.load(Ordering::Relaxed)
}

/// There will be a resolver: from now on the others leave the work to it. In the attendant, before the
/// first fork.
pub fn announce_resolver() {
    SERVED.store(true, Ordering::Relaxed);
}

/// The resolver that this process hosts.
#[derive(Debug)]
pub struct Resolver {
    fd: OwnedFd,
}

impl Resolver {
    /// Makes this process the resolver. It takes over what a predecessor has left.
    pub fn start() -> Result<Resolver, String> {
        let shared = SHARED.get().ok_or("BUG: name resolution is not set up")?;
        let fd = host_engine(shared).map_err(|why| format!("dns resolver: {why}"))?;
        Ok(Resolver { fd })
    }

    /// Deals with everything that has happened: to be called when [`Resolver::as_fd`] is readable.
    /// Handlers run in here. A panic of the engine costs what was under way: it is asked again.
    pub fn work(&mut self) {
        let Some(shared) = SHARED.get() else { return };
        let work = || with_engine(|engine| engine.work(Some(&shared.jobs), Duration::ZERO));
        if isolation::catch(work).is_none() {
            count(Counter::TaskPanics);
            match host_engine(shared) {
                Ok(fd) => self.fd = fd,
                Err(why) => {
                    log::error!("ERROR: dns resolver: {why}");
                    std::process::abort();
                }
            }
        }
        deliver(shared);
    }
}

/// Puts an engine into this process that works for all; what tells when it has to.
fn host_engine(shared: &Shared) -> io::Result<OwnedFd> {
    let policy = Policy::get().clone();
    let mut engine = Engine::new(settings::get(), policy, shared.cache.clone())?;
    engine.attend(&shared.jobs)?;
    engine.make_room();
    for taken in shared.jobs.take_over() {
        engine.start(taken);
    }
    let fd = engine.fd();
    ENGINE.set(Some(engine));
    fd
}

impl AsFd for Resolver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn with_engine<T>(f: impl FnOnce(&mut Engine) -> T) -> Option<T> {
    ENGINE.with_borrow_mut(|engine| engine.as_mut().map(f))
}

/// Calls everybody who waits for what is finished.
fn deliver(shared: &Shared) {
    loop {
        let finished = with_engine(Engine::finished).unwrap_or_default();
        if finished.is_empty() {
            return;
        }
        for Finished { taken, done, .. } in finished {
            shared.jobs.finish(taken.number, &taken.task, &done);
        }
    }
}

/// Calls `waiter` when `task` is done.
pub(super) fn submit(task: &Task, waiter: Waiter) -> Result<(), Failure> {
    match SHARED.get().filter(|_| SERVED.load(Ordering::Relaxed)) {
        Some(shared) => shared.jobs.submit(task, waiter),
        None => {
            let done = wait(task);
            super::call(waiter.handler, waiter.data, &done);
            Ok(())
        }
    }
}

/// Waits until `task` is done.
pub(super) fn wait(task: &Task) -> Done {
    work::blocked(Blocked::Dns, || ask(task))
}

fn ask(task: &Task) -> Done {
    if let Some(done) = work_until_done(task) {
        return done;
    }
    let shared = SHARED.get();
    if let Some(shared) = shared.filter(|_| SERVED.load(Ordering::Relaxed)) {
        let limit = Duration::from_millis(shared.limit.load(Ordering::Relaxed));
        let done = shared.jobs.wait(task, limit);
        return done.unwrap_or_else(|why| Done::failed(task, why));
    }
    let cache = shared.and_then(|shared| shared.cache.clone());
    let policy = Policy::get().clone();
    match Engine::new(settings::get(), policy, cache) {
        Ok(mut engine) => run(&mut engine, task).done,
        Err(why) => {
            log::error!("ERROR: dns: {why}");
            Done::failed(task, Failure::ServerFailure)
        }
    }
}

/// In the process that hosts the engine: works on everything until `task` is done. What becomes ready
/// meanwhile is delivered by the loop outside.
fn work_until_done(task: &Task) -> Option<Done> {
    let number = next_own();
    with_engine(|engine| engine.start(own(number, task)))?;
    let jobs = SHARED.get().map(|shared| &shared.jobs);
    loop {
        let finished = with_engine(|engine| {
            if let Some(finished) = engine.take_finished(number) {
                return Some(finished);
            }
            engine.work(jobs, Duration::from_secs(1));
            None
        });
        if let Some(finished) = finished? {
            return Some(finished.done);
        }
    }
}

/// With an engine of one's own.
pub(super) fn run(engine: &mut Engine, task: &Task) -> Finished {
    let number = next_own();
    engine.start(own(number, task));
    loop {
        if let Some(finished) = engine.take_finished(number) {
            return finished;
        }
        engine.work(None, Duration::from_secs(1));
    }
}

fn next_own() -> u64 {
    let next = NEXT_OWN.get();
    NEXT_OWN.set(next.wrapping_add(1) | OWN);
    next
}

fn own(number: u64, task: &Task) -> Taken {
    Taken {
        number,
        seed: super::random::seed(),
        task: *task,
    }
}

/// In the attendant, when the locks of the processes `dead` were released: settles their letters and counts anew.
pub(super) fn recover(dead: &[u16]) {
    if let Some(shared) = SHARED.get() {
        dead.iter()
            .for_each(|&slot| shared.jobs.forget_letters(slot));
        shared.jobs.recount();
        if let Some(cache) = &shared.cache {
            cache.recount();
        }
    }
}
