//! From what a running server has counted to what is asked of a socket's children.

use super::{Demand, Measured, Service};

/// What the receivers of one socket, added up, and their machine have counted until a moment; times in seconds.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Sample {
    /// The moment, on any clock.
    pub at: f64,
    /// Receivers of the socket.
    pub children: usize,
    /// Time spent on messages, blocked time included.
    pub busy: f64,
    /// Of it: blocked.
    pub blocked: f64,
    /// CPU time of the receivers; `None`: not known.
    pub cpu: Option<f64>,
    /// CPU time of programs that they ran and waited for.
    pub exec_cpu: f64,
    /// Service times with how many messages had them, ascending.
    pub times: Vec<(f64, u64)>,
    /// Datagrams that the receivers took from the socket.
    pub packets: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Datagrams that found the socket's queue full.
    pub dropped: u64,
    /// Requests that overload control did not let in.
    pub refused: u64,
    /// How long messages wait when it begins to refuse them; `None`: it does not.
    pub refused_after: Option<f64>,
    /// Bytes in the queue, as the kernel counts them.
    pub queued: u64,
    /// Bytes that the queue holds.
    pub queue_limit: u64,
    /// The machine.
    pub machine: Machine,
}

impl Sample {
    /// So many more messages had this service time.
    pub fn add_time(&mut self, time: f64, count: u64) {
        match self.times.binary_search_by(|t| t.0.total_cmp(&time)) {
            Ok(known) => self.times[known].1 += count,
            Err(place) => self.times.insert(place, (time, count)),
        }
    }
}

/// The machine that a server runs on; times in seconds, added up over its cores.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Machine {
    /// Cores that the server may use.
    pub cores: usize,
    /// CPU time of all processes that are as important as the server.
    pub busy: f64,
    /// CPU time that the host of a virtual machine gave to others.
    pub stolen: f64,
}

/// Bytes that the kernel counts for a queued datagram: up to so many bytes of it take so many (Linux 6 on loopback; many
/// network cards take 2304 for the smaller ones, too).
const COST: [(f64, f64); 3] = [(200.0, 832.0), (640.0, 1280.0), (1650.0, 2304.0)];
/// Larger ones.
const LARGE: f64 = 4352.0;
/// What others leave is at least this share of the cores: the scheduler is fair.
const FAIR: f64 = 0.5;

/// Between two samples of a socket.
#[derive(Clone, PartialEq, Debug)]
pub struct Interval {
    /// Its length in seconds.
    pub seconds: f64,
    /// Messages whose processing ended.
    pub messages: u64,
    /// Datagrams that were lost in a full queue.
    pub lost: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// What was asked of the children; `None` without messages.
    pub demand: Option<Demand>,
}

impl Interval {
    /// From `before` to `after`.
    pub fn between(before: &Sample, after: &Sample) -> Interval {
        let seconds = after.at - before.at;
        let times = since(&before.times, &after.times);
        let messages: u64 = times.iter().map(|t| t.1).sum();
        let refused = after.refused.saturating_sub(before.refused);
        let lost = after.dropped.saturating_sub(before.dropped);
        let cost = cost(before, after);
        let queued = (after.queued as f64 - before.queued as f64) / cost;
        let arrived = messages as f64 + lost as f64 + queued;
        let cpu = after
            .cpu
            .zip(before.cpu)
            .map(|(after, before)| after - before);
        let exec_cpu = after.exec_cpu - before.exec_cpu;
        let served = without_fastest(&times, refused);
        // Each is as long as the rounded times are in proportion. What was refused was work for the CPU alone.
        let busy = after.busy - before.busy;
        let served_busy = busy * sum(&served) / sum(&times);
        let service = Service::of(&Measured {
            times: served,
            busy: served_busy,
            blocked: after.blocked - before.blocked,
            cpu: cpu.map(|cpu| (cpu - (busy - served_busy)).max(0.0)),
            exec_cpu,
        });
        let own = cpu.unwrap_or(0.0) + exec_cpu;
        let demand = service.map(|service| Demand {
            rate: arrived.max(0.0) / seconds,
            service,
            cores: cores(&before.machine, &after.machine, own, seconds),
            room: after.queue_limit as f64 / cost,
            refused_after: after.refused_after.unwrap_or(f64::INFINITY),
        });
        Interval {
            seconds,
            messages,
            lost,
            refused,
            demand,
        }
    }
}

