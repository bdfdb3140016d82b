//! The API of module `sl`.

use crate::core::msg::SipMsg;

/// Offered as `"sl"`.
#[derive(Clone, Copy, Debug)]
pub struct SlApi {
    /// Sends a stateless reply: code and reason; 1 on success, -1 otherwise (an ACK is not answered).
    pub reply: for<'a> fn(&mut SipMsg<'a>, u16, &[u8]) -> i32,
}
