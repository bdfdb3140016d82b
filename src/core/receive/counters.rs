//! Which counters messages belong to that were received.

use crate::core::sip::{FirstLine, place_in_counted};
use crate::core::stats::{Counter, count};

/// Counts a message by its method or by the class of its status.
#[inline]
pub(super) fn count_received(first: &FirstLine<'_>) {
    match first {
        FirstLine::Request { method_name, .. } => {
            count(Counter::RcvRequests);
            count(Counter::RcvInvite.behind(place_in_counted(method_name)));
        }
        FirstLine::Reply { code, .. } => {
            count(Counter::RcvReplies);
            count(of_status(*code));
        }
    }
}

fn of_status(code: u16) -> Counter {
    match code / 100 {
        class @ 1..=5 => Counter::Rcv1xx.behind(usize::from(class - 1)),
        _ => Counter::Rcv6xx,
    }
}
