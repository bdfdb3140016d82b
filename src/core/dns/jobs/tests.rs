//! Jobs between threads that play processes: who waits is called once, whatever happens in between.

use super::*;
use crate::core::dns::{Destination, Destinations, Outcome, Query, register_handler};
use crate::ipc::{lease_slot, test_segment};
use std::sync::Mutex;

/// Test, waiter, and the port of the first destination.
type Call = (u64, u64, Result<u16, Failure>);

static CALLS: Mutex<Vec<Call>> = Mutex::new(Vec::new());

/// Notes a call.
fn note(data: [u64; 4], outcome: &Outcome) {
    let port = outcome.as_ref().map(|all| all.rest()[0].port);
    let call = (data[0], data[1], port.map_err(|why| *why));
    CALLS.lock().unwrap().push(call);
}

fn calls(test: u64) -> Vec<(u64, Result<u16, Failure>)> {
    let all = CALLS.lock().unwrap();
    let mine = all.iter().filter(|(t, ..)| *t == test);
    mine.map(|(_, waiter, port)| (*waiter, *port)).collect()
}

fn jobs() -> Jobs {
    test_segment();
    Jobs::create(crate::ipc::MAX_PROCESSES).unwrap()
}

fn task(host: &str, port: u16) -> Task {
    Task::of_query(&Query::new(host.as_bytes(), port, Proto::Udp)).unwrap()
}

fn waiter(test: u64, number: u64) -> Waiter {
    static HANDLER: std::sync::OnceLock<HandlerId> = std::sync::OnceLock::new();
    let handler = *HANDLER.get_or_init(|| register_handler("note", note).unwrap());
    Waiter {
        handler,
        data: [test, number, 0, 0],
    }
}

fn found(port: u16) -> Done {
    Done::Destinations(Ok(Destinations::one(Destination {
        ip: [192, 0, 2, 1].into(),
        proto: Proto::Udp,
        port,
    })))
}

#[test]
fn those_who_want_the_same_share_a_job_and_each_is_called_once() {
    let jobs = jobs();
    for number in 0..3 {
        jobs.submit(&task("A.org", 5060), waiter(1, number))
            .unwrap();
    }
    jobs.submit(&task("a.org", 5061), waiter(1, 9)).unwrap();
    let taken = jobs.take();
    assert_eq!(taken.len(), 2);
    assert!(jobs.take().is_empty(), "taken once");
    // Comes while the resolver is at it.
    jobs.submit(&task("a.org", 5060), waiter(1, 3)).unwrap();
    assert!(jobs.take().is_empty());
    let first = taken.iter().find(|t| t.task.port == 5060).unwrap();
    jobs.finish(first.number, &first.task, &found(5060));
    let all: Vec<_> = (0..4).map(|n| (n, Ok(5060))).collect();
    assert_eq!(calls(1), all);
    jobs.finish(first.number, &first.task, &found(5060));
    assert_eq!(calls(1), all, "a job is finished once");
    // Comes when it is over: a new job.
    jobs.submit(&task("a.org", 5060), waiter(1, 4)).unwrap();
    let again = jobs.take();
    assert_eq!(again.len(), 1);
    assert_ne!(again[0].number, first.number);
}

#[test]
fn a_handler_may_ask_for_the_same_name_again() {
    static JOBS: std::sync::OnceLock<Jobs> = std::sync::OnceLock::new();
    fn again(data: [u64; 4], _: &Outcome) {
        let jobs = JOBS.get().unwrap();
        jobs.submit(&task("b.org", 1), waiter(2, data[1] + 1))
            .unwrap();
    }
    let jobs = JOBS.get_or_init(jobs);
    let handler = register_handler("again", again).unwrap();
    let data = [2, 0, 0, 0];
    jobs.submit(&task("b.org", 1), Waiter { handler, data })
        .unwrap();
    let taken = jobs.take();
    jobs.finish(taken[0].number, &taken[0].task, &found(1));
    assert!(calls(2).is_empty(), "it waits for a job of its own");
    let taken = jobs.take();
    jobs.finish(taken[0].number, &taken[0].task, &found(1));
    assert_eq!(calls(2), [(1, Ok(1))]);
}

