//! From a host to destinations by RFC 3263 §4: NAPTR, SRV, A and AAAA, as far as facts are known.
//!
//! One walk serves everybody: a receiver walks over the cache and sees at once whether everything is
//! there; the resolver walks over what it has learned, asks for what is missing, and walks again.
//! Nothing here does I/O. With the same seed a walk makes the same choices.

use super::name::HostName;
use super::naptr_choice::{Offers, offers};
use super::policy::Policy;
use super::random::Rng;
use super::records::{Question, RecordSet, RecordType};
use super::srv_order::Targets;
use super::{Destination, Destinations, Failure, Query, default_port};
use crate::core::net::Proto;

/// What is known of a question.
pub(super) enum Known<'f> {
    Records(RecordSet<'f>),
    /// There are none.
    Nothing(Failure),
}

/// Where facts come from.
pub(super) trait Facts {
    /// Shows what is known; false if that is nothing.
    fn look(&self, question: &Question, see: &mut dyn FnMut(Known<'_>)) -> bool;
}

/// Where a walk ends.
#[derive(Debug)]
pub(super) enum Step {
    /// Everything is known.
    Done(Destinations),
    Failed(Failure),
    /// Some questions must be asked first; with failover these destinations are known already.
    Need(Option<Destinations>),
}

/// Walks. `need` gets each question whose answer is missing.
pub(super) fn walk(
    query: &Query<'_>,
    policy: &Policy,
    facts: &dyn Facts,
    seed: u64,
    need: &mut dyn FnMut(&Question),
) -> Step {
    if let Some(only) = query.literal_list() {
        return Step::Done(only);
    }
    let host = match HostName::parse(query.host) {
        Ok(host) => host,
        Err(why) => return Step::Failed(why),
    };
    let mut walk = Walk {
        policy,
        facts,
        need,
        rng: Rng(seed),
        found: None,
        missing: false,
        failure: None,
    };
    walk.host(&host, query);
    walk.end()
}

struct Walk<'w> {
    policy: &'w Policy,
    facts: &'w dyn Facts,
    need: &'w mut dyn FnMut(&Question),
    rng: Rng,
    found: Option<Destinations>,
    missing: bool,
    failure: Option<Failure>,
}

impl Walk<'_> {
    fn end(self) -> Step {
        match (self.missing, self.found) {
            (true, found) => Step::Need(found),
            (false, Some(found)) => Step::Done(found),
            (false, None) => Step::Failed(self.failure.unwrap_or(Failure::NoAddress)),
        }
    }

    fn host(&mut self, host: &HostName, query: &Query<'_>) {
        let proto = query.plain_proto();
        if query.port != 0 {
            self.addresses(host, query.port, proto);
        } else if query.proto == Proto::None && self.policy.naptr {
            self.by_naptr(host, query.sips);
            self.fall_back(host, proto);
        } else {
            self.by_srv(host, proto);
            self.fall_back(host, proto);
        }
    }

    /// The addresses of the host itself, where no SRV record leads anywhere.
    fn fall_back(&mut self, host: &HostName, proto: Proto) {
        let over = matches!(self.failure, Some(Failure::NotOffered | Failure::Timeout));
        if self.found.is_none() && !self.missing && !over {
            self.addresses(host, default_port(proto), proto);
        }
    }

    /// Whether the walk may stop: enough is found, or what comes first is not known.
    fn is_over(&self) -> bool {
        let found = self.found.as_ref().map_or(0, |found| found.rest().len());
        found >= self.policy.limit() || (self.missing && !self.policy.failover)
    }

    fn by_naptr(&mut self, host: &HostName, sips: bool) {
        let mut all = Offers::default();
        let policy = self.policy;
        self.look(host, RecordType::Naptr, |set| {
            all = offers(set, policy, sips);
        });
        for offer in all.iter().flatten() {
            if !self.is_over() {
                self.srv_set(&offer.srv, offer.proto);
            }
        }
        let no_way = self.found.is_none() && !self.missing;
        if no_way && self.failure != Some(Failure::Timeout) {
            self.by_any_srv(host, sips);
        }
    }

