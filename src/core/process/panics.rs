//! A panic is a bug: it goes to the log, with its place, and to the terminal while there is one.

use crate::core::log as ser_log;
use std::fmt::Arguments;

/// To be called once, early. What a panic costs is decided where it is caught: one message in a
/// receiver, the process anywhere else.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let what = info.payload_as_str().unwrap_or("no text");
        match info.location() {
            Some(place) => tell(format_args!("BUG: panic at {place}: {what}")),
            None => tell(format_args!("BUG: panic: {what}")),
        }
    }));
}

/// Where the log is syslog, a server that is being started has its operator at stderr; later that is
/// /dev/null.
fn tell(text: Arguments<'_>) {
    crate::crit!("{text}");
    if !ser_log::is_stderr() {
        ser_log::print_stderr(text);
    }
}
