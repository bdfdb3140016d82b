//! Replies of next hops: those that belong to nothing, that come again, that disagree.

use crate::common::sip::{Phone, header, request};
use crate::kit::{Proxy, Talks, ack, reply, uri};

fn relaying() -> Proxy {
    Proxy::new("modparam(\"tm\", \"wt_timer\", 500)\nroute { t_relay(); }\n")
}

/// A proxy that forks INVITEs to `b` as well.
fn forking(b: &Phone) -> Proxy {
    Proxy::new(&format!(
        "modparam(\"tm\", \"wt_timer\", 500)\n\
         route {{ if (method == \"INVITE\") append_branch(\"{}\"); t_relay(); }}\n",
        uri("b", b)
    ))
}

#[test]
fn replies_that_match_nothing_go_by_their_via_and_change_no_transaction() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying();
    let invite = caller.request("INVITE", &uri("bob", &callee));
    caller.send(&invite, proxy.addr());
    caller.expect("SIP/2.0 100");
    let seen = callee.expect("INVITE");
    let branch = header(&seen, "Via")
        .unwrap()
        .split("branch=")
        .nth(1)
        .unwrap()
        .to_owned();
    let mut parts = branch.split('.');
    let (index, label) = (parts.next().unwrap(), parts.next().unwrap());
    for other in [
        format!("{index}.{label}.1"),
        format!("{index}.{label}.fffffff"),
        format!("{index}.{label}x.0"),
        format!("{index}.ffffffff.0"),
        format!("{index}..0"),
        format!("{index}.{label}"),
        "z9hG4bK".to_owned(),
        "0".to_owned(),
    ] {
        let stray = reply(&seen, "486 Stray", "b", "").replace(&branch, &other);
        callee.send(stray, proxy.addr());
        caller.expect("SIP/2.0 486 Stray");
    }
    let other_method = reply(&seen, "486 Method", "b", "").replace(" INVITE\r\n", " BYE\r\n");
    callee.send(other_method, proxy.addr());
    caller.expect("SIP/2.0 486 Method");
    let no_cancel = reply(&seen, "487 Cancel", "b", "").replace(" INVITE\r\n", " CANCEL\r\n");
    callee.send(no_cancel, proxy.addr());
    caller.expect("SIP/2.0 487 Cancel");
    callee.send(reply(&seen, "200 OK", "b", ""), proxy.addr());
    caller.expect("SIP/2.0 200 OK");
    assert_eq!(callee.rest(), [""; 0], "nothing was acknowledged");
    proxy.wait_idle();
}

#[test]
fn every_2xx_is_passed_on_whatever_its_to_tag_is() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying();
    caller.send(caller.request("INVITE", &uri("bob", &callee)), proxy.addr());
    let seen = callee.expect("INVITE");
    callee.send(reply(&seen, "180 Ringing", "early", ""), proxy.addr());
    assert!(caller.expect("SIP/2.0 180").contains(";tag=early"));
    for tag in ["one", "two", "one", "three"] {
        callee.send(reply(&seen, "200 OK", tag, ""), proxy.addr());
        let answer = caller.expect("SIP/2.0 200 OK");
        assert!(answer.contains(&format!(";tag={tag}\r\n")), "{answer}");
    }
    callee.send(reply(&seen, "180 Ringing", "one", ""), proxy.addr());
    callee.send(reply(&seen, "486 Busy Here", "four", ""), proxy.addr());
    callee.expect("ACK");
    assert_eq!(caller.rest(), [""; 0]);
    proxy.wait_idle();
}

#[test]
fn the_ack_of_a_2xx_goes_end_to_end_to_whichever_tag_it_names() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying();
    let invite = caller.request("INVITE", &uri("bob", &callee));
    caller.send(&invite, proxy.addr());
    let seen = callee.expect("INVITE");
    for tag in ["one", "two"] {
        callee.send(reply(&seen, "200 OK", tag, ""), proxy.addr());
        let answer = caller.expect("SIP/2.0 200 OK");
        for branch in ["z9hG4bKack1", "z9hG4bKack2", "noncookie"] {
            let via = format!("SIP/2.0/UDP {};branch={branch}{tag}", caller.addr());
            let text = ack(&invite, &answer).replace(header(&invite, "Via").unwrap(), &via);
            caller.send(text, proxy.addr());
            let acked = callee.expect("ACK");
            assert!(acked.contains(&format!(";tag={tag}\r\n")), "{acked}");
            assert!(acked.contains(branch), "both Vias stand: {acked}");
        }
    }
    proxy.wait_idle();
}

