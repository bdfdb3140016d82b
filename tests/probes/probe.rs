// The module that both probes are: each function says in the log that it runs. `NAME` and `VALUE` come from
// the crate that includes this file.

use ser::core::module::{ArgType, Args, CmdFn, Command, IntParam, Param, ParamKind, RouteMask};
use ser::core::msg::SipMsg;
use ser::core::sip::FirstLine;

static FLAG: IntParam = IntParam::new(-1);
static NUMBER: IntParam = IntParam::new(0);

const fn command(name: &'static str, func: CmdFn, params: &'static [ArgType]) -> Command {
    Command {
        name,
        func,
        params,
        fixup: None,
        routes: RouteMask::ALL,
    }
}

ser::module! {
    name: NAME,
    cmds: &[
        command("probe", value, &[]),
        command("probe", argument, &[ArgType::Str]),
        command("probe_zero", zero, &[]),
        command("probe_var", argument, &[ArgType::VarStr]),
    ],
    params: &[
        Param { name: "flag", kind: ParamKind::Flag(&FLAG) },
        Param { name: "number", kind: ParamKind::Int(&NUMBER) },
        Param { name: "picky", kind: ParamKind::IntFn(picky) },
    ],
    init: Some(init),
    response: Some(response),
    destroy: Some(destroy),
    onbreak: Some(onbreak),
    child_init: Some(child_init),
}

fn picky(value: i64) -> Result<(), String> {
    log::error!("{NAME}: picky {value}");
    if value < 0 {
        return Err("it must not be negative".into());
    }
    Ok(())
}

fn init() -> Result<(), String> {
    log::error!("{NAME}: init number={} flag={}", NUMBER.get(), FLAG.get());
    if NUMBER.get() == 13 {
        return Err("13 brings no luck".into());
    }
    Ok(())
}

fn child_init(rank: i32) -> Result<(), String> {
    log::error!("{NAME}: child_init {rank}");
    Ok(())
}

fn destroy() -> Result<(), String> {
    log::error!("{NAME}: destroy");
    Ok(())
}

fn onbreak(_: &mut SipMsg<'_>) {
    log::error!("{NAME}: onbreak");
}

/// Takes replies with status 299.
fn response(msg: &mut SipMsg<'_>) -> i32 {
    log::error!("{NAME}: response");
    match *msg.sip.first() {
        FirstLine::Reply { code: 299, .. } => 0,
        FirstLine::Reply { .. } | FirstLine::Request { .. } => 1,
    }
}

fn value(_: &mut SipMsg<'_>, _: Args) -> i32 {
    VALUE
}

fn argument(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let text = args.str(0, msg).unwrap_or(b"<none>");
    log::error!("{NAME}: argument [{}]", String::from_utf8_lossy(text));
    1
}

fn zero(_: &mut SipMsg<'_>, _: Args) -> i32 {
    0
}
