//! What a process works on at this moment, in its row of shared memory: who is stuck, and since when, and who died of
//! what.
//!
//! Invariant: what is worked on is written before `since`, and stays as it is until `since` changes, except that a task
//! may find out which message it works on; a process that dies leaves all of it as it was.

use super::cycles;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

crate::shm_counters! {
    /// A part of the row of one process.
    #[derive(Debug)]
    pub struct Doing {
        /// Since when something is worked on, in the unit of [`cycles`]; 0: nothing is.
        since: AtomicU64,
        /// Line of ser.cfg that is being executed; 0: none was in this piece of work.
        line: AtomicU32,
        /// What is worked on: the length of a message, or a [`Task`].
        what: AtomicU32,
        /// Where the message came from: the port, [`IS_V6`], and the octets of an IPv4 address in the upper half.
        source: AtomicU64,
        /// The octets of an IPv6 address.
        ip6: [AtomicU64; 2],
    }
}

/// The bit of `source` that says that the address is in `ip6`.
const IS_V6: u64 = 1 << 16;
/// The bit of a task's number, which no length of a message has.
const TASK: u32 = 0x8000_0000;

/// Work that is not a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Task {
    /// A timer's handler.
    Timer = TASK,
    /// A handler that was called because a name is known now.
    Name = TASK + 1,
    /// An RPC method.
    Rpc = TASK + 2,
}

impl Task {
    const ALL: [Task; 3] = [Task::Timer, Task::Name, Task::Rpc];

    /// For the log.
    pub fn name(self) -> &'static str {
        match self {
            Task::Timer => "a timer",
            Task::Name => "the result of a name lookup",
            Task::Rpc => "an RPC method",
        }
    }
}

/// What a process works on.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum What {
    /// A message; its bytes are in the scratch buffer of the process.
    Message {
        /// Bytes.
        length: usize,
        /// Who sent it.
        source: SocketAddr,
    },
    /// Something else.
    Task(Task),
}

/// A piece of work that has begun and not ended.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Activity {
    /// When it began, in the unit of [`cycles`]: the name of this piece of work.
    pub since: u64,
    /// How long it has lasted, in microseconds.
    pub us: f64,
    /// Line of ser.cfg that is executed; 0: none yet.
    pub line: u32,
    /// What it is.
    pub what: What,
}

impl Doing {
    /// Nothing.
    pub const fn new() -> Doing {
        Doing {
            since: AtomicU64::new(0),
            line: AtomicU32::new(0),
            what: AtomicU32::new(0),
            source: AtomicU64::new(0),
            ip6: [const { AtomicU64::new(0) }; 2],
        }
    }

    /// A message begins at `now`.
    #[inline]
    pub fn message(&self, now: u64, length: usize, source: SocketAddr) {
        self.note(length as u32, source);
        self.begin(now);
    }

    #[inline]
    fn note(&self, what: u32, source: SocketAddr) {
        // The octets as they lie in memory: nothing is turned around.
        let source = match source {
            SocketAddr::V4(v4) => {
                let ip = u32::from_ne_bytes(v4.ip().octets());
                u64::from(ip) << 32 | u64::from(v4.port())
            }
            SocketAddr::V6(v6) => {
                let ip = u128::from_ne_bytes(v6.ip().octets());
                self.ip6[0].store(ip as u64, Ordering::Relaxed);
                self.ip6[1].store((ip >> 64) as u64, Ordering::Relaxed);
                IS_V6 | u64::from(v6.port())
            }
        };
        self.source.store(source, Ordering::Relaxed);
        self.what.store(what, Ordering::Relaxed);
    }

    #[inline]
    fn begin(&self, now: u64) {
        self.line.store(0, Ordering::Relaxed);
        self.since.store(now, Ordering::Release);
    }

