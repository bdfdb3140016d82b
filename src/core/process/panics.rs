//! A panic is a bug: it goes to the log, with its place and the functions that led there, and to the terminal while
//! there is one.

use crate::core::log as ser_log;
use parking_lot::Mutex;
use std::backtrace::Backtrace;
use std::fmt::Arguments;
use std::time::{Duration, Instant};

/// So many functions are told.
const FRAMES: usize = 32;
/// A panic at the same place is told with its functions once in so long: finding their names takes milliseconds.
const AGAIN: Duration = Duration::from_secs(10);
/// So many places are remembered.
const PLACES: usize = 16;

/// Where panics were told with their functions lately.
static TOLD: Mutex<Vec<(String, Instant)>> = Mutex::new(Vec::new());

/// To be called once, early. What a panic costs is decided where it is caught (see [`crate::core::isolation`]): one
/// message, one piece of work, else the process.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let what = info.payload_as_str().unwrap_or("no text");
        let place = info.location().map(ToString::to_string);
        let place = place.unwrap_or_else(|| "a place unknown".into());
        tell(format_args!("BUG: panic at {place}: {what}"));
        if is_news(&place) {
            let trace = Backtrace::force_capture().to_string();
            for frame in frames(&trace) {
                tell(format_args!("BUG:   in {frame}"));
            }
        }
    }));
}

fn is_news(place: &str) -> bool {
    let mut told = TOLD.lock();
    told.retain(|(_, when)| when.elapsed() < AGAIN);
    if told.len() >= PLACES || told.iter().any(|(known, _)| known == place) {
        return false;
    }
    told.push((place.to_owned(), Instant::now()));
    true
}

/// The functions from that which panicked out to the work loop of its process, one a line, without those of the
/// language itself.
fn frames(trace: &str) -> Vec<String> {
    let mut frames: Vec<String> = Vec::new();
    for line in trace.lines().map(str::trim) {
        let numbered = line.split_once(": ").filter(|(n, _)| is_number(n));
        match (numbered, line.strip_prefix("at ")) {
            (Some((_, name)), _) => frames.push(name.to_owned()),
            (None, Some(place)) => {
                if let Some(frame) = frames.last_mut() {
                    *frame = format!("{frame} at {place}");
                }
            }
            (None, None) => {}
        }
    }
    let begins = |f: &String| f.contains("core::panicking::") || f.contains("begin_panic");
    let machinery = frames.iter().rposition(begins);
    let outside = frames.iter().skip(machinery.map_or(0, |last| last + 1));
    let inside = outside.take_while(|frame| !frame.contains("process::child::"));
    let ours = inside.filter(|frame| !is_of_the_language(frame));
    ours.take(FRAMES).cloned().collect()
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_of_the_language(frame: &str) -> bool {
    let name = frame.trim_start_matches('<');
    [
        "std::", "core::", "alloc::", "__rust", "_start", "main", "__libc",
    ]
    .iter()
    .any(|start| name.starts_with(start))
}

/// Where the log is syslog, a server that is being started has its operator at stderr; later that is
/// /dev/null.
fn tell(text: Arguments<'_>) {
    crate::crit!("{text}");
    if !ser_log::is_stderr() {
        ser_log::print_stderr(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_told_from_the_one_that_panicked_outwards() {
        let trace = "   0: std::backtrace::Backtrace::force_capture\n\
             \x20  1: core::panicking::panic_fmt\n\
             \x20            at /rustc/1/library/core/src/panicking.rs:80:14\n\
             \x20  2: testmod::commands::panic\n\
             \x20            at ./tests/testmod/src/commands.rs:12:5\n\
             \x20  3: <core::iter::Map<I,F> as Iterator>::next\n\
             \x20 14: ser::core::script::run\n\
             \x20 15: std::panicking::catch_unwind\n\
             \x20 16: ser::core::process::child::live\n\
             \x20 17: ser::core::cli::start::live\n";
        let wanted = [
            "testmod::commands::panic at ./tests/testmod/src/commands.rs:12:5",
            "ser::core::script::run",
        ];
        assert_eq!(frames(trace), wanted);
        assert!(frames("disabled backtrace").is_empty());
    }

    #[test]
    fn a_place_is_news_once() {
        assert!(is_news("a.rs:1:1"));
        assert!(!is_news("a.rs:1:1"));
        assert!(is_news("a.rs:2:1"));
    }
}
