//! Where a host name leads (RFC 3263, the part without SRV and NAPTR): literals at once, names by the
//! system's resolver, which may block.

use super::text::parse_ip;
use crate::core::msg::SerError;
use crate::core::net::{Proto, listeners};
use crate::core::settings;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// Default port of a protocol.
fn default_port(proto: Proto) -> u16 {
    if proto == Proto::Tls || proto == Proto::Wss {
        5061
    } else {
        5060
    }
}

/// The address of `host` for `proto`; port 0 means the protocol's default.
pub fn resolve(host: &[u8], port: u16, proto: Proto) -> Result<SocketAddr, SerError> {
    let port = if port == 0 { default_port(proto) } else { port };
    let ip = match parse_ip(host) {
        Some(ip) => ip,
        None => resolve_host(host)?,
    };
    Ok(SocketAddr::new(ip, port))
}

/// The first usable address of a name: IPv4, else IPv6 where we can send it.
pub fn resolve_host(host: &[u8]) -> Result<IpAddr, SerError> {
    let name = std::str::from_utf8(host).map_err(|_| SerError::BAD_ADDRESS)?;
    let found = (name, 0).to_socket_addrs().map_err(|why| {
        log::info!("could not resolve {name}: {why}");
        SerError::BAD_ADDRESS
    })?;
    let mut v6 = None;
    for address in found {
        if address.is_ipv4() {
            return Ok(address.ip());
        }
        v6.get_or_insert(address.ip());
    }
    let can_v6 = settings::get().dns_try_ipv6 && listeners().send_ipv6.is_some();
    v6.filter(|_| can_v6).ok_or(SerError::BAD_ADDRESS)
}