#[test]
fn a_retransmitted_invite_gets_the_last_reply_whatever_that_was() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying();
    for last in ["200 OK", "603 Decline"] {
        let invite = caller.request("INVITE", &uri("bob", &callee));
        caller.send(&invite, proxy.addr());
        caller.expect("SIP/2.0 100");
        caller.send(&invite, proxy.addr());
        caller.expect("SIP/2.0 100");
        let seen = callee.expect("INVITE");
        for status in ["182 Queued", last] {
            callee.send(reply(&seen, status, "b", ""), proxy.addr());
            let first = caller.expect(&format!("SIP/2.0 {status}"));
            caller.send(&invite, proxy.addr());
            assert_eq!(caller.expect("SIP/2.0 "), first);
        }
        let more = callee.rest();
        assert!(more.iter().all(|line| line.starts_with("ACK ")), "{more:?}");
        if last.starts_with('6') {
            let answer = reply(&seen, last, "b", "");
            caller.send(ack(&invite, &answer), proxy.addr());
        }
    }
    proxy.wait_idle();
}

#[test]
fn a_negative_reply_is_acknowledged_each_time_and_passed_on_once() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying();
    let invite = caller.request("INVITE", &uri("bob", &callee));
    caller.send(&invite, proxy.addr());
    let seen = callee.expect("INVITE");
    for tag in ["b", "b", "c"] {
        callee.send(reply(&seen, "486 Busy Here", tag, ""), proxy.addr());
        let acked = callee.expect("ACK");
        assert!(acked.contains(&format!(";tag={tag}\r\n")), "{acked}");
        assert_eq!(header(&acked, "Via"), header(&seen, "Via"));
    }
    let answer = caller.expect("SIP/2.0 486");
    // Whatever To-tag the ACK has: its branch says what it is for.
    let odd = ack(&invite, &answer).replace(";tag=b", ";tag=odd");
    caller.send(odd, proxy.addr());
    proxy.wait_idle();
    let more = caller.rest();
    assert!(more.len() <= 1, "{more:?}");
    assert_eq!(callee.rest(), [""; 0]);
}

#[test]
fn a_reply_without_to_tag_is_passed_on_as_it_is() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying();
    let invite = caller.request("INVITE", &uri("bob", &callee));
    caller.send(&invite, proxy.addr());
    let seen = callee.expect("INVITE");
    callee.send(reply(&seen, "404 Not Found", "", ""), proxy.addr());
    let answer = caller.expect("SIP/2.0 404");
    assert_eq!(header(&answer, "To"), Some("<sip:bob@localhost>"));
    assert_eq!(
        header(&callee.expect("ACK"), "To"),
        Some("<sip:bob@localhost>")
    );
    caller.send(ack(&invite, &answer), proxy.addr());
    proxy.wait_idle();
}

#[test]
fn provisional_replies_of_all_branches_are_passed_on_but_no_100() {
    let (caller, a, b) = (Phone::new(), Phone::new(), Phone::new());
    let proxy = forking(&b);
    caller.send(caller.request("INVITE", &uri("a", &a)), proxy.addr());
    let (to_a, to_b) = (a.expect("INVITE"), b.expect("INVITE"));
    caller.expect("SIP/2.0 100");
    a.send(reply(&to_a, "100 Trying", "", ""), proxy.addr());
    a.send(reply(&to_a, "180 Ringing", "a", ""), proxy.addr());
    caller.expect("SIP/2.0 180");
    b.send(reply(&to_b, "183 Session Progress", "b", ""), proxy.addr());
    caller.expect("SIP/2.0 183");
    a.send(reply(&to_a, "180 Ringing", "a", ""), proxy.addr());
    caller.expect("SIP/2.0 180");
    b.send(reply(&to_b, "200 OK", "b", ""), proxy.addr());
    assert!(caller.expect("SIP/2.0 ").starts_with("SIP/2.0 200 OK"));
    let canceled = a.expect("CANCEL");
    a.send(reply(&canceled, "200 OK", "a", ""), proxy.addr());
    a.send(
        reply(&to_a, "487 Request Terminated", "a", ""),
        proxy.addr(),
    );
    a.expect("ACK");
    assert_eq!(caller.rest(), [""; 0]);
    proxy.wait_idle();
}

