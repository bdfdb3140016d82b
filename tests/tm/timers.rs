//! What nobody answers, what comes too late, and what comes again when a transaction is about to end.

use crate::common::sip::{Phone, header};
use crate::common::wait_until;
use crate::kit::{Proxy, Talks, ack, reply, uri};
use std::time::Duration;

/// With these parameters (`name, value` pairs) and this main route.
fn proxy(params: &[(&str, &str)], route: &str) -> Proxy {
    let params: String = params
        .iter()
        .map(|(name, value)| format!("modparam(\"tm\", \"{name}\", {value})\n"))
        .collect();
    Proxy::new(&format!("{params}{route}"))
}

/// A main route that relays.
const RELAY: &str = "route { t_relay(); }
";

#[test]
fn an_invite_that_nobody_answers_gets_408_and_a_late_200_is_passed_on() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = proxy(&[("fr_timer", "700"), ("wt_timer", "1000")], RELAY);
    let invite = caller.request("INVITE", &uri("bob", &callee));
    caller.send(&invite, proxy.addr());
    let seen = callee.expect("INVITE");
    assert_eq!(callee.expect("INVITE"), seen, "it is sent again");
    let timeout = caller.expect("SIP/2.0 408");
    let canceled = callee.expect("CANCEL");
    assert_eq!(header(&canceled, "Via"), header(&seen, "Via"));
    callee.send(reply(&canceled, "200 OK", "b", ""), proxy.addr());
    callee.send(reply(&seen, "180 Ringing", "b", ""), proxy.addr());
    callee.send(reply(&seen, "200 OK", "b", ""), proxy.addr());
    let late = caller.expect("SIP/2.0 200 OK");
    assert!(header(&late, "CSeq").unwrap().ends_with("INVITE"));
    caller.send(ack(&invite, &timeout), proxy.addr());
    let more = caller.rest();
    assert!(!more.iter().any(|line| line.contains("180")), "{more:?}");
    proxy.wait_idle();
}

#[test]
fn another_request_that_nobody_answers_gets_408_and_its_late_reply_goes_nowhere() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = proxy(&[("fr_timer", "700"), ("wt_timer", "2000")], RELAY);
    let message = caller.request("MESSAGE", &uri("bob", &callee));
    caller.send(&message, proxy.addr());
    let seen = callee.expect("MESSAGE");
    callee.expect("MESSAGE");
    let timeout = caller.expect("SIP/2.0 408");
    callee.send(reply(&seen, "200 OK", "b", ""), proxy.addr());
    assert_eq!(caller.rest(), [""; 0]);
    caller.send(&message, proxy.addr());
    assert_eq!(caller.expect("SIP/2.0 "), timeout);
    assert_eq!(
        callee.rest(),
        [""; 0],
        "neither CANCEL nor the request again"
    );
    proxy.wait_idle();
}

#[test]
fn a_ringing_call_ends_silently_unless_the_timer_is_to_be_noisy() {
    for (noisy, params) in [
        (false, vec![("fr_inv_timer", "500"), ("wt_timer", "500")]),
        (
            true,
            vec![
                ("fr_inv_timer", "500"),
                ("wt_timer", "500"),
                ("noisy_ctimer", "1"),
            ],
        ),
    ] {
        let (caller, callee) = (Phone::new(), Phone::new());
        let proxy = proxy(&params, RELAY);
        let invite = caller.request("INVITE", &uri("bob", &callee));
        caller.send(&invite, proxy.addr());
        let seen = callee.expect("INVITE");
        callee.send(reply(&seen, "180 Ringing", "b", ""), proxy.addr());
        caller.expect("SIP/2.0 180");
        if noisy {
            let canceled = callee.expect("CANCEL");
            callee.send(reply(&canceled, "200 OK", "b", ""), proxy.addr());
            let timeout = caller.expect("SIP/2.0 408");
            caller.send(ack(&invite, &timeout), proxy.addr());
        }
        proxy.wait_idle();
        assert_eq!(caller.rest(), [""; 0], "noisy: {noisy}");
        let more = callee.rest();
        assert!(
            more.iter().all(|line| noisy && line.starts_with("CANCEL")),
            "{more:?}"
        );
    }
}

#[test]
fn a_negative_reply_is_repeated_until_the_ack_or_the_end() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = proxy(
        &[
            ("fr_timer", "2500"),
            ("wt_timer", "300"),
            ("retr_timer1", "200"),
        ],
        RELAY,
    );
    for acked in [true, false] {
        let invite = caller.request("INVITE", &uri("bob", &callee));
        caller.send(&invite, proxy.addr());
        let seen = callee.expect("INVITE");
        callee.send(reply(&seen, "486 Busy Here", "b", ""), proxy.addr());
        let first = caller.expect("SIP/2.0 486");
        assert_eq!(caller.expect("SIP/2.0 "), first);
        assert_eq!(caller.expect("SIP/2.0 "), first);
        if acked {
            caller.send(ack(&invite, &first), proxy.addr());
        }
        proxy.wait_idle();
        let more = caller.rest();
        assert!(!acked || more.len() <= 1, "{more:?}");
    }
}

