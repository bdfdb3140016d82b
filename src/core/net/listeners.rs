//! The socket lists `udp_listen`, `tcp_listen`, `tls_listen`, the aliases, and "is this myself?".
//!
//! Built from `listen=`, `-l` and `alias=` before the first fork; a process keeps those that it was forked with.

use super::interfaces::{all_addresses, interface_addresses};
use super::{Proto, SocketId, SocketInfo, socket_pool};
use crate::core::in_force::InForce;
use crate::core::settings::Settings;
use std::collections::HashMap;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A further name of ours; port 0 and [`Proto::None`] stand for any.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub struct Alias {
    pub host: String,
    pub port: u16,
    pub proto: Proto,
}

/// All of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listeners {
    /// UDP sockets in the order configured.
    pub udp: Vec<&'static SocketInfo>,
    /// TCP sockets.
    pub tcp: Vec<&'static SocketInfo>,
    /// TLS sockets.
    pub tls: Vec<&'static SocketInfo>,
    /// Aliases, newest first.
    pub aliases: Vec<Alias>,
    /// Default UDP sender for IPv4: the first socket, a later one while the choice is a loopback.
    pub send_ipv4: Option<&'static SocketInfo>,
    /// Default UDP sender for IPv6: the first.
    pub send_ipv6: Option<&'static SocketInfo>,
}

static LISTENERS: InForce<Listeners> = InForce::new();
static NONE: Listeners = Listeners {
    udp: Vec::new(),
    tcp: Vec::new(),
    tls: Vec::new(),
    aliases: Vec::new(),
    send_ipv4: None,
    send_ipv6: None,
};

/// Puts the lists in force, for processes that are forked from now on.
pub fn install(listeners: Listeners) -> &'static Listeners {
    LISTENERS.put(listeners)
}

/// This process keeps the lists that are in force now.
pub fn keep() {
    LISTENERS.keep();
}

/// The lists of the process; empty before [`install`].
#[inline]
pub fn get() -> &'static Listeners {
    LISTENERS.get().unwrap_or(&NONE)
}

/// Every socket: UDP, TCP, TLS.
pub fn all_sockets() -> impl Iterator<Item = &'static SocketInfo> {
    let all = get();
    all.udp.iter().chain(&all.tcp).chain(&all.tls).copied()
}

/// The socket whose [`SocketInfo::number`] it is.
#[inline]
pub fn socket_by_number(number: u16) -> Option<&'static SocketInfo> {
    let (all, proto) = (get(), number >> 12);
    let list = match proto {
        p if p == Proto::Udp as u16 => &all.udp,
        p if p == Proto::Tcp as u16 => &all.tcp,
        p if p == Proto::Tls as u16 => &all.tls,
        _ => return None,
    };
    let index = usize::from(number & 0xfff);
    let is_it = |s: &&&SocketInfo| s.index == index;
    // As long as none was taken away, a socket stands at its number.
    let found = list.get(index).filter(is_it);
    found.or_else(|| list.iter().find(is_it)).copied()
}

