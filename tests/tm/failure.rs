//! failure_route, and what it sees of onreply_route and branches.

use crate::common::sip::Phone;
use crate::kit::{Proxy, Talks, ack, reply, uri};

/// A proxy whose INVITEs run failure_route[F] with this body.
fn failing(more: &str, failure: &str) -> Proxy {
    Proxy::new(&format!(
        "modparam(\"tm\", \"wt_timer\", 500)\n\
         route {{ t_on_failure(\"F\"); {more} t_relay(); }}\n\
         failure_route[F] {{\n{failure}\n}}\n"
    ))
}

#[test]
fn a_failure_route_adds_branches_until_there_is_no_room_and_the_best_reply_is_passed_on() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let again = uri("again", &callee);
    let proxy = failing(
        "",
        &format!(
            "t_on_failure(\"F\"); append_branch(\"{again}\");\n\
             if (!t_relay()) {{ xlog(\"L_ERR\", \"F: full\\n\"); }}"
        ),
    );
    let invite = caller.request("INVITE", &uri("first", &callee));
    caller.send(&invite, proxy.addr());
    let mut branches = std::collections::BTreeSet::new();
    while branches.len() < 12 {
        let seen = callee.expect("INVITE");
        let via = crate::common::sip::header(&seen, "Via").unwrap().to_owned();
        if branches.insert(via) {
            let status = if branches.len() == 7 {
                "404 Seventh"
            } else {
                "486 Busy Here"
            };
            callee.send(reply(&seen, status, "b", ""), proxy.addr());
        }
    }
    let answer = caller.expect("SIP/2.0 404 Seventh");
    caller.send(ack(&invite, &answer), proxy.addr());
    let more = callee.rest();
    assert!(more.iter().all(|line| line.starts_with("ACK ")), "{more:?}");
    assert_eq!(proxy.logged("F"), ["full"]);
    proxy.wait_idle();
}

#[test]
fn the_failure_route_sees_attributes_and_flags_of_request_and_replies() {
    let (caller, a, b) = (Phone::new(), Phone::new(), Phone::new());
    let proxy = Proxy::new(&format!(
        "modparam(\"tm\", \"wt_timer\", 500)\n\
         route {{ $req = \"request\"; $num = 7; setflag(3); t_on_reply(\"O\"); t_on_failure(\"F\"); t_relay(); }}\n\
         onreply_route[O] {{\n\
           if (status == \"180\") {{ $ring = \"180\"; $num = 8; setflag(4); }}\n\
           if (status == \"486\") {{ $busy = @status; resetflag(3); }} }}\n\
         failure_route[F] {{\n\
           xlog(\"L_ERR\", \"F: %$req %$num %$ring %$busy\\n\");\n\
           if (isflagset(3)) {{ xlog(\"L_ERR\", \"F: 3\\n\"); }}\n\
           if (isflagset(4)) {{ xlog(\"L_ERR\", \"F: 4\\n\"); }}\n\
           $fail = \"failure\"; setflag(5); t_on_failure(\"G\"); append_branch(\"{}\"); t_relay(); }}\n\
         failure_route[G] {{\n\
           xlog(\"L_ERR\", \"G: %$req %$fail %$busy\\n\");\n\
           if (isflagset(5)) {{ xlog(\"L_ERR\", \"G: 5\\n\"); }} }}\n",
        uri("b", &b)
    ));
    let invite = caller.request("INVITE", &uri("a", &a));
    caller.send(&invite, proxy.addr());
    let seen = a.expect("INVITE");
    a.send(reply(&seen, "180 Ringing", "a", ""), proxy.addr());
    caller.expect("SIP/2.0 180");
    a.send(reply(&seen, "486 Busy Here", "a", ""), proxy.addr());
    let seen = b.expect("INVITE");
    b.send(reply(&seen, "486 Also Busy", "b", ""), proxy.addr());
    let answer = caller.expect("SIP/2.0 486");
    caller.send(ack(&invite, &answer), proxy.addr());
    assert_eq!(proxy.logged("F"), ["request 8 180 486 Busy Here", "4"]);
    assert_eq!(proxy.logged("G"), ["request failure 486 Also Busy", "5"]);
    proxy.wait_idle();
}

