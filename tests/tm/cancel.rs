//! CANCEL against everything that may be under way (RFC 3261 §9, §16.10).

use crate::common::sip::{Phone, header};
use crate::kit::{Proxy, Talks, ack, cancel, reply, uri};

fn relaying() -> Proxy {
    Proxy::new("modparam(\"tm\", \"wt_timer\", 500)\nroute { t_relay(); }\n")
}

#[test]
fn a_cancel_before_any_reply_is_kept_for_the_first_one_and_a_200_all_the_same_is_passed_on() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying();
    let invite = caller.request("INVITE", &uri("bob", &callee));
    caller.send(&invite, proxy.addr());
    let seen = callee.expect("INVITE");
    caller.send(cancel(&invite), proxy.addr());
    let ok = caller.expect("SIP/2.0 200 canceling");
    assert_eq!(
        header(&ok, "CSeq").unwrap().split(' ').nth(1),
        Some("CANCEL")
    );
    let terminated = caller.expect("SIP/2.0 487");
    caller.send(ack(&invite, &terminated), proxy.addr());
    let before = callee.rest();
    assert!(
        before.iter().all(|line| line.starts_with("INVITE ")),
        "nothing is cancelled that has not answered, only asked again: {before:?}"
    );

    callee.send(reply(&seen, "180 Ringing", "b", ""), proxy.addr());
    let canceled = callee.expect("CANCEL");
    assert_eq!(header(&canceled, "Via"), header(&seen, "Via"));
    callee.send(reply(&canceled, "200 OK", "b", ""), proxy.addr());
    callee.send(reply(&seen, "200 OK", "b", ""), proxy.addr());
    let answer = caller.expect("SIP/2.0 200 OK");
    assert_eq!(
        header(&answer, "CSeq").unwrap().split(' ').nth(1),
        Some("INVITE")
    );
    assert_eq!(
        caller.rest(),
        [""; 0],
        "the 180 came too late for the caller"
    );
    proxy.wait_idle();
}

#[test]
fn a_ringing_call_is_cancelled_hop_by_hop() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying();
    let invite = caller.request("INVITE", &uri("bob", &callee));
    caller.send(&invite, proxy.addr());
    let seen = callee.expect("INVITE");
    callee.send(reply(&seen, "180 Ringing", "b", ""), proxy.addr());
    caller.expect("SIP/2.0 180");
    caller.send(cancel(&invite), proxy.addr());
    caller.expect("SIP/2.0 200 canceling");
    caller.send(cancel(&invite), proxy.addr());
    caller.expect("SIP/2.0 200 canceling");
    let canceled = callee.expect("CANCEL");
    callee.expect("CANCEL");
    callee.send(reply(&canceled, "200 OK", "b", ""), proxy.addr());
    callee.send(
        reply(&seen, "487 Request Terminated", "b", ""),
        proxy.addr(),
    );
    let acked = callee.expect("ACK");
    assert_eq!(header(&acked, "To"), Some("<sip:bob@localhost>;tag=b"));
    let terminated = caller.expect("SIP/2.0 487");
    assert_eq!(header(&terminated, "To"), Some("<sip:bob@localhost>;tag=b"));
    caller.send(ack(&invite, &terminated), proxy.addr());
    proxy.wait_idle();
    let more = callee.rest();
    assert!(
        more.iter().all(|line| line.starts_with("CANCEL ")),
        "{more:?}"
    );
}

#[test]
fn a_200_that_crosses_the_cancel_wins() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying();
    let invite = caller.request("INVITE", &uri("bob", &callee));
    caller.send(&invite, proxy.addr());
    let seen = callee.expect("INVITE");
    callee.send(reply(&seen, "180 Ringing", "b", ""), proxy.addr());
    caller.expect("SIP/2.0 180");
    caller.send(cancel(&invite), proxy.addr());
    let canceled = callee.expect("CANCEL");
    callee.send(reply(&seen, "200 OK", "b", ""), proxy.addr());
    callee.send(reply(&canceled, "481 Gone", "b", ""), proxy.addr());
    caller.expect_all(["SIP/2.0 200 canceling", "SIP/2.0 200 OK"]);
    assert_eq!(caller.rest(), [""; 0]);
    proxy.wait_idle();
}

#[test]
fn a_cancel_after_the_final_reply_reaches_nobody() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying();
    for status in ["200 OK", "486 Busy Here"] {
        let invite = caller.request("INVITE", &uri("bob", &callee));
        caller.send(&invite, proxy.addr());
        let seen = callee.expect("INVITE");
        callee.send(reply(&seen, status, "b", ""), proxy.addr());
        let answer = caller.expect(&format!("SIP/2.0 {status}"));
        caller.send(cancel(&invite), proxy.addr());
        caller.expect("SIP/2.0 200 ok -- no more pending branches");
        if status.starts_with('4') {
            caller.send(ack(&invite, &answer), proxy.addr());
            callee.expect("ACK");
        }
        assert_eq!(callee.rest(), [""; 0], "{status}");
    }
    proxy.wait_idle();
}

