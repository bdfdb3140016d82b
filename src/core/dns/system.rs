//! Names by the system's resolver, which blocks.

use super::{Destination, Destinations, Failure, Query, default_port};
use crate::core::net::listeners;
use crate::core::settings;
use std::net::ToSocketAddrs;

/// All usable addresses of a name: IPv4, then IPv6 where we can send it.
pub(super) fn look_up(query: &Query<'_>) -> Result<Destinations, Failure> {
    let name = std::str::from_utf8(query.host).map_err(|_| Failure::BadName)?;
    let found = (name, 0).to_socket_addrs().map_err(|why| {
        log::info!("could not resolve {name}: {why}");
        Failure::NoSuchName
    })?;
    let proto = query.plain_proto();
    let port = match query.port {
        0 => default_port(proto),
        port => port,
    };
    let can_v6 = settings::get().dns_try_ipv6 && listeners().send_ipv6.is_some();
    let mut all: Vec<_> = found
        .map(|a| a.ip())
        .filter(|ip| ip.is_ipv4() || can_v6)
        .collect();
    all.sort_by_key(|ip| ip.is_ipv6());
    let all = all.into_iter().map(|ip| Destination { ip, proto, port });
    Destinations::of(all).ok_or(Failure::NoAddress)
}
