//! Whole calls: INVITE, 100, 180, 200, ACK, BYE, 200 (RFC 3261 §17, §12), with both phones in this process; or only
//! their beginning, INVITE, 100, 180, when they are left ringing. Of one call the server receives six datagrams and
//! sends seven. Nothing is sent again. Every message is checked for what a proxy must have done to it: Via and
//! Max-Forwards, Record-Route, Route taken off, the Request-URI replaced by the registered contact or by the remote
//! target.

mod callee;
mod caller;
mod compose;
mod parts;
mod steps;

pub use compose::{FLOOR_RECORD_ROUTE, FLOOR_VIA};

use crate::args::{Load, Scenario};
use crate::batch::{Inbox, Outbox, address, socket};
use crate::counts::Counts;
use crate::ends::Ends;
use crate::histogram::Histogram;
use crate::request::Template;
use compose::Within;
use nix::sys::socket::SockaddrIn;
use parts::Parts;
use std::io;
use std::net::{SocketAddrV4, UdpSocket};
use steps::Calls;

/// Both phones and their calls.
pub struct Phones {
    caller: UdpSocket,
    callee: UdpSocket,
    inbox: Inbox,
    state: State,
}

/// What the phones know and what they are about to send.
struct State {
    from_caller: Outbox,
    from_callee: Outbox,
    server: SockaddrIn,
    /// The callee.
    called: SocketAddrV4,
    template: Template,
    within: Within,
    calls: Calls,
    counts: Counts,
    latency: Histogram,
    /// Nobody picks up.
    only_ring: bool,
    aors: u64,
    /// Room for a URI.
    contact: Vec<u8>,
}

/// What came of a datagram.
enum Outcome {
    /// The call goes on, or is over as it should be.
    Fine,
    /// Nobody waits for it.
    Stray,
    /// It is not what it should be.
    Bad(u64),
}

impl Phones {
    /// Binds the sockets.
    pub fn new(load: &Load) -> io::Result<Phones> {
        let (caller, callee) = (socket(load.from)?, socket(load.callee)?);
        let (from, called) = (address(&caller)?, address(&callee)?);
        Ok(Phones {
            caller,
            callee,
            inbox: Inbox::new(load.batch),
            state: State {
                from_caller: Outbox::new(load.batch),
                from_callee: Outbox::new(load.batch),
                server: load.to.into(),
                called,
                template: Template::new(load, from, called),
                within: Within {
                    from,
                    floor: load.floor,
                },
                calls: Calls::new(load.first),
                counts: Counts::default(),
                latency: Histogram::new(),
                only_ring: load.scenario == Scenario::Ring,
                aors: load.aors,
                contact: Vec::with_capacity(64),
            },
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.state.from_caller.flush(&self.caller)?;
        self.state.from_callee.flush(&self.callee)
    }
}

impl Ends for Phones {
    fn start(&mut self, due: u64, now: u64) -> io::Result<()> {
        let state = &mut self.state;
        for _ in 0..due {
            if state.from_caller.is_full() {
                break;
            }
            let Some(number) = state.calls.open(now) else {
                break;
            };
            let out = state.from_caller.room(state.server);
            state.template.write(number, out);
            state.counts.sent += 1;
        }
        self.flush()
    }

    fn step(&mut self, clock: &dyn Fn() -> u64) -> io::Result<usize> {
        let mut got = self.inbox.receive(&self.caller, false)?;
        if got > 0 {
            let now = clock();
            for (message, _) in self.inbox.iter() {
                let outcome = self.state.at_caller(&Parts::of(message), now);
                self.state.note(outcome, true);
            }
            self.flush()?;
        }
        let called = self.inbox.receive(&self.callee, false)?;
        for (message, _) in self.inbox.iter() {
            let outcome = self.state.at_callee(&Parts::of(message), message);
            self.state.note(outcome, false);
        }
        self.flush()?;
        got += called;
        Ok(got)
    }

    fn expire(&mut self, now: u64, timeout: u64) {
        self.state.counts.lost += self.state.calls.expire(now, timeout);
    }

    fn under_way(&self) -> usize {
        self.state.calls.under_way()
    }

    fn next(&self) -> u64 {
        self.state.calls.next()
    }

    fn counts(&self) -> Counts {
        self.state.counts
    }

    fn latency(&self) -> &Histogram {
        &self.state.latency
    }
}

impl State {
    fn note(&mut self, outcome: Outcome, at_caller: bool) {
        match outcome {
            Outcome::Fine => {}
            Outcome::Stray => self.counts.stray += 1,
            Outcome::Bad(number) => {
                self.calls.close(number);
                if at_caller {
                    self.counts.bad += 1;
                } else {
                    self.counts.badly_forwarded += 1;
                }
            }
        }
    }
}
