//! Code that panics, aborts or hangs: what it costs, and what not.

use crate::common::dump::Dump;
use crate::common::sip::{Phone, first_line, header};
use crate::common::{Foreground, Setup, load, wait_until};
use crate::lab::Lab;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What goes wrong is chosen by the method of the request; OPTIONS is answered.
const SCRIPT: &str = r#"
route {
    if (method == "PANIC") { test_panic(); }
    if (method == "LOCKED") { test_panic_locked(); }
    if (method == "LOCK") { test_lock(); }
    if (method == "ABORT") { test_abort(); }
    if (method == "HANG") { test_hang(); }
    if (method == "RELAY") { forward(uri:host, uri:port); }
    sl_send_reply("200", "OK");
}
"#;

/// The answer to a request whose script panicked.
const REFUSED: &str = "SIP/2.0 500 Server Internal Error";

fn setup(params: &str, script: &str) -> Setup {
    Setup::with_config(&format!("{}{params}{script}", load(&["sl", "testmod"])))
}

/// One receiver, so that it is known who had the message.
fn start(setup: &Setup) -> Foreground {
    setup.foreground(&["-D", "-D", "-E", "-n", "1"])
}

fn answers(setup: &Setup, phone: &Phone) {
    let reply = phone.ask(phone.request("OPTIONS", "sip:localhost"), setup.addr());
    assert_eq!(first_line(&reply), "SIP/2.0 200 OK");
}

#[test]
fn a_command_that_panics_costs_its_message_and_the_child_lives() {
    for mode in [&["-D", "-D", "-E", "-n", "1"][..], &["-D", "-E"]] {
        let setup = setup("", SCRIPT);
        let server = setup.foreground(mode);
        let before: Vec<_> = server.tree.children().iter().map(|p| p.pid).collect();
        let phone = Phone::new();
        for _ in 0..20 {
            let reply = phone.ask(phone.request("PANIC", "sip:localhost"), setup.addr());
            assert_eq!(first_line(&reply), REFUSED);
        }
        answers(&setup, &phone);
        let after: Vec<_> = server.tree.children().iter().map(|p| p.pid).collect();
        assert_eq!(before, after);
        let dump = Dump::of(&setup, &server);
        assert_eq!(dump.value("script.panics"), 20);
        assert_eq!(dump.value("rcv.requests"), 21);
        let log = setup.read("err");
        assert!(log.contains("told to panic"), "{log}");
        let told = format!(
            "panic in the script's line 5 while processing a message from {}: <PANIC ",
            phone.addr()
        );
        assert_eq!(log.matches(&told).count(), 20, "{log}");
    }
}

#[test]
fn a_lock_that_a_panic_interrupted_is_free_again() {
    let setup = setup("", SCRIPT);
    let _server = setup.foreground(&["-D", "-D", "-E", "-n", "2"]);
    let phone = Phone::new();
    for _ in 0..3 {
        let reply = phone.ask(phone.request("LOCKED", "sip:localhost"), setup.addr());
        assert_eq!(first_line(&reply), REFUSED);
    }
    for _ in 0..4 {
        let reply = phone.ask(phone.request("LOCK", "sip:localhost"), setup.addr());
        assert_eq!(first_line(&reply), "SIP/2.0 200 OK");
    }
    assert_eq!(setup.read("err").matches("TEST: counter 3\n").count(), 4);
}

/// The last callback was called for both messages, that of the answered one behind its answer.
fn both_ended(setup: &Setup) {
    let log = || setup.read("err");
    wait_until("both end", || log().matches("TEST: post 1\n").count() == 2);
}

#[test]
fn the_post_callbacks_run_after_a_panic() {
    let setup = setup("modparam(\"testmod\", \"callbacks\", 1)\n", SCRIPT);
    let _server = start(&setup);
    let phone = Phone::new();
    let reply = phone.ask(phone.request("PANIC", "sip:localhost"), setup.addr());
    assert_eq!(first_line(&reply), REFUSED);
    answers(&setup, &phone);
    both_ended(&setup);
}

#[test]
fn a_panic_in_an_onreply_route_costs_the_reply() {
    let script = format!("{SCRIPT}onreply_route {{ test_panic(); }}\n");
    let setup = setup("modparam(\"testmod\", \"callbacks\", 1)\n", &script);
    let server = start(&setup);
    let phone = Phone::new();
    let reply = phone.request("OPTIONS", "sip:localhost").replacen(
        "OPTIONS sip:localhost SIP/2.0",
        "SIP/2.0 200 OK",
        1,
    );
    phone.send(reply, setup.addr());
    answers(&setup, &phone);
    assert_eq!(Dump::of(&setup, &server).value("script.panics"), 1);
    both_ended(&setup);
}

