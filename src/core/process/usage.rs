//! What processes and the machine have used, as the kernel tells it: proc(5). For answers over RPC, not for the
//! message path.

use nix::unistd::{SysconfVar, sysconf};
use std::fs::read_to_string;
use std::time::Duration;

/// CPU time that a process was charged with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct CpuTime {
    /// Its own.
    pub own: Duration,
    /// That of programs which it ran and waited for.
    pub programs: Duration,
}

/// Of a process; `None` when it is gone or the kernel does not tell.
pub(super) fn cpu_time(pid: i32) -> Option<CpuTime> {
    let stat = read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let times = stat_times(&stat)?;
    // The same in nanoseconds.
    let exact = read_to_string(format!("/proc/{pid}/schedstat")).ok();
    let exact: Option<u64> = exact.and_then(|text| text.split(' ').next()?.parse().ok());
    Some(CpuTime {
        own: exact.map_or(times.own, Duration::from_nanos),
        ..times
    })
}

/// Fields 14 to 17: user and system time of the process, and of the programs that it waited for.
fn stat_times(stat: &str) -> Option<CpuTime> {
    // The name of the process, in parentheses, may hold anything.
    let (_, behind_name) = stat.rsplit_once(") ")?;
    let mut fields = behind_name.split(' ').skip(11);
    let mut two = || Some(ticks(fields.next()?)? + ticks(fields.next()?)?);
    Some(CpuTime {
        own: two()?,
        programs: two()?,
    })
}

fn ticks(field: &str) -> Option<Duration> {
    let per_second = sysconf(SysconfVar::CLK_TCK).ok()?.unwrap_or(100);
    let seconds = field.parse::<u64>().ok()? as f64 / per_second as f64;
    Some(Duration::from_secs_f64(seconds))
}

/// Bytes of memory that a process has for itself, and the kernel for it; `None` when it is gone. Pages that it still
/// shares with its parent count in part, where the kernel says so to us, else as its own.
pub(super) fn private_memory(pid: i32) -> Option<u64> {
    let status = read_to_string(format!("/proc/{pid}/status")).ok()?;
    let shared_fairly = read_to_string(format!("/proc/{pid}/smaps_rollup")).ok();
    let shared_fairly = shared_fairly.and_then(|text| kilobytes(&text, "Pss_Anon:"));
    let anonymous = shared_fairly.or_else(|| kilobytes(&status, "RssAnon:"))?;
    Some(anonymous + kilobytes(&status, "VmPTE:")?)
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = value.split_whitespace().next()?.parse().ok()?;
    Some(number * 1024)
}

/// What the cores did since the machine was started, added up over all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct MachineTime {
    /// For processes that are as important as any (no nice value), the kernel and interrupts.
    pub busy: Duration,
    /// For others of a virtual machine's host.
    pub stolen: Duration,
}

/// Of this machine; `None` when the kernel does not tell.
pub(super) fn machine_time() -> Option<MachineTime> {
    machine_times(&read_to_string("/proc/stat").ok()?)
}

/// The first line: user, nice, system, idle, iowait, irq, softirq, steal.
fn machine_times(stat: &str) -> Option<MachineTime> {
    let all = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<Duration> = all.split_whitespace().map_while(ticks).collect();
    let [user, _, system, _, _, irq, softirq, stolen, ..] = fields[..] else {
        return None;
    };
    Some(MachineTime {
        busy: user + system + irq + softirq,
        stolen,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_time_and_memory() {
        let pid = std::process::id() as i32;
        let before = cpu_time(pid).unwrap();
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_millis(5) {}
        let after = cpu_time(pid).unwrap();
        assert!(after.own >= before.own && after.own > Duration::ZERO);
        assert!(private_memory(pid).unwrap() > 10_000);
        assert!(machine_time().unwrap().busy > Duration::ZERO);
        assert_eq!(cpu_time(i32::MAX), None);
        assert_eq!(private_memory(i32::MAX), None);
    }

    #[test]
    fn times_stand_behind_the_name_of_the_process() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 100 200 300 400 20 0";
        let times = stat_times(stat).unwrap();
        let per_second = sysconf(SysconfVar::CLK_TCK).unwrap().unwrap() as f64;
        assert_eq!(times.own.as_secs_f64(), 300.0 / per_second);
        assert_eq!(times.programs.as_secs_f64(), 700.0 / per_second);
    }

    #[test]
    fn idle_and_nice_time_is_not_busy() {
        let times = machine_times("cpu  100 1000 200 5000 9 30 40 50 0 0\ncpu0 1 1\n").unwrap();
        let (busy, stolen) = (ticks("370").unwrap(), ticks("50").unwrap());
        assert!(times.busy.abs_diff(busy) < Duration::from_micros(1));
        assert_eq!(times.stolen, stolen);
        assert_eq!(machine_times("cpu  1 2 3\n"), None);
    }
}
