//! Hooks for requests that are not SIP/2.0 (SER's nonsip_hooks): HTTP on the SIP port, for one.

use crate::core::msg::SipMsg;
use parking_lot::RwLock;
use std::sync::OnceLock;

/// What a hook says; the first that does not pass decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum NonSipResult {
    Error = -1,
    Drop = 0,
    Pass = 1,
    Accept = 2,
}

/// A hook.
pub type NonSipHook = for<'a> fn(&mut SipMsg<'a>) -> NonSipResult;

static HOOKS: RwLock<Vec<NonSipHook>> = RwLock::new(Vec::new());
static FROZEN: OnceLock<Vec<NonSipHook>> = OnceLock::new();

/// Registers a hook; before the first fork. They run in order of registration.
pub fn register_nonsip_msg_hook(hook: NonSipHook) {
    HOOKS.write().push(hook);
}

/// Asks the hooks; without any the message is dropped.
pub(super) fn run(msg: &mut SipMsg<'_>) -> NonSipResult {
    for hook in FROZEN.get_or_init(|| HOOKS.read().clone()) {
        let result = hook(msg);
        if result != NonSipResult::Pass {
            return result;
        }
    }
    NonSipResult::Drop
}
