//! RFC 3263 over tables of facts.

use super::*;
use crate::core::dns::records::{Naptr, SetWriter, Srv};
use crate::core::settings::Settings;
use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;

#[derive(Default)]
struct Zone {
    sets: HashMap<(String, RecordType), Result<Vec<u8>, Failure>>,
    /// What is not listed: no such name, instead of unknown.
    complete: bool,
}

impl Facts for Zone {
    fn look(&self, question: &Question, see: &mut dyn FnMut(Known<'_>)) -> bool {
        let name = question.name.as_str().trim_end_matches('.').to_owned();
        match self.sets.get(&(name, question.rtype)) {
            Some(Ok(set)) => see(Known::Records(RecordSet::new(question.rtype, set))),
            Some(Err(why)) => see(Known::Nothing(*why)),
            None if self.complete => see(Known::Nothing(Failure::NoSuchName)),
            None => return false,
        }
        true
    }
}

impl Zone {
    fn complete() -> Zone {
        Zone {
            complete: true,
            ..Zone::default()
        }
    }

    fn with(mut self, name: &str, rtype: RecordType, fill: impl FnOnce(&mut SetWriter)) -> Zone {
        let mut set = SetWriter::default();
        fill(&mut set);
        self.sets.insert((name.into(), rtype), Ok(set.finish()));
        self
    }

    fn a(self, name: &str, ips: &[&str]) -> Zone {
        let ips = ips.iter().map(|ip| ip.parse::<IpAddr>().unwrap());
        let rtype = match ips.clone().next() {
            Some(IpAddr::V6(_)) => RecordType::Aaaa,
            _ => RecordType::A,
        };
        self.with(name, rtype, |set| {
            for ip in ips {
                assert!(set.address(ip));
            }
        })
    }

    fn srv(self, name: &str, all: &[(u16, u16, u16, &str)]) -> Zone {
        self.with(name, RecordType::Srv, |set| {
            for &(priority, weight, port, target) in all {
                let target = target.as_bytes();
                assert!(set.srv(&Srv {
                    priority,
                    weight,
                    port,
                    target
                }));
            }
        })
    }

    fn naptr(self, name: &str, all: &[(u16, &str, &str)]) -> Zone {
        self.with(name, RecordType::Naptr, |set| {
            for &(order, services, to) in all {
                assert!(set.naptr(&Naptr {
                    order,
                    preference: 1,
                    flags: b"s",
                    services: services.as_bytes(),
                    regexp: b"",
                    replacement: to.as_bytes(),
                }));
            }
        })
    }

    fn fails(mut self, name: &str, rtype: RecordType, why: Failure) -> Zone {
        self.sets.insert((name.into(), rtype), Err(why));
        self
    }

    fn walk(&self, query: Query<'_>, settings: &Settings, seed: u64) -> (Step, Vec<String>) {
        let needs = RefCell::new(Vec::new());
        let policy = Policy::new(settings, &[]);
        let step = walk(&query, &policy, self, seed, &mut |q| {
            let text = format!("{} {}", q.name, q.rtype.name());
            needs.borrow_mut().push(text);
        });
        (step, needs.into_inner())
    }

