//! What one message asks of a receiver: CPU time and blocked time, from measured service times.

/// Sums that were measured over some messages, in seconds. CPU time is what the processes were charged with; it
/// leaves out what they waited for a core, which service times include.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Measured {
    /// Service times with how many messages had them.
    pub times: Vec<(f64, u64)>,
    /// Service times added up exactly; the times of a histogram are rounded.
    pub busy: f64,
    /// Of them: blocked.
    pub blocked: f64,
    /// CPU time of the receivers themselves, reading from the socket included; `None`: not known.
    pub cpu: Option<f64>,
    /// CPU time of programs that the script ran, during which the receivers were blocked.
    pub exec_cpu: f64,
}

/// A kind of messages that are alike, in seconds.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Kind {
    /// Their share of all messages.
    pub share: f64,
    /// CPU time of one.
    pub cpu: f64,
    /// Time that one blocks its receiver without needing a core.
    pub blocked: f64,
}

/// What messages ask of a receiver that has a core to itself. Invariant: the shares add up to 1, and
/// some kind takes time.
#[derive(Clone, PartialEq, Debug)]
pub struct Service {
    kinds: Vec<Kind>,
}

impl Service {
    /// Messages of these kinds; `None` if they take no time. Shares may be counts.
    pub fn new(kinds: impl IntoIterator<Item = Kind>) -> Option<Service> {
        let mut kinds: Vec<Kind> = kinds.into_iter().filter(|k| k.share > 0.0).collect();
        let all: f64 = kinds.iter().map(|k| k.share).sum();
        kinds.iter_mut().for_each(|k| k.share /= all);
        let service = Service { kinds };
        (service.mean() > 0.0).then_some(service)
    }

    /// From what was measured; `None` without messages.
    ///
    /// Which messages were blocked is not measured for each of them. Scripts block in few messages and compute
    /// in all, so the blocked time is taken from the longest service times, until all have the same left.
    pub fn of(measured: &Measured) -> Option<Service> {
        let rounded: f64 = measured.times.iter().map(|t| t.0 * t.1 as f64).sum();
        let exact = measured.busy / rounded;
        let times = measured.times.iter();
        let times: Vec<_> = times.map(|t| (t.0 * exact, t.1 as f64)).collect();
        let count: f64 = times.iter().map(|t| t.1).sum();
        let blocked = measured.blocked.min(measured.busy);
        let working = measured.busy - blocked;
        let level = level(&times, working);
        // Beside what they were seen at work, receivers use CPU time to read a message and to wake up.
        let cpu = measured.cpu.unwrap_or(working);
        let reading = (cpu - working).max(0.0) / count;
        let running = (cpu / working).min(1.0);
        let exec = (measured.exec_cpu / blocked).min(1.0);
        Service::new(times.iter().map(|&(time, share)| {
            let (worked, waited) = (time.min(level), (time - level).max(0.0));
            let part = |of: f64, share: f64| if of > 0.0 { of * share } else { 0.0 };
            Kind {
                share,
                cpu: reading + part(worked, running) + part(waited, exec),
                blocked: part(waited, 1.0 - exec),
            }
        }))
    }

    /// The kinds.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    fn average(&self, of: impl Fn(&Kind) -> f64) -> f64 {
        self.kinds.iter().map(|k| k.share * of(k)).sum()
    }

    /// CPU time of a message.
    pub fn cpu(&self) -> f64 {
        self.average(|k| k.cpu)
    }

    /// Blocked time of a message.
    pub fn blocked(&self) -> f64 {
        self.average(|k| k.blocked)
    }

    /// Both together.
    pub fn mean(&self) -> f64 {
        self.cpu() + self.blocked()
    }

    /// Squared coefficient of variation: 0 for equal times, 1 for exponential ones.
    pub fn variability(&self) -> f64 {
        let mean = self.mean();
        let square = self.average(|k| (k.cpu + k.blocked).powi(2));
        square / (mean * mean) - 1.0
    }
}

/// The time that messages may be cut to, so that what is left adds up to `sum`.
fn level(times: &[(f64, f64)], sum: f64) -> f64 {
    let mut sorted: Vec<_> = times.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut longer: f64 = sorted.iter().map(|t| t.1).sum();
    let mut left = sum;
    for (time, count) in sorted {
        if time * longer >= left {
            return left / longer;
        }
        left -= time * count;
        longer -= count;
    }
    f64::INFINITY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocked_time_is_that_of_the_longest_messages() {
        let service = Service::of(&Measured {
            times: vec![(0.001, 90), (0.021, 10)],
            busy: 0.3,
            blocked: 0.2,
            cpu: None,
            exec_cpu: 0.0,
        });
        let service = service.unwrap();
        let [short, long] = service.kinds() else {
            panic!("{service:?}")
        };
        assert!(
            short.blocked < 1e-9 && (short.cpu - 0.001).abs() < 1e-9,
            "{short:?}"
        );
        assert!((long.blocked - 0.02).abs() < 1e-9, "{long:?}");
        assert!((long.share - 0.1).abs() < 1e-9);
    }

    #[test]
    fn waiting_for_a_core_is_no_service_and_programs_need_cores_too() {
        let service = Service::of(&Measured {
            times: vec![(0.030, 10)],
            busy: 0.3,
            blocked: 0.2,
            cpu: Some(0.06),
            exec_cpu: 0.05,
        });
        let service = service.unwrap();
        assert!((service.cpu() - 0.011).abs() < 1e-9, "{service:?}");
        assert!((service.blocked() - 0.015).abs() < 1e-9, "{service:?}");
    }

    #[test]
    fn reading_from_the_socket_is_work_too() {
        let service = Service::of(&Measured {
            times: vec![(0.000_010, 100)],
            busy: 0.001,
            blocked: 0.0,
            cpu: Some(0.001_5),
            exec_cpu: 0.0,
        });
        assert!((service.unwrap().mean() - 0.000_015).abs() < 1e-12);
    }

    #[test]
    fn rounded_times_are_corrected_by_the_exact_sum() {
        let service = Service::of(&Measured {
            times: vec![(0.011, 50), (0.022, 50)],
            busy: 1.5,
            blocked: 1.5,
            cpu: Some(0.0),
            exec_cpu: 0.0,
        });
        let service = service.unwrap();
        assert!((service.mean() - 0.015).abs() < 1e-9);
        assert!((service.variability() - 1.0 / 9.0).abs() < 1e-9);
    }

    #[test]
    fn without_messages_there_is_no_service() {
        assert_eq!(Service::of(&Measured::default()), None);
        let idle = Kind {
            share: 1.0,
            cpu: 0.0,
            blocked: 0.0,
        };
        assert_eq!(Service::new([idle]), None);
    }
}
