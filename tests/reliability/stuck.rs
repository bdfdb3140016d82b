//! Processes that do not come to an end with what they do.

use crate::common::sip::{Phone, first_line, header};
use crate::common::wait_until;
use crate::lab::Lab;

const SCRIPT: &str = r#"
route {
    if (method == "HANG") { route(HANG); }
    if (method == "SLEEP") { test_sleep(6000); }
    if (method == "HOLD") { test_hold(60000); }
    if (method == "KEEP") { test_keep(); }
    sl_send_reply("200", "OK");
}
route[HANG] {
    test_hang();
}
"#;

fn lab(receivers: usize, params: &str) -> Lab {
    Lab::with_receivers(receivers, &format!("{params}{SCRIPT}"))
}

/// A member of what `core.workers` says of a process.
fn worker(lab: &Lab, pid: i32, member: &str) -> i64 {
    let workers = lab.ask("core.workers", &[]);
    let own = format!("pid:{pid},");
    let line = workers.iter().find(|line| line.contains(&own));
    let line = line.unwrap_or_else(|| panic!("{pid}: {workers:?}"));
    let (_, rest) = line.split_once(&format!("{member}:")).expect("a member");
    let value = rest.split(',').next().unwrap_or_default();
    value.parse().expect("a number")
}

#[test]
fn a_process_that_hangs_is_told_once_with_what_it_does() {
    let lab = lab(1, "stuck_limit=1\n");
    let (desc, phone) = (lab.receiver(), Phone::new());
    let pid = lab.pid(&desc);
    let message = phone.request("HANG", "sip:localhost");
    phone.send(&message, lab.addr());
    wait_until("it is stuck", || worker(&lab, pid, "stuck") == 1);
    // Looked at again and again.
    wait_until("it hangs on", || {
        worker(&lab, pid, "working_us") > 5_000_000
    });
    let log = lab.log();
    let told = format!("process {pid} ({desc}) is stuck, running, after ");
    assert_eq!(log.matches(&told).count(), 1, "{log}");
    let what = format!(
        " s of work on HANG from {}, Call-ID {}, in line {} of ser.cfg (route[HANG]: test_hang); {} bytes: <HANG ",
        phone.addr(),
        header(&message, "Call-ID").unwrap(),
        lab.line("test_hang"),
        message.len(),
    );
    assert!(log.contains(&what), "{what}\n{log}");
    assert_eq!(lab.counter("process.stuck"), 1);
    assert_eq!(lab.pid(&desc), pid);
}

#[test]
fn a_process_that_was_only_slow_goes_on() {
    let lab = lab(1, "stuck_limit=1\n");
    let pid = lab.pid(&lab.receiver());
    let phone = Phone::new();
    phone.send(phone.request("SLEEP", "sip:localhost"), lab.addr());
    lab.wait_for("is stuck, sleeping, after ");
    assert_eq!(first_line(&phone.recv()), "SIP/2.0 200 OK");
    lab.wait_for("which was stuck, goes on");
    assert_eq!(worker(&lab, pid, "stuck"), 0);
    lab.answers();
}

#[test]
fn a_stuck_process_is_replaced_where_that_is_wanted_and_its_message_is_not_tried_for_ever() {
    let lab = lab(1, "stuck_limit=1\nstuck_replace=yes\n");
    let (desc, phone) = (lab.receiver(), Phone::new());
    let message = phone.request("HANG", "sip:localhost");
    for times in 1..=2 {
        let pid = lab.pid(&desc);
        phone.send(&message, lab.addr());
        lab.wait_replaced(&desc, pid);
        lab.answers();
        lab.wait_for(&format!("process {pid} ({desc}) is killed to be replaced"));
        lab.wait_for(&format!(
            "process {pid} ({desc}) died of signal 9 (SIGKILL) after "
        ));
        let known = lab.ask("core.quarantine", &[]);
        assert!(known[0].contains(&format!("deaths:{times},")), "{known:?}");
    }
    phone.send(&message, lab.addr());
    lab.answers();
    assert_eq!(lab.counter("drop.quarantine"), 1);
    assert_eq!(lab.counter("process.stuck"), 2);
}

