//! `sl`: stateless replies (RFC 3261 §8.2.7), and the filter that recognises their ACKs.

mod ack_filter;
mod reply;
mod stats;

use ser::core::module::api::{self, SlApi};
use ser::core::module::{
    ArgType, Args, CmdFn, Command, IntParam, Param, ParamKind, RouteMask, StrParam,
};
use ser::core::msg::SipMsg;

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
        fixup: None,
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
    params: &[
        Param { name: "default_code", kind: ParamKind::Int(&DEFAULT_CODE) },
        Param { name: "default_reason", kind: ParamKind::Str(&DEFAULT_REASON) },
    ],
    init: Some(init),
}

static API: SlApi = SlApi { reply: reply::send };

fn init() -> Result<(), String> {
    stats::init()?;
    ack_filter::init()?;
    api::provide("sl", &API);
    Ok(())
}

/// `sl_send_reply(code, reason)`: 1, or -1 for an ACK or when it could not be sent.
fn sl_send_reply(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let code = args.int(0, msg).and_then(|code| u16::try_from(code).ok());
    let reason = args.str(1, msg).unwrap_or_else(|| DEFAULT_REASON.bytes());
    reply::send(msg, code.unwrap_or(DEFAULT_CODE.get() as u16), reason)
}

/// `sl_reply_error()`: the answer to the last error, `PHRASE (CODE/SL)`.
fn sl_reply_error(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    let (code, phrase) = msg.error.answer();
    let reason = format!(
        "{phrase} ({}/SL)",
        if msg.error.0 == 0 { 1 } else { -msg.error.0 }
    );
    log::error!("ERROR: sl_reply_error used: {reason}");
    reply::send(msg, code, reason.as_bytes())
}
