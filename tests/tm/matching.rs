//! Which transaction a request belongs to (RFC 3261 §17.2.3 and RFC 2543), and where replies go.

use crate::common::sip::{Phone, header};
use crate::common::{Setup, load};
use crate::kit::{Proxy, Talks, ack, cancel, reply, uri};

fn relaying(more: &str) -> Proxy {
    Proxy::new(&format!(
        "modparam(\"tm\", \"wt_timer\", 500)\n{more}route {{ t_relay(); }}\n"
    ))
}

/// The same request as a client of RFC 2543 writes it: no branch.
fn old(request: &str) -> String {
    let via = header(request, "Via").expect("a Via");
    let plain = via.split(";branch=").next().expect("a Via");
    request.replace(via, plain)
}

#[test]
fn without_magic_cookie_the_fields_of_rfc_2543_are_compared() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying("");
    for branch in ["", ";branch=0", ";branch=z9hG4bK"] {
        let plain = old(&caller.request("INVITE", &uri("bob", &callee)));
        let via = header(&plain, "Via").unwrap();
        let invite = plain.replace(via, &format!("{via}{branch}"));
        caller.send(&invite, proxy.addr());
        caller.expect("SIP/2.0 100");
        let seen = callee.expect("INVITE");
        caller.send(&invite, proxy.addr());
        caller.expect("SIP/2.0 100");
        callee.send(reply(&seen, "486 Busy Here", "b", ""), proxy.addr());
        callee.expect("ACK");
        let answer = caller.expect("SIP/2.0 486");
        // The To of an ACK has a tag that the INVITE has not.
        caller.send(ack(&invite, &answer), proxy.addr());
        proxy.wait_idle();
        assert_eq!(callee.rest(), [""; 0], "{branch}");
    }
}

#[test]
fn a_cancel_without_magic_cookie_finds_its_invite() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying("");
    let invite = old(&caller.request("INVITE", &uri("bob", &callee)));
    caller.send(&invite, proxy.addr());
    let seen = callee.expect("INVITE");
    callee.send(reply(&seen, "180 Ringing", "b", ""), proxy.addr());
    caller.expect("SIP/2.0 180");
    caller.send(cancel(&invite), proxy.addr());
    let canceled = callee.expect("CANCEL");
    callee.send(reply(&canceled, "200 OK", "b", ""), proxy.addr());
    callee.send(
        reply(&seen, "487 Request Terminated", "b", ""),
        proxy.addr(),
    );
    let [_, answer] = caller.expect_all(["SIP/2.0 200 canceling", "SIP/2.0 487"]);
    caller.send(ack(&invite, &answer), proxy.addr());
    proxy.wait_idle();
}

#[test]
fn parameters_say_whether_request_uri_and_via_count() {
    for (param, other) in [("ruri_matching", "uri"), ("via1_matching", "via")] {
        for counts in [true, false] {
            let (caller, callee) = (Phone::new(), Phone::new());
            let proxy = relaying(&format!(
                "modparam(\"tm\", \"{param}\", {})\n",
                i32::from(counts)
            ));
            let first = old(&caller.request("MESSAGE", &uri("bob", &callee)));
            let via = header(&first, "Via").unwrap();
            let second = match other {
                "uri" => first.replace("MESSAGE sip:bob@", "MESSAGE sip:carol@"),
                _ => first.replace(via, &format!("{via};x=1")),
            };
            assert_ne!(first, second);
            caller.send(&first, proxy.addr());
            let seen = callee.expect("MESSAGE");
            callee.send(reply(&seen, "200 First", "b", ""), proxy.addr());
            caller.expect("SIP/2.0 200 First");
            caller.send(&second, proxy.addr());
            if counts {
                let seen = callee.expect("MESSAGE");
                callee.send(reply(&seen, "200 Second", "b", ""), proxy.addr());
                caller.expect("SIP/2.0 200 Second");
            } else {
                caller.expect("SIP/2.0 200 First");
                assert_eq!(callee.rest(), [""; 0]);
            }
            proxy.wait_idle();
        }
    }
}

