//! What the callee does with what it receives.

use super::compose::{Reply, reply};
use super::parts::Parts;
use super::steps::Step;
use super::{Outcome, State};
use std::io::Write;

impl State {
    /// Takes the step that a message brings.
    pub(super) fn at_callee(&mut self, message: &Parts<'_>, bytes: &[u8]) -> Outcome {
        let Some(number) = message.call() else {
            return Outcome::Stray;
        };
        match message.first.split(|&c| c == b' ').next() {
            Some(b"INVITE") => self.invited(number, message, bytes),
            Some(b"ACK") => self.acknowledged(number, message),
            Some(b"BYE") => self.hung_up(number, message, bytes),
            _ => Outcome::Bad(number),
        }
    }

    fn invited(&mut self, number: u64, message: &Parts<'_>, bytes: &[u8]) -> Outcome {
        if !self.calls.take(number, Step::Invited, Step::Arrived) {
            return Outcome::Stray;
        }
        let recorded = |line: &&[u8]| line.windows(3).any(|w| w == b";lr");
        if !self.is_well_forwarded(number, message) || !message.recorded().iter().any(recorded) {
            return Outcome::Bad(number);
        }
        let ringing = self.from_callee.room(self.server);
        reply(ringing, Reply::Ringing, bytes, &self.contact);
        reply(
            self.calls.held(number),
            Reply::PickedUp,
            bytes,
            &self.contact,
        );
        Outcome::Fine
    }

    fn acknowledged(&mut self, number: u64, message: &Parts<'_>) -> Outcome {
        if !self.calls.take(number, Step::Answered, Step::Acknowledged) {
            return Outcome::Stray;
        }
        if !self.is_well_forwarded(number, message) {
            return Outcome::Bad(number);
        }
        let bye = self.from_caller.room(self.server);
        bye.extend_from_slice(self.calls.held(number));
        Outcome::Fine
    }

    fn hung_up(&mut self, number: u64, message: &Parts<'_>, bytes: &[u8]) -> Outcome {
        if !self.calls.take(number, Step::Acknowledged, Step::Ended) {
            return Outcome::Stray;
        }
        if !self.is_well_forwarded(number, message) {
            return Outcome::Bad(number);
        }
        let out = self.from_callee.room(self.server);
        reply(out, Reply::HungUp, bytes, &self.contact);
        Outcome::Fine
    }

    /// Whether the request went to the callee's URI, took one hop, and has no Route left. Leaves the URI in `contact`.
    fn is_well_forwarded(&mut self, number: u64, message: &Parts<'_>) -> bool {
        self.contact.clear();
        // Writing to a vector never fails.
        let _ = write!(
            self.contact,
            "sip:u{:010}@{}",
            number % self.aors,
            self.called
        );
        message.uri() == self.contact
            && message.vias == 2
            && message.routes == 0
            && message.max_forwards == b"Max-Forwards: 69\r\n"
    }
}
