//! The calling phone: sends requests, checks and counts what comes back.

use crate::answer::Reader;
use crate::args::Load;
use crate::batch::{Inbox, Outbox};
use crate::counts::Counts;
use crate::flights::Flights;
use crate::histogram::Histogram;
use crate::request::Template;
use nix::sys::socket::SockaddrIn;
use std::io;
use std::net::{SocketAddrV4, UdpSocket};

/// Requests; more are never under way.
const PLACES: usize = 1 << 18;

/// Socket, buffers and counts.
pub struct Caller {
    socket: UdpSocket,
    inbox: Inbox,
    outbox: Outbox,
    server: SockaddrIn,
    template: Template,
    reader: Reader,
    /// Status of a right answer; `None`: the request itself comes back.
    status: Option<u16>,
    /// Requests that are not answered yet.
    pub flights: Flights,
    /// Latencies of right answers.
    pub latency: Histogram,
    /// The result so far.
    pub counts: Counts,
}

impl Caller {
    /// A caller at `socket`, whose address is `from`.
    pub fn new(load: &Load, socket: UdpSocket, from: SocketAddrV4, callee: SocketAddrV4) -> Caller {
        let echoed = load.floor && load.scenario != crate::args::Scenario::Forward;
        Caller {
            socket,
            inbox: Inbox::new(load.batch),
            outbox: Outbox::new(load.batch),
            server: load.to.into(),
            template: Template::new(load, from, callee),
            reader: Reader::new(),
            status: (!echoed).then_some(200),
            flights: Flights::new(load.first, PLACES),
            latency: Histogram::new(),
            counts: Counts::default(),
        }
    }

    /// Sends up to `due` requests, a batch at most.
    pub fn send(&mut self, due: u64, now: u64) -> io::Result<()> {
        for _ in 0..due {
            if self.outbox.is_full() {
                break;
            }
            let Some(number) = self.flights.open(now) else {
                break;
            };
            self.template.write(number, self.outbox.room(self.server));
            self.counts.sent += 1;
        }
        self.outbox.flush(&self.socket)
    }

    /// Takes a batch of answers; how many there were. `clock` tells the time once they are here.
    pub fn receive(&mut self, clock: impl FnOnce() -> u64) -> io::Result<usize> {
        let got = self.inbox.receive(&self.socket, false)?;
        if got == 0 {
            return Ok(0);
        }
        let now = clock();
        for (datagram, _) in self.inbox.iter() {
            let answer = self.reader.read(datagram);
            let took = answer.and_then(|answer| self.flights.close(answer.number, now));
            let (Some(answer), Some(took)) = (answer, took) else {
                self.counts.stray += 1;
                continue;
            };
            let right_call = answer.call == self.template.call(answer.number);
            if answer.status == self.status && right_call {
                self.counts.ok += 1;
                self.latency.add(took);
            } else {
                self.counts.bad += 1;
            }
        }
        Ok(got)
    }

    /// Gives up what waits longer than `timeout` ns.
    pub fn expire(&mut self, now: u64, timeout: u64) {
        self.counts.lost += self.flights.expire(now, timeout);
    }
}