#[test]
fn every_other_field_makes_another_transaction() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying("");
    let first = old(&caller.request("MESSAGE", &uri("bob", &callee)));
    let change = |from: &str, to: &str| {
        let changed = first.replace(from, to);
        assert_ne!(changed, first);
        changed
    };
    let call_id = header(&first, "Call-ID").unwrap();
    let cseq = header(&first, "CSeq").unwrap();
    let all = [
        first.clone(),
        change("<sip:alice@", "<sip:alic@"),
        change("<sip:bob@localhost>", "<sip:bob@localhost>;tag=1"),
        change(call_id, &format!("x{call_id}")),
        change(cseq, &format!("1{cseq}")),
        first.replace("MESSAGE", "INFO"),
        first.replace("MESSAGE", "ODD"),
        first.replace("MESSAGE", "ODDER"),
    ];
    for (i, text) in all.iter().enumerate() {
        caller.send(text, proxy.addr());
        let seen = callee.expect("");
        callee.send(
            reply(&seen, &format!("200 Number {i}"), "b", ""),
            proxy.addr(),
        );
        caller.expect(&format!("SIP/2.0 200 Number {i}"));
    }
    for (i, text) in all.iter().enumerate() {
        caller.send(text, proxy.addr());
        caller.expect(&format!("SIP/2.0 200 Number {i}"));
    }
    assert_eq!(callee.rest(), [""; 0]);
}

#[test]
fn with_magic_cookie_branch_and_sent_by_count_and_nothing_else() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying("");
    let first = caller.request("MESSAGE", &uri("bob", &callee));
    let via = header(&first, "Via").unwrap();
    caller.send(&first, proxy.addr());
    let seen = callee.expect("MESSAGE");
    callee.send(reply(&seen, "200 First", "b", ""), proxy.addr());
    caller.expect("SIP/2.0 200 First");
    for same in [
        first.replace("sip:bob@127", "sip:carol@127"),
        first.replace("<sip:alice@", "<sip:alic@"),
        first.replace("<sip:bob@localhost>", "<sip:carol@localhost>;tag=2"),
        first.replace(via, &format!("{via};x=1")),
    ] {
        assert_ne!(same, first);
        caller.send(&same, proxy.addr());
        caller.expect("SIP/2.0 200 First");
    }
    for other in [
        via.replace("branch=z9hG4bK", "branch=z9hG4bKx"),
        via.replace("127.0.0.1", "localhost"),
        via.replace("/UDP ", "/TCP "),
    ] {
        let text = first.replace(via, &format!("{other};rport"));
        assert_ne!(text, first);
        caller.send(&text, proxy.addr());
        let seen = callee.expect("MESSAGE");
        callee.send(reply(&seen, "200 Other", "b", ""), proxy.addr());
        caller.expect("SIP/2.0 200 Other");
    }
    assert_eq!(callee.rest(), [""; 0]);
}

