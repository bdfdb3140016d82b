//! What each process does with its time: working on messages, blocked in something, or idle; and how long a
//! message takes from its receipt to the end of its processing.
//!
//! Two looks at a cheap clock for each message. Invariant: a row is written by its own process only; what it is
//! [`Doing`] is set exactly while something is worked on, so anybody can see who is stuck, and since when.

use super::activity::{Activity, Doing, Task};
use super::cycles;
use super::histogram::{Histogram, Sums};
use crate::ipc::{PerProcess, Scratch, ShmFull, ShmTag, lock_wait};
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a process can be blocked in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
#[allow(missing_docs)]
pub enum Blocked {
    Dns,
    Database,
    Exec,
}

/// Kinds that are counted here; locks are counted where they are waited for.
const KINDS: usize = 3;

impl Blocked {
    /// All of them, with the names of their times in RPC.
    pub const ALL: [(Blocked, &'static str); KINDS] = [
        (Blocked::Dns, "blocked_dns_us"),
        (Blocked::Database, "blocked_database_us"),
        (Blocked::Exec, "blocked_exec_us"),
    ];
}

crate::shm_struct! {
    /// The row of one process; times in the unit of [`cycles`].
    #[derive(Debug)]
    pub struct Work {
        /// Messages that were worked on.
        messages: AtomicU64,
        /// Time spent on them, blocked time included.
        busy: AtomicU64,
        /// Sum of the squares of that, in units of 2^20: for the variability of service times.
        squares: AtomicU64,
        blocked: [AtomicU64; KINDS],
        doing: Doing,
        latency: Histogram,
    }
}

impl Work {
    const fn new() -> Work {
        Work {
            messages: AtomicU64::new(0),
            busy: AtomicU64::new(0),
            squares: AtomicU64::new(0),
            blocked: [const { AtomicU64::new(0) }; KINDS],
            doing: Doing::new(),
            latency: Histogram::new(),
        }
    }
}

static ROWS: OnceLock<&'static PerProcess<Work>> = OnceLock::new();

/// Makes the rows; before the first fork.
pub(super) fn create(processes: usize) -> Result<(), ShmFull> {
    cycles::calibrate();
    let rows = PerProcess::create(processes, ShmTag::CORE, Work::new)?;
    ROWS.get_or_init(|| rows);
    Ok(())
}

#[inline]
fn add(cell: &AtomicU64, n: u64) {
    cell.store(
        cell.load(Ordering::Relaxed).wrapping_add(n),
        Ordering::Relaxed,
    );
}

/// Measures the work on one message, from now until it is dropped.
#[derive(Debug)]
#[must_use = "the work ends when this is dropped"]
pub struct Working {
    row: Option<&'static Work>,
    from: u64,
}

/// A message of `length` bytes was received from `source`, into the scratch buffer of this process.
#[inline]
pub fn begin(length: usize, source: SocketAddr) -> Working {
    let row = ROWS.get().map(|rows| rows.mine());
    let from = cycles::now();
    if let Some(row) = row {
        row.doing.message(from, length, source);
    }
    Working { row, from }
}

impl Drop for Working {
    #[inline]
    fn drop(&mut self) {
        let Some(row) = self.row else { return };
        let took = cycles::now().saturating_sub(self.from);
        row.doing.end();
        add(&row.messages, 1);
        add(&row.busy, took);
        let scaled = took >> 10;
        add(&row.squares, scaled * scaled);
        row.latency.add(took);
    }
}

/// Time that this process has spent on messages, the present one not included, in the unit of [`cycles`].
#[inline]
pub fn busy() -> u64 {
    let rows = ROWS.get();
    rows.map_or(0, |rows| rows.mine().busy.load(Ordering::Relaxed))
}

/// Runs something that may block, and counts how long it did.
pub fn blocked<T>(kind: Blocked, wait: impl FnOnce() -> T) -> T {
    let from = cycles::now();
    let result = wait();
    if let Some(rows) = ROWS.get() {
        let took = cycles::now().saturating_sub(from);
        add(&rows.mine().blocked[kind as usize], took);
    }
    result
}

/// Notes the line of ser.cfg that this process executes.
#[inline]
pub fn at_line(line: u32) {
    if let Some(rows) = ROWS.get() {
        rows.mine().doing.at_line(line);
    }
}

/// The line of ser.cfg that this process executed last; 0: none in the present piece of work.
pub fn line() -> u32 {
    ROWS.get().map_or(0, |rows| rows.mine().doing.line())
}

/// Does a piece of work that is no message, and notes that it is being done.
pub fn task<T>(task: Task, work: impl FnOnce() -> T) -> T {
    let _at = ROWS.get().and_then(|rows| rows.mine().doing.task(task));
    work()
}

/// Says which message a task works on, so that others can see it in the scratch buffer of this process. In a process
/// that works on a received message nothing changes.
pub fn about(message: &[u8], source: SocketAddr) {
    let Some(mut scratch) = Scratch::take() else {
        return;
    };
    let length = message.len().min(scratch.len());
    scratch[..length].copy_from_slice(&message[..length]);
    if let Some(rows) = ROWS.get() {
        rows.mine().doing.about(length, source);
    }
}

/// What the process of a slot works on, or worked on when it died.
pub fn activity(slot: u16) -> Option<Activity> {
    ROWS.get()?.of(slot).doing.now()
}

/// Forgets what a process worked on that is dead.
pub fn forget_activity(slot: u16) {
    if let Some(rows) = ROWS.get() {
        rows.of(slot).doing.end();
    }
}

/// What one process has done until now; times in microseconds.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Done {
    /// Messages worked on.
    pub messages: u64,
    /// Time spent on them.
    pub busy_us: f64,
    /// Sum of the squares of the service times, in µs².
    pub squares_us2: f64,
    /// Time blocked, by [`Blocked`].
    pub blocked_us: [f64; KINDS],
    /// Time slept for locks of shared memory.
    pub lock_us: f64,
    /// What it works on now; `None`: idle.
    pub working: Option<Activity>,
    /// Service times, in the unit of [`cycles`].
    pub latency: Sums,
}

/// What the process of a slot has done; `None` before there are rows.
pub fn of_process(slot: u16) -> Option<Done> {
    let row = ROWS.get()?.of(slot);
    let load = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
    let mut latency = Sums::default();
    row.latency.add_to(&mut latency);
    let unit = 1024.0 / cycles::per_us();
    Some(Done {
        messages: load(&row.messages),
        busy_us: cycles::to_us(load(&row.busy)),
        squares_us2: load(&row.squares) as f64 * unit * unit,
        lock_us: lock_wait(slot) as f64 / 1000.0,
        blocked_us: std::array::from_fn(|i| cycles::to_us(load(&row.blocked[i]))),
        working: row.doing.now(),
        latency,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::{process_slot, test_segment};

    #[test]
    fn work_is_counted_with_its_time_and_what_blocks_it() {
        test_segment();
        create(4).unwrap();
        let before = of_process(process_slot()).unwrap();
        let working = begin(300, "127.0.0.1:5060".parse().unwrap());
        assert!(of_process(process_slot()).unwrap().working.is_some());
        blocked(Blocked::Exec, || {
            std::thread::sleep(std::time::Duration::from_millis(2))
        });
        drop(working);
        let after = of_process(process_slot()).unwrap();
        assert!(after.messages > before.messages);
        assert!(after.busy_us - before.busy_us >= 1_500.0);
        assert!(after.blocked_us[2] - before.blocked_us[2] >= 1_500.0);
        assert!(after.squares_us2 > before.squares_us2);
        assert!(after.latency.since(&before.latency).count() > 0);
    }
}
