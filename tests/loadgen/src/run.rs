//! The loop of a run and its result.
//!
//! The generator never sleeps: it looks at its sockets again and again, so the server never pays for waking it.

use crate::args::{Length, Load, Scenario};
use crate::call::Phones;
use crate::counts::Counts;
use crate::ends::Ends;
use crate::requests::Requests;
use std::error::Error;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// Lost requests are looked for this often, in ns.
const EXPIRY: u64 = 10_000_000;

/// What a run found.
pub struct Report {
    counts: Counts,
    /// From the first request to the last one sent.
    seconds: f64,
    p50: u64,
    p99: u64,
    largest: u64,
    next: u64,
}

impl Report {
    /// Whether there were right answers and nothing else (lost ones aside).
    pub fn is_clean(&self) -> bool {
        self.counts.ok > 0 && self.counts.bad + self.counts.badly_forwarded == 0
    }

    /// One line; times of answers, or until a call is answered, in µs, `rate` right answers or calls a second, `next` the number for `--first` of a next run.
    pub fn to_json(&self) -> String {
        let Counts {
            sent,
            ok,
            lost,
            bad,
            stray,
            badly_forwarded,
        } = self.counts;
        let mut line = String::new();
        let micros = |nanos: u64| nanos as f64 / 1000.0;
        let _ = write!(
            line,
            "{{\"sent\": {sent}, \"ok\": {ok}, \"lost\": {lost}, \"bad\": {bad}, \"stray\": {stray}, \
             \"badly_forwarded\": {badly_forwarded}, \"seconds\": {:.6}, \"rate\": {:.1}, \"p50\": {:.1}, \"p99\": {:.1}, \
             \"max\": {:.1}, \"next\": {}}}",
            self.seconds,
            ok as f64 / self.seconds.max(1e-9),
            micros(self.p50),
            micros(self.p99),
            micros(self.largest),
            self.next,
        );
        line
    }
}

/// Runs the load; the sockets live as long as the run.
pub fn run(load: &Load) -> Result<Report, Box<dyn Error>> {
    match load.scenario {
        Scenario::Call | Scenario::Ring => run_ends(load, Phones::new(load)?),
        Scenario::Options | Scenario::Register | Scenario::Forward => {
            run_ends(load, Requests::new(load)?)
        }
    }
}

fn run_ends(load: &Load, ends: impl Ends) -> Result<Report, Box<dyn Error>> {
    let mut run = Run {
        load,
        ends,
        start: Instant::now(),
        next_expiry: EXPIRY,
    };
    run.load()?;
    let seconds = run.start.elapsed().as_secs_f64();
    run.drain()?;
    Ok(run.report(seconds))
}

struct Run<'a, E> {
    load: &'a Load,
    ends: E,
    start: Instant,
    next_expiry: u64,
}

impl<E: Ends> Run<'_, E> {
    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn load(&mut self) -> Result<(), Box<dyn Error>> {
        loop {
            let now = self.now();
            let sent = self.ends.counts().sent;
            let left = match self.load.length {
                Length::Time(time) if u128::from(now) >= time.as_nanos() => 0,
                Length::Time(_) => u64::MAX,
                Length::Count(count) => count.saturating_sub(sent),
            };
            if left == 0 {
                return Ok(());
            }
            let under_way = self.ends.under_way();
            let due = self.load.pace.due(now, sent, under_way).min(left);
            if due > 0 {
                self.ends.start(due, now)?;
            }
            self.step(now)?;
        }
    }

    /// Waits for the answers that are still to come.
    fn drain(&mut self) -> Result<(), Box<dyn Error>> {
        while self.ends.under_way() > 0 {
            let now = self.now();
            self.step(now)?;
        }
        Ok(())
    }

    fn step(&mut self, now: u64) -> Result<(), Box<dyn Error>> {
        let start = self.start;
        let clock = || u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let got = self.ends.step(&clock)?;
        if now >= self.next_expiry {
            self.next_expiry = now + EXPIRY;
            let timeout = self.load.timeout.as_nanos();
            self.ends
                .expire(now, u64::try_from(timeout).unwrap_or(u64::MAX));
        }
        if got == 0 {
            rest(self.load.pace.rest());
        }
        Ok(())
    }

    fn report(&self, seconds: f64) -> Report {
        let latency = self.ends.latency();
        Report {
            counts: self.ends.counts(),
            seconds,
            p50: latency.quantile(0.5),
            p99: latency.quantile(0.99),
            largest: latency.largest(),
            next: self.ends.next(),
        }
    }
}

/// Passes time without a system call.
fn rest(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}
