//! The calls under way and how far each one is.
//!
//! A call takes its steps one after the other, and each message is sent only when the one before it has arrived:
//! the callee picks up when the caller has heard it ringing, the caller hangs up when the callee has its ACK. So a
//! server with several receivers cannot bring two messages of one call out of order, and every call costs it the
//! same datagrams. Invariant: the step of a call that is not under way is never read.

use crate::flights::Flights;

/// Calls; more are never under way.
const PLACES: usize = 1 << 14;
/// Room for what a call keeps.
const HELD: usize = 1024;

/// The last thing that happened in a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
pub enum Step {
    /// The caller has sent INVITE.
    Invited,
    /// The callee has it and has sent 180.
    Arrived,
    /// The caller has that; the callee has sent 200.
    Ringing,
    /// The caller has that and has sent ACK.
    Answered,
    /// The callee has it; the caller has sent BYE.
    Acknowledged,
    /// The callee has that and has sent 200.
    Ended,
}

/// A table of calls by number.
pub struct Calls {
    flights: Flights,
    steps: Box<[Step]>,
    /// The caller has 100.
    trying: Box<[bool]>,
    /// What is sent later: the callee's 200, then the caller's BYE.
    held: Box<[Vec<u8>]>,
}

impl Calls {
    /// None under way; the next call has the number `first`.
    pub fn new(first: u64) -> Calls {
        Calls {
            flights: Flights::new(first, PLACES),
            steps: vec![Step::Invited; PLACES].into(),
            trying: vec![false; PLACES].into(),
            held: (0..PLACES).map(|_| Vec::with_capacity(HELD)).collect(),
        }
    }

    /// A new call at `now`, in ns; its number, or `None` when too many are under way.
    pub fn open(&mut self, now: u64) -> Option<u64> {
        let number = self.flights.open(now)?;
        self.steps[place(number)] = Step::Invited;
        self.trying[place(number)] = false;
        self.held[place(number)].clear();
        Some(number)
    }

    /// Takes the step behind `from`; false when the call is not there: over, elsewhere, or never begun.
    pub fn take(&mut self, number: u64, from: Step, to: Step) -> bool {
        let there = self.flights.is_under_way(number) && self.steps[place(number)] == from;
        if there {
            self.steps[place(number)] = to;
        }
        there
    }

    /// The caller has 100; false when it had it already or waits for no 100.
    pub fn try_it(&mut self, number: u64) -> bool {
        let waits = self.flights.is_under_way(number)
            && self.steps[place(number)] <= Step::Arrived
            && !self.trying[place(number)];
        self.trying[place(number)] |= waits;
        waits
    }

    /// Whether 100 came, of a call under way.
    pub fn was_tried(&self, number: u64) -> bool {
        self.trying[place(number)]
    }

    /// What a call under way keeps to send it later.
    pub fn held(&mut self, number: u64) -> &mut Vec<u8> {
        &mut self.held[place(number)]
    }

    /// How old the call is at `now`, in ns.
    pub fn age(&self, number: u64, now: u64) -> u64 {
        self.flights.age(number, now)
    }

    /// The call is over.
    pub fn close(&mut self, number: u64) {
        self.flights.close(number, 0);
    }

    /// Gives up what began more than `timeout` ns before `now`; the number of them.
    pub fn expire(&mut self, now: u64, timeout: u64) -> u64 {
        self.flights.expire(now, timeout)
    }

    /// How many are under way.
    pub fn under_way(&self) -> usize {
        self.flights.under_way()
    }

    /// The number that the next call gets.
    pub fn next(&self) -> u64 {
        self.flights.next()
    }
}

fn place(number: u64) -> usize {
    number as usize % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_taken_once_and_in_order() {
        let mut calls = Calls::new(5);
        assert!(!calls.take(5, Step::Invited, Step::Arrived));
        assert_eq!(calls.open(100), Some(5));
        assert!(!calls.take(5, Step::Arrived, Step::Ringing));
        assert!(calls.take(5, Step::Invited, Step::Arrived));
        assert!(!calls.take(5, Step::Invited, Step::Arrived));
        assert_eq!(calls.age(5, 350), 250);
        calls.close(5);
        assert!(!calls.take(5, Step::Arrived, Step::Ringing));
        assert_eq!((calls.under_way(), calls.next()), (0, 6));
    }

    #[test]
    fn trying_counts_once_and_not_after_ringing() {
        let mut calls = Calls::new(0);
        calls.open(0);
        assert!(!calls.was_tried(0));
        assert!(calls.try_it(0) && calls.was_tried(0));
        assert!(!calls.try_it(0) && !calls.try_it(1));
        calls.open(0);
        calls.take(1, Step::Invited, Step::Ringing);
        assert!(!calls.try_it(1));
    }
}
