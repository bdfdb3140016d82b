//! What happens to the questions under way: sending, hearing, giving up, telling the jobs.

use super::*;
use crate::core::stats::{Counter, count};
use std::net::SocketAddr;

impl Engine {
    /// Does what is next for a question. `server`: the one that answered last.
    pub(super) fn go_on(&mut self, question: &Question, next: Next, server: Option<SocketAddr>) {
        let mut next = next;
        loop {
            let Some(under_way) = self.questions.get_mut(question) else {
                return;
            };
            let (server, patience, tcp) = match (next, server) {
                (Next::End(fact, owner), _) => return self.end(question, fact, &owner),
                (Next::SendByTcp, Some(server)) => (server, self.local.conf.patience(0), true),
                (Next::Send | Next::SendByTcp, _) => {
                    match under_way.asking.next_try(&self.local.conf) {
                        Some((server, patience)) => (server, patience, self.local.conf.use_vc),
                        None => {
                            next = under_way.asking.exhausted();
                            continue;
                        }
                    }
                }
            };
            under_way.due = Instant::now() + patience;
            self.alarm.by(under_way.due);
            match self.send(question, server, tcp) {
                Ok(()) => return,
                Err(why) => log::debug!("dns: {server}: {why}"),
            }
            // The next server, then.
            next = Next::Send;
        }
    }

    fn send(&mut self, question: &Question, server: SocketAddr, tcp: bool) -> io::Result<()> {
        let Some(under_way) = self.questions.get_mut(question) else {
            return Ok(());
        };
        let asked = under_way.asking.question();
        let channel = Channel::open(server, &asked, tcp)?;
        let token = self.next_token;
        self.next_token += 1;
        let data = epoll::EventData::new_u64(token);
        epoll::add(&self.epoll, &channel, data, channel.interest())?;
        log::debug!(
            "dns: {} {} asked of {server}{}",
            asked.name,
            asked.rtype.name(),
            if tcp { " by tcp" } else { "" }
        );
        // What was sent for another name (an alias, the search list) is over.
        under_way.channels.retain(|(old, sent)| {
            let same = sent.question == asked;
            if !same {
                self.tokens.remove(old);
            }
            same
        });
        if under_way.channels.len() >= MAX_CHANNELS {
            let (oldest, _) = under_way.channels.remove(0);
            self.tokens.remove(&oldest);
        }
        under_way.channels.push((token, channel));
        count(Counter::DnsQueries);
        self.tokens.insert(token, *question);
        Ok(())
    }

    /// Something came in on a channel.
    pub(super) fn hear(&mut self, token: u64) {
        let Some(question) = self.tokens.get(&token).copied() else {
            return;
        };
        let Some(under_way) = self.questions.get_mut(&question) else {
            return;
        };
        let mut channels = under_way.channels.iter_mut();
        let Some((_, channel)) = channels.find(|(t, _)| *t == token) else {
            return;
        };
        let server = channel.server;
        let answer = match channel.progress(&mut self.buffer) {
            Heard::Nothing => return,
            Heard::Message(message) => {
                let answer = wire::read(&message, &channel.question, channel.id);
                // By UDP somebody else may have sent it: the real answer can still come.
                if answer.is_none() && !channel.is_tcp() {
                    log::debug!("dns: stray message from {server}");
                    return;
                }
                // Truncated, or nonsense, by TCP: no use to go on with this server.
                let by_tcp = channel.is_tcp();
                let useless = |a: &wire::Answer| by_tcp && *a == wire::Answer::Truncated;
                answer
                    .filter(|a| !useless(a))
                    .unwrap_or(wire::Answer::Refused)
            }
            Heard::Broken(why) => {
                log::debug!("dns: {server}: {why}");
                count(Counter::DnsTimeouts);
                self.close(&question, token);
                return self.go_on(&question, Next::Send, None);
            }
        };
        let next = under_way.asking.hear(answer);
        self.close(&question, token);
        self.go_on(&question, next, Some(server));
    }

    fn close(&mut self, question: &Question, token: u64) {
        self.tokens.remove(&token);
        if let Some(under_way) = self.questions.get_mut(question) {
            under_way.channels.retain(|(t, _)| *t != token);
        }
    }

    /// The question is answered.
    fn end(&mut self, question: &Question, fact: Fact, owner: &HostName) {
        let Some(under_way) = self.questions.remove(question) else {
            return;
        };
        for (token, _) in &under_way.channels {
            self.tokens.remove(token);
        }
        if let Err(why) = &fact.set {
            log::info!("dns: {} {}: {why}", question.name, question.rtype.name());
        } else {
            self.official = Some(owner.as_str().trim_end_matches('.').to_owned());
        }
        self.tell(*question, fact, under_way.jobs);
    }

    /// Keeps a fact, and lets jobs know it.
    pub(super) fn tell(&mut self, question: Question, fact: Fact, jobs: Vec<u64>) {
        if let Some(cache) = &self.cache {
            cache.keep(&question, &fact, get_ticks_raw());
        }
        let fact = Rc::new(fact);
        for number in jobs {
            if let Some((_, job)) = self.jobs.get_mut(&number) {
                job.learn(question, fact.clone());
                self.learners.push(number);
            }
        }
    }

    /// Sends again what was not answered, ends jobs whose time is over.
    pub(super) fn look_at_the_clock(&mut self) {
        let now = Instant::now();
        if !self.alarm.take_due(now) {
            return;
        }
        let due = self.questions.iter().filter(|(_, u)| u.due <= now);
        let due: Vec<Question> = due.map(|(q, _)| *q).collect();
        for question in due {
            count(Counter::DnsTimeouts);
            self.go_on(&question, Next::Send, None);
        }
        let over = self.jobs.iter().filter(|(_, (_, job))| job.deadline <= now);
        let over: Vec<u64> = over.map(|(number, _)| *number).collect();
        for number in over {
            let late = self.jobs.get_mut(&number).map(|(_, job)| job.expire());
            if let Some(done) = late {
                self.end_job(number, done);
            }
        }
        let questions = self.questions.values().map(|u| u.due);
        let jobs = self.jobs.values().map(|(_, job)| job.deadline);
        questions.chain(jobs).for_each(|at| self.alarm.by(at));
    }
}