#[test]
fn both_branches_may_answer_with_200() {
    let (caller, a, b) = (Phone::new(), Phone::new(), Phone::new());
    let proxy = forking(&b);
    caller.send(caller.request("INVITE", &uri("a", &a)), proxy.addr());
    let (to_a, to_b) = (a.expect("INVITE"), b.expect("INVITE"));
    a.send(reply(&to_a, "200 OK", "a", ""), proxy.addr());
    b.send(reply(&to_b, "200 OK", "b", ""), proxy.addr());
    let answers = [caller.expect("SIP/2.0 200"), caller.expect("SIP/2.0 200")];
    assert!(answers.iter().any(|text| text.contains(";tag=a\r\n")));
    assert!(answers.iter().any(|text| text.contains(";tag=b\r\n")));
    assert_eq!(
        b.rest(),
        [""; 0],
        "it had answered before it could be cancelled"
    );
    proxy.wait_idle();
}

#[test]
fn a_6xx_ends_the_other_branches_and_beats_what_they_say() {
    let (caller, a, b) = (Phone::new(), Phone::new(), Phone::new());
    let proxy = forking(&b);
    let invite = caller.request("INVITE", &uri("a", &a));
    caller.send(&invite, proxy.addr());
    let (to_a, to_b) = (a.expect("INVITE"), b.expect("INVITE"));
    a.send(reply(&to_a, "180 Ringing", "a", ""), proxy.addr());
    caller.expect("SIP/2.0 180");
    b.send(reply(&to_b, "603 Decline", "b", ""), proxy.addr());
    b.expect("ACK");
    let canceled = a.expect("CANCEL");
    a.send(reply(&canceled, "200 OK", "a", ""), proxy.addr());
    assert_eq!(caller.rest(), [""; 0], "one branch has not ended yet");
    a.send(
        reply(&to_a, "487 Request Terminated", "a", ""),
        proxy.addr(),
    );
    a.expect("ACK");
    let answer = caller.expect("SIP/2.0 603");
    caller.send(ack(&invite, &answer), proxy.addr());
    proxy.wait_idle();
}

#[test]
fn a_200_beats_the_6xx_of_another_branch_that_came_first() {
    let (caller, a, b) = (Phone::new(), Phone::new(), Phone::new());
    let proxy = forking(&b);
    caller.send(caller.request("INVITE", &uri("a", &a)), proxy.addr());
    let (to_a, to_b) = (a.expect("INVITE"), b.expect("INVITE"));
    a.send(reply(&to_a, "180 Ringing", "a", ""), proxy.addr());
    caller.expect("SIP/2.0 180");
    b.send(reply(&to_b, "603 Decline", "b", ""), proxy.addr());
    b.expect("ACK");
    let canceled = a.expect("CANCEL");
    a.send(reply(&to_a, "200 OK", "a", ""), proxy.addr());
    a.send(reply(&canceled, "200 OK", "a", ""), proxy.addr());
    caller.expect("SIP/2.0 200 OK");
    assert_eq!(caller.rest(), [""; 0]);
    proxy.wait_idle();
}

#[test]
fn a_status_that_is_none_means_nothing() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying();
    for (method, odd) in [("INVITE", "099 Odd"), ("MESSAGE", "000 Odd")] {
        caller.send(caller.request(method, &uri("bob", &callee)), proxy.addr());
        let seen = callee.expect(method);
        callee.send(reply(&seen, odd, "b", ""), proxy.addr());
        let more = callee.rest();
        assert!(
            more.iter().all(|line| line.starts_with(method)),
            "no ACK: {more:?}"
        );
        callee.send(reply(&seen, "200 OK", "b", ""), proxy.addr());
        let answer = caller.expect("SIP/2.0 200 OK");
        assert!(!answer.contains("Odd"));
    }
    assert_eq!(caller.rest(), [""; 0]);
    proxy.wait_idle();
}