    fn to(&self, query: Query<'_>, settings: &Settings) -> Vec<String> {
        match self.walk(query, settings, 1).0 {
            Step::Done(all) => all
                .map(|d| format!("{}:{}", d.proto.name(), d.addr()))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    fn failure(&self, query: Query<'_>) -> Failure {
        match self.walk(query, &Settings::default(), 1).0 {
            Step::Failed(why) => why,
            other => panic!("{other:?}"),
        }
    }
}

fn udp(host: &str, port: u16) -> Query<'_> {
    Query::new(host.as_bytes(), port, Proto::Udp)
}

fn any(host: &str) -> Query<'_> {
    Query::new(host.as_bytes(), 0, Proto::None)
}

fn failover() -> Settings {
    Settings {
        use_dns_failover: true,
        ..Settings::default()
    }
}

fn naptr() -> Settings {
    Settings {
        dns_try_naptr: true,
        ..Settings::default()
    }
}

#[test]
fn an_address_needs_no_fact() {
    let to = Zone::default().to(udp("192.0.2.1", 0), &Settings::default());
    assert_eq!(to, ["udp:192.0.2.1:5060"]);
}

#[test]
fn a_port_means_that_no_srv_record_is_asked_for() {
    let zone = Zone::default().a("a.org", &["192.0.2.1", "192.0.2.2"]);
    let to = zone.to(udp("A.org", 5070), &Settings::default());
    assert_eq!(to, ["udp:192.0.2.1:5070"]);
}

#[test]
fn without_a_port_srv_records_lead_to_their_targets() {
    let zone = Zone::complete()
        .srv(
            "_sip._udp.a.org",
            &[(20, 1, 5080, "c.a.org."), (10, 1, 5070, "b.a.org.")],
        )
        .a("b.a.org", &["192.0.2.1"])
        .a("c.a.org", &["192.0.2.2", "192.0.2.3"]);
    let query = udp("a.org", 0);
    assert_eq!(zone.to(query, &Settings::default()), ["udp:192.0.2.1:5070"]);
    let all = [
        "udp:192.0.2.1:5070",
        "udp:192.0.2.2:5080",
        "udp:192.0.2.3:5080",
    ];
    assert_eq!(zone.to(query, &failover()), all);
}

#[test]
fn the_first_target_that_resolves_is_taken() {
    let zone = Zone::complete()
        .srv(
            "_sip._udp.a.org",
            &[(10, 1, 5070, "gone.a.org."), (20, 1, 5080, "c.a.org.")],
        )
        .a("c.a.org", &["192.0.2.2"]);
    let to = zone.to(udp("a.org", 0), &Settings::default());
    assert_eq!(to, ["udp:192.0.2.2:5080"]);
}

#[test]
fn without_srv_records_the_host_itself_is_taken_with_the_default_port() {
    let zone = Zone::complete().a("a.org", &["192.0.2.1"]);
    let settings = Settings::default();
    assert_eq!(zone.to(udp("a.org", 0), &settings), ["udp:192.0.2.1:5060"]);
    let tls = Query::new(b"a.org", 0, Proto::Tls);
    assert_eq!(zone.to(tls, &settings), ["tls:192.0.2.1:5061"]);
}

#[test]
fn ipv6_is_the_fallback_or_the_first_as_the_flags_say() {
    let six = Zone::complete().a("a.org", &["2001:db8::1"]);
    let to = six.to(udp("a.org", 5060), &Settings::default());
    assert_eq!(to, ["udp:[2001:db8::1]:5060"]);
    let both = six.a("a.org", &["192.0.2.1"]);
    let to = both.to(udp("a.org", 5060), &Settings::default());
    assert_eq!(to, ["udp:192.0.2.1:5060"]);
    let first = Settings {
        dns_cache_flags: 4,
        ..failover()
    };
    let to = both.to(udp("a.org", 5060), &first);
    assert_eq!(to, ["udp:[2001:db8::1]:5060", "udp:192.0.2.1:5060"]);
}

#[test]
fn questions_are_asked_step_by_step_and_together_where_all_is_wanted() {
    let zone = Zone::default();
    let (step, needs) = zone.walk(udp("a.org", 0), &Settings::default(), 1);
    assert!(matches!(step, Step::Need(None)));
    assert_eq!(needs, ["_sip._udp.a.org SRV"]);
    let zone = zone.srv(
        "_sip._udp.a.org",
        &[(10, 1, 5070, "b.org."), (20, 1, 5080, "c.org.")],
    );
    let (_, needs) = zone.walk(udp("a.org", 0), &Settings::default(), 1);
    assert_eq!(needs, ["b.org. A"]);
    let zone = zone.a("c.org", &["192.0.2.2"]);
    let (step, needs) = zone.walk(udp("a.org", 0), &failover(), 1);
    assert_eq!(needs, ["b.org. A", "b.org. AAAA", "c.org. AAAA"]);
    match step {
        Step::Need(Some(known)) => assert_eq!(known.rest().len(), 1),
        other => panic!("{other:?}"),
    }
}

#[test]
fn naptr_records_choose_the_protocol() {
    let zone = Zone::complete()
        .naptr(
            "a.org",
            &[
                (1, "SIP+D2T", "_sip._tcp.x.org."),
                (2, "SIP+D2U", "_sip._udp.y.org."),
            ],
        )
        .srv("_sip._tcp.x.org", &[(1, 1, 5071, "h.org.")])
        .srv("_sip._udp.y.org", &[(1, 1, 5072, "h.org.")])
        .a("h.org", &["192.0.2.1"]);
    assert_eq!(zone.to(any("a.org"), &naptr()), ["udp:192.0.2.1:5072"]);
    let theirs = Settings {
        dns_naptr_ignore_rfc: false,
        ..naptr()
    };
    assert_eq!(zone.to(any("a.org"), &theirs), ["tcp:192.0.2.1:5071"]);
    let all = Settings {
        use_dns_failover: true,
        ..naptr()
    };
    let to = zone.to(any("a.org"), &all);
    assert_eq!(to, ["udp:192.0.2.1:5072", "tcp:192.0.2.1:5071"]);
    // A protocol that the URI names is not overruled.
    let (_, needs) = Zone::default().walk(udp("a.org", 0), &naptr(), 1);
    assert_eq!(needs, ["_sip._udp.a.org SRV"]);
}

#[test]
fn without_naptr_records_the_best_protocol_with_srv_records_is_taken() {
    let zone = Zone::complete()
        .srv("_sip._tcp.a.org", &[(1, 1, 5071, "h.org.")])
        .srv("_sips._tcp.a.org", &[(1, 1, 5073, "h.org.")])
        .a("h.org", &["192.0.2.1"])
        .a("a.org", &["192.0.2.9"]);
    assert_eq!(zone.to(any("a.org"), &naptr()), ["tcp:192.0.2.1:5071"]);
    let sips = Query {
        sips: true,
        ..any("a.org")
    };
    assert_eq!(zone.to(sips, &naptr()), ["tls:192.0.2.1:5073"]);
    let bare = Zone::complete().a("a.org", &["192.0.2.9"]);
    assert_eq!(bare.to(any("a.org"), &naptr()), ["udp:192.0.2.9:5060"]);
    // Without dns_try_naptr nothing is asked for it.
    let (_, needs) = Zone::default().walk(any("a.org"), &Settings::default(), 1);
    assert_eq!(needs, ["_sip._udp.a.org SRV"]);
}

#[test]
fn a_name_leads_nowhere_for_the_reason_that_tells_most() {
    let query = udp("a.org", 0);
    assert_eq!(Zone::complete().failure(query), Failure::NoSuchName);
    let zone = Zone::complete()
        .fails("a.org", RecordType::A, Failure::NoAddress)
        .fails("a.org", RecordType::Aaaa, Failure::NoAddress);
    assert_eq!(zone.failure(query), Failure::NoAddress);
    assert_eq!(Zone::default().failure(udp("a b", 0)), Failure::BadName);
}

#[test]
fn silence_about_srv_records_is_not_taken_for_a_no() {
    let zone = Zone::default()
        .fails("_sip._udp.a.org", RecordType::Srv, Failure::Timeout)
        .a("a.org", &["192.0.2.1"]);
    assert_eq!(zone.failure(udp("a.org", 0)), Failure::Timeout);
}

#[test]
fn a_domain_that_does_not_offer_the_service_is_not_bothered() {
    let zone = Zone::default()
        .srv("_sip._udp.a.org", &[(0, 0, 0, ".")])
        .a("a.org", &["192.0.2.1"]);
    assert_eq!(zone.failure(udp("a.org", 0)), Failure::NotOffered);
}

#[test]
fn a_name_too_long_for_srv_is_taken_as_it_is() {
    let name = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "b".repeat(60));
    let zone = Zone::complete().a(&name, &["192.0.2.1"]);
    let to = zone.to(udp(&name, 0), &Settings::default());
    assert_eq!(to, ["udp:192.0.2.1:5060"]);
}

