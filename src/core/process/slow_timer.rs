//! The process `slow timer`: runs the handlers that may take their time, tm's and the modules'.

use super::signals::{idle, stop_if_told};
use crate::core::time;
use std::time::Duration;

/// A wake-up that was lost costs this much at most.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// The work loop; never returns.
pub(super) fn run() -> Result<(), String> {
    loop {
        idle(|| time::wait_slow(LOOK_AGAIN));
        time::run_slow();
        stop_if_told();
    }
}
