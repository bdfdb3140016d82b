//! What the parameters and the sockets of this server say about the way from a name to destinations.

use super::MAX_DESTINATIONS;
use crate::core::in_force::InForce;
use crate::core::net::{Proto, SocketInfo, all_sockets};
use crate::core::settings::{self, Settings};

/// `dns_cache_flags`.
mod flag {
    pub const IPV4_ONLY: u32 = 1;
    pub const IPV6_ONLY: u32 = 2;
    pub const IPV6_FIRST: u32 = 4;
}

/// The protocols that NAPTR and SRV can speak of, as SER prefers them where preferences are equal.
pub(super) const PROTOS: [Proto; 4] = [Proto::Udp, Proto::Tcp, Proto::Sctp, Proto::Tls];

static POLICY: InForce<Policy> = InForce::new();

/// Fixed once the sockets are known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Policy {
    /// `dns_try_naptr`
    pub naptr: bool,
    /// `dns_naptr_ignore_rfc`
    pub ignore_order: bool,
    /// `dns_srv_lb`
    pub balance: bool,
    /// `use_dns_failover`: all destinations are wanted, not the first alone.
    pub failover: bool,
    pub ipv4: bool,
    pub ipv6: bool,
    pub ipv6_first: bool,
    /// In the order of [`PROTOS`]; negative: not to be used.
    preferences: [i32; PROTOS.len()],
    /// [`PROTOS`], the best first.
    by_preference: [Proto; PROTOS.len()],
}

impl Policy {
    /// From the parameters and the sockets that we can send from (none: any address will do).
    pub fn new(settings: &Settings, sockets: &[&SocketInfo]) -> Policy {
        let flags = settings.dns_cache_flags;
        let v4_only = flags & flag::IPV4_ONLY != 0 && flags & flag::IPV6_ONLY == 0;
        let has = |v4: bool| sockets.is_empty() || sockets.iter().any(|s| s.addr.is_ipv4() == v4);
        let ipv6 = settings.dns_try_ipv6 && !v4_only && has(false);
        let speaks = |proto| sockets.is_empty() || sockets.iter().any(|s| s.proto == proto);
        let preference = |proto| match proto {
            _ if !speaks(proto) => -1,
            Proto::Udp => settings.dns_udp_pref,
            Proto::Tcp => settings.dns_tcp_pref,
            Proto::Tls => settings.dns_tls_pref,
            Proto::Sctp => settings.dns_sctp_pref,
            Proto::None | Proto::Ws | Proto::Wss => -1,
        };
        let mut by_preference = PROTOS;
        by_preference.sort_by_key(|p| std::cmp::Reverse(preference(*p)));
        Policy {
            by_preference,
            naptr: settings.dns_try_naptr,
            ignore_order: settings.dns_naptr_ignore_rfc,
            balance: settings.dns_srv_lb,
            failover: settings.use_dns_failover && settings.use_dns_cache,
            ipv4: flags & flag::IPV6_ONLY == 0 && has(true),
            ipv6,
            ipv6_first: ipv6 && flags & flag::IPV6_FIRST != 0,
            preferences: PROTOS.map(preference),
        }
    }

    /// That of the running server.
    pub fn get() -> &'static Policy {
        POLICY.get().unwrap_or_else(Policy::put)
    }

    /// Puts what the settings and sockets in force come to in force.
    pub fn put() -> &'static Policy {
        let sockets: Vec<_> = all_sockets().collect();
        POLICY.put(Policy::new(settings::get(), &sockets))
    }

    /// This process keeps that of now.
    pub fn keep() {
        POLICY.keep();
    }

    /// How much we like a protocol; `None`: not at all.
    pub fn preference(&self, proto: Proto) -> Option<i32> {
        let at = PROTOS.iter().position(|p| *p == proto)?;
        Some(self.preferences[at]).filter(|p| *p >= 0)
    }

    /// The protocols to ask SRV records for when nothing else decides, best first.
    pub fn protos(&self, sips: bool) -> impl Iterator<Item = Proto> {
        let usable = move |p: &Proto| self.preference(*p).is_some() && (!sips || *p == Proto::Tls);
        self.by_preference.into_iter().filter(usable)
    }

    /// How many destinations are wanted.
    pub fn limit(&self) -> usize {
        if self.failover { MAX_DESTINATIONS } else { 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket(proto: Proto, addr: &str) -> SocketInfo {
        SocketInfo::new(0, proto, "x".into(), addr.parse().unwrap())
    }

    #[test]
    fn only_families_and_protocols_that_we_have_sockets_for_are_used() {
        let (udp, tcp) = (
            socket(Proto::Udp, "192.0.2.1:5060"),
            socket(Proto::Tcp, "192.0.2.1:5060"),
        );
        let policy = Policy::new(&Settings::default(), &[&udp, &tcp]);
        assert!(policy.ipv4 && !policy.ipv6);
        assert!(policy.protos(false).eq([Proto::Udp, Proto::Tcp]));
        assert_eq!(policy.protos(true).count(), 0);
        let six = socket(Proto::Udp, "[2001:db8::1]:5060");
        let policy = Policy::new(&Settings::default(), &[&six]);
        assert!(!policy.ipv4 && policy.ipv6);
    }

    #[test]
    fn flags_and_preferences_narrow_the_choice() {
        let settings = |flags| Settings {
            dns_cache_flags: flags,
            dns_udp_pref: -1,
            dns_tls_pref: 50,
            ..Settings::default()
        };
        let families = |flags| {
            let p = Policy::new(&settings(flags), &[]);
            (p.ipv4, p.ipv6, p.ipv6_first)
        };
        assert_eq!(families(0), (true, true, false));
        assert_eq!(families(1), (true, false, false));
        assert_eq!(families(2), (false, true, false));
        assert_eq!(families(4), (true, true, true));
        let policy = Policy::new(&settings(0), &[]);
        let order = [Proto::Tls, Proto::Tcp, Proto::Sctp];
        assert!(policy.protos(false).eq(order));
        assert_eq!(policy.limit(), 1);
    }

    #[test]
    fn failover_needs_the_cache() {
        let settings = |cache| Settings {
            use_dns_failover: true,
            use_dns_cache: cache,
            ..Settings::default()
        };
        assert!(Policy::new(&settings(true), &[]).failover);
        assert!(!Policy::new(&settings(false), &[]).failover);
    }
}
