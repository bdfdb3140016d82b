//! What is shown: two looks at the server, and what happened between them.

use super::snapshot::{Process, Snapshot, Socket};
use super::times::Times;
use std::cmp::Ordering;

/// One picture.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Version and uptime.
    pub title: String,
    /// Name and value of what is told of the whole server.
    pub totals: Vec<(&'static str, String)>,
    /// A row a process.
    pub rows: Vec<Row>,
    /// A row a socket.
    pub sockets: Vec<SocketRow>,
    /// Name and bytes.
    pub memory: Vec<(String, i64)>,
}

/// One process.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Row {
    pub slot: i64,
    pub pid: i64,
    /// Whether it works on messages.
    pub receives: bool,
    pub desc: String,
    pub restarts: i64,
    /// Share of the time that it worked on messages, 0 to 1.
    pub busy: f64,
    /// Share of the time that it was blocked, 0 to 1.
    pub blocked: f64,
    /// Messages a second.
    pub rate: f64,
    /// In microseconds; `None`: no message.
    pub p50: Option<f64>,
    pub p99: Option<f64>,
    /// What it works on and since when; empty: it waits for work.
    pub doing: String,
}

/// One socket.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct SocketRow {
    pub name: String,
    pub children: Option<i64>,
    pub queue: i64,
    pub limit: i64,
    /// Since the start.
    pub drops: i64,
    /// A second.
    pub drop_rate: f64,
}

/// What the processes are sorted by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub enum Sort {
    Slot,
    #[default]
    Busy,
    Rate,
    P99,
    Blocked,
    Restarts,
}

impl Picture {
    /// From two looks.
    pub fn of(before: &Snapshot, now: &Snapshot) -> Picture {
        let seconds = (now.at - before.at).as_secs_f64().max(1e-3);
        let row = |process: &Process| {
            let earlier = before.processes.iter().find(|p| p.slot == process.slot);
            Row::of(process, earlier, seconds)
        };
        let socket = |socket: &Socket| {
            let earlier = before.sockets.iter().find(|s| s.name == socket.name);
            let drops = earlier.map_or(0, |earlier| (socket.drops - earlier.drops).max(0));
            SocketRow {
                name: socket.name.clone(),
                children: socket.children,
                queue: socket.queue_bytes,
                limit: socket.queue_limit,
                drops: socket.drops,
                drop_rate: drops as f64 / seconds,
            }
        };
        Picture {
            title: format!("{}  up {}", now.version, duration(now.uptime)),
            totals: totals(before, now, seconds),
            rows: now.processes.iter().map(row).collect(),
            sockets: now.sockets.iter().map(socket).collect(),
            memory: now.memory.modules.clone(),
        }
    }

    /// The rows in that order; largest first, slots smallest first.
    pub fn sorted(&self, by: Sort) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by(|a, b| by.compare(a, b).then(a.slot.cmp(&b.slot)));
        rows
    }
}

impl Row {
    fn of(now: &Process, before: Option<&Process>, seconds: f64) -> Row {
        let since = |value: fn(&Process) -> i64| value(now) - before.map_or(0, value);
        let share = |us: i64| (us as f64 / 1e6 / seconds).clamp(0.0, 1.0);
        let none = Times::default();
        let times = now.times.since(before.map_or(&none, |p| &p.times));
        Row {
            slot: now.slot,
            pid: now.pid,
            receives: now.receives,
            desc: short(&now.desc),
            restarts: now.restarts,
            busy: share(since(|p| p.busy_us)),
            blocked: share(since(|p| p.blocked_us)),
            rate: since(|p| p.messages).max(0) as f64 / seconds,
            p50: times.quantile_us(0.5),
            p99: times.quantile_us(0.99),
            doing: doing(now),
        }
    }
}

/// `5.0 ms, line 12, route[REGISTER]: save`
fn doing(process: &Process) -> String {
    if process.working_us == 0 {
        return String::new();
    }
    let mut text = time(process.working_us as f64);
    if process.line > 0 {
        text.push_str(&format!(", line {}", process.line));
    }
    if !process.place.is_empty() {
        text.push_str(&format!(", {}", process.place));
    }
    text
}

/// Of a receiver, `receiver child=0 sock=127.0.0.1:5060` in SER's words, the number and the socket.
fn short(desc: &str) -> String {
    let receiver = || {
        let (number, socket) = desc.strip_prefix("receiver child=")?.split_once(" sock=")?;
        Some(format!("receiver {number} {socket}"))
    };
    receiver().unwrap_or_else(|| desc.to_owned())
}

impl Sort {
    fn compare(self, a: &Row, b: &Row) -> Ordering {
        let by = |value: fn(&Row) -> f64| value(b).total_cmp(&value(a));
        match self {
            Sort::Slot => a.slot.cmp(&b.slot),
            Sort::Busy => by(|row| row.busy),
            Sort::Rate => by(|row| row.rate),
            Sort::P99 => by(|row| row.p99.unwrap_or(-1.0)),
            Sort::Blocked => by(|row| row.blocked),
            Sort::Restarts => b.restarts.cmp(&a.restarts),
        }
    }

