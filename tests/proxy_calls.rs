//! Calls through the stateful proxy, played by sipp with scenarios that check every message: the basic call, forks,
//! races with CANCEL, callees that never answer. `PROXY=kamailio cargo test --test proxy_calls` plays the same with
//! kamailio.

mod common;

use common::free_port;
use common::player::Player;
use common::proxy::Proxy;
use std::net::UdpSocket;

/// The proxy, and the ports of the three phones that it knows.
struct Stage {
    proxy: Proxy,
    callees: [u16; 3],
}

impl Stage {
    /// With tm's timers for the final answer, in ms: before and after the first provisional one.
    fn new(fr: u32, fr_inv: u32) -> Stage {
        let callees = [(); 3].map(|()| free_port());
        let [b, c, d] = callees.map(|port| port.to_string());
        let (fr, fr_inv) = (fr.to_string(), fr_inv.to_string());
        let timers = [("FR", fr), ("FR_INV", fr_inv), ("T2", "4000".to_owned())];
        let values: Vec<_> = [("B", b), ("C", c), ("D", d)]
            .into_iter()
            .chain(timers)
            .collect();
        let values: Vec<_> = values
            .iter()
            .map(|(mark, value)| (*mark, value.as_str()))
            .collect();
        let proxy = Proxy::start(&values);
        Stage { proxy, callees }
    }

    /// Plays a caller who calls `user`, and the callees; everybody has to be content.
    fn play(&self, user: &str, caller: &str, callees: &[&str]) {
        let callees = callees.iter().zip(self.callees);
        let callees: Vec<_> = callees
            .map(|(scenario, port)| Player::callee(&self.proxy, scenario, port))
            .collect();
        Player::caller(&self.proxy, caller, free_port(), user).succeeds();
        callees.into_iter().for_each(Player::succeeds);
        let log = self.proxy.log();
        let complaint = log
            .lines()
            .find(|line| line.contains("ERROR") || line.contains("BUG"));
        assert_eq!(complaint, None);
    }
}

/// Patient enough for everything that is answered.
const LONG: u32 = 20_000;
/// What is waited for.
const SHORT: u32 = 2_000;

#[test]
fn ack_and_bye_of_a_call_follow_the_recorded_route() {
    let stage = Stage::new(LONG, LONG);
    stage.play("callee", "caller", &["callee"]);
}

#[test]
fn when_one_of_three_phones_picks_up_the_others_are_cancelled() {
    let stage = Stage::new(LONG, LONG);
    let callees = ["callee-slow", "callee-cancelled", "callee-cancelled"];
    stage.play("fork", "caller-fork", &callees);
}

#[test]
fn a_200_that_crosses_the_cancel_reaches_the_caller_too() {
    let stage = Stage::new(LONG, LONG);
    let callees = ["callee-slow", "callee-crossing", "callee-cancelled"];
    stage.play("fork", "caller-crossing", &callees);
}

/// RFC 3261 §9.1: CANCEL waits for a provisional reply, and then it must come, or the phone rings on.
#[test]
fn a_phone_that_rings_after_another_has_picked_up_is_cancelled() {
    let stage = Stage::new(LONG, LONG);
    let callees = ["callee-slow", "callee-cancelled", "callee-late"];
    stage.play("fork", "caller-fork", &callees);
}

#[test]
fn a_failure_route_tries_the_next_phone_when_the_first_is_busy() {
    let stage = Stage::new(LONG, LONG);
    stage.play("serial", "caller-fork", &["callee-busy", "callee"]);
}

#[test]
fn a_callee_who_never_answers_is_asked_again_until_the_caller_gets_408() {
    let stage = Stage::new(SHORT, LONG);
    let silent = UdpSocket::bind(("127.0.0.1", stage.callees[0])).expect("the callee's port");
    stage.play("never", "caller-timeout", &[]);
    silent
        .set_nonblocking(true)
        .expect("a socket that does not wait");
    let mut room = [0; 2048];
    let heard = std::iter::from_fn(|| silent.recv(&mut room).ok().map(|n| room[..n].to_vec()));
    let invites = heard
        .filter(|message| message.starts_with(b"INVITE "))
        .count();
    assert!(invites > 1, "sent {invites} times");
}

#[test]
fn a_callee_who_rings_for_ever_is_cancelled_and_the_caller_gets_408() {
    let stage = Stage::new(LONG, SHORT);
    stage.play("forever", "caller-timeout", &["callee-cancelled"]);
}

#[test]
fn a_caller_who_gives_up_cancels_the_phone_that_rings() {
    let stage = Stage::new(LONG, LONG);
    stage.play("callee", "caller-cancel", &["callee-cancelled"]);
}

#[test]
fn a_caller_can_give_up_before_any_phone_rings() {
    let stage = Stage::new(SHORT, LONG);
    let _silent = UdpSocket::bind(("127.0.0.1", stage.callees[0])).expect("the callee's port");
    stage.play("callee", "caller-cancel-early", &[]);
}

#[test]
fn a_cancel_that_overtakes_its_invite_ends_the_call_all_the_same() {
    let stage = Stage::new(SHORT, LONG);
    let _silent = UdpSocket::bind(("127.0.0.1", stage.callees[0])).expect("the callee's port");
    stage.play("callee", "caller-cancel-at-once", &[]);
}

/// RFC 3261 §9.1, as above.
#[test]
fn a_phone_that_rings_after_the_caller_has_given_up_is_cancelled() {
    let stage = Stage::new(LONG, LONG);
    stage.play("callee", "caller-cancel-early", &["callee-late"]);
}
