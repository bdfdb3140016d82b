//! The loop: waits for datagrams, for the next one on hold, and for the end.

use crate::args::Plan;
use crate::client::receive;
use crate::dice::Fate;
use crate::held::{Queue, Route};
use crate::link::Link;
use crate::report;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::error::Error;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// Datagrams of one socket that are taken before the others have their turn.
const TURN: usize = 64;
/// Largest datagram.
const LARGEST: usize = 65_535;

/// Relays until the time is over or a signal comes, and prints what it did.
pub fn run(plan: &Plan) -> Result<(), Box<dyn Error>> {
    let stop = stop_signals()?;
    let links = plan.links.iter().enumerate();
    let links: io::Result<Vec<Link>> = links
        .map(|(number, &ends)| Link::new(ends, plan.odds, plan.seed, number))
        .collect();
    let start = Instant::now();
    let mut relay = Relay {
        links: links?,
        queue: Queue::default(),
        room: vec![0; LARGEST],
    };
    print(&report::start(&relay.links)?)?;
    let end = start + plan.time;
    while Instant::now() < end && stop.read_signal()?.is_none() {
        relay.wait(&stop, end)?;
        relay.turn()?;
    }
    relay.count_waiting();
    print(&report::end(&relay.links, plan.seed, start.elapsed())?)?;
    Ok(())
}

/// TERM and INT are read here instead of ending the process.
fn stop_signals() -> nix::Result<SignalFd> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.thread_block()?;
    SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
}

/// A line that a reader gets at once.
fn print(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

struct Relay {
    links: Vec<Link>,
    queue: Queue,
    room: Vec<u8>,
}

impl Relay {
    fn wait(&self, stop: &SignalFd, end: Instant) -> nix::Result<()> {
        let now = Instant::now();
        let left = end.saturating_duration_since(now);
        let pause = self.queue.pause(now).map_or(left, |due| due.min(left));
        let sockets = self.links.iter().flat_map(|link| {
            let clients = link.clients.iter().map(|client| client.socket.as_fd());
            clients.chain([link.socket.as_fd()])
        });
        let mut fds: Vec<_> = sockets
            .chain([stop.as_fd()])
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        match poll(&mut fds, timeout(pause)) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(why) => Err(why),
        }
    }

    /// Everybody's turn.
    fn turn(&mut self) -> io::Result<()> {
        for link in 0..self.links.len() {
            self.take_from_clients(link)?;
            for client in 0..self.links[link].clients.len() {
                self.take_from_target(link, client)?;
            }
        }
        let now = Instant::now();
        while let Some(held) = self.queue.take(now) {
            let Route {
                link,
                client,
                to_target,
            } = held.route;
            self.links[link].send(client, to_target, &held.bytes);
        }
        Ok(())
    }

    fn take_from_clients(&mut self, link: usize) -> io::Result<()> {
        for _ in 0..TURN {
            let here = &mut self.links[link];
            let Some((length, source)) = receive(&here.socket, &mut self.room)? else {
                break;
            };
            match here.client(source)? {
                Some(client) => self.treat(
                    Route {
                        link,
                        client,
                        to_target: true,
                    },
                    length,
                ),
                None => here.refused += 1,
            }
        }
        Ok(())
    }

    fn take_from_target(&mut self, link: usize, client: usize) -> io::Result<()> {
        for _ in 0..TURN {
            let socket = &self.links[link].clients[client].socket;
            let Some((length, _)) = receive(socket, &mut self.room)? else {
                break;
            };
            let route = Route {
                link,
                client,
                to_target: false,
            };
            self.treat(route, length);
        }
        Ok(())
    }

    /// Throws the dice for the datagram in `room`.
    fn treat(&mut self, route: Route, length: usize) {
        let bytes = &self.room[..length];
        let link = &mut self.links[route.link];
        let way = link.way(route.to_target);
        way.done.received += 1;
        let Fate::Sent { first, second } = way.dice.throw() else {
            way.done.dropped += 1;
            return;
        };
        way.done.reordered += u64::from(first.is_some());
        way.done.duplicated += u64::from(second.is_some());
        let now = Instant::now();
        for pause in first.into_iter().chain(second) {
            self.queue.hold(now + pause, route, bytes);
        }
        if first.is_none() {
            link.send(route.client, route.to_target, bytes);
        }
    }

    fn count_waiting(&mut self) {
        for route in self.queue.rest() {
            self.links[route.link].way(route.to_target).done.waiting += 1;
        }
    }
}

/// Milliseconds, rounded up: waking early would mean waking twice.
fn timeout(pause: Duration) -> PollTimeout {
    let millis = pause.as_micros().div_ceil(1000);
    PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)
}
