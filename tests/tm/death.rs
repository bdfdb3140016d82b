//! Processes that die in the middle of a route: their transactions come to an end all the same.

use crate::common::sip::Phone;
use crate::kit::{Proxy, Talks, ack, reply, uri};

#[test]
#[ignore = "the server ends with the process: it does not fork another one yet"]
fn a_process_that_dies_in_a_route_leaves_the_caller_with_an_answer() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = Proxy::new(
        "modparam(\"tm\", \"fr_timer\", 1500)\nmodparam(\"tm\", \"wt_timer\", 300)\n\
         route { if (method == \"INFO\") { t_newtran(); test_abort(); }\n\
         if (method == \"MESSAGE\") t_on_reply(\"O\"); else t_on_failure(\"F\");\n\
         t_relay(); }\n\
         onreply_route[O] { test_abort(); }\n\
         failure_route[F] { test_abort(); }\n",
    );
    let invite = caller.request("INVITE", &uri("a", &callee));
    caller.send(&invite, proxy.addr());
    let seen = callee.expect("INVITE");
    callee.send(reply(&seen, "480 Away", "a", ""), proxy.addr());
    callee.expect("ACK");
    // The reply is there; only the route has not come to its end.
    let answer = caller.expect("SIP/2.0 480");
    caller.send(ack(&invite, &answer), proxy.addr());

    caller.send(caller.request("MESSAGE", &uri("a", &callee)), proxy.addr());
    let seen = callee.expect("MESSAGE");
    callee.send(reply(&seen, "200 OK", "a", ""), proxy.addr());
    caller.expect("SIP/2.0 408");

    caller.send(caller.request("INFO", &uri("a", &callee)), proxy.addr());
    proxy.wait_idle();
}

#[test]
#[ignore = "the server ends with the process: it does not fork another one yet"]
fn the_timer_process_may_die_in_a_failure_route() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = Proxy::new(
        "modparam(\"tm\", \"fr_timer\", 1000)\nmodparam(\"tm\", \"wt_timer\", 300)\n\
         route { if (method == \"INVITE\") t_on_failure(\"F\"); t_relay(); }\n\
         failure_route[F] { test_abort(); }\n",
    );
    let invite = caller.request("INVITE", &uri("a", &callee));
    caller.send(&invite, proxy.addr());
    callee.expect("INVITE");
    let answer = caller.expect("SIP/2.0 408");
    caller.send(ack(&invite, &answer), proxy.addr());
    caller.send(caller.request("MESSAGE", &uri("a", &callee)), proxy.addr());
    callee.expect("MESSAGE");
    caller.expect("SIP/2.0 408");
    proxy.wait_idle();
}
