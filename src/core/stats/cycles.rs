//! A clock that costs a few nanoseconds: the processor's time stamp counter where it runs evenly, else the
//! kernel's monotonic clock. Its unit is told by [`per_us`].

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long the counter is compared with the kernel's clock at the start.
const COMPARE: Duration = Duration::from_millis(20);

/// Units of the clock in a microsecond.
static PER_US: OnceLock<f64> = OnceLock::new();
/// Whether the processor's counter is the clock: what is asked each time, apart from the rest.
static BY_COUNTER: AtomicBool = AtomicBool::new(false);
static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// Chooses the clock and measures its unit; before the first fork, so that all processes agree.
pub fn calibrate() {
    ORIGIN.get_or_init(Instant::now);
    PER_US.get_or_init(|| {
        if !is_even() {
            return 1000.0;
        }
        let (start, from) = (Instant::now(), counter());
        std::thread::sleep(COMPARE);
        let cycles = counter().wrapping_sub(from) as f64;
        BY_COUNTER.store(true, Ordering::Relaxed);
        cycles / start.elapsed().as_secs_f64() / 1e6
    });
}

/// Whether the counter runs at one rate and in sleep, and alike on all cores.
fn is_even() -> bool {
    let Ok(text) = std::fs::read_to_string("/proc/cpuinfo") else {
        return false;
    };
    let flags = text.lines().find(|l| l.starts_with("flags"));
    cfg!(target_arch = "x86_64")
        && flags.is_some_and(|f| f.contains(" constant_tsc") && f.contains(" nonstop_tsc"))
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn counter() -> u64 {
    safe_arch::read_timestamp_counter()
}

#[cfg(not(target_arch = "x86_64"))]
fn counter() -> u64 {
    0
}

/// Now, from an arbitrary moment.
#[inline]
pub fn now() -> u64 {
    match BY_COUNTER.load(Ordering::Relaxed) {
        true => counter(),
        false => by_kernel(),
    }
}

#[cold]
fn by_kernel() -> u64 {
    ORIGIN
        .get()
        .map_or(0, |origin| origin.elapsed().as_nanos() as u64)
}

/// Units of [`now`] in a microsecond.
pub fn per_us() -> f64 {
    PER_US.get().copied().unwrap_or(1000.0)
}

/// Units of [`now`] as microseconds.
pub fn to_us(cycles: u64) -> f64 {
    cycles as f64 / per_us()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_forward_in_microseconds() {
        calibrate();
        let from = now();
        std::thread::sleep(Duration::from_millis(5));
        let passed = to_us(now() - from);
        assert!(passed >= 4_000.0, "{passed}");
    }
}
