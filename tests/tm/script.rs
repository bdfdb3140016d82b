//! What the functions give to the script.

use crate::common::sip::{Phone, first_line};
use crate::kit::{Proxy, Talks, ack, cancel, reply, uri};

/// A line of script that logs which of these results a call has.
fn result_of(call: &str, results: &[i32]) -> String {
    let mut text = format!("{call};\n");
    for n in results {
        text += &format!("if ($? == {n}) {{ xlog(\"L_ERR\", \"RES: {n}\\n\"); }}\n");
    }
    text
}

#[test]
fn a_transaction_is_made_once_and_found_again() {
    let caller = Phone::new();
    let proxy = Proxy::new(&format!(
        "modparam(\"tm\", \"wt_timer\", 3000)\nroute {{\n{}{}{}{}{}\n\
         if (method == \"MESSAGE\") {{ t_reply(\"200\", \"first\"); {} }}\n}}\n",
        result_of("t_lookup_request()", &[1, -1]),
        result_of("t_newtran()", &[1, 0, -10]),
        result_of("t_newtran()", &[1, 0, -10]),
        result_of("t_lookup_request()", &[1, -1]),
        result_of("t_retransmit_reply()", &[1, -1]),
        result_of("t_reply(\"201\", \"second\")", &[1, -1]),
    ));
    let message = caller.request("MESSAGE", "sip:x@y");
    caller.send(&message, proxy.addr());
    caller.expect("SIP/2.0 200 first");
    proxy.expect_logged("RES", &["-1", "1", "-10", "1", "-1", "-1"]);
    caller.send(&message, proxy.addr());
    caller.expect("SIP/2.0 200 first");
    assert_eq!(caller.rest(), [""; 0]);
    // Behind t_newtran the script has ended, but for one that was looked up before.
    proxy.expect_logged("RES", &["-1", "1", "-10", "1", "-1", "-1", "1"]);
}

#[test]
fn a_released_transaction_ends_without_an_answer() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = Proxy::new(&format!(
        "modparam(\"tm\", \"wt_timer\", 400)\nroute {{\n\
         if (method == \"INVITE\") {{ t_relay(); {} }} else {{ t_newtran(); {} {} }}\n}}\n",
        result_of("t_release()", &[1, -1]),
        result_of("t_release()", &[1, -1]),
        result_of("t_reply(\"200\", \"late\")", &[1, -1]),
    ));
    caller.send(caller.request("MESSAGE", "sip:x@y"), proxy.addr());
    caller.expect("SIP/2.0 200 late");
    proxy.wait_idle();
    caller.send(caller.request("INVITE", &uri("bob", &callee)), proxy.addr());
    callee.expect("INVITE");
    proxy.wait_idle();
    assert_eq!(callee.rest(), [""; 0]);
    assert_eq!(
        caller.rest(),
        ["SIP/2.0 100 trying -- your call is important to us"]
    );
    proxy.expect_logged("RES", &["1", "1", "1"]);
}

#[test]
fn code_and_reason_of_a_reply_may_come_from_attributes_and_selects() {
    let caller = Phone::new();
    let proxy = Proxy::new(
        "modparam(\"tm\", \"default_code\", 599)\nmodparam(\"tm\", \"default_reason\", \"No Idea\")\n\
         route { t_newtran();\n\
         if (method == \"INFO\") { $code = 299; $reason = \"By Attribute\"; }\n\
         if (method == \"MESSAGE\") { $code = \"298\"; t_reply(\"$code\", \"@from.uri.user\"); drop; }\n\
         t_reply(\"$code\", \"$reason\"); }\n",
    );
    for (method, line) in [
        ("INFO", "SIP/2.0 299 By Attribute"),
        ("MESSAGE", "SIP/2.0 298 alice"),
        ("OPTIONS", "SIP/2.0 599 No Idea"),
    ] {
        let answer = caller.ask(caller.request(method, "sip:x@y"), proxy.addr());
        assert_eq!(first_line(&answer), line);
    }
}

