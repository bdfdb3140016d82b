//! Many transactions at once: several receivers for one of them, too little memory for all of them.

use crate::common::sip::{Phone, header};
use crate::common::wait_until;
use crate::kit::{Proxy, Talks, ack, cancel, reply, uri};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What one call has seen.
#[derive(Default)]
struct Call {
    invite: String,
    /// Vias of the INVITEs that the callee got.
    branches: BTreeSet<String>,
    /// Final status codes that the caller got.
    finals: BTreeSet<u16>,
    cancel_answered: bool,
}

fn call_id(text: &str) -> String {
    header(text, "Call-ID").unwrap_or_default().to_owned()
}

fn next(phone: &Phone) -> Option<String> {
    let (bytes, _) = phone.try_recv(Duration::from_millis(5))?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Plays `count` calls at once, every message sent `times` times. `status` is what the callee answers;
/// with `canceled` the caller cancels at once.
fn play(proxy: &Proxy, count: usize, times: usize, status: &str, canceled: bool) {
    let (caller, callee) = (Phone::new(), Phone::new());
    let send = |from: &Phone, text: &str| {
        for _ in 0..times {
            from.send(text, proxy.addr());
        }
    };
    let mut calls = BTreeMap::new();
    for _ in 0..count {
        let invite = caller.request("INVITE", &uri("bob", &callee));
        send(&caller, &invite);
        if canceled {
            send(&caller, &cancel(&invite));
        }
        let call = Call {
            invite: invite.clone(),
            ..Call::default()
        };
        calls.insert(call_id(&invite), call);
    }
    wait_until("every call has its final reply", || {
        while let Some(text) = next(&callee) {
            let call = calls.get_mut(&call_id(&text)).expect("one of ours");
            let via = header(&text, "Via").expect("a Via").to_owned();
            if text.starts_with("INVITE ") {
                call.branches.insert(via);
                send(&callee, &reply(&text, "180 Ringing", "b", ""));
                if !canceled {
                    send(&callee, &reply(&text, status, "b", ""));
                }
            } else if text.starts_with("CANCEL ") {
                assert!(canceled, "{text}");
                send(&callee, &reply(&text, "200 OK", "b", ""));
                let own = text.replace(" CANCEL\r\n", " INVITE\r\n");
                send(&callee, &reply(&own, "487 Request Terminated", "b", ""));
            }
        }
        while let Some(text) = next(&caller) {
            let call = calls.get_mut(&call_id(&text)).expect("one of ours");
            let code: u16 = text[8..11].parse().expect("a status code");
            if header(&text, "CSeq").expect("a CSeq").ends_with("CANCEL") {
                call.cancel_answered |= code == 200;
            } else if code >= 200 {
                call.finals.insert(code);
                if code >= 300 {
                    send(&caller, &ack(&call.invite, &text));
                }
            }
        }
        calls
            .values()
            .all(|call| !call.finals.is_empty() && (call.cancel_answered || !canceled))
    });
    let expected = if canceled {
        487
    } else {
        status[..3].parse().unwrap()
    };
    for call in calls.values() {
        assert_eq!(call.finals, BTreeSet::from([expected]), "{}", call.invite);
        assert!(call.branches.len() <= 1, "{:?}", call.branches);
    }
}

#[test]
fn several_receivers_agree_on_each_transaction() {
    let proxy = Proxy::with_options(
        "modparam(\"tm\", \"wt_timer\", 1500)\n\
             route { t_on_reply(\"O\"); t_on_failure(\"F\"); t_relay(); }\n\
             onreply_route[O] { $x = @status; }\n\
             failure_route[F] { xlog(\"L_DBG\", \"%$x\\n\"); }\n",
        &["-n", "4"],
    );
    let before = proxy.shared_memory();
    for _ in 0..6 {
        play(&proxy, 12, 4, "200 OK", false);
        play(&proxy, 12, 4, "486 Busy Here", false);
        play(&proxy, 12, 3, "", true);
    }
    proxy.wait_idle();
    assert_eq!(proxy.stat("waiting"), 0);
    assert_eq!(proxy.shared_memory(), before, "nothing is left behind");
}

#[test]
fn without_memory_callers_are_told_so_and_later_all_is_as_before() {
    let proxy = Proxy::with_options(
        "modparam(\"tm\", \"fr_timer\", 8000)\nmodparam(\"tm\", \"wt_timer\", 300)\n\
             route { if (!t_relay()) { sl_reply_error(); } }\n",
        &["-m", "24"],
    );
    let (caller, callee, sink) = (Phone::new(), Phone::new(), Phone::new());
    let talk = || {
        let invite = caller.request("INVITE", &uri("bob", &callee));
        caller.send(&invite, proxy.addr());
        let seen = callee.expect("INVITE");
        callee.send(reply(&seen, "486 Busy Here", "b", ""), proxy.addr());
        let answer = caller.expect("SIP/2.0 486");
        caller.send(ack(&invite, &answer), proxy.addr());
    };
    talk();
    proxy.wait_idle();
    let before = proxy.shared_memory();
    let body = "x".repeat(50_000);
    let mut refused = 0;
    for round in 0.. {
        assert!(round < 4000, "the memory has no end");
        let invite = caller.request("INVITE", &uri("nobody", &sink));
        let big = invite.replace(
            "Content-Length: 0\r\n\r\n",
            &format!("Content-Length: {}\r\n\r\n{body}", body.len()),
        );
        caller.send(&big, proxy.addr());
        while let Some((bytes, _)) = caller.try_recv(Duration::from_millis(3)) {
            refused += usize::from(bytes.starts_with(b"SIP/2.0 50"));
            assert!(
                !bytes.starts_with(b"SIP/2.0 408") || refused > 0,
                "too slow to fill it"
            );
        }
        sink.rest_of(1);
        if refused > 50 {
            break;
        }
    }
    proxy.wait_idle();
    talk();
    proxy.wait_idle();
    assert_eq!(proxy.shared_memory(), before);
    let log = proxy.setup.read("err");
    assert!(!log.contains("BUG"), "{log}");
}