/// What a name of a listen address leads to.
#[derive(Clone, Debug)]
pub struct Named {
    /// The name that the resolver gives it; another than the one asked for if that is an alias.
    pub official: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// Who knows names while the lists are built (`core::dns`).
pub trait Names {
    /// The addresses of a name.
    fn addresses(&self, name: &str) -> Result<Named, String>;
    /// The names of each address, as far as they can be found out in a short time.
    fn names(&self, ips: &[IpAddr]) -> Vec<Vec<String>>;
}

/// Builds the lists: interfaces expanded, names resolved, duplicates dropped, aliases added.
/// The error says which entry cannot be used.
pub fn build(
    listen: &[SocketId],
    aliases: &[SocketId],
    settings: &Settings,
    names: &dyn Names,
) -> Result<Listeners, String> {
    let mut all = Listeners::default();
    for id in aliases {
        add_alias(
            &mut all.aliases,
            &id.host,
            id.port.unwrap_or(0),
            id.proto.unwrap_or(Proto::None),
        );
    }
    if listen.is_empty() {
        let ips = all_of_family(Ipv4Addr::UNSPECIFIED.into());
        for ip in ips.map_err(|why| format!("no listen address is given, and {why}"))? {
            add(&mut all, settings, None, &ip.to_string(), ip, None);
        }
    }
    for id in listen {
        let (ips, name) = resolve(&id.host, names)?;
        if name.as_ref().is_some_and(|name| *name != id.host) {
            let (port, proto) = (id.port.unwrap_or(0), id.proto.unwrap_or(Proto::None));
            add_alias(&mut all.aliases, &id.host, port, proto);
        }
        for ip in ips {
            let name = name.clone().unwrap_or_else(|| ip.to_string());
            add(&mut all, settings, id.proto, &name, ip, id.port);
        }
    }
    choose_senders(&mut all);
    automatic_aliases(&mut all, names);
    Ok(all)
}

/// Address literal, interface, or name: its first IPv4 address, else its first, and its official name.
fn resolve(host: &str, names: &dyn Names) -> Result<(Vec<IpAddr>, Option<String>), String> {
    let bare = host
        .strip_prefix('[')
        .and_then(|h| h.strip_suffix(']'))
        .unwrap_or(host);
    match bare.parse() {
        Ok(ip) if IpAddr::is_unspecified(&ip) => return Ok((all_of_family(ip)?, None)),
        Ok(ip) => return Ok((vec![ip], None)),
        Err(_) => {}
    }
    let of_interface = interface_addresses(host);
    if !of_interface.is_empty() {
        return Ok((of_interface, None));
    }
    let wrong = |why: String| format!("could not resolve listen address {host}: {why}");
    let found = names.addresses(host).map_err(wrong)?;
    let all = &found.addresses;
    let first = all.iter().find(|ip| ip.is_ipv4()).or(all.first());
    let first = first.ok_or_else(|| wrong("it has no address".into()))?;
    Ok((vec![*first], Some(found.official)))
}

/// `0.0.0.0` and `[::]`: every address of the family that the machine has now, because a Via needs a real
/// one.
fn all_of_family(any: IpAddr) -> Result<Vec<IpAddr>, String> {
    let mut all = all_addresses();
    all.retain(|ip| ip.is_ipv4() == any.is_ipv4());
    if all.is_empty() {
        return Err(format!("no network interface has an address for {any}"));
    }
    Ok(all)
}

/// Adds a socket for each protocol that the entry means; without one UDP, TCP and TLS (port + 1).
fn add(
    all: &mut Listeners,
    settings: &Settings,
    proto: Option<Proto>,
    name: &str,
    ip: IpAddr,
    port: Option<u16>,
) {
    let port = port.filter(|port| *port != 0);
    let plain = port.unwrap_or(settings.port);
    let any = proto.is_none();
    if any || proto == Some(Proto::Udp) {
        push(&mut all.udp, Proto::Udp, name, ip, plain);
    }
    let stream = !ip.is_multicast() && !settings.disable_tcp;
    if stream && (any || proto == Some(Proto::Tcp)) {
        push(&mut all.tcp, Proto::Tcp, name, ip, plain);
    }
    if stream && !settings.disable_tls && (any || proto == Some(Proto::Tls)) {
        let port = if any {
            plain.saturating_add(1)
        } else {
            port.unwrap_or(settings.tls_port_no)
        };
        push(&mut all.tls, Proto::Tls, name, ip, port);
    }
}

fn push(list: &mut Vec<&'static SocketInfo>, proto: Proto, name: &str, ip: IpAddr, port: u16) {
    let addr = SocketAddr::new(ip, port);
    if !list.iter().any(|s| s.addr == addr) {
        list.push(socket_pool::socket(proto, name, addr));
    }
}

pub(super) fn choose_senders(all: &mut Listeners) {
    for socket in &all.udp {
        if socket.mcast {
            continue;
        }
        let place = if socket.addr.is_ipv4() {
            &mut all.send_ipv4
        } else {
            &mut all.send_ipv6
        };
        if place.is_none_or(|chosen| chosen.loopback && !socket.loopback && socket.addr.is_ipv4()) {
            *place = Some(socket);
        }
    }
}

/// The names of our addresses count as ours, with the socket's port and protocol.
fn automatic_aliases(all: &mut Listeners, names: &dyn Names) {
    let sockets: Vec<_> = all
        .udp
        .iter()
        .chain(&all.tcp)
        .chain(&all.tls)
        .copied()
        .collect();
    let mut ips: Vec<_> = sockets.iter().map(|s| s.ip()).collect();
    ips.sort_unstable();
    ips.dedup();
    let names: HashMap<_, _> = ips.iter().zip(names.names(&ips)).collect();
    for socket in sockets {
        for name in names.get(&socket.ip()).into_iter().flatten() {
            add_alias(&mut all.aliases, name, socket.port(), socket.proto);
        }
    }
}

/// Adds an alias as the newest unless it is there.
pub fn add_alias(aliases: &mut Vec<Alias>, host: &str, port: u16, proto: Proto) {
    let alias = Alias {
        host: host.to_owned(),
        port,
        proto,
    };
    if !aliases.contains(&alias) {
        aliases.insert(0, alias);
    }
}

fn without_brackets(host: &[u8]) -> &[u8] {
    host.strip_prefix(b"[")
        .and_then(|h| h.strip_suffix(b"]"))
        .unwrap_or(host)
}

/// Whether `host:port` by `proto` is one of our sockets or aliases; port 0 and [`Proto::None`] match any.
pub fn check_self(host: &[u8], port: u16, proto: Proto) -> bool {
    let all = get();
    let v6 = ipv6_literal(host);
    let same_host = |ours: &str| same_host(host, v6, ours);
    let socket_matches = |s: &&'static SocketInfo| {
        (port == 0 || s.port() == port) && (same_host(&s.addr_str) || same_host(&s.name))
    };
    let lists = [
        (Proto::Udp, &all.udp),
        (Proto::Tcp, &all.tcp),
        (Proto::Tls, &all.tls),
    ];
    let mut lists = lists
        .iter()
        .filter(|(p, _)| proto == Proto::None || *p == proto);
    lists.any(|(_, list)| list.iter().any(socket_matches))
        || all.aliases.iter().any(|a| {
            (port == 0 || a.port == 0 || a.port == port)
                && (proto == Proto::None || a.proto == Proto::None || a.proto == proto)
                && same_host(&a.host)
        })
}

