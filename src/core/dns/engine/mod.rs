//! The resolver: one loop over sockets and deadlines that turns tasks into results.
//!
//! Jobs ask questions; a question that several jobs want is sent once. What is learned goes to the
//! cache and to the jobs that asked. One descriptor (epoll, with a timer and the bell inside) tells
//! whoever hosts the engine that there is something to do.
//!
//! Invariants: each job ends exactly once, by its facts or by its deadline; each question that is on
//! its way has a time at which something happens to it.

mod alarm;
mod asking;
mod channel;
mod job;
pub(super) mod local;
mod questions;
mod queue;

use super::cache::{Cache, Fact};
use super::jobs::{Jobs, Taken};
use super::name::HostName;
use super::policy::Policy;
use super::records::Question;
use super::task::Done;
use super::{random, wire};
use crate::core::settings::Settings;
use crate::core::time::get_ticks_raw;
use alarm::Alarm;
use asking::{Asking, Next};
use channel::{Channel, Heard};
use job::{Job, Progress};
use local::Local;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use queue::Queue;
use rustix::event::epoll;
use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Questions under way at a time; others wait for their turn. Fewer where the process may not have so
/// many open files.
const MAX_UNDER_WAY: usize = 2000;
/// Late answers to a question are waited for on so many sockets.
const MAX_CHANNELS: usize = 3;
/// Open files beside those of the questions: sockets of the server, modules' databases.
const OTHER_FILES: usize = 128;
/// Room for one message.
const BUFFER: usize = 65_535;
/// Tokens of epoll; channels count from the last.
const BELL: u64 = 0;
const TIMER: u64 = 1;
const FIRST_CHANNEL: u64 = 2;

/// A question under way.
struct UnderWay {
    asking: Asking,
    /// What was sent and may still be answered.
    channels: Vec<(u64, Channel)>,
    /// When it is sent again, or given up.
    due: Instant,
    /// Who wants to know.
    jobs: Vec<u64>,
}

/// A job's result, and the official name behind it (where the last records were found).
pub(super) struct Finished {
    pub taken: Taken,
    pub done: Done,
    pub official: Option<String>,
}

/// The resolver.
pub(super) struct Engine {
    local: Local,
    policy: Policy,
    cache: Option<Cache>,
    jobs: HashMap<u64, (Taken, Job)>,
    questions: HashMap<Question, UnderWay>,
    queue: Queue,
    max_under_way: usize,
    /// Which question a channel belongs to.
    tokens: HashMap<u64, Question>,
    next_token: u64,
    /// Jobs that have learned something.
    learners: Vec<u64>,
    finished: Vec<Finished>,
    /// Of the last records found; means something as long as there is one job.
    official: Option<String>,
    epoll: OwnedFd,
    alarm: Alarm,
    buffer: Vec<u8>,
}