#[test]
fn of_a_fork_only_what_rings_is_cancelled_at_once() {
    let (caller, a, b) = (Phone::new(), Phone::new(), Phone::new());
    let proxy = Proxy::new(&format!(
        "modparam(\"tm\", \"wt_timer\", 500)\n\
         route {{ if (method == \"INVITE\") append_branch(\"{}\"); t_relay(); }}\n",
        uri("b", &b)
    ));
    let invite = caller.request("INVITE", &uri("a", &a));
    caller.send(&invite, proxy.addr());
    let (to_a, to_b) = (a.expect("INVITE"), b.expect("INVITE"));
    a.send(reply(&to_a, "183 Session Progress", "a", ""), proxy.addr());
    caller.expect("SIP/2.0 183");
    caller.send(cancel(&invite), proxy.addr());
    let canceled = a.expect("CANCEL");
    a.send(reply(&canceled, "200 OK", "a", ""), proxy.addr());
    caller.expect("SIP/2.0 200 canceling");
    assert_eq!(b.rest(), [""; 0]);
    assert_eq!(caller.rest(), [""; 0], "one branch is to answer still");
    a.send(
        reply(&to_a, "487 Request Terminated", "a", ""),
        proxy.addr(),
    );
    a.expect("ACK");
    let terminated = caller.expect("SIP/2.0 487");
    caller.send(ack(&invite, &terminated), proxy.addr());
    b.send(reply(&to_b, "180 Ringing", "b", ""), proxy.addr());
    let canceled = b.expect("CANCEL");
    b.send(reply(&canceled, "200 OK", "b", ""), proxy.addr());
    b.send(
        reply(&to_b, "487 Request Terminated", "b", ""),
        proxy.addr(),
    );
    b.expect("ACK");
    proxy.wait_idle();
    assert_eq!(caller.rest(), [""; 0]);
}

#[test]
fn a_cancel_for_nothing_is_relayed_like_any_request() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying();
    let invite = caller.request("INVITE", &uri("bob", &callee));
    caller.send(cancel(&invite), proxy.addr());
    let seen = callee.expect("CANCEL");
    assert_ne!(header(&seen, "Via"), header(&invite, "Via"));
    callee.send(
        reply(&seen, "481 Call/Transaction Does Not Exist", "b", ""),
        proxy.addr(),
    );
    caller.expect("SIP/2.0 481");
    proxy.wait_idle();
}

#[test]
fn an_invite_that_comes_behind_its_cancel_is_answered_with_487() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying();
    let invite = caller.request("INVITE", &uri("bob", &callee));
    caller.send(cancel(&invite), proxy.addr());
    callee.expect("CANCEL");
    caller.send(&invite, proxy.addr());
    let terminated = caller.expect("SIP/2.0 487");
    caller.send(ack(&invite, &terminated), proxy.addr());
    let more = callee.rest();
    assert!(
        more.iter().all(|line| line.starts_with("CANCEL ")),
        "{more:?}"
    );
}

#[test]
fn a_cancel_with_another_branch_means_another_call() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = relaying();
    let invite = caller.request("INVITE", &uri("bob", &callee));
    caller.send(&invite, proxy.addr());
    let seen = callee.expect("INVITE");
    callee.send(reply(&seen, "180 Ringing", "b", ""), proxy.addr());
    caller.expect("SIP/2.0 180");
    let stray = cancel(&invite).replace("branch=z9hG4bK", "branch=z9hG4bKother");
    caller.send(stray, proxy.addr());
    let canceled = callee.expect("CANCEL");
    assert_ne!(header(&canceled, "Via"), header(&seen, "Via"));
    callee.send(reply(&canceled, "481 No", "b", ""), proxy.addr());
    caller.expect("SIP/2.0 481");
    callee.send(reply(&seen, "200 OK", "b", ""), proxy.addr());
    caller.expect("SIP/2.0 200 OK");
}

#[test]
fn a_cancelled_call_runs_its_failure_route_with_487() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = Proxy::new(
        "modparam(\"tm\", \"wt_timer\", 500)\n\
         route { t_on_failure(\"F\"); t_relay(); }\n\
         failure_route[F] {\n\
         if (t_check_status(\"487\")) { xlog(\"L_ERR\", \"F: 487\\n\"); }\n\
         if (t_branch_timeout()) { xlog(\"L_ERR\", \"F: timeout\\n\"); }\n\
         if (t_branch_replied()) { xlog(\"L_ERR\", \"F: replied\\n\"); } }\n",
    );
    for rings in [false, true] {
        let invite = caller.request("INVITE", &uri("bob", &callee));
        caller.send(&invite, proxy.addr());
        let seen = callee.expect("INVITE");
        if rings {
            callee.send(reply(&seen, "180 Ringing", "b", ""), proxy.addr());
            caller.expect("SIP/2.0 180");
        }
        caller.send(cancel(&invite), proxy.addr());
        if rings {
            let canceled = callee.expect("CANCEL");
            callee.send(reply(&canceled, "200 OK", "b", ""), proxy.addr());
            callee.send(
                reply(&seen, "487 Request Terminated", "b", ""),
                proxy.addr(),
            );
            callee.expect("ACK");
        }
        let terminated = caller.expect("SIP/2.0 487");
        caller.send(ack(&invite, &terminated), proxy.addr());
    }
    proxy.wait_idle();
    assert_eq!(proxy.logged("F"), ["487", "487", "replied"]);
}
