//! Which counters a message belongs to.

use crate::core::sip::Method;
use crate::core::stats::Counter;

/// The counter of requests with that method.
#[inline]
pub(super) fn of_method(method: Method) -> Counter {
    match method {
        Method::Invite => Counter::RcvInvite,
        Method::Cancel => Counter::RcvCancel,
        Method::Ack => Counter::RcvAck,
        Method::Bye => Counter::RcvBye,
        Method::Info => Counter::RcvInfo,
        Method::Register => Counter::RcvRegister,
        Method::Subscribe => Counter::RcvSubscribe,
        Method::Notify => Counter::RcvNotify,
        Method::Other => Counter::RcvOther,
    }
}

/// The counter of replies with that status.
#[inline]
pub(super) fn of_status(status: u16) -> Counter {
    match status / 100 {
        1 => Counter::Rcv1xx,
        2 => Counter::Rcv2xx,
        3 => Counter::Rcv3xx,
        4 => Counter::Rcv4xx,
        5 => Counter::Rcv5xx,
        _ => Counter::Rcv6xx,
    }
}