#[test]
fn a_timeout_is_handled_like_a_reply_and_the_call_goes_on_elsewhere() {
    let (caller, a, b) = (Phone::new(), Phone::new(), Phone::new());
    let proxy = Proxy::new(&format!(
        "modparam(\"tm\", \"wt_timer\", 500)\nmodparam(\"tm\", \"fr_timer\", 600)\n\
         route {{ t_on_failure(\"F\"); t_relay(); }}\n\
         failure_route[F] {{\n\
           if (t_branch_timeout()) {{ xlog(\"L_ERR\", \"F: timeout\\n\"); }}\n\
           if (t_any_timeout()) {{ xlog(\"L_ERR\", \"F: any timeout\\n\"); }}\n\
           if (t_branch_replied()) {{ xlog(\"L_ERR\", \"F: replied\\n\"); }}\n\
           if (t_any_replied()) {{ xlog(\"L_ERR\", \"F: any replied\\n\"); }}\n\
           if (t_check_status(\"408\")) {{ append_branch(\"{}\"); t_relay(); }} }}\n",
        uri("b", &b)
    ));
    let invite = caller.request("INVITE", &uri("a", &a));
    caller.send(&invite, proxy.addr());
    let to_a = a.expect("INVITE");
    let to_b = b.expect("INVITE");
    let canceled = a.expect("CANCEL");
    a.send(reply(&canceled, "200 OK", "a", ""), proxy.addr());
    b.send(reply(&to_b, "180 Ringing", "b", ""), proxy.addr());
    caller.expect("SIP/2.0 180");
    // The first one answers after all.
    a.send(reply(&to_a, "200 OK", "a", ""), proxy.addr());
    let answer = caller.expect("SIP/2.0 200 OK");
    assert!(answer.contains(";tag=a\r\n"));
    let canceled = b.expect("CANCEL");
    b.send(reply(&canceled, "200 OK", "b", ""), proxy.addr());
    b.send(
        reply(&to_b, "487 Request Terminated", "b", ""),
        proxy.addr(),
    );
    b.expect("ACK");
    assert_eq!(proxy.logged("F"), ["timeout", "any timeout"]);
    assert_eq!(caller.rest(), [""; 0]);
    proxy.wait_idle();
}

#[test]
fn a_failure_route_may_answer_itself() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = failing(
        "",
        "t_reply(\"181\", \"wait\"); t_reply(\"600\", \"nobody\");",
    );
    let invite = caller.request("INVITE", &uri("a", &callee));
    caller.send(&invite, proxy.addr());
    let seen = callee.expect("INVITE");
    callee.send(reply(&seen, "480 Away", "a", ""), proxy.addr());
    caller.expect("SIP/2.0 181 wait");
    let answer = caller.expect("SIP/2.0 600 nobody");
    caller.send(ack(&invite, &answer), proxy.addr());
    proxy.wait_idle();
    let more = caller.rest();
    assert!(more.iter().all(|line| line.contains(" 600 ")), "{more:?}");
}

#[test]
fn a_reply_that_the_script_still_looks_at_counts_before_another_is_passed_on() {
    let (caller, a, b) = (Phone::new(), Phone::new(), Phone::new());
    let proxy = Proxy::with_options(
        &format!(
            "modparam(\"tm\", \"wt_timer\", 500)\n\
             route {{ t_on_reply(\"O\"); append_branch(\"{}\"); t_relay(); }}\n\
             onreply_route[O] {{ if (status == \"200\") {{ xlog(\"L_ERR\", \"O: slow\\n\"); test_sleep(1500); }} }}\n",
            uri("b", &b)
        ),
        &["-n", "4"],
    );
    let invite = caller.request("INVITE", &uri("a", &a));
    caller.send(&invite, proxy.addr());
    let (to_a, to_b) = (a.expect("INVITE"), b.expect("INVITE"));
    a.send(reply(&to_a, "200 OK", "a", ""), proxy.addr());
    crate::common::wait_until("the route runs", || proxy.logged("O") == ["slow"]);
    b.send(reply(&to_b, "486 Busy Here", "b", ""), proxy.addr());
    b.expect("ACK");
    caller.expect("SIP/2.0 100");
    assert!(caller.expect("SIP/2.0 ").starts_with("SIP/2.0 200 "));
    assert_eq!(caller.rest(), [""; 0]);
    proxy.wait_idle();
}