#[test]
fn without_a_limit_nobody_is_stuck() {
    let lab = lab(1, "stuck_limit=0\nstuck_replace=yes\n");
    let pid = lab.pid(&lab.receiver());
    let phone = Phone::new();
    phone.send(phone.request("HANG", "sip:localhost"), lab.addr());
    wait_until("it hangs", || worker(&lab, pid, "working_us") > 3_000_000);
    assert_eq!(worker(&lab, pid, "stuck"), 0);
    assert!(!lab.log().contains("stuck"), "{}", lab.log());
    assert_eq!(lab.pid(&lab.receiver()), pid);
}

#[test]
fn an_operator_replaces_a_process_by_its_number_or_its_pid() {
    let lab = lab(2, "stuck_limit=0\n");
    let (desc, phone) = (lab.receiver(), Phone::new());
    for by_slot in [true, false] {
        let pid = lab.pid(&desc);
        let slot = worker_slot(&lab, pid);
        let number = if by_slot { slot } else { pid.into() };
        let answer = lab.ask("core.replace", &[&number.to_string()]);
        let new = lab.pid(&desc);
        assert_ne!(new, pid);
        assert_eq!(answer, [format!("pid:{new},slot:{slot}")]);
    }
    // One that hangs is no different.
    for _ in 0..2 {
        phone.send(phone.request("HANG", "sip:localhost"), lab.addr());
    }
    let busy = |desc: &str| worker(&lab, lab.pid(desc), "working_us") > 0;
    let other = desc.replace("child=0", "child=1");
    wait_until("both hang", || busy(&desc) && busy(&other));
    for desc in [&desc, &other] {
        lab.ask("core.replace", &[&lab.pid(desc).to_string()]);
    }
    lab.answers();
    let timer = lab.pid("slow timer");
    lab.ask("core.replace", &[&timer.to_string()]);
    assert_ne!(lab.pid("slow timer"), timer);
    assert_eq!(lab.counter("process.deaths"), 5);
    for (number, code) in [
        ("0", "400"),
        (&*lab.server.tree.attendant().to_string(), "400"),
        ("999999999", "404"),
        ("-1", "404"),
    ] {
        let fault = lab.rpc("core.replace", &[number]);
        assert!(fault[0].starts_with(code), "{number}: {fault:?}");
    }
    assert!(!lab.rpc("core.replace", &[])[0].starts_with("200"));
    assert_eq!(lab.counter("process.deaths"), 5);
}

fn worker_slot(lab: &Lab, pid: i32) -> i64 {
    worker(lab, pid, "slot")
}

#[test]
fn a_process_that_holds_a_lock_is_told_with_its_name_at_work_or_not() {
    let lab = lab(2, "stuck_limit=1\n");
    let phone = Phone::new();
    phone.send(phone.request("HOLD", "sip:localhost"), lab.addr());
    lab.wait_for("(route: test_hold), holds lock of rank 100; ");
    let keeps = lab.receivers_pids();
    phone.send(phone.request("KEEP", "sip:localhost"), lab.addr());
    assert_eq!(first_line(&phone.recv()), "SIP/2.0 200 OK");
    lab.wait_for(" does not release lock of rank 101, it is sleeping");
    assert_eq!(lab.receivers_pids(), keeps);
    lab.answers();
    assert_eq!(lab.counter("process.stuck"), 2);
}

#[test]
fn a_failure_route_that_hangs_after_a_timeout_is_told_with_its_message() {
    let lab = Lab::new(
        "stuck_limit=1\nmodparam(\"tm\", \"fr_timer\", 300)\n\
         route { if (method == \"OPTIONS\") { sl_send_reply(\"200\", \"OK\"); drop; }\n\
         t_on_failure(\"LATE\"); t_relay(); }\n\
         failure_route[LATE] {\n test_sleep(8000);\n}\n",
    );
    let (caller, silent) = (Phone::new(), Phone::new());
    let pid = lab.pid("slow timer");
    let uri = format!("sip:x@{}", silent.addr());
    let message = caller.request("MESSAGE", &uri);
    caller.send(&message, lab.addr());
    lab.wait_for(&format!(
        "process {pid} (slow timer) is stuck, sleeping, after "
    ));
    let what = format!(
        " s of work on MESSAGE from {}, Call-ID {}, in line {} of ser.cfg (failure_route[LATE]: test_sleep)",
        caller.addr(),
        header(&message, "Call-ID").unwrap(),
        lab.line("test_sleep"),
    );
    lab.wait_for(&what);
    assert!(first_line(&caller.recv()).starts_with("SIP/2.0 408 "));
    lab.answers();
}
