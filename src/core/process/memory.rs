//! What USR1 and a shutdown say about memory and counters (SER's `Memory status`).

use crate::core::log as ser_log;
use crate::core::settings;
use crate::core::stats::{self, Counter};
use crate::ipc::{shm_stats, tag_stats};
use std::fmt::Arguments;

/// Where the lines go.
type Out = fn(Arguments<'_>);

/// Level `memlog`, the way of a shutdown.
fn at_memlog(line: Arguments<'_>) {
    ser_log::log_fmt(settings::get().memlog, line);
}

/// Answers USR1: counters, private and shared memory. Whoever asks gets an answer, also where `memlog`
/// would keep it out of the log.
pub(super) fn dump() {
    let visible = ser_log::enabled(settings::get().memlog);
    let out = if visible { at_memlog } else { ser_log::answer };
    write_statistics(out);
    write_private(out);
    write_shared(out);
}

/// Private memory of this process, in SER's words `pkg`.
pub(super) fn log_private() {
    if ser_log::enabled(settings::get().memlog) {
        write_private(at_memlog);
    }
}

/// Shared memory, at level `memlog`.
pub(super) fn log_shared() {
    if ser_log::enabled(settings::get().memlog) {
        write_shared(at_memlog);
    }
}

fn write_private(out: Out) {
    out(format_args!("Memory status (pkg):"));
    match private_bytes() {
        Some((resident, shared)) => {
            let private = resident.saturating_sub(shared);
            out(format_args!(" resident= {resident}, private= {private}"));
        }
        None => out(format_args!(" unknown: /proc cannot be read")),
    }
}

/// Resident and shared bytes: fields 2 and 3 of proc_pid_statm(5), counted in pages.
fn private_bytes() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let mut fields = text.split(' ').skip(1).map(|f| f.parse::<u64>().ok());
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE);
    let page = page.ok()??.unsigned_abs();
    Some((fields.next()?? * page, fields.next()?? * page))
}

fn write_shared(out: Out) {
    let s = shm_stats();
    out(format_args!("Memory status (shm):"));
    out(format_args!(" heap size= {}", s.total));
    let (used, real, free) = (s.used, s.real_used, s.free);
    out(format_args!(
        " used= {used}, used+overhead={real}, free={free}"
    ));
    out(format_args!(" max used (+overhead)= {}", s.max_used));
    for tag in tag_stats() {
        let (count, size, name) = (tag.allocations, tag.real_used, tag.name);
        out(format_args!(
            " count={count:6} size={size:10} bytes from {name}"
        ));
    }
    let (count, size) = (s.allocations, s.real_used);
    out(format_args!(
        " count={count:6} size={size:10} bytes in total"
    ));
}

/// The counters, summed over all processes; those that are zero are left out.
fn write_statistics(out: Out) {
    out(format_args!("Statistics:"));
    out(format_args!(
        " processes= {}",
        super::shared::process_count()
    ));
    for &counter in Counter::ALL {
        let total = stats::total(counter);
        if total > 0 {
            out(format_args!(" {}= {total}", counter.name()));
        }
    }
}
