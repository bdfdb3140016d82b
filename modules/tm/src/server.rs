//! The server side of a transaction as a state machine (RFC 3261 §17.2, RFC 6026 §7.1).
//!
//! Pure: a state and an event give the next state and what is to be done; nothing is sent here.

ser::shm_enum! {
    /// Where the server side is.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum ServerState {
        /// No reply was sent.
        Trying,
        /// A provisional reply was sent.
        Proceeding,
        /// A 2xx for an INVITE was sent; more may follow.
        Accepted,
        /// The final reply was sent; after a negative one for an INVITE the ACK is awaited.
        Completed,
        /// The ACK has come, or nobody waits for one.
        Confirmed,
    }
}

/// What happens to the server side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerEvent {
    /// A reply with this status code is sent, made here (`local`) or relayed.
    Send { code: u16, local: bool },
    /// The ACK of a final reply has come.
    Ack,
    /// No ACK in time.
    TimedOut,
}

/// How a reply is repeated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Repeat {
    No,
    /// Until the ACK, on unreliable transports; the ACK is awaited on all.
    Unreliable,
    /// Until the ACK on every transport: nobody else repeats a 2xx that was made here (§13.3.1.4).
    Always,
}

/// What an event leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServerStep {
    pub next: ServerState,
    pub repeat: Repeat,
    /// The transaction lingers for `wt_timer` and ends.
    pub wait: bool,
}

impl ServerState {
    /// Whether a final reply was sent.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            ServerState::Accepted | ServerState::Completed | ServerState::Confirmed
        )
    }

    /// The step for an event; `None`: it may not happen in this state (nothing is sent).
    pub fn on_event(self, invite: bool, event: ServerEvent) -> Option<ServerStep> {
        use ServerState::{Accepted, Completed, Confirmed, Proceeding};
        let step = |next, repeat, wait| Some(ServerStep { next, repeat, wait });
        match (self, event) {
            (state, ServerEvent::Send { code: ..=199, .. }) if !state.is_final() => {
                step(Proceeding, Repeat::No, false)
            }
            (Accepted, ServerEvent::Send { code, local }) => ((200..300).contains(&code) && !local)
                .then_some(ServerStep {
                    next: Accepted,
                    repeat: Repeat::No,
                    wait: true,
                }),
            // A 2xx that arrives after a negative final reply is passed on all the same (§16.7 step 5).
            (Completed | Confirmed, ServerEvent::Send { code, local: false })
                if invite && (200..300).contains(&code) =>
            {
                step(Accepted, Repeat::No, true)
            }
            (Completed | Confirmed, ServerEvent::Send { .. }) => None,
            (_, ServerEvent::Send { code: ..=199, .. }) => None,
            (_, ServerEvent::Send { .. }) if !invite => step(Completed, Repeat::No, true),
            (
                _,
                ServerEvent::Send {
                    code: 200..=299,
                    local,
                },
            ) if local => step(Accepted, Repeat::Always, false),
            (
                _,
                ServerEvent::Send {
                    code: 200..=299, ..
                },
            ) => step(Accepted, Repeat::No, true),
            (_, ServerEvent::Send { .. }) => step(Completed, Repeat::Unreliable, false),
            (state, ServerEvent::Ack | ServerEvent::TimedOut) if state.is_final() => {
                step(Confirmed, Repeat::No, true)
            }
            (_, ServerEvent::Ack | ServerEvent::TimedOut) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ServerState::{Accepted, Completed, Confirmed, Proceeding, Trying};
    use super::*;

    const fn send(code: u16) -> ServerEvent {
        ServerEvent::Send { code, local: false }
    }

    #[test]
    fn a_negative_reply_to_an_invite_is_repeated_until_the_ack() {
        let step = Proceeding.on_event(true, send(486)).unwrap();
        assert_eq!((step.next, step.repeat), (Completed, Repeat::Unreliable));
        assert!(!step.wait);
        let step = Completed.on_event(true, ServerEvent::Ack).unwrap();
        assert_eq!(
            (step.next, step.repeat, step.wait),
            (Confirmed, Repeat::No, true)
        );
    }

    #[test]
    fn only_a_2xx_made_here_is_repeated() {
        let local = ServerEvent::Send {
            code: 200,
            local: true,
        };
        assert_eq!(Trying.on_event(true, local).unwrap().repeat, Repeat::Always);
        assert_eq!(Trying.on_event(true, send(200)).unwrap().repeat, Repeat::No);
        assert_eq!(Trying.on_event(false, local).unwrap().repeat, Repeat::No);
    }

    #[test]
    fn nothing_but_a_2xx_follows_a_final_reply() {
        for state in [Accepted, Completed, Confirmed] {
            assert_eq!(state.on_event(true, send(180)), None, "{state:?}");
            assert_eq!(state.on_event(true, send(486)), None, "{state:?}");
            assert!(state.on_event(true, send(200)).is_some(), "{state:?}");
        }
        assert_eq!(Completed.on_event(false, send(200)), None);
    }

    #[test]
    fn an_ack_before_a_final_reply_means_nothing() {
        assert_eq!(Trying.on_event(true, ServerEvent::Ack), None);
        assert_eq!(Proceeding.on_event(true, ServerEvent::TimedOut), None);
    }
}
