//! Many calls whose callees answer at random: twice, late, with anything, or not at all, while callers give up
//! at random. Whatever happens, some things must hold for every call.

use crate::common::sip::{Phone, header};
use crate::common::wait_until;
use crate::kit::{Proxy, ack, cancel, reply, uri};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// A generator of numbers that is the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // Knuth's MMIX constants.
        self.0 = self.0.wrapping_mul(6364136223846793005);
        self.0 = self.0.wrapping_add(1442695040888963407);
        (self.0 >> 33) % sides
    }
}

/// What a callee's phone knows of one INVITE, by its Via.
#[derive(Default)]
struct Ringing {
    rang: bool,
    accepted: bool,
    negative: bool,
    /// To-tag of its final reply.
    final_tag: Option<String>,
    acked: bool,
    canceled: bool,
}

#[derive(Default)]
struct Call {
    invite: String,
    canceled: bool,
    branches: BTreeMap<String, Ringing>,
    /// Final replies in the order in which they came: status and To-tag.
    finals: Vec<(u16, String)>,
}

/// A message that leaves when its time has come.
struct Later {
    at: Instant,
    phone: usize,
    text: String,
}

struct Chaos<'p> {
    proxy: &'p Proxy,
    dice: Dice,
    /// The caller's first, then three callees.
    phones: [Phone; 4],
    later: Vec<Later>,
    calls: BTreeMap<String, Call>,
    tags: u32,
}

const STATUSES: [&str; 10] = [
    "180 Ringing",
    "183 Session Progress",
    "200 OK",
    "200 OK",
    "404 Not Found",
    "486 Busy Here",
    "401 Unauthorized",
    "503 Service Unavailable",
    "302 Moved Temporarily",
    "603 Decline",
];

fn call_id(text: &str) -> String {
    header(text, "Call-ID").unwrap_or_default().to_owned()
}

fn tag(text: &str) -> String {
    let to = header(text, "To").unwrap_or_default();
    to.split("tag=").nth(1).unwrap_or_default().to_owned()
}

impl Chaos<'_> {
    fn send_in(&mut self, ms: u64, phone: usize, text: String) {
        let at = Instant::now() + Duration::from_millis(ms);
        self.later.push(Later { at, phone, text });
    }

    fn call(&mut self) {
        let invite = self.phones[0].request("INVITE", &uri("a", &self.phones[1]));
        for _ in 0..=self.dice.roll(2) {
            let ms = self.dice.roll(30);
            self.send_in(ms, 0, invite.clone());
        }
        let canceled = self.dice.roll(3) == 0;
        if canceled {
            let ms = self.dice.roll(400);
            for _ in 0..=self.dice.roll(2) {
                self.send_in(ms, 0, cancel(&invite));
            }
        }
        let call = Call {
            invite: invite.clone(),
            canceled,
            ..Call::default()
        };
        self.calls.insert(call_id(&invite), call);
    }

    fn step(&mut self) {
        let now = Instant::now();
        let (due, rest) = std::mem::take(&mut self.later)
            .into_iter()
            .partition(|l| l.at <= now);
        self.later = rest;
        let due: Vec<Later> = due;
        for one in due {
            if self.may_send(one.phone, &one.text) {
                self.phones[one.phone].send(&one.text, self.proxy.addr());
            }
        }
        for i in 0..self.phones.len() {
            while let Some((bytes, _)) = self.phones[i].try_recv(Duration::from_millis(1)) {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if i == 0 {
                    self.caller_got(&text);
                } else {
                    self.callee_got(i, &text);
                }
            }
        }
    }

    /// A callee's reply counts from when it leaves; none follows a final one but its copies.
    fn may_send(&mut self, phone: usize, text: &str) -> bool {
        if phone == 0 || !header(text, "CSeq").is_some_and(|c| c.ends_with("INVITE")) {
            return true;
        }
        let code: u16 = text[8..11].parse().expect("a status code");
        let call = self.calls.get_mut(&call_id(text)).expect("one of ours");
        let via = header(text, "Via").expect("a Via");
        let ringing = call.branches.entry(via.to_owned()).or_default();
        if ringing.final_tag.as_ref().is_some_and(|t| *t != tag(text)) {
            return false;
        }
        match code {
            100..=199 => ringing.rang = true,
            200..=299 => ringing.accepted = true,
            _ => ringing.negative = true,
        }
        if code >= 200 {
            ringing.final_tag = Some(tag(text));
        }
        true
    }

    fn callee_got(&mut self, phone: usize, text: &str) {
        let via = header(text, "Via").expect("a Via").to_owned();
        let call = self.calls.get_mut(&call_id(text)).expect("one of ours");
        let is_new = !call.branches.contains_key(&via);
        let end_to_end = text.lines().filter(|l| l.starts_with("Via:")).count() > 1;
        if text.starts_with("ACK ") && end_to_end {
            return;
        }
        let ringing = call.branches.entry(via).or_default();
        if text.starts_with("ACK ") {
            ringing.acked = true;
        } else if text.starts_with("CANCEL ") {
            let first = !std::mem::replace(&mut ringing.canceled, true);
            self.send_in(0, phone, reply(text, "200 OK", "c", ""));
            // It may have come before its INVITE, which is then not sent.
            if first && !is_new {
                let own = text.replace(" CANCEL\r\n", " INVITE\r\n");
                let ms = self.dice.roll(50);
                self.send_in(ms, phone, reply(&own, "487 Request Terminated", "x", ""));
            }
        } else if is_new {
            self.answer(phone, text);
        }
    }

    /// Some replies, some of them twice, the last one maybe final.
    fn answer(&mut self, phone: usize, invite: &str) {
        let mut ms = self.dice.roll(60);
        for _ in 0..self.dice.roll(4) {
            let status = STATUSES[self.dice.roll(10) as usize];
            self.tags += 1;
            let text = reply(invite, status, &format!("t{}", self.tags), "");
            for _ in 0..=self.dice.roll(2) {
                self.send_in(ms, phone, text.clone());
            }
            if !status.starts_with('1') {
                return;
            }
            ms += self.dice.roll(150);
        }
    }

    fn caller_got(&mut self, text: &str) {
        let code: u16 = text[8..11].parse().expect("a status code");
        let call = self.calls.get_mut(&call_id(text)).expect("one of ours");
        let is_invite = header(text, "CSeq").is_some_and(|c| c.ends_with("INVITE"));
        if code < 200 || !is_invite {
            return;
        }
        call.finals.push((code, tag(text)));
        let answer = ack(&call.invite, text);
        if code >= 300 {
            self.send_in(0, 0, answer);
        } else {
            let via = header(&answer, "Via").expect("a Via").to_owned();
            self.send_in(0, 0, answer.replace(&via, &format!("{via}ack")));
        }
    }

    fn done(&self) -> bool {
        self.later.is_empty() && self.calls.values().all(|call| !call.finals.is_empty())
    }

    fn check(&self, seed: u64) {
        for call in self.calls.values() {
            let said = &call.finals;
            let what = format!("seed {seed}: {said:?} {}", call.invite);
            let negative: BTreeSet<_> = said.iter().filter(|(c, _)| *c >= 300).collect();
            assert!(negative.len() <= 1, "two final replies: {what}");
            let first_2xx = said.iter().position(|(c, _)| *c < 300);
            let last_negative = said.iter().rposition(|(c, _)| *c >= 300);
            if let (Some(ok), Some(no)) = (first_2xx, last_negative) {
                assert!(no < ok, "refused after it was accepted: {what}");
            }
            for ringing in call.branches.values() {
                if let Some(tag) = ringing.final_tag.as_ref().filter(|_| ringing.accepted) {
                    let heard = said.iter().any(|(c, t)| *c < 300 && t == tag);
                    assert!(heard, "a 2xx with {tag} was lost: {what}");
                } else if ringing.negative {
                    assert!(
                        ringing.acked,
                        "a negative reply was not acknowledged: {what}"
                    );
                } else if ringing.rang {
                    assert!(ringing.canceled, "a phone rings on: {what}");
                }
            }
            let codes: BTreeSet<u16> = said.iter().map(|(c, _)| *c).collect();
            let canceled = codes.contains(&487);
            assert!(
                call.canceled || !canceled || call.branches.len() > 1,
                "{what}"
            );
        }
    }
}

