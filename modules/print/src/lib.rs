//! `print`: writes its arguments to stdout. The example of docs/writing-a-module.md.

use ser::core::module::{ArgType, Args, Command, IntParam, Param, ParamKind, RouteMask, StrParam};
use ser::core::msg::SipMsg;
use std::io::Write;

static STRING_PARAM: StrParam = StrParam::new("");
static STR_PARAM: StrParam = StrParam::new("");
static INT_PARAM: IntParam = IntParam::new(0);

const fn command(params: &'static [ArgType]) -> Command {
    Command {
        name: "print",
        func: print,
        params,
        fixup: None,
        routes: RouteMask::R,
    }
}

ser::module! {
    name: "print_stdout",
    cmds: &[command(&[]), command(&[ArgType::Str]), command(&[ArgType::Str, ArgType::Str])],
    params: &[
        Param { name: "string_param", kind: ParamKind::Str(&STRING_PARAM) },
        Param { name: "str_param", kind: ParamKind::Str(&STR_PARAM) },
        Param { name: "int_param", kind: ParamKind::Int(&INT_PARAM) },
    ],
}

/// Writes the arguments one after the other and a line end; `<null>` without arguments.
fn print(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let mut line = Vec::new();
    for i in 0..args.len() {
        line.extend_from_slice(args.str(i, msg).unwrap_or(b"<null>"));
    }
    if args.is_empty() {
        line.extend_from_slice(b"<null>");
    }
    line.push(b'\n');
    match std::io::stdout().lock().write_all(&line) {
        Ok(()) => 1,
        Err(_) => -1,
    }
}
