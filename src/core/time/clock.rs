//! Ticks and seconds.
//!
//! The wheel's clock follows CLOCK_BOOTTIME, which neither jumps nor stops while the machine sleeps:
//! what SER corrects by comparing with the wall clock every five seconds cannot go wrong here.

use super::TICKS_HZ;
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Seconds since 1970.
pub fn unix_time() -> i64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| d.as_secs() as i64)
}

/// Time since the machine was started.
pub(super) fn since_boot() -> Duration {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME);
    // The clock exists since Linux 2.6.39.
    now.map_or(Duration::ZERO, |t| {
        Duration::from_nanos(t.num_nanoseconds().unsigned_abs())
    })
}

/// Whole seconds since the machine was started, also while the server does nothing.
pub fn seconds_since_boot() -> u64 {
    since_boot().as_secs()
}

/// The server's clock in ticks, from an arbitrary origin; wraps.
#[inline]
pub fn get_ticks_raw() -> u32 {
    super::timers::wheel().map_or(0, |wheel| wheel.ticks())
}

/// The server's clock in seconds, from an arbitrary origin.
#[inline]
pub fn get_ticks() -> u32 {
    ticks_to_s(get_ticks_raw())
}

/// Milliseconds to ticks, rounded up.
pub const fn ms_to_ticks(ms: u32) -> u32 {
    (ms as u64 * TICKS_HZ as u64).div_ceil(1000) as u32
}

/// Seconds to ticks.
pub const fn s_to_ticks(s: u32) -> u32 {
    s.saturating_mul(TICKS_HZ)
}

/// Ticks to seconds, rounded down.
pub const fn ticks_to_s(ticks: u32) -> u32 {
    ticks / TICKS_HZ
}

/// How many ticks begin in `time`.
pub(super) fn whole_ticks(time: Duration) -> u64 {
    (time.as_nanos() * u128::from(TICKS_HZ) / 1_000_000_000) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_round_up_and_ticks_round_down() {
        assert_eq!(ms_to_ticks(0), 0);
        assert_eq!(ms_to_ticks(1), 1);
        assert_eq!(ms_to_ticks(500), 8);
        assert_eq!(ms_to_ticks(501), 9);
        assert_eq!(ms_to_ticks(u32::MAX), 68_719_477);
        assert_eq!(ticks_to_s(31), 1);
        assert_eq!(s_to_ticks(u32::MAX), u32::MAX);
    }

    #[test]
    fn a_tick_is_a_sixteenth_of_a_second() {
        assert_eq!(whole_ticks(Duration::from_micros(62_499)), 0);
        assert_eq!(whole_ticks(Duration::from_micros(62_500)), 1);
        assert_eq!(whole_ticks(Duration::from_secs(10)), 160);
    }

    #[test]
    fn the_boot_clock_goes_forward() {
        let then = since_boot();
        assert!(then > Duration::ZERO);
        assert!(since_boot() >= then);
    }
}
