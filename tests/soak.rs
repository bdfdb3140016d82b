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

/// How long the two phones of a call stay after BYE, in s, for what has to be sent again: so many attempts that not
/// even one of a million calls runs out of them.
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

#[test]
fn every_call_over_a_bad_network_succeeds_and_leaves_nothing_in_the_proxy() {
    let (seconds, rate) = (setting("SOAK_SECONDS", 10), setting("SOAK_RATE", 40));
    let (calls, limit) = (seconds * rate, seconds + 120);
    let callee = free_port();
    // The proxy must know the link to the callee before the relay can know the proxy: two relays.
    let options = [
        "--drop",
        "5",
        "--duplicate",
        "5",
        "--seconds",
        &limit.to_string(),
    ];
    let below = Lossy::start(&[callee], &[&options[..], &["--seed", "2"]].concat());
    let target = below.ports[0].to_string();
    let marks = [
        ("FR", "30000"),
        ("FR_INV", "30000"),
        ("T2", "1000"),
        ("B", &target),
    ];
    let Some(proxy) = Proxy::start(&[&marks[..], &[("C", "9"), ("D", "9")]].concat()) else {
        return;
    };
    let above = Lossy::start(&[proxy.port()], &options);
    let before = proxy.shm_used();

    let played = play(&proxy, callee, above.ports[0], &target, calls, rate, limit);
    let (above, below) = (above.end(), below.end());
    for side in [&above, &below] {
        say(side.trim_end());
        assert!(
            numbers(side, "\"dropped\": ").iter().all(|&n| n > 0),
            "nothing was lost"
        );
        assert!(
            numbers(side, "\"duplicated\": ").iter().all(|&n| n > 0),
            "nothing came twice"
        );
    }
    say(&format!(
        "{calls} calls, of which right at the caller and the callee: {played:?}"
    ));
    assert_eq!(played, [calls, calls]);
    is_empty_again(&proxy, before);
    assert_eq!(proxy.complaint(), None);
}

/// Plays the calls; how many the caller and the callee found right.
fn play(
    proxy: &Proxy,
    callee: u16,
    above: u16,
    target: &str,
    calls: u64,
    rate: u64,
    limit: u64,
) -> [u64; 2] {
    let [calls, rate, limit] = [calls, rate, limit].map(|number| number.to_string());
    let linger = (LINGER * 1000).to_string();
    let common = [
        &[
            "-m", &calls, "-timeout", &limit, "-l", "1000000", "-d", &linger,
        ][..],
        &["-max_retrans", "20", "-T2", "1000", "-buff_size", "4000000"],
        // What arrives twice is no reason to give a call up.
        &["-default_behaviors", "all,-abortunexp"],
    ]
    .concat();
    let called = [&common[..], &["-key", "target", target]].concat();
    let calling = [&common[..], &["-r", &rate, "-s", "soak"]].concat();
    let mut called = Player::start(proxy, "soak/callee", callee, proxy.port(), &called);
    let mut calling = Player::start(proxy, "soak/caller", free_port(), above, &calling);
    let patience = Duration::from_secs(limit.parse::<u64>().expect("a number") + 30);
    let well = [&mut calling, &mut called].map(|player| player.ends_within(patience));
    only_repetitions(&calling, &["SIP/2.0 100", "SIP/2.0 180", "SIP/2.0 200"]);
    only_repetitions(&called, &["INVITE ", "ACK ", "BYE "]);
    for player in [&calling, &called] {
        assert_eq!(player.count("OutOfCallMsgs"), 0, "{}", player.complaints());
    }
    assert_eq!(well, [true, true]);
    [&calling, &called].map(|player| player.count("SuccessfulCall"))
}

/// What a phone did not expect must be what a bad network makes of a good call, nothing else.
fn only_repetitions(player: &Player<'_>, allowed: &[&str]) {
    let complaints = player.complaints();
    let other = complaints
        .split("received '")
        .skip(1)
        .find(|message| !allowed.iter().any(|start| message.starts_with(start)));
    assert_eq!(other, None);
}

/// No transaction is left once the last has waited, and no memory is missing.
fn is_empty_again(proxy: &Proxy, before: u64) {
    if proxy.transactions().is_some() {
        wait_until("the last transaction goes", || {
            proxy.transactions() == Some(0)
        });
    }
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