#[test]
fn a_resolver_that_is_started_anew_takes_over_what_was_left() {
    let jobs = jobs();
    jobs.submit(&task("c.org", 1), waiter(3, 0)).unwrap();
    jobs.submit(&task("c.org", 1), waiter(3, 1)).unwrap();
    let taken = jobs.take();
    // It dies when it has taken the first waiter off and before it has called it.
    let index = jobs.bucket_of(&taken[0].task);
    assert!(jobs.next_waiter(index, taken[0].number).is_some());
    let taken = jobs.take_over();
    assert_eq!(taken.len(), 1);
    jobs.finish(taken[0].number, &taken[0].task, &found(1));
    assert_eq!(calls(3), [(1, Ok(1))]);
    assert!(jobs.take_over().is_empty());
    assert_eq!(jobs.head.count.load(Ordering::Relaxed), 0);
}

#[test]
fn a_process_waits_for_its_result_or_until_its_time_is_over() {
    let jobs = jobs();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| jobs.wait(&task("d.org", 1), Duration::from_secs(30)));
        let taken = loop {
            match jobs.take().first() {
                Some(taken) => break *taken,
                None => std::thread::yield_now(),
            }
        };
        jobs.finish(taken.number, &taken.task, &found(7));
        let all = waiting.join().unwrap().unwrap().destinations().unwrap();
        assert_eq!(all.rest()[0].port, 7);
    });
    let waited = jobs.wait(&task("e.org", 1), Duration::from_millis(1));
    assert_eq!(waited.unwrap_err(), Failure::Timeout);
    let taken = jobs.take();
    jobs.finish(taken[0].number, &taken[0].task, &found(7));
}

#[test]
fn records_arrive_as_records() {
    let jobs = jobs();
    let name = HostName::parse(b"f.org").unwrap();
    let rtype = RecordType::A;
    let question = crate::core::dns::records::Question { name, rtype };
    let task = Task::of_question(&question);
    let long: Vec<u8> = (0..200).collect();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| jobs.wait(&task, Duration::from_secs(30)));
        let taken = loop {
            match jobs.take().first() {
                Some(taken) => break *taken,
                None => std::thread::yield_now(),
            }
        };
        assert_eq!(taken.task, task);
        jobs.finish(taken.number, &taken.task, &Done::Records(Ok(long.clone())));
        assert_eq!(waiting.join().unwrap().unwrap().records().unwrap(), long);
    });
}

#[test]
fn there_is_a_limit_to_the_names_that_are_looked_up() {
    let jobs = jobs();
    for n in 0..MAX_JOBS {
        let task = task(&format!("host{n}.org"), 1);
        jobs.submit(&task, waiter(4, n.into())).unwrap();
    }
    let refused = jobs.submit(&task("one-more.org", 1), waiter(4, 0));
    assert_eq!(refused, Err(Failure::Busy));
    // Who joins costs little.
    jobs.submit(&task("host0.org", 1), waiter(4, 0)).unwrap();
    for taken in jobs.take() {
        jobs.finish(taken.number, &taken.task, &found(1));
    }
    assert_eq!(calls(4).len(), MAX_JOBS as usize + 1);
    jobs.submit(&task("one-more.org", 1), waiter(4, 0)).unwrap();
}

#[test]
fn what_a_dead_process_held_is_repaired() {
    let jobs = jobs();
    jobs.submit(&task("g.org", 1), waiter(5, 0)).unwrap();
    let dead = lease_slot();
    jobs.head.count.store(7, Ordering::Relaxed);
    jobs.forget_letters(dead.slot());
    jobs.recount();
    assert_eq!(jobs.head.count.load(Ordering::Relaxed), 1);
    assert_eq!(jobs.take().len(), 1);
}
