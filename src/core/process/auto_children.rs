//! `children = auto(MIN, MAX)`: the attendant looks at each UDP socket every few seconds and makes it as many receivers as the
//! model advises ([`crate::core::stats::queueing`], docs/tuning-children.md).
//!
//! More come at once, and as many as are advised; fewer only when that was advised again and again, and one at a time: a
//! receiver too many costs memory, one too few costs messages. Invariant: a number that somebody has ordered
//! (`core.children`, TTIN, TTOU) stays until another configuration is put in force.

use super::attendant::Attendant;
use super::usage;
use crate::core::net::{SocketInfo, backlog_of, listeners};
use crate::core::overload;
use crate::core::settings::{self, Auto};
use crate::core::stats::queueing::{Interval, Limits, Machine, Sample, advise};
use crate::core::stats::{self, Counter, cycles, work};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(5);
/// So often in a row fewer must be advised before one goes.
const CALM: u32 = 6;

/// What is known of the sockets.
#[derive(Debug, Default)]
pub(super) struct AutoChildren {
    next: Option<Instant>,
    sockets: Vec<Seen>,
}

#[derive(Debug)]
struct Seen {
    socket: &'static SocketInfo,
    /// At the last look; `None`: receivers came or went since.
    before: Option<(Vec<i32>, Sample)>,
    /// How often fewer were advised in a row.
    calm: u32,
    /// Somebody has ordered a number.
    ordered: bool,
}

impl AutoChildren {
    /// How long until the next look; `None`: the numbers are fixed.
    pub(super) fn next_look(&self, now: Instant) -> Option<Duration> {
        settings::get().children_auto?;
        Some(
            self.next
                .map_or(LOOK, |next| next.saturating_duration_since(now)),
        )
    }

    /// Somebody has ordered a number for this socket.
    pub(super) fn ordered(&mut self, socket: &'static SocketInfo) {
        self.seen(socket).ordered = true;
    }

    /// Another configuration is in force.
    pub(super) fn forget(&mut self) {
        *self = AutoChildren::default();
    }

    fn seen(&mut self, socket: &'static SocketInfo) -> &mut Seen {
        let at = self
            .sockets
            .iter()
            .position(|s| std::ptr::eq(s.socket, socket));
        let at = at.unwrap_or_else(|| {
            self.sockets.push(Seen {
                socket,
                before: None,
                calm: 0,
                ordered: false,
            });
            self.sockets.len() - 1
        });
        &mut self.sockets[at]
    }
}

impl Attendant {
    /// Looks whether the sockets have the receivers that they need, when it is time.
    pub(super) fn look_at_children(&mut self) {
        let Some(auto) = settings::get().children_auto else {
            return;
        };
        let now = Instant::now();
        let next = *self.auto_children.next.get_or_insert(now + LOOK);
        if now < next {
            return;
        }
        self.auto_children.next = Some(now + LOOK);
        for &socket in &listeners().udp {
            let present = self.table.receivers(socket).count();
            let Some(wanted) = self.advised(socket, present, auto) else {
                continue;
            };
            if let Err(why) = self.set_children(socket, wanted) {
                log::error!("ERROR: {why}");
            }
        }
    }

    /// The number that a socket should have; `None`: that which it has.
    fn advised(
        &mut self,
        socket: &'static SocketInfo,
        present: usize,
        auto: Auto,
    ) -> Option<usize> {
        let pids = self
            .table
            .receivers(socket)
            .filter_map(|e| Some((e.slot, e.pid()?.as_raw())));
        let receivers: Vec<(u16, i32)> = pids.collect();
        let now = sample(socket, &receivers);
        let pids: Vec<i32> = receivers.iter().map(|r| r.1).collect();
        let seen = self.auto_children.seen(socket);
        let before = seen.before.replace((pids.clone(), now.clone()));
        if seen.ordered {
            return None;
        }
        let range = auto.min as usize..=auto.max as usize;
        if !range.contains(&present) {
            return Some(present.clamp(*range.start(), *range.end()));
        }
        let (_, before) = before.filter(|(then, _)| *then == pids)?;
        let limits = Limits {
            children: range,
            ..Limits::default()
        };
        let interval = Interval::between(&before, &now);
        // Nobody asks for anything: the least is enough.
        let advised = interval.demand.map_or(auto.min as usize, |demand| {
            advise(&demand, present, &limits).children
        });
        seen.decide(present, advised)
    }
}

impl Seen {
    fn decide(&mut self, present: usize, advised: usize) -> Option<usize> {
        if advised >= present {
            self.calm = 0;
            return (advised > present).then_some(advised);
        }
        self.calm += 1;
        if self.calm < CALM {
            return None;
        }
        // The next one goes with the next look, unless more are advised by then.
        Some(present - 1)
    }
}

/// What the receivers of a socket have counted until now.
fn sample(socket: &SocketInfo, receivers: &[(u16, i32)]) -> Sample {
    let queue = backlog_of(socket).unwrap_or_default();
    let machine = usage::machine_time();
    let seconds = |us: f64| us / 1e6;
    let mut sample = Sample {
        at: seconds(cycles::to_us(cycles::now())),
        children: receivers.len(),
        cpu: Some(0.0),
        dropped: queue.drops.into(),
        refused: overload::refused_by(socket),
        refused_after: overload::refused_after(socket),
        queued: queue.bytes.into(),
        queue_limit: queue.limit.into(),
        machine: Machine {
            cores: available_parallelism().map_or(1, usize::from),
            busy: machine.as_ref().map_or(0.0, |time| time.busy.as_secs_f64()),
            stolen: machine
                .as_ref()
                .map_or(0.0, |time| time.stolen.as_secs_f64()),
        },
        ..Sample::default()
    };
    for &(slot, pid) in receivers {
        let done = work::of_process(slot).unwrap_or_default();
        let counted = |counter| stats::of_process(slot).map_or(0, |row| row.get(counter));
        sample.packets += counted(Counter::RcvPackets);
        sample.bytes += counted(Counter::RcvBytes);
        sample.busy += seconds(done.busy_us);
        sample.blocked += seconds(done.blocked_us.iter().sum::<f64>() + done.lock_us);
        let cpu = usage::cpu_time(pid);
        sample.exec_cpu += cpu.as_ref().map_or(0.0, |cpu| cpu.programs.as_secs_f64());
        let own = cpu.map(|cpu| cpu.own.as_secs_f64());
        sample.cpu = sample.cpu.zip(own).map(|(sum, own)| sum + own);
        for (end, count) in done.latency.buckets() {
            sample.add_time(seconds(cycles::to_us(end)), count);
        }
    }
    sample
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::net::Proto;

    fn seen() -> Seen {
        let addr = "127.0.0.1:5060".parse().unwrap();
        let socket = SocketInfo::new(0, Proto::Udp, "127.0.0.1".into(), addr);
        Seen {
            socket: Box::leak(Box::new(socket)),
            before: None,
            calm: 0,
            ordered: false,
        }
    }

    #[test]
    fn more_come_at_once_and_fewer_one_by_one_after_a_while() {
        let mut seen = seen();
        assert_eq!(seen.decide(2, 7), Some(7));
        assert_eq!(seen.decide(7, 7), None);
        for _ in 1..CALM {
            assert_eq!(seen.decide(7, 3), None);
        }
        assert_eq!(seen.decide(7, 3), Some(6));
        assert_eq!(seen.decide(6, 3), Some(5));
        // A burst in between: from the beginning.
        assert_eq!(seen.decide(5, 5), None);
        assert_eq!(seen.decide(5, 3), None);
    }
}
