//! What the script costs: for each route block and each command of a module how often it ran and how long it took.
//!
//! The names are collected while ser.cfg is compiled; their numbers are places in each process's rows ([`Meters`]). Off
//! (`script_stats=no`) there are no rows, and nobody looks at the clock. Invariant: a moment at which the clock was
//! looked at is used again as long as nothing has happened since ([`Watch`]), so a list of commands costs one look each.

use super::histogram::{BUCKETS, Sums, bucket};
use super::meters::Meters;
use super::{add, cycles};
use crate::ipc::ShmFull;
use parking_lot::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Buckets of the times of a route: two of [`super::histogram`] are one here, so its error is below a quarter.
const COARSE: usize = BUCKETS / 2;

crate::shm_counters! {
    /// A route block in one process; times in the unit of [`cycles`].
    struct Route {
        /// In the block and everything called from it.
        total: AtomicU64,
        /// The same without the route blocks that ran meanwhile.
        own: AtomicU64,
        times: [AtomicU64; COARSE],
    }
}

crate::shm_counters! {
    /// A command in one process.
    struct Command {
        calls: AtomicU64,
        /// Calls that returned a negative value.
        errors: AtomicU64,
        /// In the command and everything that it runs.
        total: AtomicU64,
    }
}

static ROUTES: Meters<Route> = Meters::new();
static COMMANDS: Meters<Command> = Meters::new();
static ON: AtomicBool = AtomicBool::new(false);
/// Time of this process in route blocks that were called from the one that runs.
static INNER: AtomicU64 = AtomicU64::new(0);

type Name<'n> = (&'static str, &'n str);

#[derive(Debug)]
struct Names {
    routes: Vec<(&'static str, String)>,
    commands: Vec<(&'static str, &'static str)>,
}

static NAMES: RwLock<Names> = RwLock::new(Names {
    routes: Vec::new(),
    commands: Vec::new(),
});

/// The number of a route block: the word that it is declared with, and its name.
pub fn route(kind: &'static str, name: &str) -> usize {
    let routes = &mut NAMES.write().routes;
    let known = routes
        .iter()
        .position(|known| (known.0, &*known.1) == (kind, name));
    known.unwrap_or_else(|| {
        routes.push((kind, name.to_owned()));
        routes.len() - 1
    })
}

/// The number of a module's command; all with that name are one.
pub fn command(module: &'static str, name: &'static str) -> usize {
    let commands = &mut NAMES.write().commands;
    let known = commands.iter().position(|known| *known == (module, name));
    known.unwrap_or_else(|| {
        commands.push((module, name));
        commands.len() - 1
    })
}

/// Makes rows for `processes` and switches measuring on; once ser.cfg is compiled, before the first fork.
pub fn create(processes: usize) -> Result<(), ShmFull> {
    let names = NAMES.read();
    ROUTES.create(processes, &names.routes)?;
    COMMANDS.create(processes, &names.commands)?;
    ON.store(true, Ordering::Relaxed);
    Ok(())
}

/// Makes rows for the names that came with another ser.cfg, before processes are forked with it. What there is no room
/// for is not measured.
pub fn grow() -> Result<(), ShmFull> {
    if !is_on() {
        return Ok(());
    }
    let names = NAMES.read();
    ROUTES.grow(&names.routes)?;
    COMMANDS.grow(&names.commands)
}

/// The clock of one run of the script.
#[derive(Debug, Default)]
pub struct Watch {
    /// When the clock was looked at last; 0: something has happened since.
    seen: u64,
}

/// What runs, from when on; and what was counted before it for the block around it.
#[derive(Debug)]
#[must_use = "it ends with `end_route` or `end_command`"]
pub struct Began {
    /// 0: nothing is measured.
    at: u64,
    inner: u64,
}

impl Watch {
    /// Something happens that takes time of its own.
    #[inline]
    pub fn moves(&mut self) {
        self.seen = 0;
    }

    #[inline]
    fn now(&mut self) -> u64 {
        if self.seen == 0 {
            self.seen = cycles::now();
        }
        self.seen
    }

    /// A command begins.
    #[inline]
    pub fn begin_command(&mut self) -> Began {
        let at = if ON.load(Ordering::Relaxed) {
            self.now()
        } else {
            0
        };
        Began { at, inner: 0 }
    }

    /// The command of that number returned `value`.
    #[inline]
    pub fn end_command(&mut self, began: Began, number: usize, value: i32) {
        if began.at == 0 {
            return;
        }
        self.seen = cycles::now();
        if let Some(command) = COMMANDS.mine(number) {
            add(&command.calls, 1);
            add(&command.total, self.seen.saturating_sub(began.at));
            if value < 0 {
                add(&command.errors, 1);
            }
        }
    }

