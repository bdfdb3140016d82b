//! `textops`: searches and edits of headers and text.
//!
//! | file | what |
//! |---|---|
//! | `text` | searches and replacements anywhere in the message |
//! | `subst` | sed-like substitutions, in the message and in the Request-URI |
//! | `headers` | whole headers, and what is added to replies |
//! | `hf_value` | single values of headers that are lists, and their parameters |

mod headers;
mod hf_value;
mod subst;
mod text;

use ser::core::module::{
    ArgType, Args, CmdFn, Command, FixupFn, IntParam, Param, ParamKind, RouteMask,
};
use ser::core::msg::SipMsg;

/// Longest text in bytes that a format may give.
static XLBUF_SIZE: IntParam = IntParam::new(4096);

const ROF: RouteMask = RouteMask::RFO;
const ROFB: RouteMask = RouteMask::RFOB;
const ROFS: RouteMask = RouteMask::RFO.or(RouteMask::S);

const fn command(
    name: &'static str,
    func: CmdFn,
    params: &'static [ArgType],
    routes: RouteMask,
) -> Command {
    Command {
        name,
        func,
        params,
        fixup: None,
        routes,
    }
}

/// A function whose first argument names a header value.
const fn value_command(
    name: &'static str,
    func: CmdFn,
    params: &'static [ArgType],
    fixup: FixupFn,
) -> Command {
    Command {
        name,
        func,
        params,
        fixup: Some(fixup),
        routes: ROFB,
    }
}

const RE: ArgType = ArgType::Regex;
const XL: ArgType = ArgType::Xl;
const STR: ArgType = ArgType::Str;

ser::module! {
    name: "textops",
    cmds: &[
        command("search", text::search, &[RE], ROFS),
        command("search_append", text::search_append, &[RE, XL], ROF),
        command("replace", text::replace, &[RE, XL], ROF),
        command("replace_all", text::replace_all, &[RE, XL], ROF),
        command("subst", subst::subst, &[ArgType::Subst], ROF),
        command("subst_uri", subst::subst_uri, &[ArgType::Subst], ROF),
        command("subst_user", subst::subst_user, &[ArgType::Subst], ROF),
        command("remove_hf", headers::remove_hf, &[ArgType::VarStr], ROF),
        command("is_present_hf", headers::is_present_hf, &[ArgType::VarStr], ROF),
        command("append_hf", headers::append_hf, &[XL], ROFB),
        command("append_urihf", headers::append_urihf, &[XL, XL], RouteMask::RF),
        command("append_to_reply", headers::append_to_reply, &[XL], RouteMask::R),
        command("append_time", headers::append_time, &[], RouteMask::R),
        value_command("append_hf_value", hf_value::append, &[STR, XL], hf_value::place_fixup),
        value_command("insert_hf_value", hf_value::insert, &[STR, XL], hf_value::place_fixup),
        value_command("remove_hf_value", hf_value::remove, &[STR], hf_value::remove_fixup),
        value_command("assign_hf_value", hf_value::assign, &[STR, XL], hf_value::assign_fixup),
        value_command("remove_hf_value2", hf_value::remove2, &[STR], hf_value::remove_fixup),
        value_command("assign_hf_value2", hf_value::assign2, &[STR, XL], hf_value::assign_fixup),
        value_command("include_hf_value", hf_value::include, &[STR, XL], hf_value::name_fixup),
        value_command("exclude_hf_value", hf_value::exclude, &[STR, XL], hf_value::name_fixup),
        value_command("hf_value_exists", hf_value::exists, &[STR, XL], hf_value::name_fixup),
    ],
    params: &[Param { name: "xlbuf_size", kind: ParamKind::Int(&XLBUF_SIZE) }],
    register: Some(hf_value::register_selects),
    init: Some(init),
}

fn init() -> Result<(), String> {
    match XLBUF_SIZE.get() {
        1..=0x7fff_ffff => Ok(()),
        other => Err(format!(
            "xlbuf_size {other}: a positive number of bytes is needed"
        )),
    }
}

/// Argument `i`, a format, filled in; `None` when it is longer than `xlbuf_size`.
fn format_arg<'a>(args: Args, i: usize, msg: &mut SipMsg<'a>) -> Option<&'a [u8]> {
    let text = args.str(i, msg)?;
    if i64::try_from(text.len()).is_ok_and(|length| length < XLBUF_SIZE.get()) {
        return Some(text);
    }
    log::error!(
        "ERROR: textops: a text of {} bytes is over xlbuf_size",
        text.len()
    );
    None
}
