//! `sanity`: checks that a request has what a well-formed request must have, and answers those that
//! have not.
//!
//! Needs module `sl` for the answer, loaded before.

mod check;
mod credentials;
mod extensions;
mod headers;
mod number;
mod refusal;
mod request_line;
mod uris;

use check::{ALL_CHECKS, CHECKS};
use ser::core::module::api::{self, SlApi};
use ser::core::module::{
    Arg, ArgType, Args, Command, IntParam, Param, ParamKind, RouteMask, StrParam,
};
use ser::core::msg::SipMsg;
use std::sync::OnceLock;
use uris::ALL_URIS;

/// The checks of a call that names none: all but those of Via (8, 16) and of URIs (1024).
static DEFAULT_CHECKS: IntParam = IntParam::new(3047);
/// The URIs looked at in a call that names none: Request-URI, From, To.
static URI_CHECKS: IntParam = IntParam::new(7);
/// Option tags that may stand in Proxy-Require, separated by commas.
static PROXY_REQUIRE: StrParam = StrParam::new("");

static SL: OnceLock<&'static SlApi> = OnceLock::new();

const fn command(params: &'static [ArgType]) -> Command {
    Command {
        name: "sanity_check",
        func: sanity_check,
        params,
        fixup: Some(fixup),
        routes: RouteMask::R,
    }
}

ser::module! {
    name: "sanity",
    cmds: &[
        command(&[]),
        command(&[ArgType::Int]),
        command(&[ArgType::Int, ArgType::Int]),
    ],
    params: &[
        Param { name: "default_checks", kind: ParamKind::Int(&DEFAULT_CHECKS) },
        Param { name: "uri_checks", kind: ParamKind::Int(&URI_CHECKS) },
        Param { name: "proxy_require", kind: ParamKind::Str(&PROXY_REQUIRE) },
    ],
    init: Some(init),
}

fn init() -> Result<(), String> {
    in_range("default_checks", DEFAULT_CHECKS.get(), ALL_CHECKS)?;
    in_range("uri_checks", URI_CHECKS.get(), ALL_URIS)?;
    extensions::check_param(PROXY_REQUIRE.bytes())?;
    let sl: &'static SlApi = api::bind("sl").ok_or("module sl must be loaded before sanity")?;
    let _ = SL.set(sl);
    Ok(())
}

fn in_range(what: &str, value: i64, all: u32) -> Result<(), String> {
    if (1..=i64::from(all)).contains(&value) {
        return Ok(());
    }
    Err(format!(
        "{what} {value}: it is a sum of bits from 1 to {all}"
    ))
}

fn fixup(args: &mut [Arg]) -> Result<(), String> {
    let limits = [("checks", ALL_CHECKS), ("uri_checks", ALL_URIS)];
    for (arg, (what, all)) in args.iter().zip(limits) {
        if let Arg::Int(value) = arg {
            in_range(what, *value, all)?;
        }
    }
    Ok(())
}

/// `sanity_check([checks [, uri_checks]])`: 1 when the request passed, 0 (the script ends) when it
/// failed, -1 when a check could not be made.
fn sanity_check(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let checks = args.int(0, msg).unwrap_or_else(|| DEFAULT_CHECKS.get());
    let uris = args.int(1, msg).unwrap_or_else(|| URI_CHECKS.get());
    for check in CHECKS.iter().filter(|c| checks & i64::from(c.bit) != 0) {
        if let Err(failure) = (check.run)(msg, uris as u32) {
            return refusal::refuse(msg, check.name, failure);
        }
    }
    1
}