#[test]
fn a_200_made_here_is_repeated_until_an_ack_with_its_tag() {
    let caller = Phone::new();
    let proxy = proxy(
        &[
            ("fr_timer", "10000"),
            ("wt_timer", "300"),
            ("retr_timer1", "200"),
        ],
        "route { if (!t_newtran()) drop; if (method == \"INVITE\") t_reply(\"200\", \"here\"); }\n",
    );
    let invite = caller.request("INVITE", "sip:bob@localhost");
    caller.send(&invite, proxy.addr());
    let first = caller.expect("SIP/2.0 200 here");
    let via = format!("SIP/2.0/UDP {};branch=z9hG4bKack", caller.addr());
    let right = ack(&invite, &first).replace(header(&invite, "Via").unwrap(), &via);
    let tag = header(&first, "To")
        .unwrap()
        .split("tag=")
        .nth(1)
        .expect("a tag");
    caller.send(right.replace(tag, "another"), proxy.addr());
    caller.expect("SIP/2.0 200 here");
    caller.expect("SIP/2.0 200 here");
    assert_eq!(proxy.stat("waiting"), 0);
    caller.send(&right, proxy.addr());
    proxy.wait_idle();
}

#[test]
fn a_200_made_here_inside_of_a_dialog_is_repeated_until_the_ack_with_its_tag() {
    let caller = Phone::new();
    let proxy = proxy(
        &[
            ("fr_timer", "60000"),
            ("wt_timer", "300"),
            ("retr_timer1", "200"),
        ],
        "route { if (!t_newtran()) drop; if (method == \"INVITE\") t_reply(\"200\", \"here\"); }\n",
    );
    let invite = caller.request("INVITE", "sip:bob@localhost").replace(
        "To: <sip:bob@localhost>\r\n",
        "To: <sip:bob@localhost>;tag=dialog\r\n",
    );
    caller.send(&invite, proxy.addr());
    let first = caller.expect("SIP/2.0 200 here");
    assert!(first.contains(";tag=dialog\r\n"), "{first}");
    caller.expect("SIP/2.0 200 here");
    let via = format!("SIP/2.0/UDP {};branch=z9hG4bKack", caller.addr());
    let ack = ack(&invite, &first).replace(header(&invite, "Via").unwrap(), &via);
    caller.send(ack, proxy.addr());
    proxy.wait_idle();
}

#[test]
fn requests_that_come_again_while_their_transaction_ends_are_answered_each_time() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = proxy(&[("wt_timer", "150"), ("delete_timer", "100")], RELAY);
    let mut forwarded = 0;
    for round in 0..40 {
        let message = caller.request("MESSAGE", &uri("bob", &callee));
        caller.send(&message, proxy.addr());
        let seen = callee.expect("MESSAGE");
        callee.send(reply(&seen, "200 OK", "b", ""), proxy.addr());
        caller.expect("SIP/2.0 200 OK");
        // From well before the end of the wait until well behind it, a little later each round.
        std::thread::sleep(Duration::from_millis(60 + round * 5));
        for _ in 0..2 {
            caller.send(&message, proxy.addr());
        }
        let mut answers = 0;
        wait_until("both duplicates are answered", || {
            if let Some((bytes, _)) = callee.try_recv(Duration::from_millis(5)) {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                callee.send(reply(&text, "200 OK", "b", ""), proxy.addr());
                forwarded += 1;
            }
            if let Some((bytes, _)) = caller.try_recv(Duration::from_millis(5)) {
                assert!(bytes.starts_with(b"SIP/2.0 200 OK"), "round {round}");
                answers += 1;
            }
            // The first of the two may be a new transaction's request, the second its duplicate.
            answers >= 1 && (answers >= 2 || forwarded > 0)
        });
        caller.rest_of(50);
        callee.rest_of(1);
    }
    assert!(
        forwarded > 0 && forwarded < 80,
        "both sides of the end were met: {forwarded}"
    );
    proxy.wait_idle();
}

