//! Plays what [`super::predict`] predicts: messages that arrive at random, a queue, children, shared cores.
//!
//! The same seed gives the same run. A message computes first and is blocked then.

use super::{Demand, Kind};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// How long, and which one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub messages: usize,
    pub seed: u64,
}

/// What the messages met; times in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub waits: f64,
    pub wait_p99: f64,
    pub total_p99: f64,
    pub lost: f64,
}

/// Random numbers (splitmix64).
struct Random(u64);

impl Random {
    /// Between 0 and 1, neither included.
    fn part(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 + f64::EPSILON / 4.0
    }

    fn kind(&mut self, kinds: &[Kind]) -> Kind {
        let mut left = self.part();
        for kind in kinds {
            left -= kind.share;
            if left <= 0.0 {
                return *kind;
            }
        }
        kinds[kinds.len() - 1]
    }
}

/// A time in a heap whose smallest comes first, with a message.
#[derive(Clone, Copy, PartialEq)]
struct At(f64, Message);

impl Eq for At {}
impl PartialOrd for At {
    fn partial_cmp(&self, other: &At) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for At {
    fn cmp(&self, other: &At) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[derive(Clone, Copy, PartialEq)]
struct Message {
    arrived: f64,
    kind: Kind,
}

/// The state at a moment.
struct Lab {
    children: usize,
    cores: f64,
    now: f64,
    queue: VecDeque<Message>,
    /// CPU time that each message which computes has had since the beginning.
    shared: f64,
    /// Those that compute, by what `shared` will be when they are done.
    computing: BinaryHeap<Reverse<At>>,
    /// Those that are blocked, by when they are done.
    blocked: BinaryHeap<Reverse<At>>,
    waits: Vec<f64>,
    totals: Vec<f64>,
}

impl Lab {
    fn busy(&self) -> usize {
        self.computing.len() + self.blocked.len()
    }

    /// CPU time that each message which computes gets in a second.
    fn speed(&self) -> f64 {
        (self.cores / self.computing.len() as f64).min(1.0)
    }

    /// When the next message has computed, and when the next one is not blocked any more.
    fn next(&self) -> (f64, f64) {
        let computed = self
            .computing
            .peek()
            .map(|Reverse(at)| self.now + (at.0 - self.shared) / self.speed());
        let done = self.blocked.peek().map(|Reverse(at)| at.0);
        (
            computed.unwrap_or(f64::INFINITY),
            done.unwrap_or(f64::INFINITY),
        )
    }

    fn go_to(&mut self, time: f64) {
        if !self.computing.is_empty() {
            self.shared += (time - self.now) * self.speed();
        }
        self.now = time;
    }

    fn begin(&mut self, message: Message) {
        self.waits.push(self.now - message.arrived);
        let done = self.shared + message.kind.cpu;
        self.computing.push(Reverse(At(done, message)));
    }

    /// Lets everything happen until `time`.
    fn play_until(&mut self, time: f64) {
        loop {
            let (computed, done) = self.next();
            if computed.min(done) > time {
                self.go_to(time);
                return;
            }
            self.go_to(computed.min(done));
            if computed <= done {
                let Some(Reverse(At(_, message))) = self.computing.pop() else {
                    return;
                };
                let until = self.now + message.kind.blocked;
                self.blocked.push(Reverse(At(until, message)));
            } else {
                let Some(Reverse(At(_, message))) = self.blocked.pop() else {
                    return;
                };
                self.totals.push(self.now - message.arrived);
                if let Some(next) = self.queue.pop_front() {
                    self.begin(next);
                }
            }
        }
    }
}

/// Plays `run`; the first tenth of the messages is not looked at.
pub(super) fn simulate(demand: &Demand, children: usize, run: Run) -> Seen {
    let mut random = Random(run.seed);
    let mut lab = Lab {
        children,
        cores: demand.cores,
        now: 0.0,
        queue: VecDeque::new(),
        shared: 0.0,
        computing: BinaryHeap::new(),
        blocked: BinaryHeap::new(),
        waits: Vec::new(),
        totals: Vec::new(),
    };
    let mut lost = 0;
    for _ in 0..run.messages {
        lab.play_until(lab.now - random.part().ln() / demand.rate);
        let message = Message {
            arrived: lab.now,
            kind: random.kind(demand.service.kinds()),
        };
        if lab.busy() < lab.children {
            lab.begin(message);
        } else if (lab.queue.len() as f64) < demand.room {
            lab.queue.push_back(message);
        } else {
            lost += 1;
        }
    }
    let steady = |times: &[f64]| times[times.len() / 10..].to_vec();
    let waits = steady(&lab.waits);
    let waited = waits.iter().filter(|w| **w > 0.0).count();
    Seen {
        waits: waited as f64 / waits.len() as f64,
        wait_p99: p99(waits),
        total_p99: p99(steady(&lab.totals)),
        lost: f64::from(lost) / run.messages as f64,
    }
}

fn p99(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() * 99 / 100]
}
