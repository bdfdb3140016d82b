//! What each process does with its time: working on messages, blocked in something, or waiting for work; how long a
//! message takes from its receipt to the end of its processing, and to what is sent in its course.
//!
//! Two looks at a cheap clock for each message, and one for each send. Invariant: a row is written by its own
//! process only; what it is [`Doing`] is set exactly while something is worked on, so anybody can see who is stuck, and
//! since when.

use super::activity::{Activity, Doing, Task};
use super::histogram::{Histogram, Sums};
use super::{add, cycles};
use crate::ipc::{Scratch, ShmFull, ShmRows, ShmTag, lock_wait};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

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

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Blocked::Dns => "dns",
            Blocked::Database => "database",
            Blocked::Exec => "exec",
        }
    }
}

crate::shm_counters! {
    /// The row of one process; times in the unit of [`cycles`].
    #[derive(Debug)]
    pub struct Work {
        /// Time spent on messages, blocked time included.
        busy: AtomicU64,
        blocked: [AtomicU64; KINDS],
        /// Time spent on anything, up to the last wait.
        awake: AtomicU64,
        /// When the first process of this row waited for the first time.
        started: AtomicU64,
        /// Since when nothing is waited for; 0: something is.
        woke: AtomicU64,
        /// When the last message since then was done; 0: there was none.
        ended: AtomicU64,
        doing: Doing,
        latency: Histogram,
        /// Sum of the times in `delay`.
        delays: AtomicU64,
        delay: Histogram,
    }
}

static ROWS: ShmRows<Work> = ShmRows::new();

/// Makes the rows; before the first fork.
pub(super) fn create(processes: usize) -> Result<(), ShmFull> {
    cycles::calibrate();
    ROWS.create(processes, 1, ShmTag::CORE)
}

#[inline]
fn mine() -> Option<&'static Work> {
    ROWS.my_first()
}

#[inline]
fn load(cell: &AtomicU64) -> u64 {
    cell.load(Ordering::Relaxed)
}

#[inline]
fn store(cell: &AtomicU64, value: u64) {
    cell.store(value, Ordering::Relaxed);
}

/// This process is about to wait for work.
#[inline]
pub fn rest() {
    let Some(row) = mine() else { return };
    // Nothing to speak of has happened since the last message was done.
    let now = match load(&row.ended) {
        0 => cycles::now(),
        ended => ended,
    };
    match load(&row.woke) {
        0 => {}
        woke => add(&row.awake, now.saturating_sub(woke)),
    }
    if load(&row.started) == 0 {
        store(&row.started, now);
    }
    store(&row.woke, 0);
    store(&row.ended, 0);
}

/// It has waited.
#[inline]
pub fn wake() {
    if let Some(row) = mine() {
        store(&row.woke, cycles::now());
    }
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
    let row = mine();
    let Some(row) = row else {
        return Working { row, from: 0 };
    };
    // The first one is what woke this process.
    let from = match (load(&row.ended), load(&row.woke)) {
        (0, woke @ 1..) => woke,
        _ => cycles::now(),
    };
    row.doing.message(from, length, source);
    Working {
        row: Some(row),
        from,
    }
}

impl Drop for Working {
    #[inline]
    fn drop(&mut self) {
        let Some(row) = self.row else { return };
        let now = cycles::now();
        let took = now.saturating_sub(self.from);
        row.doing.end();
        store(&row.ended, now);
        add(&row.busy, took);
        row.latency.add(took);
    }
}

/// Time that this process has spent on messages, the present one not included, in the unit of [`cycles`].
#[inline]
pub fn busy() -> u64 {
    mine().map_or(0, |row| load(&row.busy))
}

/// Something was sent; if a message is worked on, because of that one.
#[inline]
pub fn sent() {
    let Some(row) = mine() else { return };
    if let Some(since) = row.doing.message_since() {
        let took = cycles::now().saturating_sub(since);
        add(&row.delays, took);
        row.delay.add(took);
    }
}

/// Runs something that may block, and counts how long it did.
pub fn blocked<T>(kind: Blocked, wait: impl FnOnce() -> T) -> T {
    let from = cycles::now();
    let result = wait();
    if let Some(row) = mine() {
        let took = cycles::now().saturating_sub(from);
        add(&row.blocked[kind as usize], took);
    }
    result
}