#[test]
fn a_panic_in_an_onsend_route_costs_the_request() {
    let script = format!("{SCRIPT}onsend_route {{ test_panic(); }}\n");
    let setup = setup("", &script);
    let server = start(&setup);
    let phone = Phone::new();
    let uri = format!("sip:{}", phone.addr());
    let reply = phone.ask(phone.request("RELAY", &uri), setup.addr());
    assert_eq!(first_line(&reply), REFUSED);
    answers(&setup, &phone);
    let dump = Dump::of(&setup, &server);
    assert_eq!(
        (dump.value("script.panics"), dump.value("fwd.requests")),
        (1, 0)
    );
}

#[test]
fn a_command_that_aborts_is_reported_with_process_and_signal_and_costs_its_message() {
    let setup = setup("", SCRIPT);
    let cwd = setup.dir.path().to_str().unwrap();
    let server = setup.foreground(&["-D", "-D", "-E", "-n", "1", "-w", cwd]);
    let desc = format!("receiver child=0 sock=127.0.0.1:{}", setup.port);
    let receiver = server.tree.child(&desc);
    let phone = Phone::new();
    phone.send(phone.request("ABORT", "sip:localhost"), setup.addr());
    answers(&setup, &phone);
    assert_ne!(server.tree.child(&desc), receiver);
    let text = format!("child process {receiver} ({desc}) exited by a signal 6 (SIGABRT)");
    assert!(setup.read("err").contains(&text), "{}", setup.read("err"));
}

/// A server whose only receiver hangs in a command.
fn hanging(params: &str) -> (Setup, Foreground) {
    let setup = setup(params, SCRIPT);
    let server = start(&setup);
    let phone = Phone::new();
    phone.send(phone.request("HANG", "sip:localhost"), setup.addr());
    wait_until("the command hangs", || {
        setup.read("err").contains("TEST: hangs")
    });
    (setup, server)
}

#[test]
fn a_child_that_hangs_in_a_command_does_not_keep_the_server_from_stopping() {
    let (setup, mut server) = hanging("");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    server.tree.wait_gone();
    assert!(setup.read("err").ends_with("Thank you for flying ser\n"));
}

#[test]
fn after_exit_timeout_a_child_that_hangs_is_killed() {
    let (setup, mut server) = hanging("exit_timeout=1\n");
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    server.tree.wait_gone();
    let log = setup.read("err");
    assert!(
        log.contains("exit_timeout of 1 s is over, killing"),
        "{log}"
    );
}

#[test]
fn a_child_that_hangs_ends_when_its_attendant_is_killed() {
    let (_setup, server) = hanging("");
    assert_eq!(server.tree.children().len(), 4);
    server.signal(Signal::SIGKILL);
    server.tree.wait_gone();
}

#[test]
fn an_interrupt_from_the_terminal_that_reaches_everybody_is_a_stop_as_any_other() {
    let setup = setup("", SCRIPT);
    let mut command = setup.command(&["-D", "-D", "-E"]);
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut server = setup.start(command);
    assert_eq!(server.tree.children().len(), 5);
    kill(Pid::from_raw(-server.tree.attendant()), Signal::SIGINT).unwrap();
    assert_eq!(server.wait().code(), Some(0));
    server.tree.wait_gone();
    let log = setup.read("err");
    assert!(log.ends_with("Thank you for flying ser\n"), "{log}");
    assert!(!log.contains("terminating due to SIGCHLD"), "{log}");
}

#[test]
fn a_panic_is_logged_once_with_the_functions_that_led_to_it() {
    let lab = Lab::new(SCRIPT);
    let phone = Phone::new();
    for _ in 0..3 {
        let reply = phone.ask(phone.request("PANIC", "sip:localhost"), lab.addr());
        assert_eq!(first_line(&reply), REFUSED);
    }
    let log = lab.log();
    assert_eq!(log.matches("BUG: panic at ").count(), 3, "{log}");
    let frames: Vec<_> = log.lines().filter(|l| l.contains("BUG:   in ")).collect();
    let first = frames.first().expect("functions are told");
    assert!(first.contains("testmod::commands::panic at "), "{first}");
    assert!(first.contains("tests/testmod/src/commands.rs:"), "{first}");
    for function in ["script::run", "receive_msg", "process::udp_receiver"] {
        let told = frames.iter().filter(|frame| frame.contains(function));
        assert_ne!(told.count(), 0, "{function}: {frames:?}");
    }
    assert!(frames.len() < 40, "{frames:?}");
}

