//! The log: syslog or stderr, with SER's levels and its threshold `debug`.
//!
//! Code writes with the macros of the `log` crate (`error!`, `warn!`, `info!`, `debug!`, `trace!`) and,
//! for the levels which that crate lacks, with [`crate::alert!`], [`crate::crit!`], [`crate::notice!`];
//! the script's `log()` uses [`log_at`]. With a level off a message costs one comparison.
//!
//! Invariant: a log that nobody reads, that is full or gone, costs lines, never a message and never a
//! process: every write is non-blocking or bounded, and errors of writing are dropped.

pub mod level;
mod line;
mod stderr;
mod syslog;

pub use crate::{alert, crit, notice};

use parking_lot::Mutex;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

static DEBUG: AtomicI32 = AtomicI32::new(level::DEFAULT);
static TO_STDERR: AtomicBool = AtomicBool::new(false);
static FACILITY: AtomicI32 = AtomicI32::new(libc::LOG_DAEMON);
static PROCESS_NO: AtomicI32 = AtomicI32::new(0);
static PID: AtomicI32 = AtomicI32::new(0);
static SYSLOG: Mutex<syslog::Syslog> = Mutex::new(syslog::Syslog::new("/dev/log"));

struct Backend;
static BACKEND: Backend = Backend;

/// Connects the `log` crate to this backend. The first call counts; the threshold stays.
pub fn init() {
    if log::set_logger(&BACKEND).is_ok() {
        set_debug(debug());
    }
    set_process(0);
    stderr::prepare();
}

/// The threshold: messages with a level above it are not emitted.
#[inline]
pub fn debug() -> i32 {
    DEBUG.load(Ordering::Relaxed)
}

/// Sets the threshold of this process (and of those forked from it later).
pub fn set_debug(level: i32) {
    DEBUG.store(level, Ordering::Relaxed);
    log::set_max_level(level::filter(level));
}

/// Whether a message of `level` would be emitted.
#[inline]
pub fn enabled(level: i32) -> bool {
    level <= debug()
}

/// Chooses stderr (`log_stderror=yes`, `-E`) or syslog.
pub fn set_stderr(on: bool) {
    TO_STDERR.store(on, Ordering::Relaxed);
}

/// Whether the log goes to stderr.
pub fn is_stderr() -> bool {
    TO_STDERR.load(Ordering::Relaxed)
}

/// Sets the syslog facility (`LOG_DAEMON`, … as libc numbers them).
pub fn set_facility(facility: i32) {
    FACILITY.store(facility, Ordering::Relaxed);
}

/// Says which process writes from now on: its number in the process table. To be called after each
/// fork, because the pid is remembered.
pub fn set_process(no: i32) {
    PROCESS_NO.store(no, Ordering::Relaxed);
    PID.store(std::process::id() as i32, Ordering::Relaxed);
}

/// The pid of this process, without a system call once [`set_process`] was called.
#[inline]
pub fn pid() -> u32 {
    match PID.load(Ordering::Relaxed) {
        0 => std::process::id(),
        pid => pid.unsigned_abs(),
    }
}

/// Opens the connection to syslog now, while its path can still be reached (before a chroot).
pub fn open_syslog() {
    SYSLOG.lock().connect();
}

/// Writes `text` if `level` passes the threshold. The text may be anything; a missing line end is added.
pub fn log_at(level: i32, text: &[u8]) {
    if enabled(level) {
        emit(level, |line| line.extend_from_slice(text));
    }
}

/// Writes formatted text if `level` passes the threshold (what the macros expand to).
pub fn log_fmt(level: i32, args: fmt::Arguments<'_>) {
    if enabled(level) {
        emit(level, |line| line::append(line, args));
    }
}

/// A failure that the operator must see on the terminal the server is started from, wherever the log
/// goes: plain on stderr, and to syslog when that is the log.
pub fn fatal(args: fmt::Arguments<'_>) {
    print_stderr(args);
    if !is_stderr() {
        log_fmt(level::CRIT, args);
    }
}

/// Writes a line that the operator asked for (with a signal, say), whatever the threshold is.
pub fn answer(args: fmt::Arguments<'_>) {
    emit(level::NOTICE, |line| line::append(line, args));
}

/// Writes a plain line to stderr, wherever the log goes.
pub fn print_stderr(args: fmt::Arguments<'_>) {
    line::with(|line| {
        line::append(line, args);
        line::finish(line);
        stderr::write(line);
    });
}

/// Forgets what stderr was; to be called after it was redirected, so that nothing keeps a terminal open.
pub fn forget_stderr() {
    stderr::forget();
}

fn emit(level: i32, text: impl FnOnce(&mut Vec<u8>)) {
    line::with(|line| {
        if is_stderr() {
            let no = PROCESS_NO.load(Ordering::Relaxed);
            line::start(line, no, PID.load(Ordering::Relaxed));
            let colour = level::colour(level).filter(|_| stderr::is_terminal());
            line::coloured(line, colour, text);
            stderr::write(line);
        } else if let Some(priority) = level::priority(level) {
            text(line);
            let facility = FACILITY.load(Ordering::Relaxed);
            let pid = PID.load(Ordering::Relaxed);
            SYSLOG.lock().send(facility | priority, pid, line);
        }
    });
}

impl log::Log for Backend {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        enabled(level::of_record(metadata.level()))
    }

    fn log(&self, record: &log::Record<'_>) {
        log_fmt(level::of_record(record.level()), *record.args());
    }

    fn flush(&self) {}
}

/// Logs at level ALERT (-3).
#[macro_export]
macro_rules! alert {
    ($($arg:tt)+) => {
        if $crate::core::log::enabled($crate::core::log::level::ALERT) {
            $crate::core::log::log_fmt($crate::core::log::level::ALERT, format_args!($($arg)+))
        }
    };
}

/// Logs at level CRIT (-2).
#[macro_export]
macro_rules! crit {
    ($($arg:tt)+) => {
        if $crate::core::log::enabled($crate::core::log::level::CRIT) {
            $crate::core::log::log_fmt($crate::core::log::level::CRIT, format_args!($($arg)+))
        }
    };
}

/// Logs at level NOTICE (2).
#[macro_export]
macro_rules! notice {
    ($($arg:tt)+) => {
        if $crate::core::log::enabled($crate::core::log::level::NOTICE) {
            $crate::core::log::log_fmt($crate::core::log::level::NOTICE, format_args!($($arg)+))
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Panics when it is formatted.
    struct Untouchable;

    impl fmt::Display for Untouchable {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("formatted")
        }
    }

    #[test]
    fn what_a_message_is_made_of_is_not_looked_at_while_its_level_is_off() {
        init();
        assert_eq!(debug(), level::DEFAULT, "no test changes the threshold");
        let evaluated = Cell::new(0);
        let costly = || {
            evaluated.set(evaluated.get() + 1);
            Untouchable
        };
        log::warn!("{}", costly());
        log::info!("{}", costly());
        log::debug!("{}", costly());
        log::trace!("{}", costly());
        crate::notice!("{}", costly());
        log_fmt(level::WARN, format_args!("{Untouchable}"));
        assert_eq!(evaluated.get(), 0);
    }
}