#[test]
fn branches_may_be_named_by_a_sum_of_the_request() {
    let (caller, a, b) = (Phone::new(), Phone::new(), Phone::new());
    let proxy = Proxy::new(&format!(
        "syn_branch=no\nmodparam(\"tm\", \"wt_timer\", 500)\n\
         route {{ if (method == \"INVITE\") append_branch(\"{}\"); t_relay(); }}\n",
        uri("b", &b)
    ));
    let invite = caller.request("INVITE", &uri("a", &a));
    caller.send(&invite, proxy.addr());
    let (to_a, to_b) = (a.expect("INVITE"), b.expect("INVITE"));
    let branch = |text: &str| {
        header(text, "Via")
            .unwrap()
            .split("branch=")
            .nth(1)
            .unwrap()
            .to_owned()
    };
    let parts: Vec<String> = branch(&to_a).split('.').map(str::to_owned).collect();
    assert_eq!(parts.len(), 3);
    assert!(parts[1].len() == 32 && parts[1].bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(branch(&to_b), format!("{}.{}.1", parts[0], parts[1]));
    b.send(reply(&to_b, "486 Busy Here", "b", ""), proxy.addr());
    b.expect("ACK");
    a.send(reply(&to_a, "180 Ringing", "a", ""), proxy.addr());
    caller.expect("SIP/2.0 180");
    caller.send(cancel(&invite), proxy.addr());
    let canceled = a.expect("CANCEL");
    assert_eq!(branch(&canceled), branch(&to_a));
    a.send(reply(&canceled, "200 OK", "a", ""), proxy.addr());
    a.send(
        reply(&to_a, "487 Request Terminated", "a", ""),
        proxy.addr(),
    );
    let [_, answer] = caller.expect_all(["SIP/2.0 200 canceling", "SIP/2.0 48"]);
    caller.send(ack(&invite, &answer), proxy.addr());
    proxy.wait_idle();
}

#[test]
fn replies_go_back_to_the_source_or_where_the_via_says() {
    for by_via in [false, true] {
        let (caller, other, callee) = (Phone::new(), Phone::at([127, 0, 0, 2]), Phone::new());
        let proxy = relaying(if by_via { "reply_to_via=yes\n" } else { "" });
        let via = other.addr().to_string();
        for made_here in [false, true] {
            let to = if made_here {
                "sip:x@127.255.255.255".to_owned()
            } else {
                uri("bob", &callee)
            };
            let message = crate::common::sip::request("MESSAGE", &to, &via, "");
            // The port that the Via names, at the address that it came from.
            let same_host = Phone::new();
            let message = if by_via {
                message
            } else {
                message.replace(&via, &format!("10.9.9.9:{}", same_host.port()))
            };
            caller.send(&message, proxy.addr());
            if !made_here {
                let seen = callee.expect("MESSAGE");
                callee.send(reply(&seen, "200 OK", "b", ""), proxy.addr());
            }
            let start = if made_here {
                "SIP/2.0 477"
            } else {
                "SIP/2.0 200"
            };
            if by_via { &other } else { &same_host }.expect(start);
        }
        assert_eq!(caller.rest(), [""; 0]);
    }
}

/// A proxy with this main route; `HOST` and `PORT` stand for the callee's.
fn to_callee(route: &str, callee: &Phone) -> Proxy {
    let port = callee.port().to_string();
    let route = route.replace("HOST", "127.0.0.1").replace("PORT", &port);
    Proxy::new(&format!(
        "modparam(\"tm\", \"wt_timer\", 500)\nroute {{ {route} }}\n"
    ))
}

#[test]
fn a_request_is_relayed_to_where_the_script_says() {
    for route in [
        "t_relay_to_udp(\"HOST\", \"PORT\");",
        "t_relay_to_udp(\"localhost\", \"PORT\");",
        "t_relay_to(\"udp\", \"HOST:PORT\");",
        "t_relay_to(\"udp\", \"localhost:PORT\");",
        "$p = \"udp\"; $a = \"HOST:PORT\"; t_relay_to(\"$p\", \"$a\");",
        "$a = \"localhost:PORT\"; t_relay_to(\"UDP\", \"$a\");",
        "t_newtran(); t_forward_nonack(\"HOST\", \"PORT\");",
        "t_newtran(); t_forward_nonack_udp(\"localhost\", \"PORT\");",
        "t_newtran(); t_forward_nonack_to(\"udp\", \"localhost:PORT\");",
        "t_newtran(); rewritehostport(\"HOST:PORT\"); t_forward_nonack_uri();",
    ] {
        let (caller, callee) = (Phone::new(), Phone::new());
        let proxy = to_callee(route, &callee);
        let invite = caller.request("INVITE", "sip:bob@nowhere.invalid");
        caller.send(&invite, proxy.addr());
        let seen = callee.expect("INVITE");
        callee.send(reply(&seen, "486 Busy Here", "b", ""), proxy.addr());
        callee.expect("ACK");
        let trying = !route.starts_with("t_newtran");
        if trying {
            caller.expect("SIP/2.0 100");
        }
        let answer = caller.expect("SIP/2.0 ");
        assert!(answer.starts_with("SIP/2.0 486"), "{route}: {answer}");
        caller.send(ack(&invite, &answer), proxy.addr());
        proxy.wait_idle();
    }
}

#[test]
fn what_cannot_be_relayed_is_answered_by_t_relay_and_by_nobody_else() {
    let callee = Phone::new();
    for (route, target, status) in [
        (
            "t_relay();",
            "sip:x@127.255.255.255",
            "SIP/2.0 477 Unfortunately error on sending to next hop occurred (477/TM)",
        ),
        (
            "t_relay();",
            "sip:x@nowhere.invalid",
            "SIP/2.0 478 Unresolvable destination",
        ),
        (
            "if (!t_relay_to(\"udp\", \"127.255.255.255:5060\")) { sl_send_reply(\"599\", \"said\"); }",
            "sip:x@y",
            "SIP/2.0 477",
        ),
        (
            "$p = \"carrier pigeon\"; if (!t_relay_to(\"$p\", \"HOST:PORT\")) { sl_send_reply(\"599\", \"bad protocol\"); }",
            "sip:x@y",
            "SIP/2.0 599 bad protocol",
        ),
        (
            "if (!t_relay_to(\"udp\", \"HOST:x\")) { sl_send_reply(\"599\", \"bad port\"); }",
            "sip:x@y",
            "SIP/2.0 599 bad port",
        ),
        (
            "if (!t_relay_to(\"tcp\", \"HOST:PORT\")) { sl_send_reply(\"599\", \"no\"); }",
            "sip:x@y",
            "SIP/2.0 500",
        ),
        (
            "if (!t_forward_nonack_uri()) { sl_send_reply(\"599\", \"no transaction\"); }",
            "sip:x@y",
            "SIP/2.0 599 no transaction",
        ),
        (
            "t_newtran(); if (!t_forward_nonack(\"127.255.255.255\", \"5060\")) { t_reply(\"599\", \"mine\"); }",
            "sip:x@y",
            "SIP/2.0 599 mine",
        ),
        (
            "t_newtran(); if (!t_forward_nonack_to(\"udp\", \"127.255.255.255:5060\")) { t_reply(\"599\", \"mine\"); }",
            "sip:x@y",
            "SIP/2.0 599 mine",
        ),
    ] {
        let caller = Phone::new();
        let proxy = to_callee(route, &callee);
        for method in ["MESSAGE", "INVITE"] {
            let request = caller.request(method, target);
            caller.send(&request, proxy.addr());
            let answer = loop {
                let text = caller.expect("SIP/2.0 ");
                if !text.starts_with("SIP/2.0 1") {
                    break text;
                }
            };
            assert!(answer.starts_with(status), "{route}: {answer}");
            if method == "INVITE" {
                caller.send(ack(&request, &answer), proxy.addr());
            }
            assert_eq!(caller.rest(), [""; 0], "{route}");
        }
        proxy.wait_idle();
    }
    assert_eq!(callee.rest(), [""; 0]);
}

#[test]
fn a_script_that_forwards_to_nowhere_and_says_nothing_leaves_nothing_behind() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = to_callee(
        "t_newtran(); t_forward_nonack(\"127.255.255.255\", \"5060\");",
        &callee,
    );
    for method in ["MESSAGE", "INVITE"] {
        caller.send(caller.request(method, "sip:x@y"), proxy.addr());
    }
    proxy.wait_idle();
    assert_eq!(caller.rest(), [""; 0]);
}

