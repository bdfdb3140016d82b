//! Calls over a bad network: 5 % of the datagrams are lost and 5 % arrive twice, in both directions on both sides of
//! the proxy. Every call has to succeed, and afterwards the proxy has to be as empty as before.
//!
//! `scripts/soak SECONDS [RATE]` runs it for longer; `PROXY=kamailio` runs it with kamailio.

mod common;

use common::lossy::{Lossy, numbers};
use common::player::Player;
use common::proxy::Proxy;
use common::{free_port, wait_until};
use std::io::Write;
use std::time::Duration;

/// How long the two phones of a call stay when it is over, in s, for what has to be sent again: so many attempts that
/// not even one of a million calls runs out of them.
const LINGER: u64 = 15;

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name}: no number: {text}")),
        Err(_) => default,
    }
}

/// Says it where it is seen: the test harness swallows what `println!` writes.
fn say(text: &str) {
    // Nobody listens: nothing to do.
    let _ = std::io::stderr().write_all(format!("soak: {text}\n").as_bytes());
}

/// A proxy between two bad networks.
struct Soak {
    proxy: Proxy,
    /// Between the callers and the proxy.
    above: Lossy,
    /// Between the proxy and the callees.
    below: Lossy,
    /// The callees' port.
    callee: u16,
    /// Shared memory in use before the first call.
    before: u64,
    calls: u64,
    rate: u64,
    /// Nothing takes longer, in s.
    limit: u64,
}

impl Soak {
    fn start() -> Soak {
        let (seconds, rate) = (setting("SOAK_SECONDS", 10), setting("SOAK_RATE", 40));
        let limit = seconds + 120;
        let callee = free_port();
        let text = limit.to_string();
        let bad = |seed| {
            [
                "--drop",
                "5",
                "--duplicate",
                "5",
                "--seed",
                seed,
                "--seconds",
                &text,
            ]
        };
        // The proxy must know the lower link, the upper link the proxy.
        let below = Lossy::start(&[callee], &bad("1"));
        let target = below.ports[0].to_string();
        let proxy = Proxy::start(&[
            ("FR", "30000"),
            ("FR_INV", "30000"),
            ("T2", "1000"),
            ("B", &target),
            ("C", &target),
            ("D", &target),
        ]);
        let above = Lossy::start(&[proxy.port()], &bad("2"));
        let before = proxy.shm_used();
        Soak {
            proxy,
            above,
            below,
            callee,
            before,
            calls: seconds * rate,
            rate,
            limit,
        }
    }

    /// Lets many phones play a scenario on `port`; what they send goes to the port `to`. What arrives twice is no
    /// reason for them to give a call up.
    fn play(&self, scenario: &str, port: u16, to: u16, more: &[&str]) -> Player<'_> {
        let (limit, linger) = (self.limit.to_string(), (LINGER * 1000).to_string());
        let options = [
            &["-timeout", &limit, "-l", "10000", "-d", &linger][..],
            &["-max_retrans", "20", "-T2", "1000", "-buff_size", "4000000"],
            &["-default_behaviors", "all,-abortunexp"],
            more,
        ]
        .concat();
        Player::start(&self.proxy, scenario, port, to, &options)
    }

    fn callees(&self, scenario: &str) -> Player<'_> {
        let target = self.below.ports[0].to_string();
        let more = ["-key", "target", &target];
        self.play(scenario, self.callee, self.proxy.port(), &more)
    }

    fn callers(&self, scenario: &str) -> Player<'_> {
        let (calls, rate) = (self.calls.to_string(), self.rate.to_string());
        let more = ["-m", &calls, "-r", &rate, "-s", "soak"];
        self.play(scenario, free_port(), self.above.ports[0], &more)
    }

    /// The callers have found every call right, and got nothing but what a bad network makes of good calls.
    fn check_callers(&self, mut callers: Player<'_>, expected: &[&str]) {
        wait_until("the proxy has transactions", || {
            self.proxy.transactions() > 0
        });
        let well = callers.ends_within(Duration::from_secs(self.limit + 30));
        only_repetitions(&callers, expected);
        let right = callers.count("SuccessfulCall");
        say(&format!(
            "{right} of {} calls right at the callers",
            self.calls
        ));
        assert_eq!((well, right), (true, self.calls));
        assert_eq!(
            callers.count("OutOfCallMsgs"),
            0,
            "{}",
            callers.complaints()
        );
    }

    /// The network was bad, and the proxy keeps nothing of all that.
    fn end(self) {
        for side in [self.above.end(), self.below.end()] {
            say(side.trim_end());
            for what in ["\"dropped\": ", "\"duplicated\": "] {
                assert!(numbers(&side, what).iter().all(|&n| n > 0), "no {what}");
            }
        }
        is_empty_again(&self.proxy, self.before);
        assert_eq!(self.proxy.complaint(), None);
    }
}

/// What a phone did not expect must begin like one of these.
fn only_repetitions(player: &Player<'_>, expected: &[&str]) {
    let complaints = player.complaints();
    let mut messages = complaints.split("received '").skip(1);
    let other = messages.find(|message| !expected.iter().any(|start| message.starts_with(start)));
    assert_eq!(other, None);
}

/// No transaction is left once the last has waited, and no memory is missing.
fn is_empty_again(proxy: &Proxy, before: u64) {
    wait_until("the last transaction goes", || proxy.transactions() == 0);
    let mut after = proxy.shm_used();
    wait_until(&format!("shared memory returns to {before} bytes"), || {
        std::thread::sleep(Duration::from_millis(500));
        after = proxy.shm_used();
        after <= before
    });
    say(&format!(
        "shared memory: {before} bytes before, {after} after"
    ));
}

#[test]
fn every_call_over_a_bad_network_succeeds_and_leaves_nothing_in_the_proxy() {
    let soak = Soak::start();
    let callees = soak.callees("soak/callee");
    let callers = soak.callers("soak/caller");
    soak.check_callers(callers, &["SIP/2.0 100", "SIP/2.0 180", "SIP/2.0 200"]);
    wait_until("the callees are done", || {
        callees.count("SuccessfulCall") + callees.count("FailedCall") == soak.calls
    });
    only_repetitions(&callees, &["INVITE ", "ACK ", "BYE "]);
    assert_eq!(callees.count("SuccessfulCall"), soak.calls);
    assert_eq!(
        callees.count("OutOfCallMsgs"),
        0,
        "{}",
        callees.complaints()
    );
    drop(callees);
    soak.end();
}

/// A phone whose only 180 was lost is asked again until it is heard, so that it can be cancelled.
#[test]
fn callers_who_give_up_over_a_bad_network_are_answered_and_leave_nothing_in_the_proxy() {
    let soak = Soak::start();
    let callees = soak.callees("soak/cancelled");
    let callers = soak.callers("soak/canceller");
    soak.check_callers(
        callers,
        &["SIP/2.0 100", "SIP/2.0 180", "SIP/2.0 200", "SIP/2.0 487"],
    );
    only_repetitions(&callees, &["INVITE ", "CANCEL ", "ACK "]);
    // Once a second they say how far they are.
    std::thread::sleep(Duration::from_secs(3));
    let ringing = callees.count("IncomingCall") - callees.count("SuccessfulCall");
    say(&format!("{ringing} phones ring on"));
    assert_eq!(ringing, 0, "phones that ring on");
    drop(callees);
    soak.end();
}
