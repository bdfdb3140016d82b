//! Clocks, and the timers that upper floors register (SER's timer API).
//!
//! A tick is 1/16 s. The timer process advances the wheel in shared memory by the clock and runs fast
//! handlers; all others run in the slow timer process. Handlers are functions, which shared memory must
//! not hold: they are registered before the first fork, by name, and timers name them by a number that a later program
//! which goes on with the segment gets for the same name.
//!
//! Invariant: the number of a handler means the same function in every process of the tree.

mod calendar;
mod clock;
mod timers;

pub use calendar::format_time;
pub use clock::{
    get_ticks, get_ticks_raw, ms_to_ticks, s_to_ticks, seconds_since_boot, ticks_to_s, unix_time,
};
pub use timers::{
    Handler, HandlerId, LegacyTimer, TimerState, register_handler, register_timer, timer_add,
    timer_allow_del, timer_begin, timer_del, timer_set, timer_state,
};
pub(in crate::core) use timers::{advance, create, run_slow, wait_slow};

pub use crate::ipc::{ONE_SHOT, PERIODIC, TICKS_HZ, TimerError, TimerNode};
