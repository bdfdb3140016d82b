//! The functions of the script.

mod arm;
mod contacts;
mod forwarding;
pub mod replying;
mod status;
mod timing;
mod write;

use ser::core::module::{ArgType, CmdFn, Command, FixupFn, RouteMask};
use ser::core::msg::RouteKind;

const fn command(
    name: &'static str,
    func: CmdFn,
    params: &'static [ArgType],
    fixup: Option<FixupFn>,
    routes: RouteMask,
) -> Command {
    Command {
        name,
        func,
        params,
        fixup,
        routes,
    }
}

use ArgType::{Regex, Route, Str, VarInt, VarStr};
const R: RouteMask = RouteMask::R;
const RF: RouteMask = RouteMask::RF;
const RFO: RouteMask = RouteMask::RFO;
const RFOB: RouteMask = RouteMask::RFOB;
const F: RouteMask = RouteMask::F;
const TEXTS: &[ArgType] = &[Str, Str];
const FIXED: Option<FixupFn> = Some(forwarding::fixup_address);
const VARIABLE: Option<FixupFn> = Some(forwarding::fixup_proto);

/// All of them.
pub const COMMANDS: &[Command] = &[
    command("t_newtran", replying::t_newtran, &[], None, R),
    command("t_lookup_request", replying::t_lookup_request, &[], None, R),
    command("t_lookup_cancel", replying::t_lookup_cancel, &[], None, R),
    command("t_reply", replying::t_reply, &[VarInt, VarStr], None, RF),
    command(
        "t_retransmit_reply",
        replying::t_retransmit_reply,
        &[],
        None,
        R,
    ),
    command("t_release", replying::t_release, &[], None, R),
    command("t_relay", forwarding::t_relay, &[], None, RF),
    command(
        "t_relay_to_udp",
        forwarding::t_relay_to_udp,
        TEXTS,
        FIXED,
        RF,
    ),
    command(
        "t_relay_to_tcp",
        forwarding::t_relay_to_tcp,
        TEXTS,
        FIXED,
        RF,
    ),
    command(
        "t_relay_to_tls",
        forwarding::t_relay_to_tls,
        TEXTS,
        FIXED,
        RF,
    ),
    command(
        "t_relay_to",
        forwarding::t_relay_to,
        &[VarStr, VarStr],
        VARIABLE,
        R,
    ),
    command("t_replicate", forwarding::t_replicate, TEXTS, FIXED, R),
    command(
        "t_replicate_udp",
        forwarding::t_replicate_udp,
        TEXTS,
        FIXED,
        R,
    ),
    command(
        "t_replicate_tcp",
        forwarding::t_replicate_tcp,
        TEXTS,
        FIXED,
        R,
    ),
    command(
        "t_replicate_tls",
        forwarding::t_replicate_tls,
        TEXTS,
        FIXED,
        R,
    ),
    command(
        "t_replicate_to",
        forwarding::t_replicate_to,
        &[VarStr, VarStr],
        VARIABLE,
        R,
    ),
    command(
        "t_forward_nonack",
        forwarding::t_forward_nonack,
        TEXTS,
        FIXED,
        R,
    ),
    command(
        "t_forward_nonack_udp",
        forwarding::t_forward_nonack_udp,
        TEXTS,
        FIXED,
        R,
    ),
    command(
        "t_forward_nonack_tcp",
        forwarding::t_forward_nonack_tcp,
        TEXTS,
        FIXED,
        R,
    ),
    command(
        "t_forward_nonack_tls",
        forwarding::t_forward_nonack_tls,
        TEXTS,
        FIXED,
        R,
    ),
    command(
        "t_forward_nonack_uri",
        forwarding::t_forward_nonack_uri,
        &[],
        None,
        R,
    ),
    command(
        "t_forward_nonack_to",
        forwarding::t_forward_nonack_to,
        &[VarStr, VarStr],
        VARIABLE,
        R,
    ),
    command(
        "t_on_failure",
        arm::t_on_failure,
        &[Route(RouteKind::Failure)],
        None,
        RFO,
    ),
    // The name before SER 0.9.
    command(
        "t_on_negative",
        arm::t_on_failure,
        &[Route(RouteKind::Failure)],
        None,
        RFO,
    ),
    command(
        "t_on_reply",
        arm::t_on_reply,
        &[Route(RouteKind::OnReply)],
        None,
        RFO,
    ),
    command(
        "t_on_branch",
        arm::t_on_branch,
        &[Route(RouteKind::Branch)],
        None,
        RF,
    ),
    command(
        "t_check_status",
        status::t_check_status,
        &[Regex],
        None,
        RFO,
    ),
    command("t_set_fr", timing::t_set_fr, &[VarInt], None, RFOB),
    command("t_set_fr", timing::t_set_fr, &[VarInt, VarInt], None, RFOB),
    // As in Kamailio; SER's module lcr has them without the t_.
    command("t_load_contacts", contacts::t_load_contacts, &[], None, RF),
    command("t_next_contacts", contacts::t_next_contacts, &[], None, RF),
    command(
        "t_write_req",
        write::t_write_req,
        TEXTS,
        Some(write::fixup_req),
        RF,
    ),
    command(
        "t_write_unix",
        write::t_write_unix,
        TEXTS,
        Some(write::fixup_unix),
        RF,
    ),
    command("t_branch_timeout", status::t_branch_timeout, &[], None, F),
    command("t_branch_replied", status::t_branch_replied, &[], None, F),
    command("t_any_timeout", status::t_any_timeout, &[], None, RFOB),
    command("t_any_replied", status::t_any_replied, &[], None, RFOB),
    command("t_is_canceled", status::t_is_canceled, &[], None, RFOB),
];