#[test]
fn requests_inside_of_an_early_dialog_are_transactions_of_their_own() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying();
    let invite = caller.request("INVITE", &uri("bob", &callee));
    caller.send(&invite, proxy.addr());
    let seen = callee.expect("INVITE");
    callee.send(
        reply(
            &seen,
            "183 Session Progress",
            "b",
            "Require: 100rel\r\nRSeq: 1\r\n",
        ),
        proxy.addr(),
    );
    let early = caller.expect("SIP/2.0 183");
    let prack = {
        let via = caller.addr().to_string();
        let cseq = header(&invite, "CSeq").unwrap();
        let text = request(
            "PRACK",
            &uri("bob", &callee),
            &via,
            &format!("RAck: 1 {cseq}\r\n"),
        );
        let to = format!("To: {}\r\n", header(&early, "To").unwrap());
        let call = format!("Call-ID: {}\r\n", header(&invite, "Call-ID").unwrap());
        let from = format!("From: {}\r\n", header(&invite, "From").unwrap());
        let keep = |l: &&str| {
            !["To:", "Call-ID:", "From:"]
                .iter()
                .any(|n| l.starts_with(n))
        };
        let rest: String = text.split_inclusive("\r\n").filter(keep).collect();
        rest.replacen("Max-Forwards", &format!("{to}{call}{from}Max-Forwards"), 1)
    };
    // PRACK and the final reply cross.
    caller.send(&prack, proxy.addr());
    callee.send(reply(&seen, "200 OK", "b", ""), proxy.addr());
    let acked = callee.expect("PRACK");
    caller.expect("SIP/2.0 200 OK");
    caller.send(&prack, proxy.addr());
    callee.send(reply(&acked, "200 PRACK OK", "b", ""), proxy.addr());
    caller.expect("SIP/2.0 200 PRACK OK");
    let more = callee.rest();
    assert!(
        more.iter().all(|line| line.starts_with("PRACK ")),
        "{more:?}"
    );
    proxy.wait_idle();
}

#[test]
fn several_challenges_go_upstream_in_one_reply() {
    let (caller, a, b) = (Phone::new(), Phone::new(), Phone::new());
    let proxy = forking(&b);
    let invite = caller.request("INVITE", &uri("a", &a));
    caller.send(&invite, proxy.addr());
    let (to_a, to_b) = (a.expect("INVITE"), b.expect("INVITE"));
    let from_a = "WWW-Authenticate: Digest realm=\"a\", nonce=\"1\"\r\n";
    let from_b = "Proxy-Authenticate: Digest realm=\"b\", nonce=\"2\"\r\n";
    a.send(reply(&to_a, "401 Unauthorized", "a", from_a), proxy.addr());
    a.expect("ACK");
    b.send(
        reply(&to_b, "407 Proxy Authentication Required", "b", from_b),
        proxy.addr(),
    );
    b.expect("ACK");
    let answer = caller.expect("SIP/2.0 401");
    assert!(
        answer.contains(from_a) && answer.contains(from_b),
        "{answer}"
    );
    caller.send(ack(&invite, &answer), proxy.addr());
    proxy.wait_idle();
}

