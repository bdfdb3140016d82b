//! `rr`: record routing (RFC 3261 §16.4, §16.6 step 4, §16.12).
//!
//! | file | what |
//! |---|---|
//! | `params` | the module's parameters, compiled once |
//! | `record` | `record_route()` and its kin |
//! | `route` | `loose_route()` |
//! | `route_set` | the Route headers of a request as one list, and the edits that shorten it |
//! | `cookie` | attributes that travel in the Record-Route URI |

mod cookie;
mod params;
mod record;
mod route;
mod route_set;

use ser::core::module::{ArgType, CmdFn, Command, Param, ParamKind, RouteMask};

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

ser::module! {
    name: "rr",
    cmds: &[
        command("loose_route", route::loose_route, &[], RouteMask::R),
        command("record_route", record::record_route, &[], RouteMask::R),
        command("record_route_preset", record::record_route_preset, &[ArgType::Str], RouteMask::R),
        // For other modules only, as in SER.
        command("record_route_strict", record::record_route_strict, &[], RouteMask::NONE),
        command("remove_record_route", record::remove_record_route, &[], RouteMask::RF),
    ],
    params: &[
        Param { name: "append_fromtag", kind: ParamKind::Int(&params::APPEND_FROMTAG) },
        Param { name: "enable_double_rr", kind: ParamKind::Int(&params::ENABLE_DOUBLE_RR) },
        Param { name: "enable_full_lr", kind: ParamKind::Int(&params::ENABLE_FULL_LR) },
        Param { name: "add_username", kind: ParamKind::Str(&params::ADD_USERNAME) },
        Param { name: "cookie_filter", kind: ParamKind::Str(&params::COOKIE_FILTER) },
        Param { name: "cookie_secret", kind: ParamKind::Str(&params::COOKIE_SECRET) },
        Param { name: "user_part_avp", kind: ParamKind::Str(&params::USER_PART_AVP) },
        Param { name: "next_route_avp", kind: ParamKind::Str(&params::NEXT_ROUTE_AVP) },
    ],
    register: Some(cookie::register),
    init: Some(params::init),
}
