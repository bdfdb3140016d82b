//! Which counters messages belong to that were received.

use crate::core::sip::FirstLine;
use crate::core::stats::{Counter, count_behind};

/// Counts a message by its method or by the class of its status.
#[inline]
pub(super) fn count_received(first: &FirstLine<'_>) {
    match first {
        FirstLine::Request { place, .. } => count_behind(Counter::RcvInvite, (*place).into()),
        FirstLine::Reply { code, .. } => count_behind(Counter::Rcv1xx, class_of(*code)),
    }
}

/// 0 for a provisional reply, up to 5; what has no class counts with the last.
#[inline]
fn class_of(code: u16) -> usize {
    usize::from(code / 100).wrapping_sub(1).min(5)
}
