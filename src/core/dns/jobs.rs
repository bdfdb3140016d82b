//! Names that are being looked up, and who waits for them, in shared memory.
//!
//! The first process that misses a name makes a job, marks its bucket and rings the resolver; others
//! that want the same only add themselves. The resolver takes the jobs of marked buckets, and when one
//! is done it calls the waiters one after the other.
//!
//! Invariants: who waits is on the list of a job that is not done, checked and added under the lock of
//! its bucket, so nobody comes too late. A waiter is taken off its list before it is called, so it is
//! called at most once, whatever dies; a resolver that is started anew takes every job again, so a
//! waiter that is still listed is not forgotten.

use super::mailbox::Mailbox;
use super::name::HostName;
use super::records::RecordType;
use super::task::{Done, Task};
use super::{Failure, HandlerId, Waiter};
use crate::core::net::{Proto, inherited};
use crate::ipc::{
    Fate, LockRank, Mend, PerProcess, ShmFull, ShmList, ShmStr, ShmTable, ShmTag, process_slot,
    shm_static,
};
use std::hash::{DefaultHasher, Hasher};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

const BUCKETS: usize = 256;
const WORDS: usize = BUCKETS / 64;
/// More names than this are not looked up at a time.
const MAX_JOBS: u32 = 8192;

crate::shm_struct! {
    /// Who waits: a handler, or (`handler` is `None`) the process that data names by slot and letter.
    #[derive(Clone, Copy)]
    struct Waiting {
        handler: Option<HandlerId>,
        data: [u64; 4],
    }
}

crate::shm_struct! {
    struct Job {
        number: u64,
        host: ShmStr,
        port: u16,
        proto: Proto,
        sips: bool,
        rtype: Option<RecordType>,
        seed: u64,
        /// The resolver has it.
        taken: bool,
        /// Its waiters are being called; others come too late for it.
        done: bool,
        waiters: ShmList<Waiting>,
    }
}

crate::shm_struct! {
    struct Head {
        seed: u64,
        numbers: AtomicU64,
        count: AtomicU32,
        /// A bit for each bucket that holds a job nobody has taken.
        marked: [AtomicU64; WORDS],
    }
}

/// A job as the resolver takes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub number: u64,
    pub seed: u64,
    pub task: Task,
}

/// The table of jobs, and the bell of the resolver.
pub(super) struct Jobs {
    table: &'static ShmTable<Job>,
    head: &'static Head,
    mail: &'static PerProcess<Mailbox>,
    bell: OwnedFd,
    tag: ShmTag,
}

impl Job {
    fn is_for(&self, task: &Task) -> bool {
        !self.done
            && self.host == *task.host.as_bytes()
            && (self.port, self.proto, self.sips) == (task.port, task.proto, task.sips)
            && self.rtype == task.rtype
    }

    fn task(&self) -> Result<Task, Failure> {
        Ok(Task {
            host: HostName::parse(&self.host)?,
            port: self.port,
            proto: self.proto,
            sips: self.sips,
            rtype: self.rtype,
        })
    }
}

impl Jobs {
    /// Before the first fork; `processes`: slots that may wait.
    pub fn create(processes: usize) -> Result<Jobs, String> {
        let full = |_: ShmFull| "out of shared memory for name resolution".to_string();
        let tag = ShmTag::register("dns jobs");
        let head = Head {
            seed: super::random::unguessable(),
            numbers: AtomicU64::new(0),
            count: AtomicU32::new(0),
            marked: [const { AtomicU64::new(0) }; WORDS],
        };
        let bell = inherited::bell("dns").map_err(|why| format!("eventfd: {why}"))?;
        Ok(Jobs {
            table: ShmTable::create_ranked(BUCKETS, LockRank::DNS_JOBS, tag).map_err(full)?,
            head: shm_static(head, tag).map_err(full)?,
            mail: PerProcess::create(processes, tag, Mailbox::new).map_err(full)?,
            bell,
            tag,
        })
    }

    /// What becomes readable when there are jobs to take.
    pub fn bell(&self) -> &OwnedFd {
        &self.bell
    }