#[test]
fn a_replicated_request_is_sent_once_and_its_replies_go_nowhere() {
    for route in [
        "t_replicate(\"HOST\", \"PORT\");",
        "t_replicate_udp(\"HOST\", \"PORT\");",
        "t_replicate_udp(\"localhost\", \"PORT\");",
        "t_replicate_to(\"udp\", \"HOST:PORT\");",
        "$a = \"localhost:PORT\"; t_replicate_to(\"udp\", \"$a\");",
    ] {
        let (caller, copy) = (Phone::new(), Phone::new());
        let proxy = to_callee(&format!("sl_send_reply(\"200\", \"mine\"); {route}"), &copy);
        let register = caller.request("REGISTER", "sip:nowhere.invalid");
        caller.send(&register, proxy.addr());
        caller.expect("SIP/2.0 200 mine");
        let seen = copy.expect("REGISTER");
        caller.send(&register, proxy.addr());
        caller.expect("SIP/2.0 200 mine");
        copy.send(reply(&seen, "180 Odd", "c", ""), proxy.addr());
        copy.send(reply(&seen, "403 Forbidden", "c", ""), proxy.addr());
        assert_eq!(caller.rest(), [""; 0], "{route}");
        caller.send(&register, proxy.addr());
        caller.expect("SIP/2.0 200 mine");
        let more = copy.rest();
        assert!(more.iter().all(String::is_empty), "{route}: {more:?}");
        proxy.wait_idle();
    }
}

