//! One question on its way: which name, which server, what the answers mean. No I/O and no clock.
//!
//! A name that is not complete is tried with the domains of the search list (res_search(3)); aliases
//! that an answer leaves open are followed; servers that fail are passed over. The end is one fact.

use crate::core::dns::Failure;
use crate::core::dns::cache::Fact;
use crate::core::dns::name::HostName;
use crate::core::dns::records::{Question, RecordType};
use crate::core::dns::resolv_conf::ResolvConf;
use crate::core::dns::wire::{Answer, MAX_ALIASES};
use std::net::SocketAddr;
use std::time::Duration;

/// A question on its way.
#[derive(Debug)]
pub(super) struct Asking {
    rtype: RecordType,
    /// What is asked now, complete.
    name: HostName,
    /// What is asked if there is no such name; the next is the last.
    candidates: Vec<HostName>,
    aliases: usize,
    /// Shortest time to live of the aliases followed.
    ttl: u32,
    tries: u32,
    /// The server that the first try goes to.
    first_server: u32,
    /// A server answered, but not the question.
    refused: bool,
    /// The best that was said about candidates that are not it.
    negative: Option<Fact>,
}

/// What is to be done next.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "short-lived, on the stack")]
pub(super) enum Next {
    /// Send to the next server.
    Send,
    /// Send to the same server again, by TCP.
    SendByTcp,
    /// This is the answer, under this official name if there are records.
    End(Fact, HostName),
}

impl Asking {
    /// The way of `question`; `random` chooses the first server (option `rotate`).
    pub fn new(question: &Question, conf: &ResolvConf, random: u32) -> Result<Asking, Failure> {
        let mut candidates = candidates(&question.name, conf);
        let servers = conf.servers.len().max(1) as u32;
        Ok(Asking {
            rtype: question.rtype,
            name: candidates.pop().ok_or(Failure::BadName)?,
            candidates,
            aliases: 0,
            ttl: u32::MAX,
            tries: 0,
            first_server: if conf.rotate { random % servers } else { 0 },
            refused: false,
            negative: None,
        })
    }

    /// The question as it is asked now.
    pub fn question(&self) -> Question {
        let (name, rtype) = (self.name, self.rtype);
        Question { name, rtype }
    }

    /// The next server to send to, and how long it gets; `None`: all had their chance.
    pub fn next_try(&mut self, conf: &ResolvConf) -> Option<(SocketAddr, Duration)> {
        if self.tries >= conf.tries() {
            return None;
        }
        let patience = conf.patience(self.tries);
        let index = (self.tries + self.first_server) as usize % conf.servers.len().max(1);
        self.tries += 1;
        Some((*conf.servers.get(index)?, patience))
    }

    /// Takes an answer in.
    pub fn hear(&mut self, answer: Answer) -> Next {
        match answer {
            Answer::Records { set, ttl, owner } => {
                let ttl = Some(ttl.min(self.ttl));
                Next::End(Fact { set: Ok(set), ttl }, owner)
            }
            Answer::Alias { to, ttl } => self.follow(to, ttl),
            Answer::NoName { ttl } => self.deny(Failure::NoSuchName, ttl),
            Answer::NoData { ttl } => self.deny(Failure::NoAddress, ttl),
            Answer::Truncated => Next::SendByTcp,
            Answer::Refused => {
                self.refused = true;
                Next::Send
            }
        }
    }

    fn follow(&mut self, to: HostName, ttl: u32) -> Next {
        self.aliases += 1;
        if self.aliases > MAX_ALIASES {
            return self.end(Failure::ServerFailure, None);
        }
        (self.name, self.ttl) = (to, self.ttl.min(ttl));
        self.tries = 0;
        Next::Send
    }

    /// This name has no such record; another candidate may.
    fn deny(&mut self, why: Failure, ttl: Option<u32>) -> Next {
        let known = self.negative.as_ref().map(|n| &n.set);
        if !matches!(known, Some(Err(Failure::NoAddress))) {
            let set = Err(why);
            self.negative = Some(Fact { set, ttl });
        }
        match self.next_candidate() {
            true => Next::Send,
            false => self.end(why, ttl),
        }
    }

    fn next_candidate(&mut self) -> bool {
        // Once an alias was followed, the name exists.
        let next = self.candidates.pop().filter(|_| self.aliases == 0);
        if let Some(name) = next {
            self.name = name;
            self.tries = 0;
        }
        next.is_some()
    }

    /// No server is left to ask about this name. `None`: another candidate is to be sent.
    pub fn exhausted(&mut self) -> Next {
        if self.refused && self.next_candidate() {
            return Next::Send;
        }
        let why = match self.refused {
            true => Failure::ServerFailure,
            false => Failure::Timeout,
        };
        let fact = Fact {
            set: Err(why),
            ttl: None,
        };
        Next::End(fact, self.name)
    }

    fn end(&mut self, why: Failure, ttl: Option<u32>) -> Next {
        let set = Err(why);
        let fact = self.negative.take().unwrap_or(Fact { set, ttl });
        Next::End(fact, self.name)
    }
}