    /// Nobody says which protocol: the best of those that have SRV records (RFC 3263 §4.1).
    fn by_any_srv(&mut self, host: &HostName, sips: bool) {
        for proto in self.policy.protos(sips) {
            if !self.is_over() {
                self.by_srv(host, proto);
            }
        }
    }

    fn by_srv(&mut self, host: &HostName, proto: Proto) {
        let prefix: &[u8] = match proto {
            Proto::Udp => b"_sip._udp.",
            Proto::Tcp => b"_sip._tcp.",
            Proto::Tls => b"_sips._tcp.",
            Proto::Sctp => b"_sip._sctp.",
            Proto::None | Proto::Ws | Proto::Wss => return,
        };
        match HostName::join(prefix, host.as_bytes()) {
            Ok(name) => self.srv_set(&name, proto),
            Err(_) => log::warn!("WARNING: domain name too long for SRV: {host}"),
        }
    }

    fn srv_set(&mut self, name: &HostName, proto: Proto) {
        let mut targets = Targets::default();
        self.look(name, RecordType::Srv, |set| {
            set.srvs().for_each(|srv| targets.add(&srv));
        });
        if targets.refused {
            self.fail(Failure::NotOffered);
        }
        if self.policy.balance {
            targets.balance(&mut self.rng);
        }
        for target in targets.iter() {
            if !self.is_over() {
                self.addresses(&target.name, target.port, proto);
            }
        }
    }

    /// A, then AAAA where there is none or all are wanted (the other way round with `dns_cache_flags`
    /// 4).
    fn addresses(&mut self, host: &HostName, port: u16, proto: Proto) {
        let (a, aaaa) = (
            (RecordType::A, self.policy.ipv4),
            (RecordType::Aaaa, self.policy.ipv6),
        );
        let order = match self.policy.ipv6_first {
            true => [aaaa, a],
            false => [a, aaaa],
        };
        for (rtype, _) in order.into_iter().filter(|(_, wanted)| *wanted) {
            let why = match self.is_over() {
                true => return,
                false => self.address_set(host, rtype, port, proto),
            };
            // Who is silent about one family is so about the other.
            if why == Some(Failure::Timeout) {
                return;
            }
        }
    }

    fn address_set(
        &mut self,
        host: &HostName,
        rtype: RecordType,
        port: u16,
        proto: Proto,
    ) -> Option<Failure> {
        let limit = self.policy.limit();
        let mut found = self.found.take();
        let why = self.look(host, rtype, |set| {
            for ip in set.addresses() {
                let to = Destination { ip, proto, port };
                match &mut found {
                    Some(list) if list.rest().len() < limit => {
                        list.push(to);
                    }
                    Some(_) => break,
                    None => found = Some(Destinations::one(to)),
                }
            }
        });
        self.found = found;
        why
    }

    /// Shows `see` the set, or notes and returns why there is none.
    fn look(
        &mut self,
        name: &HostName,
        rtype: RecordType,
        mut see: impl FnMut(RecordSet<'_>),
    ) -> Option<Failure> {
        let question = Question { name: *name, rtype };
        let mut failure = None;
        let known = self.facts.look(&question, &mut |known| match known {
            Known::Records(set) => see(set),
            Known::Nothing(why) => failure = Some(why),
        });
        if let Some(why) = failure {
            self.fail(why);
        }
        if !known {
            self.missing = true;
            (self.need)(&question);
        }
        failure
    }

    /// Keeps the failure that tells most.
    fn fail(&mut self, why: Failure) {
        let rank = |f: Failure| match f {
            Failure::NoSuchName => 0,
            Failure::NoAddress => 1,
            Failure::ServerFailure => 2,
            Failure::NotOffered => 3,
            Failure::Timeout | Failure::BadName | Failure::NoMemory | Failure::Busy => 4,
        };
        if self.failure.is_none_or(|old| rank(old) <= rank(why)) {
            self.failure = Some(why);
        }
    }
}

#[cfg(test)]
mod tests;