#[test]
fn an_ack_has_no_transaction_and_no_reply() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = Proxy::new(&format!(
        "route {{ {} {} {} {} {} }}\n",
        result_of("t_newtran()", &[1, 0]),
        result_of("t_lookup_request()", &[1, -1]),
        result_of("t_reply(\"200\", \"what\")", &[1, -1]),
        result_of("t_retransmit_reply()", &[1, -1]),
        result_of("t_relay()", &[1, -1]),
    ));
    caller.send(caller.request("ACK", &uri("bob", &callee)), proxy.addr());
    callee.expect("ACK");
    proxy.expect_logged("RES", &["1", "-1", "-1", "-1", "1"]);
    assert_eq!(caller.rest(), [""; 0]);
    assert_eq!(proxy.stat("total"), 0);
}

#[test]
fn a_cancel_is_looked_up_and_the_last_status_is_known() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = Proxy::new(&format!(
        "modparam(\"tm\", \"wt_timer\", 400)\nroute {{\n\
         if (method == \"CANCEL\" || method == \"MESSAGE\") {{ {} }}\n\
         t_relay();\n\
         if (method == \"INVITE\" && t_check_status(\"^100$\")) {{ xlog(\"L_ERR\", \"RES: trying\\n\"); }}\n\
         if (method == \"CANCEL\" && t_check_status(\"^2\")) {{ xlog(\"L_ERR\", \"RES: done\\n\"); }} }}\n",
        result_of("t_lookup_cancel()", &[1, -1]),
    ));
    let invite = caller.request("INVITE", &uri("bob", &callee));
    caller.send(&invite, proxy.addr());
    callee.expect("INVITE");
    proxy.expect_logged("RES", &["trying"]);
    caller.send(cancel(&invite), proxy.addr());
    let [_, answer] = caller.expect_all(["SIP/2.0 200 ", "SIP/2.0 487"]);
    caller.send(ack(&invite, &answer), proxy.addr());
    proxy.expect_logged("RES", &["trying", "1", "done"]);
    caller.send(
        caller.request("MESSAGE", &uri("bob", &callee)),
        proxy.addr(),
    );
    let seen = callee.expect("MESSAGE");
    callee.send(reply(&seen, "200 OK", "b", ""), proxy.addr());
    caller.expect("SIP/2.0 200 OK");
    let stray = cancel(&caller.request("INVITE", &uri("bob", &callee)));
    caller.send(&stray, proxy.addr());
    let seen = callee.expect("CANCEL");
    callee.send(reply(&seen, "481 No", "b", ""), proxy.addr());
    caller.expect("SIP/2.0 481");
    proxy.expect_logged("RES", &["trying", "1", "done", "-1", "-1"]);
    proxy.wait_idle();
}

#[test]
fn a_failure_route_may_send_its_branches_to_a_fixed_address() {
    for arming in ["t_on_failure", "t_on_negative"] {
        let (caller, a, b) = (Phone::new(), Phone::new(), Phone::new());
        let proxy = Proxy::new(&format!(
            "modparam(\"tm\", \"wt_timer\", 400)\nroute {{ {arming}(\"F\"); t_relay(); }}\n\
             failure_route[F] {{ append_branch(\"sip:vm@nowhere.invalid\"); t_relay_to_udp(\"127.0.0.1\", \"{}\"); }}\n",
            b.port()
        ));
        let invite = caller.request("INVITE", &uri("a", &a));
        caller.send(&invite, proxy.addr());
        let seen = a.expect("INVITE");
        a.send(reply(&seen, "480 Away", "a", ""), proxy.addr());
        let seen = b.expect("INVITE sip:vm@nowhere.invalid");
        b.send(reply(&seen, "200 OK", "b", ""), proxy.addr());
        caller.expect("SIP/2.0 200 OK");
        proxy.wait_idle();
    }
}

