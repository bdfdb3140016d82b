//! Names that stand for local addresses: network interfaces.

use std::net::IpAddr;

/// Addresses of the interface called `name`: all its IPv4 addresses, else its IPv6 ones.
pub fn interface_addresses(name: &str) -> Vec<IpAddr> {
    let all = addresses(|interface| interface == name);
    let v4: Vec<_> = all.iter().copied().filter(IpAddr::is_ipv4).collect();
    if v4.is_empty() { all } else { v4 }
}

/// Addresses of all interfaces that are up.
pub fn all_addresses() -> Vec<IpAddr> {
    addresses(|_| true)
}

fn addresses(wanted: impl Fn(&str) -> bool) -> Vec<IpAddr> {
    use nix::net::if_::InterfaceFlags;
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for interface in interfaces {
        let up = interface.flags.contains(InterfaceFlags::IFF_UP);
        let Some(address) = interface
            .address
            .filter(|_| up && wanted(&interface.interface_name))
        else {
            continue;
        };
        let v4 = address.as_sockaddr_in().map(|a| IpAddr::V4(a.ip()));
        let ip = v4.or_else(|| address.as_sockaddr_in6().map(|a| IpAddr::V6(a.ip())));
        // A link-local address needs a scope that a Via cannot carry.
        let usable = |ip: &IpAddr| !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local());
        if let Some(ip) = ip.filter(usable).filter(|ip| !found.contains(ip)) {
            found.push(ip);
        }
    }
    found
}
