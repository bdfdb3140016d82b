//! What the core calls around the script: script callbacks, non-SIP hooks, `response`, `onbreak`.

use crate::tell;
use ser::core::module::IntParam;
use ser::core::msg::SipMsg;
use ser::core::receive::script_cb::{
    POST_SCRIPT_CB, PRE_SCRIPT_CB, REQ_TYPE_CB, RPL_TYPE_CB, register_script_cb,
};
use ser::core::receive::{NonSipResult, register_nonsip_msg_hook};

/// 1: two callbacks of each kind are registered.
pub(crate) static CALLBACKS: IntParam = IntParam::new(0);
/// What the pre callbacks return that are registered first (and run last).
pub(crate) static PRE_RESULT: IntParam = IntParam::new(1);
/// What the second non-SIP hook returns; the first passes. 99: there are none.
pub(crate) static NONSIP_RESULT: IntParam = IntParam::new(99);
/// 1: a callback before the script ends its process at a request SEGV_BEFORE, and panics at a request PANIC_BEFORE; one
/// after the script panics at PANIC_AFTER.
pub(crate) static TROUBLE: IntParam = IntParam::new(0);
/// What `response` returns.
pub(crate) static RESPONSE_RESULT: IntParam = IntParam::new(1);

pub(crate) fn register() -> Result<(), String> {
    if CALLBACKS.get() != 0 {
        for number in [1, 2] {
            register_script_cb(pre, PRE_SCRIPT_CB | REQ_TYPE_CB | RPL_TYPE_CB, number)?;
            register_script_cb(post, POST_SCRIPT_CB | REQ_TYPE_CB | RPL_TYPE_CB, number)?;
        }
    }
    if TROUBLE.get() != 0 {
        register_script_cb(trouble, PRE_SCRIPT_CB | REQ_TYPE_CB, 0)?;
        register_script_cb(trouble_after, POST_SCRIPT_CB | REQ_TYPE_CB, 0)?;
    }
    if NONSIP_RESULT.get() != 99 {
        register_nonsip_msg_hook(passing_hook);
        register_nonsip_msg_hook(deciding_hook);
    }
    Ok(())
}

fn pre(_msg: &mut SipMsg<'_>, number: usize) -> i32 {
    tell(format_args!("pre {number}"));
    if number == 1 {
        PRE_RESULT.get() as i32
    } else {
        1
    }
}

fn trouble(msg: &mut SipMsg<'_>, _: usize) -> i32 {
    if msg.buf().starts_with(b"SEGV_BEFORE") {
        crate::life::segv();
    }
    assert!(
        !msg.buf().starts_with(b"PANIC_BEFORE"),
        "told to panic before the script"
    );
    1
}

fn trouble_after(msg: &mut SipMsg<'_>, _: usize) -> i32 {
    assert!(
        !msg.buf().starts_with(b"PANIC_AFTER"),
        "told to panic after the script"
    );
    1
}

/// Its result means nothing.
fn post(_msg: &mut SipMsg<'_>, number: usize) -> i32 {
    tell(format_args!("post {number}"));
    0
}

fn passing_hook(_msg: &mut SipMsg<'_>) -> NonSipResult {
    tell(format_args!("nonsip 1"));
    NonSipResult::Pass
}

fn deciding_hook(_msg: &mut SipMsg<'_>) -> NonSipResult {
    tell(format_args!("nonsip 2"));
    match NONSIP_RESULT.get() {
        ..0 => NonSipResult::Error,
        0 => NonSipResult::Drop,
        1 => NonSipResult::Pass,
        2.. => NonSipResult::Accept,
    }
}

pub(crate) fn response(_msg: &mut SipMsg<'_>) -> i32 {
    if CALLBACKS.get() != 0 {
        tell(format_args!("response"));
    }
    RESPONSE_RESULT.get() as i32
}

pub(crate) fn onbreak(_msg: &mut SipMsg<'_>) {
    if CALLBACKS.get() != 0 {
        tell(format_args!("onbreak"));
    }
}
