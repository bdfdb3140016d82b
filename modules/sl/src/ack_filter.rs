//! Recognises the ACK to a stateless reply by its To-tag, which depends on nothing but the server and
//! the request's Via (RFC 3261 §8.2.7). Works for a short time after a reply, whichever process sent it.

use ser::core::forward::tag::{self, TAG_LEN};
use ser::core::msg::SipMsg;
use ser::core::receive::script_cb::{PRE_SCRIPT_CB, REQ_TYPE_CB, register_script_cb};
use ser::core::sip::Method;
use ser::ipc::{ShmTag, shm_static};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

/// Seconds after a stateless reply in which ACKs are looked at.
const WAIT: i64 = 2;

/// Unix second until which ACKs are looked at; one for all processes.
static DEADLINE: OnceLock<&'static AtomicI64> = OnceLock::new();

/// Makes the shared deadline and hooks the filter before the script.
pub fn init() -> Result<(), String> {
    let tag = ShmTag::register("sl");
    let deadline = shm_static(AtomicI64::new(0), tag).map_err(|_| "no shared memory")?;
    let _ = DEADLINE.set(deadline);
    register_script_cb(filter, PRE_SCRIPT_CB | REQ_TYPE_CB, 0)
}

/// The tag for replies to this request.
pub fn tag(msg: &SipMsg<'_>) -> [u8; TAG_LEN] {
    tag::stateless().tag(msg.sip.via1())
}

/// A reply left: ACKs are looked at from now on. The shared word is written once a second at most.
pub fn replied(msg: &mut SipMsg<'_>) {
    let until = msg.now() + WAIT;
    if let Some(deadline) = DEADLINE.get()
        && deadline.load(Ordering::Relaxed) < until
    {
        deadline.store(until, Ordering::Relaxed);
    }
}

/// 0 (stop) for an ACK to one of our stateless replies.
fn filter(msg: &mut SipMsg<'_>, _: usize) -> i32 {
    if msg.sip.method() != Method::Ack {
        return 1;
    }
    let deadline = DEADLINE.get().map_or(0, |d| d.load(Ordering::Relaxed));
    if deadline < msg.now() {
        return 1;
    }
    let Ok(to) = msg.sip.to() else { return 1 };
    let ours = to
        .tag
        .is_some_and(|found| found.len() == TAG_LEN && *found == tag(msg));
    i32::from(!ours)
}
