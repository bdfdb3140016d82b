//! A message that kills whoever works on it.

use crate::common::sip::{Phone, header};
use crate::common::wait_until;
use crate::lab::Lab;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const SCRIPT: &str = r#"
route {
    if (method == "DIE") { test_segv(); }
    if (method == "ABORT") { test_abort(); }
    if (method == "SLEEP") { test_sleep(60000); }
    sl_send_reply("200", "OK");
}
"#;

fn lab(params: &str) -> Lab {
    Lab::new(&format!("{params}{SCRIPT}"))
}

/// Sends a message that kills the receiver, and waits for the next receiver.
fn dies(lab: &Lab, phone: &Phone, message: &str) {
    let desc = lab.receiver();
    let pid = lab.pid(&desc);
    phone.send(message, lab.addr());
    lab.wait_replaced(&desc, pid);
    lab.answers();
}

/// Sends a message that is dropped.
fn dropped(lab: &Lab, phone: &Phone, message: &str) {
    let (desc, before) = (lab.receiver(), lab.counter("drop.quarantine"));
    let pid = lab.pid(&desc);
    phone.send(message, lab.addr());
    lab.answers();
    assert_eq!(lab.pid(&desc), pid);
    assert_eq!(lab.counter("drop.quarantine"), before + 1);
}

fn known(lab: &Lab) -> Vec<String> {
    lab.ask("core.quarantine", &[])
}

#[test]
fn a_message_that_has_killed_two_processes_is_dropped_whoever_repeats_it() {
    let lab = lab("");
    let (phone, other) = (Phone::new(), Phone::new());
    let message = phone.request("DIE", "sip:localhost");
    dies(&lab, &phone, &message);
    let first = known(&lab);
    assert!(first[0].contains("deaths:1"), "{first:?}");
    assert_eq!(lab.counter("drop.quarantine"), 0);
    dies(&lab, &phone, &message);
    for from in [&phone, &phone, &other] {
        dropped(&lab, from, &message);
    }
    let known = known(&lab);
    let [line] = &known[..] else {
        panic!("{known:?}")
    };
    let call_id = header(&message, "Call-ID").unwrap();
    let source = phone.addr();
    for part in [
        "fingerprint:x",
        "method:DIE",
        "deaths:2",
        "dropped:3",
        "expires:",
        &format!("call_id:{call_id}"),
        // As the line protocol writes a colon.
        &format!("source:127.0.0.1\\o{}", phone.port()),
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    lab.wait_for(&format!(
        "DIE from {source}, Call-ID {call_id} has cost more than one process"
    ));
    // Nobody else is taken for it: one byte makes another message.
    dies(
        &lab,
        &phone,
        &message.replace("Max-Forwards: 70", "Max-Forwards: 69"),
    );
}

#[test]
fn an_operator_lets_a_message_out_of_quarantine() {
    let lab = lab("");
    let phone = Phone::new();
    let (first, second) = (
        phone.request("DIE", "sip:localhost"),
        phone.request("ABORT", "sip:localhost"),
    );
    for message in [&first, &second] {
        dies(&lab, &phone, message);
        dies(&lab, &phone, message);
        dropped(&lab, &phone, message);
    }
    let lines = known(&lab);
    assert_eq!(lines.len(), 2, "{lines:?}");
    let line = lines
        .iter()
        .find(|line| line.contains("method:DIE"))
        .unwrap();
    let (_, rest) = line.split_once("fingerprint:").unwrap();
    let fingerprint = rest.split(',').next().unwrap();
    let cleared = lab.rpc("core.quarantine_clear", &[fingerprint]);
    assert_eq!(cleared, ["200 OK", "1"]);
    let again = lab.rpc("core.quarantine_clear", &[fingerprint]);
    assert!(again[0].starts_with("404 "), "{again:?}");
    let wrong = lab.rpc("core.quarantine_clear", &["12"]);
    assert!(wrong[0].starts_with("400 "), "{wrong:?}");
    dies(&lab, &phone, &first);
    dropped(&lab, &phone, &second);
    assert_eq!(lab.rpc("core.quarantine_clear", &[]), ["200 OK", "2"]);
    assert!(known(&lab).is_empty());
    dies(&lab, &phone, &second);
}

#[test]
fn a_message_that_has_not_come_for_a_while_is_forgotten() {
    let lab = lab("quarantine_expire=2\n");
    let phone = Phone::new();
    let message = phone.request("DIE", "sip:localhost");
    dies(&lab, &phone, &message);
    dies(&lab, &phone, &message);
    wait_until("it is forgotten", || known(&lab).is_empty());
    dies(&lab, &phone, &message);
    assert!(known(&lab)[0].contains("deaths:1"));
}

#[test]
fn without_quarantine_a_message_kills_as_often_as_it_comes() {
    let lab = lab("quarantine_expire=0\n");
    let phone = Phone::new();
    let message = phone.request("DIE", "sip:localhost");
    for _ in 0..4 {
        dies(&lab, &phone, &message);
    }
    assert!(known(&lab).is_empty());
    assert_eq!(lab.counter("process.deaths_at_work"), 4);
}

#[test]
fn a_message_is_not_to_blame_when_its_process_is_killed_from_outside() {
    let lab = lab("");
    let (desc, phone) = (lab.receiver(), Phone::new());
    let message = phone.request("SLEEP", "sip:localhost");
    for times in 1..=3 {
        let pid = lab.pid(&desc);
        phone.send(&message, lab.addr());
        wait_until("the message is worked on", || {
            let workers = lab.rpc("core.workers", &[]);
            let own = format!("pid:{pid},");
            let busy = |line: &String| line.contains(&own) && !line.contains("working_us:0,");
            workers.iter().any(busy)
        });
        kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        lab.wait_replaced(&desc, pid);
        assert_eq!(lab.counter("process.deaths_at_work"), times);
    }
    assert!(known(&lab).is_empty());
    lab.answers();
}