#[test]
fn replies_may_write_their_headers_as_they_like() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying();
    let compact = |text: &str| {
        [
            ("Via:", "v:"),
            ("From:", "f:"),
            ("To:", "t:"),
            ("Call-ID:", "i:"),
        ]
        .iter()
        .fold(text.to_owned(), |text, (long, short)| {
            text.replace(&format!("\r\n{long}"), &format!("\r\n{short}"))
        })
    };
    let joined = |text: &str| {
        let at = text.find("\r\nVia:").expect("a first Via");
        let (first, rest) = text.split_at(at + 2);
        format!("{first}{}", rest.replacen("\r\nVia:", ",\r\n  ", 1))
    };
    let lower = |text: &str| text.replace("Via:", "VIA  :").replace("CSeq:", "cseq:");
    let folded = |text: &str| {
        text.replace("CSeq: ", "CSeq:\r\n ")
            .replace(";branch=", "\r\n\t;branch=")
    };
    let forms: [&dyn Fn(&str) -> String; 4] = [&compact, &joined, &lower, &folded];
    for form in forms {
        let invite = caller.request("INVITE", &uri("bob", &callee));
        caller.send(&invite, proxy.addr());
        let seen = callee.expect("INVITE");
        callee.send(form(&reply(&seen, "180 Ringing", "b", "")), proxy.addr());
        let ringing = caller.expect("SIP/2.0 180");
        let vias = ringing.matches("SIP/2.0/UDP").count();
        assert_eq!(vias, 1, "{ringing}");
        callee.send(form(&reply(&seen, "486 Busy Here", "b", "")), proxy.addr());
        callee.expect("ACK");
        caller.expect("SIP/2.0 486");
        let plain = reply(&seen, "486 Busy Here", "b", "");
        caller.send(ack(&invite, &plain), proxy.addr());
    }
    proxy.wait_idle();
}

#[test]
fn a_call_goes_from_one_address_family_to_the_other() {
    let (v4, v6) = (Phone::new(), Phone::at(std::net::Ipv6Addr::LOCALHOST));
    let port = crate::common::free_port();
    let listen = format!("udp:[::1]:{port}");
    let proxy = Proxy::with_options(
        "modparam(\"tm\", \"wt_timer\", 500)\nroute { t_relay(); }\n",
        &["-l", &listen],
    );
    for (caller, callee, from, to) in [
        (&v4, &v6, ("127.0.0.1", proxy.addr().1), ("::1", port)),
        (&v6, &v4, ("::1", port), ("127.0.0.1", proxy.addr().1)),
    ] {
        let invite = caller.request("INVITE", &uri("bob", callee));
        caller.send(&invite, from);
        let seen = callee.expect("INVITE");
        callee.send(reply(&seen, "180 Ringing", "b", ""), to);
        caller.expect("SIP/2.0 180");
        caller.send(crate::kit::cancel(&invite), from);
        let canceled = callee.expect("CANCEL");
        callee.send(reply(&canceled, "200 OK", "b", ""), to);
        callee.send(reply(&seen, "487 Request Terminated", "b", ""), to);
        let [_, answer] = caller.expect_all(["SIP/2.0 200 canceling", "SIP/2.0 487"]);
        caller.send(ack(&invite, &answer), from);
    }
    proxy.wait_idle();
}

#[test]
fn a_call_may_come_through_here_twice() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = Proxy::new(&format!(
        "modparam(\"tm\", \"wt_timer\", 500)\n\
         route {{ record_route();\n\
         if (method == \"CANCEL\" || method == \"ACK\") {{ t_relay(); drop; }}\n\
         if (uri =~ \"sip:twice@\") {{ rewriteuser(\"once\"); t_relay(); drop; }}\n\
         rewriteuri(\"{}\"); t_relay(); }}\n",
        uri("bob", &callee)
    ));
    let twice = format!("sip:twice@127.0.0.1:{}", proxy.addr().1);
    for status in ["487 Request Terminated", "486 Busy Here", "200 OK"] {
        let invite = caller.request("INVITE", &twice);
        caller.send(&invite, proxy.addr());
        let seen = callee.expect("INVITE");
        let vias = seen.lines().filter(|l| l.starts_with("Via:")).count();
        assert_eq!(vias, 3, "{seen}");
        callee.send(reply(&seen, "180 Ringing", "b", ""), proxy.addr());
        caller.expect("SIP/2.0 180");
        if status.starts_with("487") {
            caller.send(crate::kit::cancel(&invite), proxy.addr());
            let canceled = callee.expect("CANCEL");
            callee.send(reply(&canceled, "200 OK", "b", ""), proxy.addr());
        }
        callee.send(reply(&seen, status, "b", ""), proxy.addr());
        let answer = caller.expect(&format!("SIP/2.0 {status}"));
        if !status.starts_with('2') {
            callee.expect("ACK");
            caller.send(ack(&invite, &answer), proxy.addr());
        }
        proxy.wait_idle();
        assert_eq!(callee.rest(), [""; 0], "{status}");
    }
}
