//! One look at the queue of a socket: what it changes, and what the operator is told.

use super::control::{Limits, Phase, Reading, Shares};
use super::load::{self, Load};
use crate::core::net::{Backlog, SocketInfo, all_sockets, backlog, last_arrival};
use crate::core::settings;
use crate::core::stats::{Counter, count, cycles};
use crate::core::time::{PERIODIC, unix_time};
use std::time::Duration;

/// In a queue that is this part full or less nobody waits long enough to ask how long.
const SHORT: u32 = 32;

/// Looks at the queue, unless somebody did less than `interval` before `now` (both by the cycle clock).
pub(super) fn look(socket: &SocketInfo, load: &Load, now: u64, interval: u64) {
    if let Some(passed) = load.elect(now, interval) {
        let passed = Duration::from_micros(cycles::to_us(passed) as u64);
        note(socket, load, read(socket), passed);
    }
}

fn read(socket: &SocketInfo) -> Reading {
    let Some(Ok(backlog)) = socket.udp.get().map(backlog) else {
        return Reading::default();
    };
    Reading {
        backlog,
        waited: waited(socket, backlog).unwrap_or_default(),
    }
}

/// While little waits the kernel is not asked for times: asking makes it note them.
fn waited(socket: &SocketInfo, backlog: Backlog) -> Option<Duration> {
    let udp = socket.udp.get()?;
    (backlog.bytes > backlog.limit / SHORT)
        .then(|| last_arrival(udp))
        .flatten()
}

fn note(socket: &SocketInfo, load: &Load, seen: Reading, passed: Duration) {
    let limits = Limits::of(settings::get());
    let pressure = limits.pressure(&seen);
    let before = load.strain();
    let after = before.after(pressure > 0.0, limits.lasting(&seen), passed);
    load.set_reading(&seen);
    load.set_shares(match after.phase {
        Phase::Overloaded => Shares::at(pressure),
        Phase::Calm | Phase::Strained => Shares::default(),
    });
    if load.set_strain(before, after) {
        tell(socket, load, before.phase, after.phase, &seen);
    }
}

fn tell(socket: &SocketInfo, load: &Load, before: Phase, after: Phase, seen: &Reading) {
    let now = unix_time() as u64;
    let name = socket.addr;
    if after == Phase::Overloaded {
        load.begin(now);
        count(Counter::Overloads);
        log::error!(
            "ERROR: overload: udp:{name}: {} of {} bytes of the queue are taken, datagrams wait {} ms: \
             requests that begin something new get 503",
            seen.backlog.bytes,
            seen.backlog.limit,
            seen.waited.as_millis()
        );
    } else if before == Phase::Overloaded {
        let (seconds, turned_away) = load.end(now);
        log::error!(
            "ERROR: overload: udp:{name}: over after {seconds} s, {turned_away} requests were not served"
        );
    }
}

/// Handler of a timer: looks at the sockets that are not calm and that nobody receives from any more.
pub(super) fn sweep(_tick: u32, _data: u64) -> u32 {
    let now = cycles::now();
    for socket in all_sockets() {
        if let Some(load) = load::of(socket).filter(|load| !load.is_calm()) {
            look(socket, load, now, (cycles::per_us() * 1e6) as u64);
        }
    }
    PERIODIC
}