/// The address that `host` is if it is an IPv6 literal, with or without brackets.
fn ipv6_literal(host: &[u8]) -> Option<Ipv6Addr> {
    let bare = without_brackets(host);
    // A host name has no colon, and this is asked for each message.
    bare.contains(&b':')
        .then(|| std::str::from_utf8(bare).ok()?.parse().ok())?
}

/// Names are the same in any case, IPv6 addresses (`v6`: what `host` is) however they are written.
fn same_host(host: &[u8], v6: Option<Ipv6Addr>, ours: &str) -> bool {
    match v6 {
        Some(ip) => ipv6_literal(ours.as_bytes()) == Some(ip),
        None => host.eq_ignore_ascii_case(ours.as_bytes()),
    }
}

/// Our socket with that address, port and protocol.
pub fn find_socket(ip: IpAddr, port: u16, proto: Proto) -> Option<&'static SocketInfo> {
    all_sockets().find(|s| {
        (proto == Proto::None || s.proto == proto)
            && s.ip() == ip
            && (port == 0 || s.port() == port)
    })
}

/// The default UDP sender for the family of `to`.
#[inline]
pub fn send_socket_for(to: &SocketAddr) -> Option<&'static SocketInfo> {
    if to.is_ipv4() {
        get().send_ipv4
    } else {
        get().send_ipv6
    }
}

