//! The process `slow timer`: runs the handlers that may take their time, tm's and the modules'.

use super::pulse::Pulse;
use super::signals::{idle, stop_if_told};
use crate::core::stats::Counter;
use crate::core::time;
use std::time::Duration;

/// A wake-up that was lost costs this much at most.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// The work loop; never returns.
pub(super) fn run() -> Result<(), String> {
    let mut pulse = Pulse::new("slow timer", Counter::SlowTimerRuns);
    loop {
        idle(|| time::wait_slow(LOOK_AGAIN));
        let runs = time::run_slow();
        pulse.ran(runs as u32, 0);
        stop_if_told();
    }
}
