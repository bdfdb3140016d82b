//! The metrics of the core: messages, script, processes, sockets, shared memory, timers.

use super::shared::{self, ProcessInfo};
use crate::core::module::version::VERSION;
use crate::core::net::{Backlog, all_sockets, backlog_of};
use crate::core::rpc::start_time;
use crate::core::stats::metrics::{Family, Kind, Samples, seconds};
use crate::core::stats::work::{self, Blocked, Done};
use crate::core::stats::{Counter, script, total};
use crate::core::time::{TICKS_HZ, timer_state};
use crate::ipc::{shm_refused, shm_stats, tag_stats};

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    sample: fn(&mut Samples<'_>),
) -> Family {
    family(Kind::Counter, name, labels, help, sample)
}

const fn gauge(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    sample: fn(&mut Samples<'_>),
) -> Family {
    family(Kind::Gauge, name, labels, help, sample)
}

const fn histogram(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    sample: fn(&mut Samples<'_>),
) -> Family {
    family(Kind::Histogram, name, labels, help, sample)
}

const fn family(
    kind: Kind,
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    sample: fn(&mut Samples<'_>),
) -> Family {
    Family {
        name,
        kind,
        labels,
        help,
        sample,
    }
}

const PROCESS: &[&str] = &["process"];
const ROUTE: &[&str] = &["kind", "route"];
const COMMAND: &[&str] = &["module", "command"];

/// The table.
pub const METRICS: &[Family] = &[
    gauge(
        "ser_build_info",
        &["version"],
        "1; the label says which version this is.",
        |s| s.int(&[VERSION], 1),
    ),
    gauge(
        "ser_start_time_seconds",
        &[],
        "When the server was started, in seconds since 1970.",
        |s| s.int(&[], start_time()),
    ),
    // Messages.
    counter(
        "ser_received_datagrams",
        &[],
        "Datagrams taken from sockets.",
        |s| s.int(&[], total(Counter::RcvPackets)),
    ),
    counter(
        "ser_received_requests",
        &["method"],
        "Requests received whose first line and Via could be read.",
        |s| by_name(s, "rcv.method.", &method),
    ),
    counter(
        "ser_received_replies",
        &["class"],
        "Replies received whose first line and Via could be read.",
        |s| by_name(s, "rcv.reply.", &str::to_owned),
    ),
    counter(
        "ser_sent_requests",
        &["method"],
        "Requests sent, retransmissions included.",
        |s| by_name(s, "snd.method.", &method),
    ),
    counter(
        "ser_sent_replies",
        &["class"],
        "Replies sent, retransmissions included.",
        |s| by_name(s, "snd.reply.", &str::to_owned),
    ),
    counter(
        "ser_send_errors",
        &[],
        "Sends that the kernel refused.",
        |s| s.int(&[], total(Counter::SendErrors)),
    ),
    counter(
        "ser_dropped_messages",
        &["reason"],
        "Messages dropped: too short, from port 0, not parsable, without Via, taken by a module before the script, of another protocol, replies that lead nowhere.",
        |s| by_name(s, "drop.", &str::to_owned),
    ),
    counter(
        "ser_forwarded_requests",
        &[],
        "Requests forwarded without a transaction.",
        |s| s.int(&[], total(Counter::FwdRequests)),
    ),
    counter(
        "ser_forwarded_replies",
        &[],
        "Replies forwarded without a transaction.",
        |s| s.int(&[], total(Counter::FwdReplies)),
    ),
    // The script.
    counter(
        "ser_script_errors",
        &[],
        "Messages whose script ended with an error.",
        |s| s.int(&[], total(Counter::ScriptErrors)),
    ),
    counter("ser_panics", &[], "Panics that were caught.", |s| {
        s.int(&[], total(Counter::Panics))
    }),
    histogram(
        "ser_route_seconds",
        ROUTE,
        "Time in a route block and everything called from it.",
        |s| {
            for route in script::routes() {
                s.times(&[route.kind, &route.name], &route.times, route.total);
            }
        },
    ),
    counter(
        "ser_route_own_seconds",
        ROUTE,
        "Time in a route block without the blocks called from it.",
        |s| {
            for route in script::routes() {
                s.float(&[route.kind, &route.name], seconds(route.own));
            }
        },
    ),
    counter(
        "ser_command_calls",
        COMMAND,
        "Calls of a command of a module.",
        |s| {
            for command in script::commands() {
                s.int(&[command.module, command.name], command.calls);
            }
        },
    ),
    counter(
        "ser_command_errors",
        COMMAND,
        "Calls of a command that returned a negative value.",
        |s| {
            for command in script::commands() {
                s.int(&[command.module, command.name], command.errors);
            }
        },
    ),
    counter(
        "ser_command_seconds",
        COMMAND,
        "Time in a command and everything that it runs.",
        |s| {
            for command in script::commands() {
                s.float(&[command.module, command.name], seconds(command.total));
            }
        },
    ),
    // Processes.
    gauge(
        "ser_processes",
        &[],
        "Processes that live, the attendant included.",
        |s| s.int(&[], shared::process_count()),
    ),
    gauge(
        "ser_process_info",
        &["process", "pid", "rank", "description"],
        "1; the labels say which process has that number.",
        |s| {
            for p in shared::processes() {
                let [process, pid, rank] =
                    [p.slot.into(), p.pid, p.rank].map(|n: i32| n.to_string());
                s.int(&[&process, &pid, &rank, &p.desc], 1);
            }
        },
    ),
    counter(
        "ser_process_restarts",
        PROCESS,
        "Processes of that number that died and were replaced.",
        |s| each_process(s, |s, label, p, _| s.int(label, p.restarts)),
    ),
    histogram(
        "ser_process_service_seconds",
        PROCESS,
        "Time from the receipt of a message to the end of its processing.",
        |s| {
            each_process(s, |s, label, _, done| {
                s.times(label, &done.latency, done.busy)
            })
        },
    ),
    histogram(
        "ser_process_send_delay_seconds",
        PROCESS,
        "Time from the receipt of a message to each message that was sent in its course.",
        |s| {
            each_process(s, |s, label, _, done| {
                s.times(label, &done.delay, done.delays)
            })
        },
    ),
    counter(
        "ser_process_awake_seconds",
        PROCESS,
        "Time spent on anything; the rest of the time the process waited for work.",
        |s| each_process(s, |s, label, _, done| s.float(label, done.awake_us / 1e6)),
    ),
    counter(
        "ser_process_script_seconds",
        PROCESS,
        "Time spent in the script.",
        |s| {
            each_process(s, |s, label, p, _| {
                s.float(label, seconds(script::of_process(p.slot)));
            });
        },
    ),
    counter(
        "ser_process_blocked_seconds",
        &["process", "in"],
        "Time blocked in name lookups, databases, programs, and locks of shared memory.",
        |s| each_process(s, blocked),
    ),
    gauge(
        "ser_process_working_seconds",
        PROCESS,
        "How long the present message, timer or RPC call has been worked on; 0 while there is none.",
        |s| {
            each_process(s, |s, label, _, done| {
                s.float(label, done.working.map_or(0.0, |now| now.us / 1e6));
            });
        },
    ),
    // Sockets.
    gauge(
        "ser_socket_queue_bytes",
        &["socket"],
        "Bytes in the kernel's receive queue, as the kernel accounts them.",
        |s| each_socket(s, |queue| queue.bytes),
    ),
    gauge(
        "ser_socket_queue_limit_bytes",
        &["socket"],
        "Bytes that may be in the kernel's receive queue.",
        |s| each_socket(s, |queue| queue.limit),
    ),
    counter(
        "ser_socket_dropped_datagrams",
        &["socket"],
        "Datagrams that the kernel dropped because the receive queue was full.",
        |s| each_socket(s, |queue| queue.drops),
    ),
    // Shared memory.
    gauge(
        "ser_shared_memory_bytes",
        &["module"],
        "Shared memory that the core and each module use, with overhead.",
        |s| {
            tag_stats()
                .iter()
                .for_each(|tag| s.int(&[&tag.name], tag.real_used))
        },
    ),
    gauge(
        "ser_shared_memory_allocations",
        &["module"],
        "Pieces of shared memory that the core and each module hold.",
        |s| {
            tag_stats()
                .iter()
                .for_each(|tag| s.int(&[&tag.name], tag.allocations))
        },
    ),
    gauge(
        "ser_shared_memory_limit_bytes",
        &[],
        "Shared memory that there may be.",
        |s| s.int(&[], shm_stats().total),
    ),
    gauge(
        "ser_shared_memory_max_bytes",
        &[],
        "The most shared memory that was in use.",
        |s| s.int(&[], shm_stats().max_used),
    ),
    counter(
        "ser_shared_memory_refused",
        &[],
        "Requests for shared memory that found it at its limit.",
        |s| s.int(&[], shm_refused().map_or(0, |refused| refused.count)),
    ),
    // Timers.
    gauge("ser_timers", &[], "Timers that are set.", |s| {
        s.int(&[], timer_state().armed)
    }),
    gauge(
        "ser_timer_lag_seconds",
        &[],
        "How far the timers are behind the clock, in whole ticks of 1/16 s; one tick is no delay yet.",
        |s| {
            s.float(
                &[],
                f64::from(timer_state().ticks_behind) / f64::from(TICKS_HZ),
            )
        },
    ),
    counter(
        "ser_timer_late_ticks",
        &[],
        "Ticks whose timers ran later than they should have.",
        |s| s.int(&[], total(Counter::TimerLateTicks)),
    ),
    counter(
        "ser_timer_runs",
        &["process"],
        "Timer handlers that were run.",
        |s| {
            s.int(&["timer"], total(Counter::TimerRuns));
            s.int(&["slow timer"], total(Counter::SlowTimerRuns));
        },
    ),
    gauge(
        "ser_slow_timer_waiting_ticks",
        &[],
        "Ticks with timers that wait for the slow timer process.",
        |s| s.int(&[], timer_state().slow_waiting),
    ),
];

/// The counters whose names begin so; `label` makes a label of the rest.
fn by_name(samples: &mut Samples<'_>, prefix: &str, label: &dyn Fn(&str) -> String) {
    for counter in Counter::ALL {
        if let Some(rest) = counter.name().strip_prefix(prefix) {
            samples.int(&[&label(rest)], total(*counter));
        }
    }
}

/// Methods are written large; what stands for all others is none.
fn method(name: &str) -> String {
    match name {
        "other" => name.to_owned(),
        name => name.to_ascii_uppercase(),
    }
}

fn each_process(
    samples: &mut Samples<'_>,
    tell: impl Fn(&mut Samples<'_>, &[&str], &ProcessInfo, &Done),
) {
    for process in shared::processes() {
        let done = work::of_process(process.slot).unwrap_or_default();
        let number = process.slot.to_string();
        tell(samples, &[&number], &process, &done);
    }
}

fn blocked(samples: &mut Samples<'_>, label: &[&str], _: &ProcessInfo, done: &Done) {
    for ((kind, _), us) in Blocked::ALL.iter().zip(done.blocked_us) {
        samples.float(&[label[0], kind.name()], us / 1e6);
    }
    samples.float(&[label[0], "locks"], done.lock_us / 1e6);
}

fn each_socket(samples: &mut Samples<'_>, value: impl Fn(Backlog) -> u32) {
    for socket in all_sockets() {
        // Not bound (in no-fork mode there is but one), or no datagrams.
        if let Some(queue) = backlog_of(socket) {
            samples.int(&[&socket.label()], value(queue));
        }
    }
}