#[test]
fn a_shipped_build_knows_the_names_of_its_functions() {
    let root = env!("CARGO_MANIFEST_DIR");
    let manifest = std::fs::read_to_string(format!("{root}/Cargo.toml")).unwrap();
    let (_, release) = manifest.split_once("[profile.release]").unwrap();
    assert!(release.contains("debug = \"line-tables-only\""));
    assert!(!release.contains("strip"));
}

#[test]
fn a_panic_before_the_script_is_answered_and_one_after_it_changes_nothing() {
    let lab = Lab::new(&format!("modparam(\"testmod\", \"trouble\", 1)\n{SCRIPT}"));
    let phone = Phone::new();
    let before = phone.ask(phone.request("PANIC_BEFORE", "sip:localhost"), lab.addr());
    assert_eq!(first_line(&before), REFUSED);
    let after = phone.ask(phone.request("PANIC_AFTER", "sip:localhost"), lab.addr());
    assert_eq!(first_line(&after), "SIP/2.0 200 OK");
    lab.answers();
    assert_eq!(lab.counter("script.panics"), 2);
    assert!(phone.try_recv(SILENCE).is_none());
}

/// Long enough that something would have come if it were to come.
const SILENCE: std::time::Duration = std::time::Duration::from_millis(400);

#[test]
fn who_was_answered_or_sent_on_before_the_panic_gets_no_500() {
    let lab = Lab::new(
        r#"route {
            if (method == "ANSWER") { sl_send_reply("404", "Gone"); test_panic(); }
            if (method == "RING") { sl_send_reply("180", "Ringing"); test_panic(); }
            if (method == "RELAY") { forward(uri:host, uri:port); test_panic(); }
            if (method == "ACK") { test_panic(); }
            sl_send_reply("200", "OK");
        }"#,
    );
    let (phone, next) = (Phone::new(), Phone::new());
    phone.send(phone.request("ACK", "sip:localhost"), lab.addr());
    let answered = phone.ask(phone.request("ANSWER", "sip:localhost"), lab.addr());
    assert_eq!(first_line(&answered), "SIP/2.0 404 Gone");
    let uri = format!("sip:{}", next.addr());
    phone.send(phone.request("RELAY", &uri), lab.addr());
    assert!(first_line(&next.recv()).starts_with("RELAY "));
    assert!(phone.try_recv(SILENCE).is_none());
    // A provisional reply is no answer.
    let ringing = phone.ask(phone.request("RING", "sip:localhost"), lab.addr());
    assert_eq!(first_line(&ringing), "SIP/2.0 180 Ringing");
    let refused = phone.recv();
    assert_eq!(first_line(&refused), REFUSED);
    assert!(header(&refused, "To").unwrap().contains(";tag="));
    assert_eq!(lab.counter("script.panics"), 4);
}

#[test]
fn a_transaction_whose_script_panicked_is_answered_by_tm() {
    let lab = Lab::new(
        r#"modparam("tm", "wt_timer", 500)
        route {
            if (method == "OPTIONS") { sl_send_reply("200", "OK"); drop; }
            if (method == "MESSAGE") { t_newtran(); t_reply("486", "Busy"); test_panic(); }
            if (method == "SUBSCRIBE") { t_relay(); test_panic(); }
            t_newtran();
            test_panic();
        }"#,
    );
    let (phone, next) = (Phone::new(), Phone::new());
    let invite = phone.request("INVITE", "sip:localhost");
    let refused = phone.ask(&invite, lab.addr());
    assert_eq!(first_line(&refused), REFUSED);
    // The transaction answers the repetition, without the script, and sends its reply again until the ACK.
    assert_eq!(first_line(&phone.ask(&invite, lab.addr())), REFUSED);
    assert_eq!(first_line(&phone.recv()), REFUSED);
    let to = header(&refused, "To").unwrap();
    let own = header(&invite, "To").unwrap();
    let ack = invite.replace("INVITE", "ACK").replace(own, to);
    phone.send(&ack, lab.addr());
    while phone.try_recv(SILENCE).is_some() {}
    let other = Phone::new();
    let busy = other.ask(other.request("MESSAGE", "sip:localhost"), lab.addr());
    assert_eq!(first_line(&busy), "SIP/2.0 486 Busy");
    // One that was relayed is answered by whom it was relayed to.
    let uri = format!("sip:{}", next.addr());
    other.send(other.request("SUBSCRIBE", &uri), lab.addr());
    assert!(first_line(&next.recv()).starts_with("SUBSCRIBE "));
    assert!(other.try_recv(SILENCE).is_none());
    assert_eq!(lab.counter("script.panics"), 3);
}

