//! `sl`: stateless replies (RFC 3261 §8.2.7), and the filter that recognises their ACKs.

mod ack_filter;
mod reply;
mod stats;

use ser::core::module::api::{self, SlApi};
use ser::core::module::{
    Arg, ArgType, Args, CmdFn, Command, IntParam, Param, ParamKind, RouteMask, StrParam,
};
use ser::core::msg::{BumpVec, SerError, SipMsg};
use ser::core::overload::ask_to_wait;
use std::io::Write;

/// Used where the code argument has no value for a message.
static DEFAULT_CODE: IntParam = IntParam::new(500);
/// Used where the reason argument has no value.
static DEFAULT_REASON: StrParam = StrParam::new("Internal Server Error");

const fn send_command(name: &'static str) -> Command {
    let func: CmdFn = sl_send_reply;
    Command {
        name,
        func,
        params: &[ArgType::VarInt, ArgType::VarStr],
        fixup: Some(status_fixup),
        routes: RouteMask::R,
    }
}

ser::module! {
    name: "sl",
    cmds: &[
        send_command("sl_send_reply"),
        send_command("sl_reply"),
        Command {
            name: "sl_reply_error",
            func: sl_reply_error,
            params: &[],
            fixup: None,
            routes: RouteMask::R,
        },
    ],
    rpc_methods: stats::METHODS,
    metrics: stats::METRICS,
    params: &[
        Param { name: "default_code", kind: ParamKind::Int(&DEFAULT_CODE) },
        Param { name: "default_reason", kind: ParamKind::Str(&DEFAULT_REASON) },
    ],
    init: Some(init),
}

/// A status has three digits (RFC 3261 §25.1).
const STATUS: std::ops::RangeInclusive<i64> = 100..=999;

fn status_fixup(args: &mut [Arg]) -> Result<(), String> {
    match args.first() {
        Some(Arg::Int(code)) if !STATUS.contains(code) => {
            Err(format!("{code} is no status: it has three digits"))
        }
        _ => Ok(()),
    }
}

static API: SlApi = SlApi { reply: reply::send };

fn init() -> Result<(), String> {
    if !STATUS.contains(&DEFAULT_CODE.get()) {
        let code = DEFAULT_CODE.get();
        return Err(format!("default_code {code}: a status has three digits"));
    }
    stats::init()?;
    ack_filter::init()?;
    api::provide("sl", &API);
    Ok(())
}

/// `sl_send_reply(code, reason)`: 1, or -1 for an ACK or when it could not be sent. What has no value
/// for this message, or is no status, is replaced by the defaults.
fn sl_send_reply(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let code = args.int(0, msg).filter(|code| STATUS.contains(code));
    let reason = args.str(1, msg).unwrap_or_else(|| DEFAULT_REASON.bytes());
    reply::send(msg, code.unwrap_or(DEFAULT_CODE.get()) as u16, reason)
}

/// `sl_reply_error()`: the answer to the last error, `PHRASE (CODE/SL)`.
fn sl_reply_error(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    // Nothing failed: an error all the same, or the script would not ask.
    let error = match msg.error {
        SerError::OK => SerError::UNSPEC,
        error => error,
    };
    let ((code, phrase), number) = (error.answer(), -error.0);
    if error == SerError::OUT_OF_MEM {
        // There are many of them, and one line tells of all.
        log::debug!("sl_reply_error used: {phrase} ({number}/SL)");
        ask_to_wait(msg);
    } else {
        log::error!("ERROR: sl_reply_error used: {phrase} ({number}/SL)");
    }
    let mut reason = BumpVec::with_capacity_in(phrase.len() + 16, msg.arena);
    let written = write!(reason, "{phrase} ({number}/SL)");
    debug_assert!(written.is_ok(), "a growing buffer takes everything");
    reply::send(msg, code, &reason)
}
