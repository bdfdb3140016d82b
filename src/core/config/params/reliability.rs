//! Core parameters that say what is done about processes that die or do not go on, about the messages they had, and
//! about more messages than they can take.

use super::Param;
use super::table::{MAX_INT, flag, int};

/// All of them.
pub(super) static RELIABILITY_PARAMS: &[Param] = &[
    // A year is for ever.
    int(&["quarantine_expire"], 0, 31_536_000, |s, n| {
        s.quarantine_expire = n as u32;
    })
    .doc(
        "300",
        "a message that two processes died of is dropped until it has not come for so many \
         seconds; 0: it is not",
    ),
    int(&["stuck_limit"], 0, 86_400, |s, n| s.stuck_limit = n as u32).doc(
        "10",
        "seconds that a process may work on one message, or hold a lock, before it is told of \
         as stuck; 0: any",
    ),
    flag(&["stuck_replace"], |s, n| s.stuck_replace = n != 0).doc(
        "no",
        "kill a process that is stuck, so that another takes its place",
    ),
    flag(&["overload_control"], |s, n| s.overload_control = n != 0).doc(
        "yes",
        "answer requests that begin something new with 503 while the receivers of a socket \
         cannot keep up",
    ),
    int(&["overload_queue"], 1, 99, |s, n| {
        s.overload_queue = n as u32
    })
    .doc(
        "50",
        "percent of a socket's receive queue from which on its receivers cannot keep up",
    ),
    int(&["overload_delay"], 0, MAX_INT, |s, n| {
        s.overload_delay = n as u32
    })
    .doc(
        "250",
        "milliseconds in the queue from which on they cannot keep up; 0: any",
    ),
    int(&["overload_retry_after"], 0, 86_400, |s, n| {
        s.overload_retry_after = n as u32
    })
    .doc(
        "10",
        "seconds that Retry-After of such a 503 says at least, and at most twice as many; \
         0: none",
    ),
];
