//! Counters: messages, drops, transactions, registrations.

use crate::common::sip::{Phone, header};
use crate::common::wait_until;
use crate::lab::{Lab, Page, reply};
use std::time::Duration;

#[test]
fn messages_are_counted_by_method_and_class_as_they_come_and_go() {
    let lab = Lab::new(&[], "route { sl_send_reply(\"404\", \"No\"); }");
    for method in ["OPTIONS", "INVITE", "PUBLISH", "MESSAGE", "FOO"] {
        assert_eq!(lab.ask(method, "sip:a@b"), "SIP/2.0 404 No");
    }
    lab.phone.send("x".repeat(31), lab.addr());
    lab.phone
        .send("no SIP at all, but long enough\r\n\r\n", lab.addr());
    assert_eq!(lab.ask("OPTIONS", "sip:a@b"), "SIP/2.0 404 No");
    let page = lab.page_where("the last reply is counted", |page| {
        page.value("ser_sl_replies_total{code=\"404\"}") == 6.0
    });
    assert_eq!(page.value("ser_received_datagrams_total"), 8.0);
    let requests = |method: &str| {
        page.value(&format!(
            "ser_received_requests_total{{method=\"{method}\"}}"
        ))
    };
    assert_eq!(requests("OPTIONS"), 2.0);
    assert_eq!(requests("INVITE"), 1.0);
    assert_eq!(requests("PUBLISH"), 1.0);
    assert_eq!(requests("other"), 1.0);
    assert_eq!(requests("REGISTER"), 0.0);
    assert_eq!(page.value("ser_sent_replies_total{class=\"4xx\"}"), 6.0);
    assert_eq!(page.sum("ser_sent_requests_total"), 0.0);
    assert_eq!(page.value("ser_sl_replies_total{code=\"404\"}"), 6.0);
    let dropped = |reason: &str| {
        page.value(&format!(
            "ser_dropped_messages_total{{reason=\"{reason}\"}}"
        ))
    };
    assert_eq!(dropped("short"), 1.0);
    assert_eq!(dropped("parse"), 1.0);
    let rpc = lab.rpc("core.counters", &[]);
    assert!(rpc.contains("snd.reply.4xx:6"), "{rpc}");
    assert!(rpc.contains("rcv.method.message:1"), "{rpc}");
    // Of one process: the receiver has the first number, the timers the next ones.
    let receiver = lab.rpc("core.counters", &["1"]);
    assert!(receiver.contains("rcv.packets:8"), "{receiver}");
    let timer = lab.rpc("core.counters", &["2"]);
    assert!(timer.contains("rcv.packets:0"), "{timer}");
    assert!(lab.rpc("core.counters", &["9999"]).starts_with("404 "));
    assert!(lab.rpc("core.counters", &["-1"]).starts_with("404 "));
}

#[test]
fn retransmissions_are_counted_by_who_sends_what_again() {
    let lab = Lab::new(
        &["tm"],
        "modparam(\"tm\", \"retr_timer1\", 200)\nroute { t_relay(); }",
    );
    let callee = Phone::new();
    let uri = format!("sip:a@127.0.0.1:{}", callee.port());
    let options = lab.phone.request("OPTIONS", &uri);
    lab.phone.send(&options, lab.addr());
    let (relayed, _) = callee.recv_from();
    lab.phone.send(&options, lab.addr());
    let (again, from) = callee.recv_from();
    assert_eq!(relayed, again, "the proxy asks again");
    let answer = reply(&relayed, "200 OK");
    callee.send(&answer, from);
    assert!(lab.phone.recv().starts_with("SIP/2.0 200"));
    callee.send(&answer, from);
    wait_until("both are counted", || {
        let page = lab.page();
        page.value("ser_tm_absorbed_retransmissions_total{kind=\"reply\"}") >= 1.0
            && page.value("ser_tm_absorbed_retransmissions_total{kind=\"request\"}") >= 1.0
    });
    let page = lab.page();
    assert!(page.value("ser_tm_retransmissions_total{kind=\"request\"}") >= 1.0);
    assert_eq!(
        page.value("ser_tm_retransmissions_total{kind=\"reply\"}"),
        0.0
    );
    assert!(page.value("ser_sent_requests_total{method=\"OPTIONS\"}") >= 2.0);
    assert_eq!(page.value("ser_received_replies_total{class=\"2xx\"}"), 2.0);
    assert_eq!(
        page.value("ser_tm_created_transactions_total{origin=\"received\"}"),
        1.0
    );
    assert_eq!(page.value("ser_tm_final_replies_total{class=\"2xx\"}"), 1.0);
    assert_eq!(page.value("ser_tm_transactions{state=\"waiting\"}"), 1.0);
    assert!(page.value("ser_timers") >= 1.0);
}