#[test]
fn without_a_socket_of_that_protocol_nothing_is_sent_and_the_caller_is_told() {
    let caller = Phone::new();
    for (call, answered) in [
        ("t_relay_to_tcp(\"127.0.0.1\", \"5\")", true),
        ("t_relay_to_tls(\"127.0.0.1\", \"5\")", true),
        ("t_replicate_tcp(\"127.0.0.1\", \"5\")", false),
        ("t_replicate_tls(\"127.0.0.1\", \"5\")", false),
        (
            "t_newtran(); t_forward_nonack_tcp(\"127.0.0.1\", \"5\")",
            false,
        ),
        (
            "t_newtran(); t_forward_nonack_tls(\"127.0.0.1\", \"5\")",
            false,
        ),
    ] {
        let proxy = Proxy::new(&format!(
            "modparam(\"tm\", \"wt_timer\", 400)\nroute {{ {} }}\n",
            result_of(call, &[1, -7])
        ));
        caller.send(caller.request("MESSAGE", "sip:x@y"), proxy.addr());
        if answered {
            caller.expect("SIP/2.0 500 I'm terribly sorry, server error occurred (7/TM)");
        }
        proxy.wait_idle();
        proxy.expect_logged("RES", &["-7"]);
        assert_eq!(caller.rest(), [""; 0], "{call}");
    }
}

#[test]
fn edits_made_for_one_branch_do_not_reach_the_others() {
    let (caller, a, b) = (Phone::new(), Phone::new(), Phone::new());
    let proxy = Proxy::new(&format!(
        "modparam(\"tm\", \"wt_timer\", 400)\n\
         route {{ append_hf(\"X-All: 1\\r\\n\"); append_branch(\"{}\"); t_on_branch(\"B\"); t_on_failure(\"F\"); t_relay(); }}\n\
         branch_route[B] {{ if (uri =~ \"sip:a@\") {{ append_hf(\"X-A: 1\\r\\n\"); rewriteuser(\"changed\"); setflag(9); }}\n\
         else {{ append_hf(\"X-B: 1\\r\\n\"); if (isflagset(9)) {{ append_hf(\"X-Flag: 1\\r\\n\"); }} }} }}\n\
         failure_route[F] {{ append_branch(\"{}\"); t_relay(); }}\n",
        uri("b", &b),
        uri("again", &b)
    ));
    let invite = caller.request("INVITE", &uri("a", &a));
    caller.send(&invite, proxy.addr());
    let to_a = a.expect("INVITE sip:changed@");
    let to_b = b.expect("INVITE sip:b@");
    let has = |text: &str, name: &str| text.contains(&format!("\r\n{name}: 1\r\n"));
    assert!(
        has(&to_a, "X-All") && has(&to_a, "X-A") && !has(&to_a, "X-B"),
        "{to_a}"
    );
    assert!(
        has(&to_b, "X-All") && has(&to_b, "X-B") && !has(&to_b, "X-A"),
        "{to_b}"
    );
    assert!(!has(&to_b, "X-Flag"));
    a.send(reply(&to_a, "480 Away", "a", ""), proxy.addr());
    b.send(reply(&to_b, "480 Away", "b", ""), proxy.addr());
    let again = b.expect("INVITE sip:again@");
    assert!(
        has(&again, "X-All") && !has(&again, "X-A") && !has(&again, "X-B"),
        "{again}"
    );
    b.send(reply(&again, "480 Away", "b", ""), proxy.addr());
    let answer = caller.expect("SIP/2.0 480");
    caller.send(ack(&invite, &answer), proxy.addr());
    proxy.wait_idle();
}

#[test]
fn a_retransmission_that_the_script_has_looked_at_goes_no_further() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = Proxy::new(
        "route { if (t_any_replied() || @tm.uac.count == \"1\") { setflag(1); }\n\
         if (t_lookup_request()) { setflag(2); }\n\
         if (!t_relay()) { sl_send_reply(\"599\", \"not relayed\"); } }\n",
    );
    for method in ["INVITE", "MESSAGE"] {
        let request = caller.request(method, &uri("bob", &callee));
        caller.send(&request, proxy.addr());
        let seen = callee.expect(method);
        callee.send(reply(&seen, "182 Queued", "b", ""), proxy.addr());
        let queued = caller.expect("SIP/2.0 182");
        caller.send(&request, proxy.addr());
        assert_eq!(caller.expect("SIP/2.0 "), queued);
        callee.send(reply(&seen, "200 OK", "b", ""), proxy.addr());
        let ok = caller.expect("SIP/2.0 200");
        caller.send(&request, proxy.addr());
        assert_eq!(caller.expect("SIP/2.0 "), ok);
        assert_eq!(caller.rest(), [""; 0], "{method}");
    }
}
