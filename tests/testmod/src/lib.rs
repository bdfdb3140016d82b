//! `testmod`: does on request what modules should not do (panic, hang, fail to start), and tells in the
//! log, in lines that begin with `TEST:`, when the core calls it. It also serves RPC to tests and sends requests of its own
//! through tm. It is not installed.

mod commands;
mod faults;
mod hooks;
mod life;
mod resolving;
mod rpc_methods;
mod rpc_process;
mod uac;

use ser::core::module::{IntParam, Param, ParamKind};

const fn int(name: &'static str, place: &'static IntParam) -> Param {
    let kind = ParamKind::Int(place);
    Param { name, kind }
}

ser::module! {
    name: "testmod",
    cmds: commands::COMMANDS,
    rpc_methods: rpc_methods::METHODS,
    params: &[
        int("fail_init", &life::FAIL_INIT),
        int("panic_init", &life::PANIC_INIT),
        int("fail_rank", &life::FAIL_RANK),
        int("panic_rank", &life::PANIC_RANK),
        int("panic_destroy", &life::PANIC_DESTROY),
        int("tell_ranks", &life::TELL_RANKS),
        int("workers", &life::WORKERS),
        int("callbacks", &hooks::CALLBACKS),
        int("pre_result", &hooks::PRE_RESULT),
        int("trouble", &hooks::TROUBLE),
        int("nonsip_result", &hooks::NONSIP_RESULT),
        int("response_result", &hooks::RESPONSE_RESULT),
        int("timer", &life::TIMER),
        int("rpc_port", &rpc_process::PORT),
        int("rpc_later", &rpc_process::LATER),
        int("faults", &life::FAULTS),
        int("panic_burial", &life::PANIC_BURIAL),
        int("tm", &uac::TM),
        Param { name: "timer_uri", kind: ParamKind::Str(&uac::TIMER_URI) },
    ],
    init: Some(life::init),
    response: Some(hooks::response),
    destroy: Some(life::destroy),
    onbreak: Some(hooks::onbreak),
    child_init: Some(life::child_init),
}

/// A line of the log that tests look for, visible at every `debug`.
fn tell(text: std::fmt::Arguments<'_>) {
    ser::core::log::alert!("TEST: {text}");
}