#[test]
fn a_panic_in_a_failure_route_costs_the_route_and_the_reply_is_passed_on() {
    let lab = Lab::new(
        r#"modparam("tm", "fr_timer", 300)
        route {
            if (method == "OPTIONS") { sl_send_reply("200", "OK"); drop; }
            t_on_failure("F");
            t_relay();
        }
        failure_route[F] { test_panic(); }"#,
    );
    let (phone, silent) = (Phone::new(), Phone::new());
    let uri = format!("sip:{}", silent.addr());
    let before = lab.pid("slow timer");
    let reply = phone.ask(phone.request("MESSAGE", &uri), lab.addr());
    assert!(first_line(&reply).starts_with("SIP/2.0 408 "), "{reply}");
    let line = lab.line("failure_route[F] {");
    lab.wait_for(&format!("ERROR: tm: panic in a failure_route, line {line}"));
    assert_eq!(lab.counter("script.panics"), 1);
    assert_eq!(lab.pid("slow timer"), before);
}

#[test]
fn a_lock_that_nobody_would_release_ends_the_process_and_is_given_back() {
    let lab = Lab::with_receivers(
        2,
        r#"route {
            if (method == "KEEP") { test_panic_keeping(); }
            if (method == "LOCK") { test_lock(); }
            sl_send_reply("200", "OK");
        }"#,
    );
    let phone = Phone::new();
    phone.send(phone.request("KEEP", "sip:localhost"), lab.addr());
    lab.wait_for("the panic has left locked: lock of rank 100; this process ends");
    for _ in 0..4 {
        let reply = phone.ask(phone.request("LOCK", "sip:localhost"), lab.addr());
        assert_eq!(first_line(&reply), "SIP/2.0 200 OK");
    }
    assert_eq!(lab.counter("process.deaths_at_work"), 1);
}

#[test]
fn a_panic_in_a_timer_or_an_rpc_method_costs_that_and_is_counted() {
    let lab = Lab::new(&format!("modparam(\"testmod\", \"timer\", 1)\n{SCRIPT}"));
    lab.wait_for("TEST: timer call 2");
    lab.wait_for("ERROR: panic in a module's timer");
    let (timer, ctl) = (lab.pid("slow timer"), lab.pid("ctl handler"));
    let fault = lab.rpc("test.panic", &[]);
    assert_eq!(fault, ["500 Internal Server Error"]);
    lab.wait_for("ERROR: panic in RPC method test.panic");
    assert_eq!(lab.counter("task.panics"), 2);
    assert_eq!(lab.counter("script.panics"), 0);
    assert_eq!(
        (lab.pid("slow timer"), lab.pid("ctl handler")),
        (timer, ctl)
    );
}

#[test]
fn the_attendant_goes_on_after_a_panic_and_does_what_it_left() {
    let lab = Lab::new(&format!(
        "modparam(\"testmod\", \"panic_burial\", 3)\n{SCRIPT}"
    ));
    let receiver = lab.kill(&lab.receiver(), Signal::SIGKILL);
    lab.wait_for("ERROR: panic in the attendant, it goes on");
    lab.wait_replaced(&lab.receiver(), receiver);
    lab.answers();
    assert_eq!(lab.counter("task.panics"), 3);
    assert_eq!(lab.rpc("core.shm_check", &[])[0], "200 OK");
    lab.server.signal(Signal::SIGTERM);
    lab.server.tree.wait_gone();
}

#[test]
fn an_attendant_that_panics_whatever_it_does_ends_the_server() {
    let mut lab = start(&setup(
        "modparam(\"testmod\", \"panic_burial\", 100)\n",
        SCRIPT,
    ));
    let child = lab.tree.children()[0].pid;
    kill(Pid::from_raw(child), Signal::SIGKILL).expect("it lives");
    assert!(!lab.wait().success());
    lab.tree.wait_gone();
}
