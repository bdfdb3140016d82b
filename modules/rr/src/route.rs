//! `loose_route()`: follows the Route set of a request (RFC 3261 §16.4, §16.12).

use crate::params::{self, ENABLE_DOUBLE_RR};
use crate::{cookie, route_set};
use ser::core::module::Args;
use ser::core::msg::{AvpValue, SipMsg};
use ser::core::net::{Proto, check_self};
use ser::core::sip::{NameAddr, Uri, UriType};

const DRIVEN: i32 = 1;
const NOT_DRIVEN: i32 = -1;
/// A URI without a port means this one.
const SIP_PORT: u16 = 5060;

/// 1: the request goes where its Route set says. -1: there is none, or it says nothing more than the
/// Request-URI, or it is malformed.
pub fn loose_route(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    follow(msg).unwrap_or(NOT_DRIVEN)
}

/// `None`: something could not be parsed.
fn follow(msg: &mut SipMsg<'_>) -> Option<i32> {
    let routes = route_set::values(msg)?;
    let first = Uri::parse(routes.first()?.uri).ok()?;
    let ruri = msg.parsed_uri().ok()?;
    let ruri_is_mine = matches!(ruri.kind, UriType::Tel | UriType::Tels) || is_myself(&ruri);
    if !ruri_is_mine {
        return after_loose(msg, routes, false);
    }
    let double = ENABLE_DOUBLE_RR.get() != 0 && first.r2;
    if is_myself(&first) && !double {
        return after_loose(msg, routes, true);
    }
    let in_dialog = msg.sip.to().ok()?.tag.is_some_and(|tag| !tag.is_empty());
    if in_dialog {
        after_strict(msg, routes)
    } else {
        Some(NOT_DRIVEN)
    }
}

/// Whether the URI names this server.
fn is_myself(uri: &Uri<'_>) -> bool {
    let port = if uri.port_no == 0 {
        SIP_PORT
    } else {
        uri.port_no
    };
    check_self(uri.host, port, Proto::None)
}

/// The previous hop was a loose router: the first Route is ours, or that of the next hop.
fn after_loose<'a>(
    msg: &mut SipMsg<'a>,
    routes: &'a [NameAddr<'a>],
    ruri_is_mine: bool,
) -> Option<i32> {
    let own = Uri::parse(routes.first()?.uri).ok()?;
    let mut next = 0;
    if is_myself(&own) {
        next = 1;
        if let Some(spec) = &params::compiled().user_part {
            msg.avps.assign(spec, false, AvpValue::Str(own.user));
        }
        cookie::take(msg, own.sip_params);
        if routes.len() == next {
            route_set::keep(msg, routes, next..next);
            return Some(if ruri_is_mine { NOT_DRIVEN } else { DRIVEN });
        }
        if ENABLE_DOUBLE_RR.get() != 0 && own.r2 {
            next += 1;
        }
    }
    let Some(route) = routes.get(next) else {
        route_set::keep(msg, routes, next..next);
        return Some(DRIVEN);
    };
    let uri = Uri::parse(route.uri).ok()?;
    store_next_route(msg, route);
    if uri.lr {
        msg.dst_uri = Some(route.uri);
        route_set::keep(msg, routes, next..routes.len());
    } else {
        // RFC 3261 §16.6 step 6: a strict router wants to be the Request-URI.
        route_set::append(msg, msg.request_uri())?;
        msg.set_uri(route.uri);
        route_set::keep(msg, routes, next + 1..routes.len());
    }
    Some(DRIVEN)
}

/// The previous hop was a strict router: it put us into the Request-URI, the target is the last Route.
fn after_strict<'a>(msg: &mut SipMsg<'a>, routes: &'a [NameAddr<'a>]) -> Option<i32> {
    let ruri = msg.parsed_uri().ok()?;
    cookie::take(msg, ruri.sip_params);
    let mut next = 0;
    if is_myself(&Uri::parse(routes.first()?.uri).ok()?) {
        next = 1;
    }
    let Some(route) = routes.get(next) else {
        route_set::keep(msg, routes, next..next);
        return Some(NOT_DRIVEN);
    };
    let uri = Uri::parse(route.uri).ok()?;
    store_next_route(msg, route);
    if uri.lr {
        let target = routes.last()?;
        msg.dst_uri = Some(route.uri);
        msg.set_uri(target.uri);
        route_set::keep(msg, routes, next..routes.len() - 1);
    } else {
        msg.set_uri(route.uri);
        route_set::keep(msg, routes, next + 1..routes.len());
    }
    Some(DRIVEN)
}

fn store_next_route<'a>(msg: &mut SipMsg<'a>, route: &NameAddr<'a>) {
    if let Some(spec) = &params::compiled().next_route {
        msg.avps.assign(spec, false, AvpValue::Str(route.uri));
    }
}