/// The block that `-c` and every start print: `Listening on`, `Aliases`.
pub fn listen_block(all: &Listeners) -> String {
    let mut text = String::from("Listening on \n");
    for socket in all.udp.iter().chain(&all.tcp).chain(&all.tls) {
        let ip = without_brackets(socket.addr_str.as_bytes());
        let _ = writeln!(
            text,
            "             {}: {} [{}]:{}{}",
            socket.proto.name(),
            socket.name,
            String::from_utf8_lossy(ip),
            socket.port_str,
            if socket.mcast { " mcast" } else { "" }
        );
    }
    text.push_str("Aliases: \n");
    for alias in &all.aliases {
        let port = if alias.port == 0 {
            "*".to_owned()
        } else {
            alias.port.to_string()
        };
        let _ = writeln!(
            text,
            "             {}: {}:{port}",
            alias.proto.name(),
            alias.host
        );
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    struct NoNames;

    impl Names for NoNames {
        fn addresses(&self, _: &str) -> Result<Named, String> {
            Err("no such name".into())
        }
        fn names(&self, ips: &[IpAddr]) -> Vec<Vec<String>> {
            vec![Vec::new(); ips.len()]
        }
    }

    struct OneName;

    impl Names for OneName {
        fn addresses(&self, _: &str) -> Result<Named, String> {
            Ok(Named {
                official: "official.example.org".into(),
                addresses: vec!["2001:db8::1".parse().unwrap(), [192, 0, 2, 1].into()],
            })
        }
        fn names(&self, ips: &[IpAddr]) -> Vec<Vec<String>> {
            vec![vec!["reverse.example.org".into()]; ips.len()]
        }
    }

    #[test]
    fn a_name_is_listened_on_under_its_official_name_and_all_names_are_aliases() {
        let listen = [id(Some(Proto::Udp), "sip.example.org", Some(5070))];
        let all = build(&listen, &[], &Settings::default(), &OneName).unwrap();
        assert_eq!(all.udp[0].name, "official.example.org");
        assert_eq!(all.udp[0].addr, "192.0.2.1:5070".parse().unwrap());
        let names: Vec<_> = all.aliases.iter().map(|a| a.host.as_str()).collect();
        assert_eq!(names, ["reverse.example.org", "sip.example.org"]);
        assert!(all.aliases.iter().all(|a| a.port == 5070));
    }

    fn id(proto: Option<Proto>, host: &str, port: Option<u16>) -> SocketId {
        SocketId {
            proto,
            host: host.into(),
            port,
        }
    }

    #[test]
    fn an_entry_without_protocol_listens_on_udp_and_tcp() {
        let all = build(
            &[id(None, "127.0.0.1", Some(5990))],
            &[],
            &Settings::default(),
            &NoNames,
        )
        .unwrap();
        assert_eq!((all.udp.len(), all.tcp.len(), all.tls.len()), (1, 1, 0));
        let block = listen_block(&all);
        assert!(
            block.starts_with(
                "Listening on \n             udp: 127.0.0.1 [127.0.0.1]:5990\n             tcp: 127.0.0.1 [127.0.0.1]:5990\nAliases: \n"
            ),
            "{block}"
        );
    }

    #[test]
    fn tls_without_protocol_takes_the_next_port_and_its_own_default_otherwise() {
        let settings = Settings {
            disable_tls: false,
            ..Settings::default()
        };
        let listen = [
            id(None, "127.0.0.1", Some(5990)),
            id(Some(Proto::Tls), "127.0.0.2", None),
        ];
        let all = build(&listen, &[], &settings, &NoNames).unwrap();
        let ports: Vec<_> = all.tls.iter().map(|s| s.port()).collect();
        assert_eq!(ports, [5991, 5061]);
    }

    #[test]
    fn the_same_address_twice_is_one_socket() {
        let listen = [
            id(Some(Proto::Udp), "127.0.0.1", None),
            id(Some(Proto::Udp), "127.0.0.1", Some(5060)),
        ];
        assert_eq!(
            build(&listen, &[], &Settings::default(), &NoNames)
                .unwrap()
                .udp
                .len(),
            1
        );
    }

    #[test]
    fn a_later_address_replaces_a_loopback_as_default_sender() {
        let listen = [
            id(Some(Proto::Udp), "127.0.0.1", None),
            id(Some(Proto::Udp), "192.0.2.1", None),
        ];
        let all = build(&listen, &[], &Settings::default(), &NoNames).unwrap();
        assert_eq!(all.send_ipv4.unwrap().addr_str, "192.0.2.1");
    }

    #[test]
    fn an_ipv6_address_is_the_same_however_it_is_written() {
        let same =
            |host: &str, ours| same_host(host.as_bytes(), ipv6_literal(host.as_bytes()), ours);
        for host in ["2001:DB8::1", "[2001:db8:0:0::1]", "2001:db8:0:0:0:0:0:1"] {
            assert!(same(host, "[2001:db8::1]"), "{host}");
            assert!(!same(host, "[2001:db8::2]"), "{host}");
        }
        assert!(same("SIP.example.ORG", "sip.example.org"));
        assert!(!same("[zz::1]", "[::1]"));
    }

    #[test]
    fn the_unspecified_address_stands_for_all_that_the_machine_has() {
        let all = build(
            &[id(Some(Proto::Udp), "0.0.0.0", Some(0))],
            &[],
            &Settings::default(),
            &NoNames,
        );
        let all = all.unwrap();
        assert!(all.udp.iter().any(|s| s.addr_str == "127.0.0.1"), "{all:?}");
        assert!(
            all.udp
                .iter()
                .all(|s| !s.ip().is_unspecified() && s.port() == 5060)
        );
    }

    #[test]
    fn a_name_that_means_nothing_is_an_error() {
        let error = build(
            &[id(None, "no such host", None)],
            &[],
            &Settings::default(),
            &NoNames,
        )
        .unwrap_err();
        assert!(error.contains("no such host"), "{error}");
    }
}