#[test]
fn a_walk_with_the_same_seed_makes_the_same_choices() {
    let settings = Settings {
        dns_srv_lb: true,
        ..Settings::default()
    };
    let zone = Zone::default().srv(
        "_sip._udp.a.org",
        &[
            (1, 5, 1, "a.org."),
            (1, 5, 2, "b.org."),
            (1, 5, 3, "c.org."),
        ],
    );
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let (_, one) = zone.walk(udp("a.org", 0), &settings, seed);
        let (_, two) = zone.walk(udp("a.org", 0), &settings, seed);
        assert_eq!(one, two);
        seen.extend(one);
    }
    assert_eq!(seen.len(), 3);
}

#[test]
fn a_target_that_nobody_tells_of_is_passed_over_after_one_question() {
    let zone = Zone::default()
        .srv(
            "_sip._udp.a.org",
            &[(10, 1, 5070, "b.org."), (20, 1, 5080, "c.org.")],
        )
        .fails("b.org", RecordType::A, Failure::Timeout)
        .a("c.org", &["2001:db8::1"]);
    let (_, needs) = zone.walk(udp("a.org", 0), &Settings::default(), 1);
    assert_eq!(needs, ["c.org. A"], "but not b.org. AAAA");
    let zone = zone.fails("c.org", RecordType::A, Failure::NoAddress);
    let to = zone.to(udp("a.org", 0), &Settings::default());
    assert_eq!(to, ["udp:[2001:db8::1]:5080"]);
}
