//! What a failed check leads to: the answer, the log line, the result for the script.

use crate::SL;
use crate::check::Failure;
use ser::core::module::api::{self, tm::TmApi};
use ser::core::msg::SipMsg;
use ser::core::sip::Method;
use std::sync::OnceLock;

/// Answers the request if the failure has an answer; the result of `sanity_check`.
#[cold]
pub fn refuse(msg: &mut SipMsg<'_>, check: &str, failure: Failure) -> i32 {
    match failure {
        Failure::Answer(code, reason) => {
            log::debug!("sanity_check: {check}: {code} {reason}");
            answer(msg, code, reason.as_bytes());
            0
        }
        Failure::Silent(why) => {
            log::warn!("WARNING: sanity_check: {check}: {why}");
            0
        }
        Failure::Unreadable(why) => {
            let why = why.describe(msg.buf());
            log::warn!("WARNING: sanity_check: {check}: {why}");
            0
        }
        Failure::NotThere(header) => {
            log::error!("ERROR: sanity_check: {check}: no {header} header");
            -1
        }
    }
}

/// The only place where an answer leaves: by the transaction if the script has made one, else
/// statelessly. An ACK is never answered (RFC 3261 §17). Why a reply was not sent is logged by its sender.
fn answer(msg: &mut SipMsg<'_>, code: u16, reason: &[u8]) {
    if msg.sip.method() == Method::Ack {
        return;
    }
    match tm().filter(|tm| tm.0.current().is_some()) {
        Some(tm) => {
            tm.0.reply(msg, code, reason);
        }
        None => {
            let sl = SL.get().expect("bound in init");
            (sl.reply)(msg, code, reason);
        }
    }
}

/// Module `tm`, if it is loaded: it may stand behind this one in ser.cfg, so that `init` is too early.
fn tm() -> Option<&'static TmApi> {
    static TM: OnceLock<Option<&'static TmApi>> = OnceLock::new();
    *TM.get_or_init(|| api::bind("tm"))
}
