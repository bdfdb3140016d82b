//! The torture messages of RFC 4475 and 5118 as requests and as replies: the server survives and forgets
//! them.

use crate::common::sip::{Phone, header};
use crate::kit::{Proxy, Talks, reply, uri};
use crate::messages::every_message;

#[test]
fn every_torture_message_is_relayed_or_refused_without_a_panic() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let port = callee.port();
    let proxy = Proxy::new(&format!(
        "modparam(\"tm\", \"fr_timer\", 800)\nmodparam(\"tm\", \"wt_timer\", 200)\n\
         route {{ $x = \"@to.tag\"; t_on_branch(\"B\"); t_on_reply(\"O\"); t_on_failure(\"F\");\n\
         if (method == \"TEST\") {{ t_relay(); drop; }}\n\
         t_relay_to_udp(\"127.0.0.1\", \"{port}\");\n}}\n\
         branch_route[B] {{ $y = \"@ruri.user\"; }}\n\
         onreply_route[O] {{ $z = \"@to.tag\"; $w = @tm.uac.count; }}\n\
         failure_route[F] {{ append_branch(\"{}\"); t_relay(); }}\n",
        uri("again", &callee)
    ));
    let messages = every_message();
    assert!(messages.len() >= 49 + 8);
    for (_, bytes) in &messages {
        for _ in 0..2 {
            caller.send(bytes, proxy.addr());
        }
        while let Some((seen, _)) = callee.try_recv(std::time::Duration::from_millis(20)) {
            let text = String::from_utf8_lossy(&seen);
            callee.send(reply(&text, "486 Busy Here", "x", ""), proxy.addr());
        }
    }
    callee.rest();
    proxy.wait_idle();
    assert_alive(&proxy, &caller, &callee);
}

/// Whether a call still works, and nothing has panicked or died.
fn assert_alive(proxy: &Proxy, caller: &Phone, callee: &Phone) {
    caller.rest_of(50);
    callee.rest_of(50);
    caller.send(caller.request("TEST", &uri("bob", callee)), proxy.addr());
    let seen = callee.expect("TEST");
    callee.send(reply(&seen, "200 OK", "b", ""), proxy.addr());
    caller.expect("SIP/2.0 200 OK");
    proxy.wait_idle();
    let log = proxy.setup.read("err");
    for bad in ["panic", "BUG", "died", "killed"] {
        assert!(!log.contains(bad), "{bad}: {log}");
    }
}

#[test]
fn a_transaction_takes_any_torture_message_for_a_reply() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let proxy = Proxy::new(
        "modparam(\"tm\", \"fr_timer\", 3000)\nmodparam(\"tm\", \"wt_timer\", 200)\n\
         route { t_on_reply(\"O\"); t_on_failure(\"F\"); t_relay(); }\n\
         onreply_route[O] { $z = \"@to.tag\"; $v = \"@contact\"; }\n\
         failure_route[F] { $r = @tm.uac[0].resp; }\n",
    );
    for (name, bytes) in every_message() {
        let method = if bytes.len() % 2 == 0 {
            "INVITE"
        } else {
            "MESSAGE"
        };
        caller.send(caller.request(method, &uri("bob", &callee)), proxy.addr());
        let seen = callee.expect(method);
        for status in ["180 Odd", "486 Odd"] {
            callee.send(as_reply(&bytes, &seen, status), proxy.addr());
        }
        callee.send(reply(&seen, "486 Busy Here", "b", ""), proxy.addr());
        let answer = loop {
            let text = caller.expect("SIP/2.0 ");
            if !text.starts_with("SIP/2.0 1") {
                break text;
            }
        };
        assert!(answer.starts_with("SIP/2.0 486"), "{name}: {answer}");
        caller.rest_of(1);
        callee.rest_of(1);
    }
    proxy.wait_idle();
    assert_alive(&proxy, &caller, &callee);
}

/// The message with the first line of a reply, our Via and CSeq in front of its headers.
fn as_reply(bytes: &[u8], request: &str, status: &str) -> Vec<u8> {
    let get = |name| header(request, name).expect("what every request has");
    let mut out = format!("SIP/2.0 {status}\r\n").into_bytes();
    let vias = request.lines().filter(|line| line.starts_with("Via:"));
    for via in vias {
        out.extend_from_slice(format!("{via}\r\n").as_bytes());
    }
    out.extend_from_slice(format!("CSeq: {}\r\n", get("CSeq")).as_bytes());
    let first_line = bytes
        .iter()
        .position(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    out.extend_from_slice(&bytes[first_line..]);
    out
}
