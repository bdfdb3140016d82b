//! Where a process finds the result that it waits for: one place for each, in shared memory.
//!
//! Invariant: each wait has a number of its own; a letter that comes for an earlier one, whose time was
//! over, is thrown away.

use super::records::MAX_SET;
use super::task::{Done, Task};
use super::{Destination, Destinations, Failure};
use crate::ipc::{
    LockRank, ShmEvent, ShmFull, ShmMutex, ShmStr, ShmTag, mutex_owner, note_change, ranked,
    seize_mutex,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

crate::shm_struct! {
    /// A result, packed.
    struct Letter {
        number: u64,
        failure: Option<Failure>,
        body: ShmStr,
    }
}

crate::shm_struct! {
    /// The place of one process.
    pub(super) struct Mailbox {
        expected: AtomicU64,
        came: ShmEvent,
        letter: ShmMutex<Letter>,
    }
}

impl Mailbox {
    /// An empty one.
    pub fn new() -> Mailbox {
        let letter = Letter {
            number: 0,
            failure: None,
            body: ShmStr::EMPTY,
        };
        Mailbox {
            expected: AtomicU64::new(0),
            came: ShmEvent::new(),
            letter: ranked(LockRank::DNS_MAIL, letter),
        }
    }

    /// A number for the letter that its process is going to wait for.
    pub fn expect(&self) -> u64 {
        self.expected.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Waits for letter `number`, at most `limit`.
    pub fn wait(&self, number: u64, task: &Task, limit: Duration) -> Result<Done, Failure> {
        let end = Instant::now() + limit;
        loop {
            let seen = self.came.count();
            if let Some(letter) = self.take(number) {
                return Ok(read(&letter, task));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                // What comes from now on is for nobody.
                self.expect();
                return Err(Failure::Timeout);
            }
            // Woken or not: look again.
            self.came.wait(seen, left);
        }
    }

    fn take(&self, number: u64) -> Option<Letter> {
        let mut place = self.letter.lock();
        (place.number == number).then(|| {
            let empty = Letter {
                number: 0,
                failure: None,
                body: ShmStr::EMPTY,
            };
            std::mem::replace(&mut *place, empty)
        })
    }

    /// Puts a result in, unless its time is over.
    pub fn deliver(&self, number: u64, done: &Done, tag: ShmTag) {
        let letter = pack(done, tag).unwrap_or(Letter {
            number,
            failure: Some(Failure::NoMemory),
            body: ShmStr::EMPTY,
        });
        {
            let mut place = self.letter.lock();
            if self.expected.load(Ordering::Acquire) != number {
                return;
            }
            note_change(&*place);
            *place = Letter { number, ..letter };
        }
        self.came.happen();
    }

    /// Releases the lock if the dead process `slot` held it; the letter may be half of one and is
    /// thrown away.
    pub fn recover(&self, slot: u16) {
        if mutex_owner(&self.letter) == Some(slot)
            && let Some(mut place) = seize_mutex(&self.letter, slot)
        {
            place.number = 0;
            // Half a handle must not be dropped; what it names is found by its owner's death.
            std::mem::forget(std::mem::replace(&mut place.body, ShmStr::EMPTY));
        }
    }
}

fn pack(done: &Done, tag: ShmTag) -> Result<Letter, ShmFull> {
    let (failure, body) = match done {
        Done::Destinations(Ok(all)) => (
            None,
            all.rest().iter().flat_map(Destination::pack).collect(),
        ),
        Done::Records(Ok(set)) => (None, set.clone()),
        Done::Destinations(Err(why)) | Done::Records(Err(why)) => (Some(*why), Vec::new()),
    };
    Ok(Letter {
        number: 0,
        failure,
        body: ShmStr::try_new_in(&body, tag)?,
    })
}

fn read(letter: &Letter, task: &Task) -> Done {
    if let Some(why) = letter.failure {
        return Done::failed(task, why);
    }
    match task.rtype {
        Some(_) => Done::Records(Ok(letter.body[..letter.body.len().min(MAX_SET)].to_vec())),
        None => {
            let all = Destinations::of(Destination::unpack_all(&letter.body));
            Done::Destinations(all.ok_or(Failure::NoAddress))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::dns::Query;
    use crate::core::net::Proto;
    use crate::ipc::test_segment;

    fn task() -> Task {
        Task::of_query(&Query::new(b"a.org", 0, Proto::Udp)).unwrap()
    }

    fn to(ip: &str, proto: Proto) -> Destination {
        let ip = ip.parse().unwrap();
        Destination {
            ip,
            proto,
            port: 5070,
        }
    }

    #[test]
    fn destinations_arrive_as_they_were_sent() {
        test_segment();
        let mailbox = Mailbox::new();
        let all = [to("192.0.2.1", Proto::Udp), to("2001:db8::1", Proto::Tls)];
        let number = mailbox.expect();
        let done = Done::Destinations(Ok(Destinations::of(all).unwrap()));
        mailbox.deliver(number, &done, ShmTag::CORE);
        let got = mailbox.wait(number, &task(), Duration::ZERO).unwrap();
        assert_eq!(got.destinations().unwrap().rest(), all);
    }

    #[test]
    fn a_letter_that_comes_too_late_is_thrown_away() {
        test_segment();
        let mailbox = Mailbox::new();
        let late = mailbox.expect();
        let waited = mailbox.wait(late, &task(), Duration::from_millis(1));
        assert_eq!(waited.unwrap_err(), Failure::Timeout);
        let done = Done::Destinations(Err(Failure::NoSuchName));
        mailbox.deliver(late, &done, ShmTag::CORE);
        let next = mailbox.expect();
        mailbox.deliver(late, &done, ShmTag::CORE);
        let waited = mailbox.wait(next, &task(), Duration::from_millis(1));
        assert_eq!(waited.unwrap_err(), Failure::Timeout);
    }

    #[test]
    fn a_failure_arrives_as_a_result() {
        test_segment();
        let mailbox = Mailbox::new();
        let number = mailbox.expect();
        let done = Done::Destinations(Err(Failure::NoSuchName));
        mailbox.deliver(number, &done, ShmTag::CORE);
        let got = mailbox.wait(number, &task(), Duration::ZERO).unwrap();
        assert_eq!(got.destinations().unwrap_err(), Failure::NoSuchName);
    }
}
