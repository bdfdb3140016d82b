//! A panic is a bug: it goes to the log, with its place, instead of to a stderr that may be /dev/null.

use crate::crit;

/// To be called once, early. What a panic costs is decided where it is caught: one message in a
/// receiver, the process anywhere else.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let what = info.payload_as_str().unwrap_or("no text");
        match info.location() {
            Some(place) => crit!("BUG: panic at {place}: {what}"),
            None => crit!("BUG: panic: {what}"),
        }
    }));
}