/// Where this process notes the line of ser.cfg that it executes.
#[inline]
pub fn line_cell() -> &'static AtomicU32 {
    static PRIVATE: AtomicU32 = AtomicU32::new(0);
    mine().map_or(&PRIVATE, |row| row.doing.line_cell())
}

/// The line of ser.cfg that this process executed last; 0: none in the present piece of work.
pub fn line() -> u32 {
    mine().map_or(0, |row| row.doing.line())
}

/// Does a piece of work that is no message, and notes that it is being done.
pub fn task<T>(task: Task, work: impl FnOnce() -> T) -> T {
    let _at = mine().and_then(|row| row.doing.task(task));
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
    if let Some(row) = mine() {
        row.doing.about(length, source);
    }
}

/// What the process of a slot works on, or worked on when it died.
pub fn activity(slot: u16) -> Option<Activity> {
    ROWS.of(slot).first()?.doing.now()
}

/// Forgets what a process worked on that is dead.
pub fn forget_activity(slot: u16) {
    if let Some(row) = ROWS.of(slot).first() {
        row.doing.end();
    }
}

/// What one process has done until now; times in microseconds.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Done {
    /// Messages worked on.
    pub messages: u64,
    /// Time spent on them.
    pub busy_us: f64,
    /// The same in the unit of [`cycles`].
    pub busy: u64,
    /// Time spent on anything, up to the last wait.
    pub awake_us: f64,
    /// Time waited for work.
    pub idle_us: f64,
    /// Sum of the squares of the service times, in µs², to the precision of `latency`.
    pub squares_us2: f64,
    /// Time blocked, by [`Blocked`].
    pub blocked_us: [f64; KINDS],
    /// Time slept for locks of shared memory.
    pub lock_us: f64,
    /// What it works on now; `None`: idle.
    pub working: Option<Activity>,
    /// Service times, in the unit of [`cycles`].
    pub latency: Sums,
    /// The sum of `delay`.
    pub delays: u64,
    /// Times from the receipt of a message to each one that was sent in its course, in the same unit.
    pub delay: Sums,
}

/// What the process of a slot has done; `None` before there are rows.
pub fn of_process(slot: u16) -> Option<Done> {
    let row = ROWS.of(slot).first()?;
    let now = cycles::now();
    // Only what has begun: 0 means that it has not.
    let past = |from: u64| match from {
        0 => 0,
        from => now.saturating_sub(from),
    };
    let awake = load(&row.awake);
    let idle = past(load(&row.started)).saturating_sub(awake + past(load(&row.woke)));
    let (mut latency, mut delay) = (Sums::default(), Sums::default());
    row.latency.add_to(&mut latency);
    row.delay.add_to(&mut delay);
    Some(Done {
        // What the histogram knows is not counted once more for each message.
        messages: latency.count(),
        busy_us: cycles::to_us(load(&row.busy)),
        busy: load(&row.busy),
        awake_us: cycles::to_us(awake),
        idle_us: cycles::to_us(idle),
        squares_us2: latency.squares() / cycles::per_us().powi(2),
        lock_us: lock_wait(slot) as f64 / 1000.0,
        blocked_us: std::array::from_fn(|i| cycles::to_us(load(&row.blocked[i]))),
        working: row.doing.now(),
        latency,
        delays: load(&row.delays),
        delay,
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
        rest();
        wake();
        let before = of_process(process_slot()).unwrap();
        let working = begin(300, "127.0.0.1:5060".parse().unwrap());
        assert!(of_process(process_slot()).unwrap().working.is_some());
        sent();
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
        assert!(after.delay.since(&before.delay).count() > 0);
        rest();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let rested = of_process(process_slot()).unwrap();
        assert!(rested.awake_us - before.awake_us >= 1_500.0);
        assert!(rested.idle_us - before.idle_us >= 1_500.0);
        sent();
        assert_eq!(
            of_process(process_slot()).unwrap().delay,
            rested.delay,
            "nothing is worked on"
        );
    }
}