#[test]
fn a_negative_reply_without_ack_is_sent_again_and_counted() {
    let lab = Lab::new(
        &["tm"],
        "modparam(\"tm\", \"retr_timer1\", 200)\nroute { if (method == \"ACK\") { t_relay(); break; } t_newtran(); t_reply(\"486\", \"Busy\"); }",
    );
    let invite = lab.phone.request("INVITE", "sip:a@b");
    let busy = final_reply(&lab, &invite);
    wait_until("it comes again", || {
        let again = lab.phone.try_recv(Duration::from_millis(500));
        again.is_some_and(|(bytes, _)| bytes.starts_with(b"SIP/2.0 486"))
    });
    let to = header(&busy, "To").expect("a To").to_owned();
    let old_to = header(&invite, "To").expect("a To");
    let ack = invite
        .replacen("INVITE ", "ACK ", 1)
        .replace(" INVITE\r\n", " ACK\r\n")
        .replace(old_to, &to);
    for _ in 0..2 {
        lab.phone.send(&ack, lab.addr());
    }
    wait_until("the second ACK is counted", || {
        lab.page()
            .value("ser_tm_absorbed_retransmissions_total{kind=\"ack\"}")
            >= 1.0
    });
    let page = lab.page();
    assert!(page.value("ser_tm_retransmissions_total{kind=\"reply\"}") >= 1.0);
    assert!(page.value("ser_sent_replies_total{class=\"4xx\"}") >= 2.0);
    assert_eq!(page.value("ser_tm_local_replies_total"), 1.0);
}

fn final_reply(lab: &Lab, invite: &str) -> String {
    lab.phone.send(invite, lab.addr());
    loop {
        let answer = lab.phone.recv();
        if !answer.starts_with("SIP/2.0 1") {
            return answer;
        }
    }
}

#[test]
fn contacts_registrations_and_lookups_are_counted() {
    let lab = Lab::new(
        &["usrloc", "registrar"],
        "route { if (method == \"REGISTER\") { save(\"location\"); break; }\n\
         if (lookup(\"location\")) { sl_send_reply(\"200\", \"OK\"); break; } sl_send_reply(\"404\", \"No\"); }",
    );
    let register = |contacts: &str| {
        let request = lab.phone.request("REGISTER", "sip:b");
        let lines = format!("Contact: {contacts}\r\nExpires: 600\r\nContent-Length:");
        let request = request.replacen("Content-Length:", &lines, 1);
        assert!(request.contains("Expires"), "{request}");
        lab.phone.ask(request, lab.addr())
    };
    assert!(register("<sip:a@127.0.0.1:1>, <sip:a@127.0.0.1:2>").starts_with("SIP/2.0 200"));
    let contacts = |page: &Page| page.value("ser_usrloc_contacts{table=\"location\"}");
    assert_eq!(contacts(&lab.page()), 2.0);
    assert!(register("<sip:a@127.0.0.1:1>;expires=0").starts_with("SIP/2.0 200"));
    assert!(register("<sip:a@127.0.0.1:2>;q=7").starts_with("SIP/2.0 400"));
    let page = lab.page();
    assert_eq!(contacts(&page), 1.0);
    assert_eq!(page.value("ser_usrloc_users{table=\"location\"}"), 1.0);
    let registrations = |code: &str| {
        page.value(&format!(
            "ser_registrar_registrations_total{{code=\"{code}\"}}"
        ))
    };
    assert_eq!((registrations("200"), registrations("400")), (2.0, 1.0));
    let stranger = lab
        .phone
        .request("OPTIONS", "sip:b")
        .replace("sip:bob@", "sip:nobody@");
    assert!(
        lab.phone
            .ask(stranger, lab.addr())
            .starts_with("SIP/2.0 404")
    );
    assert_eq!(lab.ask("OPTIONS", "sip:b"), "SIP/2.0 200 OK");
    let page = lab.page();
    let lookups = |result: &str| {
        page.value(&format!(
            "ser_registrar_lookups_total{{result=\"{result}\"}}"
        ))
    };
    assert_eq!((lookups("no_record"), lookups("found")), (1.0, 1.0));
    assert_eq!(lookups("no_contact"), 0.0);
    lab.rpc("usrloc.delete_uid", &["location", "bob"]);
    assert_eq!(contacts(&lab.page()), 0.0);
    assert!(page.value("ser_shared_memory_bytes{module=\"usrloc\"}") > 0.0);
}

#[test]
fn a_server_without_these_modules_has_none_of_their_metrics() {
    let lab = Lab::new(&[], "route { drop; }");
    let page = lab.page();
    assert!(!page.0.contains("ser_tm_") && !page.0.contains("ser_usrloc_"));
    assert!(page.0.contains("\n# TYPE ser_sl_replies_total counter\n"));
    let told = lab.rpc("core.metrics", &["ser_start_time"]);
    assert!(told.contains("ser_start_time_seconds"), "{told}");
    assert!(!told.contains("ser_sl_replies"), "{told}");
}
