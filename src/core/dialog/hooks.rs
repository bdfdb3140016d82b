//! How a request is addressed by remote target and route set (RFC 3261 §12.2.1.1, §16.12; SER's calculate_hooks).

use crate::core::msg::{Bump, BumpVec};
use crate::core::sip::{NameAddr, ParseError, RouteList, Uri};

/// Where and how a request is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hooks<'a> {
    /// What stands in the request line.
    pub request_uri: &'a [u8],
    /// The URI it is sent to.
    pub next_hop: &'a [u8],
    /// The value of its Route header; empty: it has none.
    pub route: &'a [u8],
}

/// The hooks of a request to `target` by way of `route_set` (values of Route; empty: none).
pub fn address<'a>(
    target: &'a [u8],
    route_set: &'a [u8],
    arena: &'a Bump,
) -> Result<Hooks<'a>, ParseError> {
    let mut rest = RouteList::new(route_set);
    if route_set.trim_ascii().is_empty() {
        return Ok(Hooks {
            request_uri: target,
            next_hop: target,
            route: b"",
        });
    }
    let first: NameAddr<'a> = rest.next().unwrap_or(Err(ParseError::Missing))?;
    let left = rest.rest();
    rest.try_for_each(|value| value.map(drop))?;
    if Uri::parse(first.uri)?.lr {
        return Ok(Hooks {
            request_uri: target,
            next_hop: first.uri,
            route: route_set,
        });
    }
    // A strict router: it finds the target as the last route.
    let mut route = BumpVec::with_capacity_in(left.len() + target.len() + 4, arena);
    route.extend_from_slice_copy(left);
    if !left.is_empty() {
        route.extend_from_slice_copy(b", ");
    }
    route.push(b'<');
    route.extend_from_slice_copy(target);
    route.push(b'>');
    Ok(Hooks {
        request_uri: first.uri,
        next_hop: first.uri,
        route: route.into_bump_slice(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loose_routers_leave_the_target_in_the_request_line() {
        let arena = Bump::new();
        let hooks = address(b"sip:bob@h", b"<sip:p1;lr>, <sip:p2>", &arena).unwrap();
        assert_eq!(
            (hooks.request_uri, hooks.next_hop),
            (&b"sip:bob@h"[..], &b"sip:p1;lr"[..])
        );
        assert_eq!(hooks.route, b"<sip:p1;lr>, <sip:p2>");
    }

    #[test]
    fn a_strict_router_stands_in_the_request_line_and_the_target_last() {
        let arena = Bump::new();
        let hooks = address(b"sip:bob@h", b"<sip:p1>, <sip:p2;lr>", &arena).unwrap();
        assert_eq!(
            (hooks.request_uri, hooks.next_hop),
            (&b"sip:p1"[..], &b"sip:p1"[..])
        );
        assert_eq!(hooks.route, b"<sip:p2;lr>, <sip:bob@h>");
        let hooks = address(b"sip:bob@h", b"<sip:p1>", &arena).unwrap();
        assert_eq!(hooks.route, b"<sip:bob@h>");
    }

    #[test]
    fn without_routes_the_target_is_the_next_hop() {
        let arena = Bump::new();
        let hooks = address(b"sip:bob@h", b" ", &arena).unwrap();
        assert_eq!((hooks.next_hop, hooks.route), (&b"sip:bob@h"[..], &b""[..]));
    }

    #[test]
    fn a_broken_route_set_is_refused() {
        let arena = Bump::new();
        for bad in ["sip:p1;lr", "<sip:p1;lr>,", "<sip:p1;lr> x", "<p1>"] {
            assert!(
                address(b"sip:bob@h", bad.as_bytes(), &arena).is_err(),
                "{bad}"
            );
        }
    }
}
