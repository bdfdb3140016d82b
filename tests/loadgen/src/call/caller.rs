//! What the caller does with what it receives.

use super::parts::Parts;
use super::steps::Step;
use super::{Outcome, State};

impl State {
    /// Takes the step that a message brings.
    pub(super) fn at_caller(&mut self, message: &Parts<'_>, now: u64) -> Outcome {
        let Some(number) = message.call() else {
            return Outcome::Stray;
        };
        match message.status() {
            Some(b"100") => self.trying(number),
            // The floor has no 100: it sends the beginning of INVITE back.
            None if self.within.floor => self.trying(number),
            Some(b"180") => self.ringing(number, message, now),
            Some(b"200") if message.is_of("INVITE") => self.answered(number, message, now),
            Some(b"200") => self.over(number, message),
            _ => Outcome::Bad(number),
        }
    }

    fn trying(&mut self, number: u64) -> Outcome {
        if self.calls.try_it(number) {
            Outcome::Fine
        } else {
            Outcome::Stray
        }
    }

    fn ringing(&mut self, number: u64, message: &Parts<'_>, now: u64) -> Outcome {
        if !self.calls.take(number, Step::Arrived, Step::Ringing) {
            return Outcome::Stray;
        }
        if !self.calls.was_tried(number) || !self.is_ours(message) {
            return Outcome::Bad(number);
        }
        if self.only_ring {
            self.latency.add(self.calls.age(number, now));
            self.counts.ok += 1;
            self.calls.close(number);
        } else {
            let out = self.from_callee.room(self.server);
            out.extend_from_slice(self.calls.held(number));
        }
        Outcome::Fine
    }

    fn answered(&mut self, number: u64, message: &Parts<'_>, now: u64) -> Outcome {
        if !self.calls.take(number, Step::Ringing, Step::Answered) {
            return Outcome::Stray;
        }
        if !self.is_ours(message) || message.recorded().is_empty() || message.target().is_empty() {
            return Outcome::Bad(number);
        }
        self.latency.add(self.calls.age(number, now));
        let out = self.from_caller.room(self.server);
        self.within.request(out, "ACK", 1, number, message);
        let bye = self.calls.held(number);
        bye.clear();
        self.within.request(bye, "BYE", 2, number, message);
        Outcome::Fine
    }

    fn over(&mut self, number: u64, message: &Parts<'_>) -> Outcome {
        if !self.calls.take(number, Step::Ended, Step::Ended) {
            return Outcome::Stray;
        }
        if !message.is_of("BYE") || !self.is_ours(message) {
            return Outcome::Bad(number);
        }
        self.counts.ok += 1;
        self.calls.close(number);
        Outcome::Fine
    }

    /// Only the caller's own Via is left; the floor takes none off.
    fn is_ours(&self, message: &Parts<'_>) -> bool {
        message.vias == if self.within.floor { 2 } else { 1 }
    }
}
