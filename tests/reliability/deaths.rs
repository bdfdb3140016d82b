//! The message that a dead process worked on.

use crate::common::sip::{Phone, header, request};
use crate::lab::Lab;
use nix::sys::signal::Signal;

const SCRIPT: &str = r#"
route {
    if (method == "DIE") { route(DIE); }
    sl_send_reply("200", "OK");
}
route[DIE] {
    if (test_segv()) { drop; }
}
"#;

#[test]
fn the_message_that_a_process_died_of_is_told_once_with_its_place_in_the_script() {
    let lab = Lab::new(SCRIPT);
    let (desc, phone) = (lab.receiver(), Phone::new());
    let pid = lab.pid(&desc);
    let via = phone.addr().to_string();
    let message = request("DIE", "sip:localhost", &via, "X: \x1b[31m\r\n");
    phone.send(&message, lab.addr());
    lab.wait_replaced(&desc, pid);
    lab.answers();
    let log = lab.log();
    let told = format!("process {pid} ({desc}) died of signal 11 (SIGSEGV) after ");
    let lines: Vec<_> = log.lines().filter(|line| line.contains(&told)).collect();
    assert_eq!(lines.len(), 1, "{log}");
    let what = format!(
        " s of work on DIE from {}, Call-ID {}, in line {} of ser.cfg (route[DIE]: test_segv); {} bytes: \
         <DIE sip:localhost SIP/2.0\\r\\nVia: ",
        phone.addr(),
        header(&message, "Call-ID").unwrap(),
        lab.line("test_segv"),
        message.len(),
    );
    assert!(lines[0].contains(&what), "{what}\n{}", lines[0]);
    assert!(lines[0].contains("X: \\x1b[31m\\r\\n"), "{}", lines[0]);
    assert_eq!(lab.counter("process.deaths"), 1);
    assert_eq!(lab.counter("process.deaths_at_work"), 1);
    // Its successor has done nothing yet: nothing is said of its death.
    lab.kill(&desc, Signal::SIGKILL);
    lab.answers();
    assert_eq!(lab.log().matches(" died of signal ").count(), 1);
    assert_eq!(lab.counter("process.deaths"), 2);
    assert_eq!(lab.counter("process.deaths_at_work"), 1);
}

#[test]
fn a_process_that_is_killed_before_the_script_runs_is_told_with_what_it_had_received() {
    let lab = Lab::new(&format!("modparam(\"testmod\", \"trouble\", 1)\n{SCRIPT}"));
    let phone = Phone::new();
    phone.send(phone.request("SEGV_BEFORE", "sip:localhost"), lab.addr());
    lab.answers();
    let place = format!("SEGV_BEFORE from {}, Call-ID call", phone.addr());
    lab.wait_for(&place);
    let log = lab.log();
    assert!(log.contains("@localhost, outside of the script; "), "{log}");
}

#[test]
fn a_failure_route_that_kills_the_slow_timer_is_told_with_its_message() {
    let lab = Lab::new(
        "modparam(\"tm\", \"fr_timer\", 300)\n\
         route { if (method == \"OPTIONS\") { sl_send_reply(\"200\", \"OK\"); drop; }\n\
         t_on_failure(\"LATE\"); t_relay(); }\n\
         failure_route[LATE] {\n test_segv();\n}\n",
    );
    let (caller, silent) = (Phone::new(), Phone::new());
    let pid = lab.pid("slow timer");
    let uri = format!("sip:x@{}", silent.addr());
    let message = caller.request("MESSAGE", &uri);
    caller.send(&message, lab.addr());
    lab.wait_replaced("slow timer", pid);
    let place = format!(
        " s of work on MESSAGE from {}, Call-ID {}, in line {} of ser.cfg (failure_route[LATE]: test_segv)",
        caller.addr(),
        header(&message, "Call-ID").unwrap(),
        lab.line("test_segv")
    );
    lab.wait_for(&place);
    lab.answers();
    assert_eq!(lab.counter("process.deaths_at_work"), 1);
}

#[test]
fn an_rpc_method_that_kills_its_process_is_told_as_one() {
    let lab = Lab::new(SCRIPT);
    let pid = lab.pid("ctl handler");
    // There is nobody left to answer.
    assert!(lab.rpc("test.segv", &[]).is_empty());
    lab.wait_replaced("ctl handler", pid);
    lab.wait_for(" s of work on an RPC method, outside of the script");
    assert_eq!(lab.rpc("core.prints", &["hello"]), ["200 OK", "hello"]);
}

#[test]
fn a_timer_that_kills_its_process_is_told_as_one() {
    let lab = Lab::new(&format!("modparam(\"testmod\", \"timer\", 2)\n{SCRIPT}"));
    lab.wait_for(" s of work on a timer, outside of the script");
    lab.wait_for("TEST: timer call 1");
    lab.answers();
}