#[test]
fn whatever_callers_and_callees_do_every_call_ends_as_it_must() {
    let seeds = match std::env::var("CHAOS_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => vec![1, 2],
    };
    for seed in seeds {
        let phones = [(); 4].map(|()| Phone::new());
        let proxy = Proxy::with_options(
            &format!(
                "modparam(\"tm\", \"fr_timer\", 1200)\nmodparam(\"tm\", \"fr_inv_timer\", 2000)\n\
                 modparam(\"tm\", \"wt_timer\", 1500)\nmodparam(\"tm\", \"noisy_ctimer\", 1)\n\
                 route {{\n\
                 if (method == \"INVITE\") {{ $n = \"0\"; append_branch(\"{b}\"); t_on_reply(\"O\"); t_on_failure(\"F\"); }}\n\
                 if (method == \"ACK\") {{ t_relay(); drop; }}\n\
                 t_relay(); }}\n\
                 onreply_route[O] {{ $last = @status; }}\n\
                 failure_route[F] {{ if (t_check_status(\"(486)|(408)|(404)\")) {{\n\
                 if ($n == \"0\") {{ $n = \"1\"; t_on_failure(\"F\"); append_branch(\"{c}\"); append_branch(\"{b}\"); t_relay(); }} }} }}\n",
                b = uri("b", &phones[2]),
                c = uri("c", &phones[3])
            ),
            &["-n", "4"],
        );
        let before = proxy.shared_memory();
        let mut chaos = Chaos {
            proxy: &proxy,
            dice: Dice(seed),
            phones,
            later: Vec::new(),
            calls: BTreeMap::new(),
            tags: 0,
        };
        for _ in 0..4 {
            for _ in 0..15 {
                chaos.call();
            }
            wait_until("every call has a final reply", || {
                chaos.step();
                chaos.done()
            });
        }
        wait_until("all transactions end", || {
            chaos.step();
            proxy.stat("current") == 0
        });
        chaos.check(seed);
        assert_eq!(proxy.shared_memory(), before, "seed {seed}");
        let log = proxy.setup.read("err");
        assert!(!log.contains("BUG") && !log.contains("panic"), "{log}");
    }
}