    fn bucket_of(&self, task: &Task) -> usize {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.head.seed);
        hasher.write(task.host.as_bytes());
        self.table.index(hasher.finish() as u32)
    }

    /// Calls `waiter` when `task` is done.
    pub fn submit(&self, task: &Task, waiter: Waiter) -> Result<(), Failure> {
        let waiting = Waiting {
            handler: Some(waiter.handler),
            data: waiter.data,
        };
        self.add(task, waiting)
    }

    /// Waits until `task` is done, at most `limit`.
    pub fn wait(&self, task: &Task, limit: Duration) -> Result<Done, Failure> {
        let mailbox = self.mail.mine();
        let letter = mailbox.expect();
        let waiting = Waiting {
            handler: None,
            data: [process_slot().into(), letter, 0, 0],
        };
        self.add(task, waiting)?;
        mailbox.wait(letter, task, limit)
    }

    fn add(&self, task: &Task, waiting: Waiting) -> Result<(), Failure> {
        let index = self.bucket_of(task);
        let is_new = {
            let mut bucket = self.table.bucket_at(index).lock();
            match bucket.find_mut(|job| job.is_for(task)) {
                Some(job) => {
                    job.waiters.push_back(waiting).map_err(no_memory)?;
                    false
                }
                None => {
                    let mut job = self.new_job(task)?;
                    job.waiters.push_back(waiting).map_err(no_memory)?;
                    bucket.insert_last(job).map_err(no_memory)?;
                    true
                }
            }
        };
        if is_new {
            self.head.count.fetch_add(1, Ordering::Relaxed);
            self.ring(index);
        }
        Ok(())
    }

    fn new_job(&self, task: &Task) -> Result<Job, Failure> {
        if self.head.count.load(Ordering::Relaxed) >= MAX_JOBS {
            return Err(Failure::Busy);
        }
        let host = task.host.as_bytes();
        Ok(Job {
            number: self.head.numbers.fetch_add(1, Ordering::Relaxed),
            host: ShmStr::try_new_in(host, self.tag).map_err(no_memory)?,
            port: task.port,
            proto: task.proto,
            sips: task.sips,
            rtype: task.rtype,
            seed: super::random::seed(),
            taken: false,
            done: false,
            waiters: ShmList::new_in(self.tag),
        })
    }

    /// Marks a bucket and wakes the resolver. A bell that is ringing already is as good.
    fn ring(&self, bucket: usize) {
        self.head.marked[bucket / 64].fetch_or(1 << (bucket % 64), Ordering::Release);
        let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
    }

    /// In the resolver: jobs that nobody has taken.
    pub fn take(&self) -> Vec<Taken> {
        let mut quiet = [0; 8];
        // Nothing to read means that nobody rang since.
        let _ = rustix::io::read(&self.bell, &mut quiet);
        let mut all = Vec::new();
        for (word, marked) in self.head.marked.iter().enumerate() {
            let mut bits = marked.swap(0, Ordering::Acquire);
            while bits != 0 {
                let bit = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                self.take_bucket(word * 64 + bit, false, &mut all);
            }
        }
        all
    }

    /// In a resolver that has just been started: all jobs, also those that its predecessor had taken.
    pub fn take_over(&self) -> Vec<Taken> {
        let mut all = Vec::new();
        (0..BUCKETS).for_each(|index| self.take_bucket(index, true, &mut all));
        all
    }

    fn take_bucket(&self, index: usize, again: bool, all: &mut Vec<Taken>) {
        let mut bucket = self.table.bucket_at(index).lock();
        for job in bucket.iter_mut().filter(|job| again || !job.taken) {
            job.taken = true;
            // Only checked names are submitted.
            if let Ok(task) = job.task() {
                let (number, seed) = (job.number, job.seed);
                all.push(Taken { number, seed, task });
            }
        }
    }

    /// In the resolver: the job with that number is done. Calls everybody who waits for it.
    pub fn finish(&self, number: u64, task: &Task, done: &Done) {
        let index = self.bucket_of(task);
        while let Some(waiting) = self.next_waiter(index, number) {
            match waiting.handler {
                Some(handler) => super::call(handler, waiting.data, done),
                None => {
                    let [slot, letter, ..] = waiting.data;
                    let mailbox = self.mail.of(slot as u16);
                    mailbox.deliver(letter, done, self.tag);
                }
            }
        }
    }

    /// Takes the next waiter off the job; the last time removes the job.
    fn next_waiter(&self, index: usize, number: u64) -> Option<Waiting> {
        let mut bucket = self.table.bucket_at(index).lock();
        let job = bucket.find_mut(|job| job.number == number)?;
        job.done = true;
        let next = job.waiters.pop_front();
        if next.is_none() {
            bucket.remove(|job| job.number == number);
            self.head.count.fetch_sub(1, Ordering::Relaxed);
        }
        next
    }

    /// In the attendant, when the locks of processes that died were released: counts anew.
    pub fn recount(&self) {
        let buckets = self.table.iter_buckets();
        let count: usize = buckets.map(|bucket| bucket.lock().iter().count()).sum();
        self.head.count.store(count as u32, Ordering::Relaxed);
    }

    /// Throws the letters away that a process which died was writing or reading.
    pub fn forget_letters(&self, dead: u16) {
        self.mail.iter().for_each(|mailbox| mailbox.recover(dead));
    }
}

impl Mend for Job {
    fn mend(&mut self) -> Fate {
        self.waiters.repair();
        Fate::Keep
    }
}

fn no_memory(_: ShmFull) -> Failure {
    Failure::NoMemory
}

#[cfg(test)]
mod tests;
