//! Module code that panics, aborts or hangs while it has a message: what it costs, and what not.

mod common;

use common::dump::Dump;
use common::sip::{Phone, first_line};
use common::{Foreground, Setup, load, wait_until};
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
            phone.send(phone.request("PANIC", "sip:localhost"), setup.addr());
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
        phone.send(phone.request("LOCKED", "sip:localhost"), setup.addr());
    }
    wait_until("three panics", || {
        setup.read("err").contains("told to panic with 3")
    });
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
    phone.send(phone.request("PANIC", "sip:localhost"), setup.addr());
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
    phone.send(phone.request("RELAY", &uri), setup.addr());
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
