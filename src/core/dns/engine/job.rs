//! One task in work: the facts it has gathered, and how far they lead.

use crate::core::dns::cache::{Cache, Fact};
use crate::core::dns::policy::Policy;
use crate::core::dns::records::{Question, RecordSet};
use crate::core::dns::task::{Done, Task};
use crate::core::dns::walk::{Facts, Known, Step, walk};
use crate::core::dns::{Destinations, Failure};
use crate::core::time::get_ticks_raw;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Once something is found, the rest (destinations for failover) has so long to turn up.
const REST: Duration = Duration::from_secs(1);

/// One task in work.
pub(super) struct Job {
    pub task: Task,
    seed: u64,
    facts: HashMap<Question, Rc<Fact>>,
    /// What is found while other answers are still missing.
    partial: Option<Destinations>,
    /// When it ends, done or not.
    pub deadline: Instant,
}

/// Facts of this job, then those of the cache.
struct Gathered<'j> {
    own: &'j HashMap<Question, Rc<Fact>>,
    cache: Option<&'j Cache>,
}

impl Facts for Gathered<'_> {
    fn look(&self, question: &Question, see: &mut dyn FnMut(Known<'_>)) -> bool {
        match self.own.get(question) {
            Some(fact) => match &fact.set {
                Ok(set) => see(Known::Records(RecordSet::new(question.rtype, set))),
                Err(why) => see(Known::Nothing(*why)),
            },
            None => {
                let cache = self.cache;
                return cache.is_some_and(|cache| cache.look(question, get_ticks_raw(), see));
            }
        }
        true
    }
}

/// How far a job is.
#[allow(clippy::large_enum_variant, reason = "short-lived, on the stack")]
pub(super) enum Progress {
    Done(Done),
    /// These questions must be asked.
    Need(Vec<Question>),
}

impl Job {
    /// A new one; it ends at `deadline` at the latest.
    pub fn new(task: Task, seed: u64, deadline: Instant) -> Job {
        Job {
            task,
            seed,
            facts: HashMap::new(),
            partial: None,
            deadline,
        }
    }

    /// Takes in the answer to one of its questions.
    pub fn learn(&mut self, question: Question, fact: Rc<Fact>) {
        self.facts.insert(question, fact);
    }

    /// Looks how far the facts lead.
    pub fn advance(&mut self, policy: &Policy, cache: Option<&Cache>) -> Progress {
        let own = &self.facts;
        let facts = Gathered { own, cache };
        match self.task.question() {
            Some(question) => records(&question, &facts),
            None => self.destinations(policy, cache),
        }
    }

    fn destinations(&mut self, policy: &Policy, cache: Option<&Cache>) -> Progress {
        let own = &self.facts;
        let facts = Gathered { own, cache };
        let mut needs = Vec::new();
        let query = self.task.query();
        let step = walk(&query, policy, &facts, self.seed, &mut |q| needs.push(*q));
        match step {
            Step::Done(all) => Progress::Done(Done::Destinations(Ok(all))),
            Step::Failed(why) => Progress::Done(Done::Destinations(Err(why))),
            Step::Need(partial) => {
                self.note(partial);
                Progress::Need(needs)
            }
        }
    }

    fn note(&mut self, partial: Option<Destinations>) {
        if self.partial.is_none() && partial.is_some() {
            self.deadline = self.deadline.min(Instant::now() + REST);
        }
        if partial.is_some() {
            self.partial = partial;
        }
    }

    /// The time is over: what there is, if there is anything.
    pub fn expire(&mut self) -> Done {
        match self.partial.take() {
            Some(found) => Done::Destinations(Ok(found)),
            None => Done::failed(&self.task, Failure::Timeout),
        }
    }
}

fn records(question: &Question, facts: &Gathered<'_>) -> Progress {
    let mut result = None;
    facts.look(question, &mut |known| {
        result = Some(match known {
            Known::Records(set) => Ok(set.bytes().to_vec()),
            Known::Nothing(why) => Err(why),
        });
    });
    match result {
        Some(result) => Progress::Done(Done::Records(result)),
        None => Progress::Need(vec![*question]),
    }
}