/// What the kernel counts for a datagram of the mean size between two samples; of a large one, if there were none.
fn cost(before: &Sample, after: &Sample) -> f64 {
    let [packets, bytes] = [(before.packets, after.packets), (before.bytes, after.bytes)]
        .map(|(before, after)| after.saturating_sub(before) as f64);
    let size = bytes / packets;
    let fits = COST.iter().find(|(most, _)| size <= *most);
    fits.map_or(LARGE, |(_, cost)| *cost)
}

/// Cores that are left to processes which used `own` seconds of them.
fn cores(before: &Machine, after: &Machine, own: f64, seconds: f64) -> f64 {
    let all = after.cores as f64 - (after.stolen - before.stolen) / seconds;
    let others = (after.busy - before.busy - own) / seconds;
    all - others.clamp(0.0, FAIR * all)
}

/// Messages but for so many that took least time: to refuse one takes less than to serve one.
fn without_fastest(times: &[(f64, u64)], mut refused: u64) -> Vec<(f64, u64)> {
    let kept = times.iter().map(|&(time, n)| {
        let gone = n.min(refused);
        refused -= gone;
        (time, n - gone)
    });
    kept.filter(|(_, n)| *n > 0).collect()
}

fn sum(times: &[(f64, u64)]) -> f64 {
    times.iter().map(|&(time, n)| time * n as f64).sum()
}

fn since(before: &[(f64, u64)], after: &[(f64, u64)]) -> Vec<(f64, u64)> {
    let had = |time: f64| before.iter().find(|t| t.0 == time).map_or(0, |t| t.1);
    let new = after
        .iter()
        .map(|&(time, n)| (time, n.saturating_sub(had(time))));
    new.filter(|(_, n)| *n > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: f64, messages: u64) -> Sample {
        Sample {
            at,
            children: 2,
            busy: 0.020 * messages as f64,
            blocked: 0.019 * messages as f64,
            cpu: Some(0.001 * messages as f64),
            times: vec![(0.021, messages)],
            packets: messages,
            bytes: 400 * messages,
            queue_limit: 128_000,
            machine: Machine {
                cores: 4,
                busy: at + 0.001 * messages as f64,
                stolen: 0.0,
            },
            ..Sample::default()
        }
    }

    #[test]
    fn what_was_processed_lost_and_left_in_the_queue_has_arrived() {
        let after = Sample {
            dropped: 40,
            queued: 12_800,
            ..sample(12.0, 150)
        };
        let interval = Interval::between(&sample(10.0, 100), &after);
        assert_eq!((interval.messages, interval.lost), (50, 40));
        let demand = interval.demand.unwrap();
        assert!((demand.rate - 50.0).abs() < 1e-9, "{demand:?}");
        assert!((demand.room - 100.0).abs() < 1e-9);
        assert!((demand.service.mean() - 0.020).abs() < 1e-9);
    }

    #[test]
    fn what_was_refused_has_arrived_and_says_nothing_of_what_serving_takes() {
        let before = sample(10.0, 100);
        let mut after = sample(12.0, 150);
        after.times.insert(0, (0.000_020, 30));
        let refusing = 0.000_020 * 30.0;
        (after.busy, after.cpu) = (after.busy + refusing, after.cpu.map(|cpu| cpu + refusing));
        after.refused = 30;
        let interval = Interval::between(&before, &after);
        let demand = interval.demand.unwrap();
        assert!((demand.rate - 40.0).abs() < 1e-9, "{demand:?}");
        assert!((demand.service.mean() - 0.020).abs() < 1e-5, "{demand:?}");
        assert_eq!(demand.service.kinds().len(), 1);
    }

    #[test]
    fn what_other_processes_use_of_the_cores_is_not_there() {
        let demand = Interval::between(&sample(10.0, 100), &sample(12.0, 150)).demand;
        assert!((demand.unwrap().cores - 3.0).abs() < 1e-9);
        let crowded = Machine {
            cores: 4,
            busy: 8.0,
            stolen: 2.0,
        };
        assert!((cores(&Machine::default(), &crowded, 0.1, 2.0) - 1.5).abs() < 1e-9);
    }

    #[test]
    fn without_messages_nothing_is_known() {
        let interval = Interval::between(&sample(10.0, 100), &sample(12.0, 100));
        assert_eq!((interval.messages, interval.demand), (0, None));
    }
}