    /// A task begins, and ends when what is returned is dropped. `None`: it is a part of other work.
    pub fn task(&self, task: Task) -> Option<AtTask<'_>> {
        if self.since.load(Ordering::Relaxed) != 0 {
            return None;
        }
        self.what.store(task as u32, Ordering::Relaxed);
        self.begin(cycles::now().max(1));
        Some(AtTask(self))
    }

    /// The task works on a message of that length; false: it is part of one already.
    pub fn about(&self, length: usize, source: SocketAddr) -> bool {
        let is_task = matches!(self.what(), What::Task(_));
        let at_task = is_task && self.since.load(Ordering::Relaxed) != 0;
        if at_task {
            self.note(length as u32, source);
        }
        at_task
    }

    /// The work has ended.
    #[inline]
    pub fn end(&self) {
        self.since.store(0, Ordering::Relaxed);
    }

    /// When the message that is worked on was received; `None`: none is.
    #[inline]
    pub fn message_since(&self) -> Option<u64> {
        let since = self.since.load(Ordering::Relaxed);
        let is_task = self.what.load(Ordering::Relaxed) & TASK != 0;
        (since != 0 && !is_task).then_some(since)
    }

    /// Where the line of ser.cfg is noted that is executed.
    #[inline]
    pub fn line_cell(&self) -> &AtomicU32 {
        &self.line
    }

    /// The line of ser.cfg that was executed last; 0: none was in the present piece of work.
    pub fn line(&self) -> u32 {
        self.line.load(Ordering::Relaxed)
    }

    /// What is worked on; `None`: nothing.
    pub fn now(&self) -> Option<Activity> {
        let since = self.since.load(Ordering::Acquire);
        let activity = Activity {
            since,
            us: cycles::to_us(cycles::now().saturating_sub(since)),
            line: self.line(),
            what: self.what(),
        };
        // What was read belongs together only if the work did not change meanwhile.
        let same = since != 0 && self.since.load(Ordering::Acquire) == since;
        same.then_some(activity)
    }

    fn what(&self) -> What {
        let what = self.what.load(Ordering::Relaxed);
        match Task::ALL.into_iter().find(|task| *task as u32 == what) {
            Some(task) => What::Task(task),
            None => What::Message {
                length: what as usize,
                source: self.source(),
            },
        }
    }

    fn source(&self) -> SocketAddr {
        let source = self.source.load(Ordering::Relaxed);
        let ip: IpAddr = if source & IS_V6 == 0 {
            ((source >> 32) as u32).to_ne_bytes().into()
        } else {
            let [low, high] = [0, 1].map(|i| u128::from(self.ip6[i].load(Ordering::Relaxed)));
            (high << 64 | low).to_ne_bytes().into()
        };
        SocketAddr::new(ip, source as u16)
    }
}

impl Default for Doing {
    fn default() -> Self {
        Doing::new()
    }
}

/// A [`Task`] that is being done.
#[derive(Debug)]
pub struct AtTask<'r>(&'r Doing);

impl Drop for AtTask<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_of_a_message_is_kept_in_its_family() {
        let row = Doing::new();
        for source in ["10.0.0.1:5060", "[2001:db8::1]:65535", "0.0.0.0:1"] {
            let source: SocketAddr = source.parse().unwrap();
            row.message(17, 300, source);
            row.line_cell().store(7, Ordering::Relaxed);
            let now = row.now().unwrap();
            assert_eq!((now.since, now.line), (17, 7));
            let length = 300;
            assert_eq!(now.what, What::Message { length, source });
            row.end();
            assert_eq!(row.now(), None);
        }
    }

    #[test]
    fn a_task_is_seen_until_it_ends_and_inside_of_a_message_it_belongs_to_that() {
        let row = Doing::new();
        let task = row.task(Task::Timer);
        assert_eq!(row.now().unwrap().what, What::Task(Task::Timer));
        assert_eq!(row.message_since(), None);
        drop(task);
        assert_eq!(row.now(), None);
        assert!(!row.about(200, "127.0.0.1:5060".parse().unwrap()));
        row.message(17, 300, "127.0.0.1:5060".parse().unwrap());
        assert!(row.task(Task::Name).is_none());
        assert!(!row.about(200, "127.0.0.1:5060".parse().unwrap()));
        assert_eq!(row.message_since(), Some(17));
        assert_eq!(row.now().unwrap().since, 17);
    }
}