#[test]
fn a_replicated_invite_that_nobody_answers_ends() {
    let (caller, copy) = (Phone::new(), Phone::new());
    let port = copy.port();
    let proxy = Proxy::new(&format!(
        "modparam(\"tm\", \"wt_timer\", 300)\nmodparam(\"tm\", \"fr_timer\", 500)\n\
         route {{ t_replicate(\"127.0.0.1\", \"{port}\"); t_replicate(\"127.255.255.255\", \"{port}\"); }}\n"
    ));
    caller.send(caller.request("INVITE", "sip:x@y"), proxy.addr());
    copy.expect("INVITE");
    copy.expect("CANCEL");
    proxy.wait_idle();
    assert_eq!(caller.rest(), [""; 0]);
}

#[test]
fn bad_arguments_are_refused_at_the_start() {
    for (call, why) in [
        (
            "t_relay_to_udp(\"nowhere.invalid\", \"5060\")",
            "could not resolve nowhere.invalid",
        ),
        ("t_relay_to_udp(\"127.0.0.1\", \"x\")", "is no port"),
        ("t_replicate(\"127.0.0.1\", \"70000\")", "is no port"),
        ("t_relay_to(\"pigeon\", \"127.0.0.1\")", "is no protocol"),
    ] {
        let setup = Setup::with_config(&format!("{}route {{ {call}; }}\n", load(&["tm"])));
        let output = setup.output(&["-D", "-D", "-E"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && text.contains(why),
            "{call}: {text}"
        );
    }
}

#[test]
fn a_branch_whose_send_fails_late_does_not_hide_what_the_others_said() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = Proxy::new(
        "modparam(\"tm\", \"wt_timer\", 500)\n\
         route { append_branch(\"sip:x@127.255.255.255\"); t_relay(); }\n\
         onsend_route { if (to_ip == 127.255.255.255) { test_sleep(1000); } }\n",
    );
    let invite = caller.request("INVITE", &uri("bob", &callee));
    caller.send(&invite, proxy.addr());
    let seen = callee.expect("INVITE");
    callee.send(reply(&seen, "401 Unauthorized", "b", ""), proxy.addr());
    callee.expect("ACK");
    let answer = caller.expect("SIP/2.0 4");
    assert!(answer.starts_with("SIP/2.0 401"), "{answer}");
    caller.send(ack(&invite, &answer), proxy.addr());
    proxy.wait_idle();
}

#[test]
fn a_vetoed_request_is_neither_sent_nor_answered() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = Proxy::new(
        "modparam(\"tm\", \"wt_timer\", 500)\n\
         route { t_relay(); }\n\
         onsend_route { if (@to.uri.user == \"bob\") { return(0); } }\n",
    );
    caller.send(
        caller.request("MESSAGE", &uri("bob", &callee)),
        proxy.addr(),
    );
    proxy.wait_idle();
    assert_eq!(caller.rest(), [""; 0]);
    assert_eq!(callee.rest(), [""; 0]);
}

#[test]
fn a_method_without_a_number_is_compared_by_its_whole_name_wherever_it_stands() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying("");
    for (number, before) in (1..).zip(["", "\r\n", "\r\n\r\n"]) {
        let options = caller.request("OPTIONS", &uri("bob", &callee));
        caller.send(format!("{before}{options}"), proxy.addr());
        // They are passed on as they came.
        let seen = callee.expect(&format!("{before}OPTIONS "));
        let seen = seen.trim_start();
        // The reply to a method that this one begins with is none of its replies, and goes its own way.
        let cseq = header(seen, "CSeq").expect("a CSeq");
        let other = cseq.replace("OPTIONS", "OPT");
        let wrong = reply(seen, "486 Busy", "b", "").replace(cseq, &other);
        callee.send(&wrong, proxy.addr());
        caller.expect("SIP/2.0 486");
        callee.send(reply(seen, "200 OK", "b", ""), proxy.addr());
        caller.expect("SIP/2.0 200");
        // A copy belongs to the transaction, empty lines before it or not.
        caller.send(&options, proxy.addr());
        caller.expect("SIP/2.0 200");
        assert_eq!(proxy.stat("total"), number, "{before:?}");
    }
}