#[test]
fn what_comes_while_the_failure_route_runs_is_decided_behind_it() {
    let (caller, a, b) = (Phone::new(), Phone::new(), Phone::new());
    let proxy = Proxy::with_options(
        &format!(
            "modparam(\"tm\", \"wt_timer\", 500)\n\
             route {{ t_on_failure(\"F\"); t_relay(); }}\n\
             failure_route[F] {{ append_branch(\"{}\"); t_relay(); xlog(\"L_ERR\", \"F: slow\\n\"); test_sleep(1500); }}\n",
            uri("b", &b)
        ),
        &["-n", "4"],
    );
    for (status, first) in [("486 Busy Here", "404 Not Found"), ("200 OK", "200 OK")] {
        let invite = caller.request("INVITE", &uri("a", &a));
        caller.send(&invite, proxy.addr());
        caller.expect("SIP/2.0 100");
        let to_a = a.expect("INVITE");
        a.send(reply(&to_a, "404 Not Found", "a", ""), proxy.addr());
        let to_b = b.expect("INVITE");
        b.send(reply(&to_b, status, "b", ""), proxy.addr());
        let answer = caller.expect("SIP/2.0 ");
        assert!(answer.starts_with(&format!("SIP/2.0 {first}")), "{answer}");
        if status.starts_with('4') {
            caller.send(ack(&invite, &answer), proxy.addr());
        }
        caller.rest();
        a.rest();
        b.rest();
    }
    proxy.wait_idle();
}

#[test]
fn a_panic_in_a_route_leaves_the_caller_with_an_answer() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = Proxy::new(
        "modparam(\"tm\", \"wt_timer\", 500)\nmodparam(\"tm\", \"fr_timer\", 1500)\n\
         route { if (method == \"INFO\") { t_newtran(); test_panic(); }\n\
         if (method == \"MESSAGE\") t_on_reply(\"O\"); t_on_failure(\"F\"); t_relay(); }\n\
         onreply_route[O] { test_panic(); }\n\
         failure_route[F] { test_panic(); }\n",
    );
    let invite = caller.request("INVITE", &uri("a", &callee));
    caller.send(&invite, proxy.addr());
    let seen = callee.expect("INVITE");
    callee.send(reply(&seen, "480 Away", "a", ""), proxy.addr());
    let answer = caller.expect("SIP/2.0 480");
    caller.send(ack(&invite, &answer), proxy.addr());

    caller.send(caller.request("MESSAGE", &uri("a", &callee)), proxy.addr());
    let seen = callee.expect("MESSAGE");
    callee.send(reply(&seen, "200 OK", "a", ""), proxy.addr());
    caller.expect("SIP/2.0 200");

    caller.send(caller.request("INFO", &uri("a", &callee)), proxy.addr());
    proxy.wait_idle();
}

#[test]
fn routes_may_take_longer_than_the_final_response_timer() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = Proxy::new(
        "modparam(\"tm\", \"fr_timer\", 500)\nmodparam(\"tm\", \"wt_timer\", 3000)\n\
         route { t_on_reply(\"O\"); t_on_failure(\"F\"); t_relay(); }\n\
         onreply_route[O] { if (status == \"200\") test_sleep(1500); }\n\
         failure_route[F] { if (t_check_status(\"480\")) { test_sleep(1500); t_reply(\"600\", \"slow\"); } }\n",
    );
    let invite = caller.request("INVITE", &uri("a", &callee));
    caller.send(&invite, proxy.addr());
    let seen = callee.expect("INVITE");
    callee.send(reply(&seen, "480 Away", "a", ""), proxy.addr());
    let answer = caller.expect("SIP/2.0 600 slow");
    caller.send(ack(&invite, &answer), proxy.addr());

    // Nobody knows what a route does that does not end: the caller is told, and what it says then counts.
    let invite = caller.request("INVITE", &uri("a", &callee));
    caller.send(&invite, proxy.addr());
    let seen = callee.expect("INVITE");
    callee.send(reply(&seen, "200 OK", "a", ""), proxy.addr());
    let answer = caller.expect("SIP/2.0 408");
    caller.send(ack(&invite, &answer), proxy.addr());
    caller.expect("SIP/2.0 200 OK");
    proxy.wait_idle();
}