    /// A route block begins.
    #[inline]
    pub fn begin_route(&mut self) -> Began {
        if !ON.load(Ordering::Relaxed) {
            return Began { at: 0, inner: 0 };
        }
        let inner = INNER.load(Ordering::Relaxed);
        INNER.store(0, Ordering::Relaxed);
        Began {
            at: self.now(),
            inner,
        }
    }

    /// The route block of that number ended.
    #[inline]
    pub fn end_route(&mut self, began: Began, number: usize) {
        if began.at == 0 {
            return;
        }
        let took = self.now().saturating_sub(began.at);
        if let Some(route) = ROUTES.mine(number) {
            add(&route.total, took);
            add(
                &route.own,
                took.saturating_sub(INNER.load(Ordering::Relaxed)),
            );
            add(&route.times[bucket(took) / 2], 1);
        }
        INNER.store(began.inner.wrapping_add(took), Ordering::Relaxed);
    }
}

/// What all processes have done in a route block; times in the unit of [`cycles`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RouteSum {
    /// The word that it is declared with.
    pub kind: &'static str,
    /// Its name; the main ones have none of their own and are called `0`.
    pub name: String,
    /// Time in the block and everything called from it.
    pub total: u64,
    /// The same without route blocks called from it.
    pub own: u64,
    /// How long calls took.
    pub times: Sums,
}

/// What all processes have done in a command.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub struct CommandSum {
    pub module: &'static str,
    pub name: &'static str,
    pub calls: u64,
    /// Calls that returned a negative value.
    pub errors: u64,
    /// In the unit of [`cycles`].
    pub total: u64,
}

fn load(cell: &AtomicU64) -> u64 {
    cell.load(Ordering::Relaxed)
}

/// Whether the script is measured.
pub fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// All route blocks, in the order of their numbers; none while nothing is measured.
pub fn routes() -> Vec<RouteSum> {
    if !is_on() {
        return Vec::new();
    }
    let names = NAMES.read();
    let sum = |(number, (kind, name)): (usize, &(&'static str, String))| {
        let mut sum = RouteSum {
            kind,
            name: name.clone(),
            ..RouteSum::default()
        };
        for route in ROUTES.all(number) {
            sum.total += load(&route.total);
            sum.own += load(&route.own);
            sum.times.add_pairs(&route.times);
        }
        sum
    };
    names.routes.iter().enumerate().map(sum).collect()
}

/// All commands, in the order of their numbers; none while nothing is measured.
pub fn commands() -> Vec<CommandSum> {
    if !is_on() {
        return Vec::new();
    }
    let names = NAMES.read();
    let sum = |(number, &(module, name)): (usize, &Name<'static>)| {
        let mut sum = CommandSum {
            module,
            name,
            ..CommandSum::default()
        };
        for command in COMMANDS.all(number) {
            sum.calls += load(&command.calls);
            sum.errors += load(&command.errors);
            sum.total += load(&command.total);
        }
        sum
    };
    names.commands.iter().enumerate().map(sum).collect()
}

/// Time that the process of `slot` spent in the script, in the unit of [`cycles`].
pub fn of_process(slot: u16) -> u64 {
    // Each moment is the own time of one block.
    ROUTES.of(slot).map(|route| load(&route.own)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::test_segment;
    use std::time::Duration;

    #[test]
    fn time_is_that_of_the_inner_block_and_of_the_outer_one() {
        test_segment();
        cycles::calibrate();
        let (outer, inner) = (route("route", "outer"), route("route", "inner"));
        assert_eq!(route("route", "outer"), outer);
        assert_ne!(route("failure_route", "outer"), outer);
        let (slow, same) = (command("a", "slow"), command("a", "slow"));
        assert_eq!(slow, same);
        create(4).unwrap();
        // Another test may have made the rows before these names were there.
        grow().unwrap();
        let pause = || std::thread::sleep(Duration::from_millis(2));
        let mut watch = Watch::default();
        let first = watch.begin_route();
        let second = watch.begin_route();
        let third = watch.begin_command();
        pause();
        watch.end_command(third, slow, -1);
        watch.end_route(second, inner);
        watch.moves();
        pause();
        watch.end_route(first, outer);
        let all = routes();
        let us = cycles::to_us;
        // Own times are not looked at: threads of other tests run blocks meanwhile, which a process has not.
        assert!(us(all[inner].total) >= 1_500.0);
        assert!(us(all[outer].total - all[inner].total) >= 1_500.0);
        assert_eq!((all[inner].times.count(), all[outer].times.count()), (1, 1));
        let slow = &commands()[slow];
        assert_eq!((slow.calls, slow.errors), (1, 1));
        assert!(us(slow.total) >= 1_500.0);
    }

    #[test]
    fn a_moment_is_used_again_until_something_happens() {
        cycles::calibrate();
        let mut watch = Watch::default();
        let seen = watch.now();
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(watch.now(), seen);
        watch.moves();
        assert!(watch.now() > seen);
    }
}
