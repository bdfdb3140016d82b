//! Core parameters that say what is done about processes that die or do not go on, and about the messages they had.

use super::Param;
use super::table::int;

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
];
