//! Moments on the server's clock as transactions keep them: ticks of 1/16 s that wrap; 0 means never.

use ser::core::time::get_ticks_raw;

/// A moment that does not come.
pub const NEVER: u32 = 0;

/// Now.
#[inline]
pub fn now() -> u32 {
    get_ticks_raw()
}

/// The moment `delta` ticks after `now`.
#[inline]
pub fn after(now: u32, delta: u32) -> u32 {
    let at = now.wrapping_add(delta);
    if at == NEVER { 1 } else { at }
}

/// Ticks from `now` to `at`, 0 if that is past.
#[inline]
pub fn left(now: u32, at: u32) -> u32 {
    u32::try_from(at.wrapping_sub(now).cast_signed()).unwrap_or(0)
}

/// Whether the moment has come.
#[inline]
pub fn is_due(at: u32, now: u32) -> bool {
    at != NEVER && left(now, at) == 0
}

/// The earlier of two moments.
#[inline]
pub fn sooner(a: u32, b: u32) -> u32 {
    match (a, b) {
        (NEVER, other) | (other, NEVER) => other,
        (a, b) if a.wrapping_sub(b).cast_signed() < 0 => a,
        (_, b) => b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_compared_across_the_wrap_of_the_clock() {
        let now = u32::MAX - 2;
        let soon = after(now, 2);
        let later = after(now, 5);
        assert_eq!(soon, u32::MAX);
        assert_eq!((sooner(soon, later), sooner(later, soon)), (soon, soon));
        assert_eq!(left(now, later), 5);
        assert!(is_due(soon, later) && !is_due(later, soon));
    }

    #[test]
    fn never_is_not_due_and_later_than_anything() {
        assert!(!is_due(NEVER, 0));
        assert_eq!(sooner(NEVER, 7), 7);
        assert_eq!(after(u32::MAX, 1), 1, "a moment is never the mark for none");
    }
}
