//! Deaths and failures planned from outside: `test_fault()` reads the header `X-Fault` of a message and plans what it
//! asks for, for the rest of that message or for another process.
//!
//! | value | effect |
//! |---|---|
//! | `die N` | this process dies at the next point but N (see `ser::ipc::fault`) |
//! | `full N` | the next allocation but N fails |
//! | `timer N`, `slow N` | the timer process, the slow timer process dies at its next point but N |

use crate::tell;
use ser::core::module::Args;
use ser::core::msg::SipMsg;
use ser::core::receive::script_cb::{POST_SCRIPT_CB, REQ_TYPE_CB, RPL_TYPE_CB, register_script_cb};
use ser::core::time::{PERIODIC, register_handler, timer_begin};
use ser::ipc::{ShmTag, fault, shm_static};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is planned for the two timer processes: points plus one.
static PLANS: OnceLock<&'static [AtomicU64; 2]> = OnceLock::new();

/// With the parameter `faults`.
pub(crate) fn init() -> Result<(), String> {
    let full = |_| "no shared memory".to_string();
    let plans = shm_static([AtomicU64::new(0), AtomicU64::new(0)], ShmTag::CORE).map_err(full)?;
    PLANS.get_or_init(|| plans);
    register_script_cb(cancel, POST_SCRIPT_CB | REQ_TYPE_CB | RPL_TYPE_CB, 0)?;
    for fast in [true, false] {
        let handler = match fast {
            true => register_handler("testmod: fault in the timer", in_timer),
            false => register_handler("testmod: fault in the slow timer", in_slow_timer),
        };
        let handler = handler.ok_or("too many handlers")?;
        let timer = match fast {
            true => handler.fast_timer(0),
            false => handler.slow_timer(0),
        };
        let timer = shm_static(timer, ShmTag::CORE).map_err(full)?;
        timer_begin(timer, 1).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn in_timer(_: u32, _: u64) -> u32 {
    carry_out(0)
}

fn in_slow_timer(_: u32, _: u64) -> u32 {
    carry_out(1)
}

/// Plans the death of this process; a plan of the tick before that has not been carried out is over.
fn carry_out(which: usize) -> u32 {
    let plan = PLANS
        .get()
        .map_or(0, |plans| plans[which].swap(0, Ordering::Relaxed));
    if let Some(points) = plan.checked_sub(1) {
        tell(format_args!("plan taken"));
        fault::plan_death(points);
    }
    PERIODIC
}

/// What was planned for a message ends with it.
fn cancel(_: &mut SipMsg<'_>, _: usize) -> i32 {
    let (death, failure) = fault::cancel();
    if death + failure != 0 {
        tell(format_args!("plan left"));
    }
    1
}

/// The command `test_fault()`.
pub(crate) fn plan(msg: &mut SipMsg<'_>, _args: Args) -> i32 {
    let text = String::from_utf8_lossy(msg.buf()).into_owned();
    let value = text.lines().find_map(|line| line.strip_prefix("X-Fault: "));
    let Some((kind, number)) = value.and_then(|value| value.split_once(' ')) else {
        return 1;
    };
    let number: u64 = number.trim().parse().unwrap_or(0);
    let plans = PLANS.get();
    match (kind, plans) {
        ("die", _) => fault::plan_death(number),
        ("full", _) => fault::plan_failure(number),
        ("timer", Some(plans)) => plans[0].store(number + 1, Ordering::Relaxed),
        ("slow", Some(plans)) => plans[1].store(number + 1, Ordering::Relaxed),
        (other, _) => tell(format_args!("no such fault: {other}")),
    }
    1
}