/// The complete names to ask for, the first one last: as it is first if it has enough dots, then within
/// each domain of the search list.
fn candidates(name: &HostName, conf: &ResolvConf) -> Vec<HostName> {
    let as_it_is = name.complete().ok();
    let mut all: Vec<HostName> = Vec::new();
    if !name.is_complete() {
        let within = |domain: &String| name.append(domain.as_bytes()).ok();
        all.extend(conf.search.iter().filter_map(within));
    }
    match name.is_complete() || name.dots() >= conf.ndots {
        true => all.splice(..0, as_it_is).for_each(drop),
        false => all.extend(as_it_is),
    }
    all.reverse();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(servers: usize, search: &[&str]) -> ResolvConf {
        let server = |i: usize| SocketAddr::from(([192, 0, 2, i as u8], 53));
        ResolvConf {
            servers: (1..=servers).map(server).collect(),
            search: search.iter().map(|s| s.to_string()).collect(),
            ..ResolvConf::default()
        }
    }

    fn ask(name: &str, conf: &ResolvConf) -> Asking {
        let name = HostName::parse(name.as_bytes()).unwrap();
        let rtype = RecordType::A;
        Asking::new(&Question { name, rtype }, conf, 1).unwrap()
    }

    fn names(name: &str, conf: &ResolvConf) -> Vec<String> {
        let mut asking = ask(name, conf);
        let mut names = vec![asking.question().name.to_string()];
        while let Next::Send = asking.hear(Answer::NoName { ttl: None }) {
            names.push(asking.question().name.to_string());
        }
        names
    }

    #[test]
    fn the_search_list_is_gone_through_in_order() {
        let conf = conf(1, &["a.org", "b.org"]);
        assert_eq!(names("x", &conf), ["x.a.org.", "x.b.org.", "x."]);
        assert_eq!(names("x.y", &conf), ["x.y.", "x.y.a.org.", "x.y.b.org."]);
        assert_eq!(names("x.y.", &conf), ["x.y."]);
    }

    #[test]
    fn every_server_is_asked_in_every_round() {
        let conf = conf(2, &[]);
        let mut asking = ask("x.y", &conf);
        let mut hosts = Vec::new();
        while let Some((server, _)) = asking.next_try(&conf) {
            hosts.push(server.to_string());
        }
        let round = ["192.0.2.1:53", "192.0.2.2:53"];
        assert_eq!(hosts, [round, round].concat());
        match asking.exhausted() {
            Next::End(fact, _) => assert_eq!(fact.set, Err(Failure::Timeout)),
            other => panic!("{other:?}"),
        }
        let rotated = ResolvConf {
            rotate: true,
            ..conf
        };
        let first = ask("x.y", &rotated).next_try(&rotated).unwrap().0;
        assert_eq!(first.to_string(), "192.0.2.2:53");
    }

    #[test]
    fn servers_that_refuse_are_told_apart_from_silence() {
        let conf = conf(1, &["a.org"]);
        let mut asking = ask("x.y", &conf);
        assert!(matches!(asking.hear(Answer::Refused), Next::Send));
        assert!(matches!(asking.exhausted(), Next::Send), "the search list");
        assert!(matches!(asking.hear(Answer::Refused), Next::Send));
        match asking.exhausted() {
            Next::End(fact, _) => assert_eq!(fact.set, Err(Failure::ServerFailure)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_open_alias_is_asked_for_and_not_for_ever() {
        let conf = conf(1, &["a.org"]);
        let mut asking = ask("x.y", &conf);
        let to = HostName::parse(b"z.").unwrap();
        for _ in 0..MAX_ALIASES {
            assert!(matches!(
                asking.hear(Answer::Alias { to, ttl: 9 }),
                Next::Send
            ));
        }
        assert_eq!(asking.question().name, to);
        match asking.hear(Answer::Alias { to, ttl: 9 }) {
            Next::End(fact, _) => assert_eq!(fact.set, Err(Failure::ServerFailure)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_time_to_live_of_aliases_counts() {
        let conf = conf(1, &[]);
        let mut asking = ask("x.y", &conf);
        let to = HostName::parse(b"z.").unwrap();
        assert!(matches!(
            asking.hear(Answer::Alias { to, ttl: 9 }),
            Next::Send
        ));
        let records = Answer::Records {
            set: vec![1, 2, 3, 4],
            ttl: 100,
            owner: to,
        };
        match asking.hear(records) {
            Next::End(fact, owner) => assert_eq!((fact.ttl, owner), (Some(9), to)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_name_that_exists_counts_more_than_one_that_does_not() {
        let conf = conf(1, &["a.org"]);
        let mut asking = ask("x.y", &conf);
        let ttl = Some(7);
        assert!(matches!(asking.hear(Answer::NoData { ttl }), Next::Send));
        match asking.hear(Answer::NoName { ttl: None }) {
            Next::End(fact, _) => {
                assert_eq!((fact.set, fact.ttl), (Err(Failure::NoAddress), Some(7)));
            }
            other => panic!("{other:?}"),
        }
    }
}