    /// For the heading.
    pub fn name(self) -> &'static str {
        match self {
            Sort::Slot => "slot",
            Sort::Busy => "busy",
            Sort::Rate => "msg/s",
            Sort::P99 => "p99",
            Sort::Blocked => "blocked",
            Sort::Restarts => "died",
        }
    }
}

fn totals(before: &Snapshot, now: &Snapshot, seconds: f64) -> Vec<(&'static str, String)> {
    let rate = |n: i64| format!("{:.1}/s", n.max(0) as f64 / seconds);
    let counted = |name: &str| rate(now.counter(name) - before.counter(name));
    let drops = now.counters_of("drop.");
    let mut all = vec![
        ("requests", counted("rcv.requests")),
        ("replies", counted("rcv.replies")),
        (
            "drops",
            format!("{} ({drops})", rate(drops - before.counters_of("drop."))),
        ),
    ];
    if let Some(tm) = now.transactions {
        let began = before
            .transactions
            .map_or(0, |earlier| tm.total - earlier.total);
        all.push(("transactions", format!("{} ({})", tm.current, rate(began))));
    }
    if let Some(users) = now.users {
        all.push(("registered users", users.to_string()));
    }
    let mut times = Times::default();
    for process in &now.processes {
        let earlier = before.processes.iter().find(|p| p.slot == process.slot);
        let none = Times::default();
        times.add(&process.times.since(earlier.map_or(&none, |p| &p.times)));
    }
    let quantile = |part| times.quantile_us(part).map_or("-".into(), time);
    all.push(("p50", quantile(0.5)));
    all.push(("p99", quantile(0.99)));
    let (used, limit) = (bytes(now.memory.used), bytes(now.memory.limit));
    all.push(("shared memory", format!("{used} of {limit}")));
    all
}

/// `1 day 02:03:04`
pub fn duration(seconds: i64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    match days {
        0 => clock,
        1 => format!("1 day {clock}"),
        _ => format!("{days} days {clock}"),
    }
}

/// Microseconds, for people.
pub fn time(us: f64) -> String {
    match us {
        ..9.95 => format!("{us:.1} us"),
        ..999.5 => format!("{us:.0} us"),
        ..9_950.0 => format!("{:.1} ms", us / 1e3),
        ..999_500.0 => format!("{:.0} ms", us / 1e3),
        _ => format!("{:.1} s", us / 1e6),
    }
}

/// For people.
pub fn bytes(n: i64) -> String {
    let n = n as f64;
    match n {
        ..1024.0 => format!("{n} B"),
        ..1_048_576.0 => format!("{:.0} KiB", n / 1024.0),
        ..1_073_741_824.0 => format!("{:.1} MiB", n / 1_048_576.0),
        _ => format!("{:.1} GiB", n / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(busy_us: i64, messages: i64) -> Process {
        Process {
            slot: 1,
            pid: 100,
            receives: true,
            desc: "receiver".into(),
            restarts: 0,
            messages,
            busy_us,
            blocked_us: busy_us / 2,
            working_us: 0,
            line: 0,
            place: String::new(),
            times: Times::default(),
        }
    }

    #[test]
    fn a_row_tells_what_happened_between_two_looks() {
        let (before, now) = (process(1_000_000, 10), process(2_000_000, 30));
        let row = Row::of(&now, Some(&before), 2.0);
        assert_eq!((row.busy, row.blocked, row.rate), (0.5, 0.25, 10.0));
        assert_eq!((row.p50, row.doing.as_str()), (None, ""));
        // More than there is cannot be.
        assert_eq!(Row::of(&process(9_000_000, 0), None, 2.0).busy, 1.0);
    }

    #[test]
    fn a_process_at_work_shows_where_and_since_when() {
        let mut at_work = process(0, 0);
        (at_work.working_us, at_work.line) = (12_345, 47);
        assert_eq!(doing(&at_work), "12 ms, line 47");
        at_work.place = "route[X]: exec".into();
        assert_eq!(doing(&at_work), "12 ms, line 47, route[X]: exec");
        assert_eq!(
            short("receiver child=3 sock=[::1]:5060"),
            "receiver 3 [::1]:5060"
        );
        assert_eq!(short("slow timer"), "slow timer");
    }

    #[test]
    fn numbers_are_short_at_every_size() {
        let times = [0.5, 9.9, 12.0, 999.0, 1_200.0, 15_000.0, 2e6].map(time);
        assert_eq!(
            times,
            [
                "0.5 us", "9.9 us", "12 us", "999 us", "1.2 ms", "15 ms", "2.0 s"
            ]
        );
        let sizes = [12, 2048, 3 << 20, 5 << 30].map(bytes);
        assert_eq!(sizes, ["12 B", "2 KiB", "3.0 MiB", "5.0 GiB"]);
        assert_eq!(duration(59), "00:00:59");
        assert_eq!(duration(86_400 + 3723), "1 day 01:02:03");
        assert_eq!(duration(3 * 86_400), "3 days 00:00:00");
    }
}