impl Engine {
    /// With the parameters of `settings`.
    pub fn new(settings: &Settings, policy: Policy, cache: Option<Cache>) -> io::Result<Engine> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let alarm = Alarm::new()?;
        let data = epoll::EventData::new_u64(TIMER);
        epoll::add(&epoll, &alarm, data, epoll::EventFlags::IN)?;
        Ok(Engine {
            local: Local::new(settings),
            policy,
            cache,
            jobs: HashMap::new(),
            questions: HashMap::new(),
            queue: Queue::default(),
            max_under_way: room_for_questions(open_files()),
            tokens: HashMap::new(),
            next_token: FIRST_CHANNEL,
            learners: Vec::new(),
            finished: Vec::new(),
            official: None,
            epoll,
            alarm,
            buffer: vec![0; BUFFER],
        })
    }

    /// Looks for the bell of `jobs`, too.
    pub fn attend(&self, jobs: &Jobs) -> io::Result<()> {
        let data = epoll::EventData::new_u64(BELL);
        Ok(epoll::add(
            &self.epoll,
            jobs.bell(),
            data,
            epoll::EventFlags::IN,
        )?)
    }

    /// Takes room for many questions: raises this process's limit of open files as far as it may.
    pub fn make_room(&mut self) {
        let (soft, hard) = open_files();
        let wanted = ((MAX_UNDER_WAY * MAX_CHANNELS + OTHER_FILES) as u64).min(hard);
        if soft < wanted
            && let Err(why) = setrlimit(Resource::RLIMIT_NOFILE, wanted, hard)
        {
            log::warn!("WARNING: dns resolver: limit of open files: {why}");
        }
        self.max_under_way = room_for_questions(open_files());
    }

    /// Readable when [`Engine::work`] has something to do.
    pub fn fd(&self) -> io::Result<OwnedFd> {
        self.epoll.try_clone()
    }

    /// Takes a task in work. Its result turns up in [`Engine::finished`].
    pub fn start(&mut self, taken: Taken) {
        let now = Instant::now();
        self.local.refresh(now);
        let deadline = now + self.local.longest();
        let job = Job::new(taken.task, taken.seed, deadline);
        self.jobs.insert(taken.number, (taken, job));
        self.alarm.by(deadline);
        self.learners.push(taken.number);
        self.settle();
    }

    /// The results that have turned up.
    pub fn finished(&mut self) -> Vec<Finished> {
        std::mem::take(&mut self.finished)
    }

    /// The result of one job, if it has turned up.
    pub fn take_finished(&mut self, number: u64) -> Option<Finished> {
        let at = self
            .finished
            .iter()
            .position(|f| f.taken.number == number)?;
        Some(self.finished.swap_remove(at))
    }

    /// Deals with everything that has happened; waits for it at most `wait`.
    pub fn work(&mut self, jobs: Option<&Jobs>, wait: Duration) {
        let mut events = Vec::with_capacity(64);
        let wait = rustix::time::Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        };
        let room = rustix::buffer::spare_capacity(&mut events);
        match epoll::wait(&self.epoll, room, Some(&wait)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(why) => log::error!("ERROR: dns resolver: epoll: {why}"),
        }
        for event in events {
            match event.data.u64() {
                BELL => self.take_jobs(jobs),
                // Read so that it falls silent; what is due is looked for below.
                TIMER => self.alarm.silence(),
                token => self.hear(token),
            }
        }
        self.look_at_the_clock();
        self.settle();
    }

    fn take_jobs(&mut self, jobs: Option<&Jobs>) {
        for taken in jobs.into_iter().flat_map(Jobs::take) {
            self.start(taken);
        }
    }

    /// Goes on with jobs that have learned something and questions that wait for their turn, until
    /// there is nothing to do but to wait.
    fn settle(&mut self) {
        loop {
            if let Some(number) = self.learners.pop() {
                self.advance(number);
            } else if !self.send_queued() {
                break;
            }
        }
        // Results that nobody has fetched yet are due at once.
        if !self.finished.is_empty() {
            self.alarm.by(Instant::now());
        }
        self.alarm.arm();
    }

    /// Looks how far a job is, and asks what it needs.
    fn advance(&mut self, number: u64) {
        let Some((_, job)) = self.jobs.get_mut(&number) else {
            return;
        };
        let progress = job.advance(&self.policy, self.cache.as_ref());
        // It may be earlier now.
        self.alarm.by(job.deadline);
        match progress {
            Progress::Done(done) => self.end_job(number, done),
            Progress::Need(questions) => {
                for question in questions {
                    self.ask(question, number);
                }
            }
        }
    }

    fn end_job(&mut self, number: u64, done: Done) {
        if let Some((taken, _)) = self.jobs.remove(&number) {
            let official = self.official.take();
            self.finished.push(Finished {
                taken,
                done,
                official,
            });
        }
    }

    /// Asks `question` for a job.
    fn ask(&mut self, question: Question, number: u64) {
        if let Some((fact, official)) = self.local.fact(&question) {
            self.official = Some(official);
            return self.tell(question, fact, vec![number]);
        }
        match self.questions.get_mut(&question).map(|u| &mut u.jobs) {
            Some(jobs) if jobs.contains(&number) => {}
            Some(jobs) => jobs.push(number),
            None => self.queue.add(question, number),
        }
    }

    /// Sends the question whose turn it is; false if there is none, or no room.
    fn send_queued(&mut self) -> bool {
        if self.questions.len() >= self.max_under_way {
            return false;
        }
        let Some((question, jobs)) = self.queue.pop() else {
            return false;
        };
        let random = random::seed() as u32;
        match Asking::new(&question, &self.local.conf, random) {
            Ok(asking) => {
                let under_way = UnderWay {
                    asking,
                    channels: Vec::new(),
                    due: Instant::now(),
                    jobs,
                };
                self.questions.insert(question, under_way);
                self.go_on(&question, Next::Send, None);
            }
            Err(why) => {
                let (set, ttl) = (Err(why), None);
                self.tell(question, Fact { set, ttl }, jobs);
            }
        }
        true
    }
}

/// Soft and hard limit of open files.
fn open_files() -> (u64, u64) {
    getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024))
}

/// How many questions may be under way with so many open files.
fn room_for_questions((files, _): (u64, u64)) -> usize {
    let room = usize::try_from(files)
        .unwrap_or(usize::MAX)
        .saturating_sub(OTHER_FILES);
    (room / MAX_CHANNELS).clamp(1, MAX_UNDER_WAY)
}
