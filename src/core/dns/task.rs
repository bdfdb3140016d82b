//! What a process wants to know: destinations of a query, or the records of a question.

use super::name::HostName;
use super::records::{Question, RecordType};
use super::{Failure, Outcome, Query};
use crate::core::net::Proto;

/// A query that owns its host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Task {
    pub host: HostName,
    pub port: u16,
    pub proto: Proto,
    pub sips: bool,
    /// Plain records of the name instead of destinations.
    pub rtype: Option<RecordType>,
}

impl Task {
    /// The destinations of `query`.
    pub fn of_query(query: &Query<'_>) -> Result<Task, Failure> {
        Ok(Task {
            host: HostName::parse(query.host)?,
            port: query.port,
            proto: query.proto,
            sips: query.sips,
            rtype: None,
        })
    }

    /// The records of `question`.
    pub fn of_question(question: &Question) -> Task {
        Task {
            host: question.name,
            port: 0,
            proto: Proto::None,
            sips: false,
            rtype: Some(question.rtype),
        }
    }

    /// As query; only for a task without `rtype`.
    pub fn query(&self) -> Query<'_> {
        Query {
            host: self.host.as_bytes(),
            port: self.port,
            proto: self.proto,
            sips: self.sips,
        }
    }

    /// As question, if it is one.
    pub fn question(&self) -> Option<Question> {
        let (name, rtype) = (self.host, self.rtype?);
        Some(Question { name, rtype })
    }
}

/// The end of a task.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "short-lived, on the stack")]
pub(super) enum Done {
    Destinations(Outcome),
    /// A packed set.
    Records(Result<Vec<u8>, Failure>),
}

impl Done {
    /// `task` has failed.
    pub fn failed(task: &Task, why: Failure) -> Done {
        match task.rtype {
            Some(_) => Done::Records(Err(why)),
            None => Done::Destinations(Err(why)),
        }
    }

    /// As destinations; records are none.
    pub fn destinations(self) -> Outcome {
        match self {
            Done::Destinations(outcome) => outcome,
            Done::Records(result) => Err(result.err().unwrap_or(Failure::NoAddress)),
        }
    }

    /// As records; destinations are none.
    pub fn records(self) -> Result<Vec<u8>, Failure> {
        match self {
            Done::Records(result) => result,
            Done::Destinations(outcome) => Err(outcome.err().unwrap_or(Failure::NoAddress)),
        }
    }
}
