//! The scenarios of one request and its answer: a caller, and a callee where the server passes requests on.

use crate::args::{Load, Scenario};
use crate::batch::{address, socket};
use crate::callee::Callee;
use crate::caller::Caller;
use crate::counts::Counts;
use crate::ends::Ends;
use crate::histogram::Histogram;
use std::io;

/// The phones.
pub struct Requests {
    caller: Caller,
    callee: Option<Callee>,
}

impl Requests {
    /// Binds the sockets.
    pub fn new(load: &Load) -> io::Result<Requests> {
        let caller = socket(load.from)?;
        let from = address(&caller)?;
        let forward = load.scenario == Scenario::Forward;
        let callee = forward.then(|| socket(load.callee)).transpose()?;
        let called = callee.as_ref().map_or(Ok(load.callee), address)?;
        Ok(Requests {
            caller: Caller::new(load, caller, from, called),
            callee: callee.map(|callee| Callee::new(callee, load.batch, load.floor)),
        })
    }
}

impl Ends for Requests {
    fn start(&mut self, due: u64, now: u64) -> io::Result<()> {
        self.caller.send(due, now)
    }

    fn step(&mut self, clock: &dyn Fn() -> u64) -> io::Result<usize> {
        let got = self.caller.receive(clock)?;
        let called = self.callee.as_mut().map_or(Ok(0), Callee::serve)?;
        Ok(got + called)
    }

    fn expire(&mut self, now: u64, timeout: u64) {
        self.caller.expire(now, timeout);
    }

    fn under_way(&self) -> usize {
        self.caller.flights.under_way()
    }

    fn next(&self) -> u64 {
        self.caller.flights.next()
    }

    fn counts(&self) -> Counts {
        Counts {
            badly_forwarded: self.callee.as_ref().map_or(0, |callee| callee.bad),
            ..self.caller.counts
        }
    }

    fn latency(&self) -> &Histogram {
        let caller = &self.caller;
        debug_assert_eq!(caller.latency.total(), caller.counts.ok);
        &caller.latency
    }
}
