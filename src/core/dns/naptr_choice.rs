//! Which protocols a domain's NAPTR records offer, in the order to try them (RFC 3263 §4.1).

use super::name::HostName;
use super::policy::Policy;
use super::records::{Naptr, RecordSet};
use crate::core::net::Proto;

/// More records than this are not looked at.
const MAX_OFFERS: usize = 8;

/// One way that the domain offers: the name of the SRV set to ask for, and its protocol.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub srv: HostName,
    pub proto: Proto,
    order: u16,
    preference: u16,
}

/// Offers, best first.
pub(super) type Offers = [Option<Offer>; MAX_OFFERS];

/// The offers that we can take, best first.
pub(super) fn offers(set: RecordSet<'_>, policy: &Policy, sips: bool) -> Offers {
    let usable = |offer: &Offer| {
        policy.preference(offer.proto).is_some() && (!sips || offer.proto == Proto::Tls)
    };
    let mut all = Offers::default();
    let found = set.naptrs().filter_map(read).filter(usable);
    let mut len = 0;
    for (place, offer) in all.iter_mut().zip(found) {
        (*place, len) = (Some(offer), len + 1);
    }
    all[..len].sort_unstable_by_key(|offer| {
        let offer = offer.as_ref()?;
        let ours = std::cmp::Reverse(policy.preference(offer.proto));
        let theirs = (offer.order, offer.preference);
        Some(match policy.ignore_order {
            // Their order settles only what we do not mind.
            true => (Some(ours), theirs, None),
            false => (None, theirs, Some(ours)),
        })
    });
    all
}

/// A rule for SIP that leads to SRV records.
fn read(naptr: Naptr<'_>) -> Option<Offer> {
    let proto = proto_of(naptr.services)?;
    if !naptr.flags.eq_ignore_ascii_case(b"s") || !naptr.regexp.is_empty() {
        return None;
    }
    Some(Offer {
        srv: HostName::parse(naptr.replacement).ok()?,
        proto,
        order: naptr.order,
        preference: naptr.preference,
    })
}

fn proto_of(services: &[u8]) -> Option<Proto> {
    const SERVICES: [(&[u8], Proto); 4] = [
        (b"SIP+D2U", Proto::Udp),
        (b"SIP+D2T", Proto::Tcp),
        (b"SIPS+D2T", Proto::Tls),
        (b"SIP+D2S", Proto::Sctp),
    ];
    let found = SERVICES
        .iter()
        .find(|(name, _)| services.eq_ignore_ascii_case(name));
    found.map(|(_, proto)| *proto)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::dns::records::{RecordType, SetWriter};
    use crate::core::settings::Settings;

    fn choose(settings: &Settings, sips: bool) -> Vec<(String, Proto)> {
        let mut set = SetWriter::default();
        for (order, preference, flags, services, regexp, to) in [
            (20, 10, "s", "SIP+D2U", "", "_sip._udp.e.org."),
            (10, 50, "S", "sips+d2t", "", "_sips._tcp.e.org."),
            (10, 40, "s", "SIP+D2T", "", "_sip._tcp.e.org."),
            (1, 1, "u", "SIP+D2U", "", "_sip._udp.wrong-flag.org."),
            (1, 1, "s", "E2U+sip", "", "_sip._udp.wrong-service.org."),
            (1, 1, "s", "SIP+D2U", "!^.*$!x!", "_sip._udp.regexp.org."),
            (1, 1, "s", "SIP+D2U", "", "."),
        ] {
            assert!(set.naptr(&Naptr {
                order,
                preference,
                flags: flags.as_bytes(),
                services: services.as_bytes(),
                regexp: regexp.as_bytes(),
                replacement: to.as_bytes(),
            }));
        }
        let bytes = set.finish();
        let set = RecordSet::new(RecordType::Naptr, &bytes);
        offers(set, &Policy::new(settings, &[]), sips)
            .iter()
            .flatten()
            .map(|o| (o.srv.to_string(), o.proto))
            .collect()
    }

    #[test]
    fn our_preference_goes_before_the_order_of_the_domain() {
        let protos: Vec<_> = choose(&Settings::default(), false)
            .into_iter()
            .map(|o| o.1)
            .collect();
        assert_eq!(protos, [Proto::Udp, Proto::Tcp, Proto::Tls]);
    }

    #[test]
    fn the_order_of_the_domain_decides_where_we_leave_it_to_it() {
        let settings = Settings {
            dns_naptr_ignore_rfc: false,
            ..Settings::default()
        };
        let all = choose(&settings, false);
        let protos: Vec<_> = all.iter().map(|o| o.1).collect();
        assert_eq!(protos, [Proto::Tcp, Proto::Tls, Proto::Udp]);
        let alike = Settings {
            dns_udp_pref: 1,
            dns_tcp_pref: 1,
            dns_tls_pref: 1,
            ..Settings::default()
        };
        assert_eq!(choose(&alike, false), all);
    }

    #[test]
    fn a_protocol_can_be_ruled_out_and_sips_takes_tls_alone() {
        let settings = Settings {
            dns_udp_pref: -1,
            ..Settings::default()
        };
        assert_eq!(choose(&settings, false)[0].1, Proto::Tcp);
        let tls = ("_sips._tcp.e.org.".to_string(), Proto::Tls);
        assert_eq!(choose(&settings, true), [tls]);
    }
}