#[test]
fn the_script_sets_the_timers_in_every_kind_of_route() {
    let long = [
        ("fr_timer", "600000"),
        ("fr_inv_timer", "600000"),
        ("wt_timer", "300"),
        ("noisy_ctimer", "1"),
    ];
    for (name, rings, text) in [
        (
            "request",
            false,
            "route { t_set_fr(\"0\", \"400\"); t_relay(); }\n",
        ),
        ("request", true, "route { t_set_fr(\"400\"); t_relay(); }\n"),
        (
            "request behind t_newtran",
            true,
            "route { t_newtran(); t_set_fr(\"400\"); t_relay(); }\n",
        ),
        (
            "attribute",
            true,
            "route { $x = \"400\"; t_set_fr(\"$x\"); t_relay(); }\n",
        ),
        (
            "branch",
            true,
            "route { t_on_branch(\"B\"); t_relay(); }\nbranch_route[B] { t_set_fr(400, 600000); }\n",
        ),
        (
            "branch",
            false,
            "route { t_on_branch(\"B\"); t_relay(); }\nbranch_route[B] { t_set_fr(0, 400); }\n",
        ),
        (
            "reply",
            true,
            "route { t_on_reply(\"O\"); t_relay(); }\nonreply_route[O] { if (status == \"180\") t_set_fr(400); }\n",
        ),
        (
            "request behind t_relay",
            false,
            "route { t_relay(); t_set_fr(0, 400); }\n",
        ),
    ] {
        let (caller, callee) = (Phone::new(), Phone::new());
        let proxy = proxy(&long, text);
        let invite = caller.request("INVITE", &uri("bob", &callee));
        caller.send(&invite, proxy.addr());
        let seen = callee.expect("INVITE");
        if rings {
            callee.send(reply(&seen, "180 Ringing", "b", ""), proxy.addr());
            caller.expect("SIP/2.0 180");
        }
        let answer = caller.expect("SIP/2.0 408");
        caller.send(ack(&invite, &answer), proxy.addr());
        assert!(!name.is_empty());
    }
}

#[test]
fn a_failure_route_sets_the_timers_of_the_branches_that_it_adds() {
    let (caller, a, b) = (Phone::new(), Phone::new(), Phone::new());
    let proxy = proxy(
        &[("fr_timer", "600000"), ("fr_inv_timer", "600000")],
        &format!(
            "route {{ t_on_failure(\"F\"); t_relay(); }}\n\
             failure_route[F] {{ t_set_fr(0, 500); append_branch(\"{}\"); t_relay(); }}\n",
            uri("b", &b)
        ),
    );
    caller.send(caller.request("INVITE", &uri("a", &a)), proxy.addr());
    let seen = a.expect("INVITE");
    a.send(reply(&seen, "486 Busy Here", "a", ""), proxy.addr());
    b.expect("INVITE");
    caller.expect("SIP/2.0 408");
    b.expect("CANCEL");
}

#[test]
fn attributes_set_the_timers_in_seconds() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = proxy(
        &[
            ("fr_timer", "600000"),
            ("fr_inv_timer", "600000"),
            ("fr_timer_avp", "\"$t.fr_timer\""),
            ("fr_inv_timer_avp", "\"$fr_inv\""),
        ],
        "route { if (method == \"MESSAGE\") $t.fr_timer = 1; $t.fr_inv = \"1\"; t_relay(); }\n",
    );
    caller.send(
        caller.request("MESSAGE", &uri("bob", &callee)),
        proxy.addr(),
    );
    caller.expect("SIP/2.0 408");
    caller.send(caller.request("INVITE", &uri("bob", &callee)), proxy.addr());
    let seen = callee.expect("INVITE");
    callee.send(reply(&seen, "180 Ringing", "b", ""), proxy.addr());
    caller.expect("SIP/2.0 180");
    // The attribute makes the end noisy as well.
    caller.expect("SIP/2.0 408");
}

#[test]
fn each_provisional_reply_begins_the_ringing_time_anew_if_it_is_to() {
    for (restart, value) in [(true, "1"), (false, "0")] {
        let (caller, callee) = (Phone::new(), Phone::new());
        let proxy = proxy(
            &[
                ("fr_inv_timer", "2000"),
                ("noisy_ctimer", "1"),
                ("restart_fr_on_each_reply", value),
            ],
            RELAY,
        );
        caller.send(caller.request("INVITE", &uri("bob", &callee)), proxy.addr());
        let seen = callee.expect("INVITE");
        let mut timeout = false;
        // 6 s of ringing in steps of 300 ms.
        for _ in 0..20 {
            callee.send(reply(&seen, "180 Ringing", "b", ""), proxy.addr());
            let end = std::time::Instant::now() + Duration::from_millis(300);
            while let Some(left) = end.checked_duration_since(std::time::Instant::now()) {
                let got = caller.try_recv(left);
                timeout |= got.is_some_and(|(bytes, _)| bytes.starts_with(b"SIP/2.0 408"));
            }
        }
        assert_eq!(timeout, !restart);
    }
}

#[test]
fn a_next_hop_that_never_answered_is_left_alone_for_a_while() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let text =
        "use_dst_blacklist=on\ndst_blacklist_expire=60\nmodparam(\"tm\", \"fr_timer\", 700)\n";
    let proxy = Proxy::new(&format!("{text}{RELAY}"));
    let first = caller.request("MESSAGE", &uri("bob", &callee));
    caller.send(&first, proxy.addr());
    callee.expect("MESSAGE");
    caller.expect("SIP/2.0 408");
    callee.rest();
    assert!(proxy.rpc("dst_blacklist.debug").contains("127.0.0.1"));
    let second = caller.request("MESSAGE", &uri("bob", &callee));
    caller.send(&second, proxy.addr());
    caller.expect("SIP/2.0 500");
    assert_eq!(callee.rest(), [""; 0], "nothing is sent there");
    proxy.wait_idle();
}
