//! The client side of a branch as a state machine (RFC 3261 §17.1, RFC 6026 §8.4).
//!
//! Pure: a state and an event give the next state and what is to be done; nothing is sent here.

ser::shm_enum! {
    /// Where a branch is.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum ClientState {
        /// The name of its next hop is being resolved; nothing was sent.
        Resolving,
        /// Sent, no reply yet ("trying" for what is no INVITE).
        Calling,
        /// A provisional reply has come.
        Proceeding,
        /// A 2xx for an INVITE has come; more may follow.
        Accepted,
        /// It has its final reply.
        Completed,
        /// It ended without a reply of the other side: timed out, could not be sent, given up.
        Terminated,
    }
}

/// What happens to a branch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientEvent {
    /// A reply with this status code.
    Reply(u16),
    /// No final reply in time.
    TimedOut,
    /// It could not be sent, or is given up before it was answered.
    GivenUp,
}

/// What becomes of the retransmission of the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retransmit {
    Keep,
    /// Constant interval T2.
    Slow,
    Stop,
}

/// What an event leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClientStep {
    pub next: ClientState,
    pub retransmit: Retransmit,
    /// An ACK goes to the next hop.
    pub ack: bool,
    /// The wait for a final reply is over.
    pub settled: bool,
}

impl ClientState {
    /// Whether a final reply is still to come.
    pub fn is_pending(self) -> bool {
        matches!(
            self,
            ClientState::Resolving | ClientState::Calling | ClientState::Proceeding
        )
    }

    /// The step for an event. A branch that has ended stays so, but a final reply to an INVITE is
    /// acknowledged again.
    pub fn on_event(self, invite: bool, event: ClientEvent) -> ClientStep {
        use ClientState::{Accepted, Completed, Proceeding, Terminated};
        let step = |next, retransmit| ClientStep {
            next,
            retransmit,
            ack: false,
            settled: retransmit == Retransmit::Stop && next != Proceeding,
        };
        match event {
            ClientEvent::Reply(100..=199) if !self.is_pending() => step(self, Retransmit::Stop),
            ClientEvent::Reply(100..=199) if invite => step(Proceeding, Retransmit::Stop),
            ClientEvent::Reply(100..=199) => step(Proceeding, Retransmit::Slow),
            ClientEvent::Reply(200..=299) if invite => step(Accepted, Retransmit::Stop),
            ClientEvent::Reply(_) => ClientStep {
                ack: invite,
                ..step(
                    if self == Accepted {
                        Accepted
                    } else {
                        Completed
                    },
                    Retransmit::Stop,
                )
            },
            ClientEvent::TimedOut | ClientEvent::GivenUp if self.is_pending() => {
                step(Terminated, Retransmit::Stop)
            }
            ClientEvent::TimedOut | ClientEvent::GivenUp => step(self, Retransmit::Keep),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ClientEvent::{GivenUp, Reply, TimedOut};
    use super::ClientState::{Accepted, Calling, Completed, Proceeding, Terminated};
    use super::*;

    fn path(invite: bool, events: &[ClientEvent]) -> ClientState {
        events
            .iter()
            .fold(Calling, |state, event| state.on_event(invite, *event).next)
    }

    #[test]
    fn a_provisional_reply_stops_the_retransmission_of_an_invite_and_slows_that_of_others() {
        assert_eq!(
            Calling.on_event(true, Reply(180)).retransmit,
            Retransmit::Stop
        );
        assert_eq!(
            Calling.on_event(false, Reply(100)).retransmit,
            Retransmit::Slow
        );
        assert!(!Calling.on_event(true, Reply(180)).settled);
        assert!(!Calling.on_event(false, Reply(180)).settled);
    }

    #[test]
    fn only_negative_final_replies_to_an_invite_are_acknowledged_every_time() {
        for state in [Calling, Proceeding, Completed, Terminated] {
            assert!(state.on_event(true, Reply(486)).ack, "{state:?}");
            assert!(!state.on_event(true, Reply(200)).ack, "{state:?}");
            assert!(!state.on_event(false, Reply(486)).ack, "{state:?}");
        }
    }

    #[test]
    fn every_path_to_a_final_reply_ends_where_it_should() {
        assert_eq!(path(true, &[Reply(180), Reply(200), Reply(200)]), Accepted);
        assert_eq!(path(true, &[Reply(100), Reply(486), Reply(180)]), Completed);
        assert_eq!(path(false, &[Reply(200)]), Completed);
        assert_eq!(path(true, &[TimedOut]), Terminated);
        assert_eq!(path(true, &[Reply(180), GivenUp, Reply(183)]), Terminated);
        assert_eq!(path(true, &[Reply(200), TimedOut]), Accepted);
        assert_eq!(path(true, &[TimedOut, Reply(200)]), Accepted);
    }

    #[test]
    fn what_is_pending_waits_and_what_has_ended_does_not() {
        assert!(Calling.is_pending() && Proceeding.is_pending());
        assert!(ClientState::Resolving.is_pending());
        assert!(!Accepted.is_pending() && !Completed.is_pending() && !Terminated.is_pending());
    }
}
