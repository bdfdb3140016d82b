//! Questions that wait for their turn, first come first served, and the jobs that want each.

use crate::core::dns::records::Question;
use std::collections::{HashMap, VecDeque};

#[derive(Debug, Default)]
pub(super) struct Queue {
    order: VecDeque<Question>,
    jobs: HashMap<Question, Vec<u64>>,
}

impl Queue {
    /// Job `number` wants the answer to `question`.
    pub fn add(&mut self, question: Question, number: u64) {
        let jobs = self.jobs.entry(question).or_default();
        if jobs.is_empty() {
            self.order.push_back(question);
        }
        if !jobs.contains(&number) {
            jobs.push(number);
        }
    }

    /// The question whose turn it is, and who wants it.
    pub fn pop(&mut self) -> Option<(Question, Vec<u64>)> {
        let question = self.order.pop_front()?;
        let jobs = self.jobs.remove(&question).unwrap_or_default();
        Some((question, jobs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::dns::name::HostName;
    use crate::core::dns::records::RecordType;

    #[test]
    fn a_question_waits_once_for_all_who_want_it() {
        let question = |name: &str| Question {
            name: HostName::parse(name.as_bytes()).unwrap(),
            rtype: RecordType::A,
        };
        let mut queue = Queue::default();
        for (name, job) in [("a", 1), ("b", 1), ("a", 2), ("a", 1)] {
            queue.add(question(name), job);
        }
        assert_eq!(queue.pop(), Some((question("a"), vec![1, 2])));
        assert_eq!(queue.pop(), Some((question("b"), vec![1])));
        assert_eq!(queue.pop(), None);
    }
}
