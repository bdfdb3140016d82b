//! What modules hook into the core: callbacks around the script, hooks for other protocols, `response`
//! and `onbreak`, processes and timers of their own.

mod common;

use common::dump::Dump;
use common::sip::{Phone, first_line, request};
use common::{Foreground, Setup, load, wait_until};
use nix::sys::signal::Signal;

/// testmod with these parameters, then `rest`.
fn config(params: &[(&str, i32)], rest: &str) -> String {
    let param =
        |(name, value): &(&str, i32)| format!("modparam(\"testmod\", \"{name}\", {value})\n");
    let params: String = params.iter().map(param).collect();
    format!("{}{params}{rest}\n", load(&["sl", "testmod"]))
}

fn start(params: &[(&str, i32)], rest: &str) -> (Setup, Foreground) {
    let setup = Setup::with_config(&config(params, rest));
    let server = setup.foreground(&["-D", "-D", "-E"]);
    (setup, server)
}

/// What the module told, line by line.
fn told(setup: &Setup) -> Vec<String> {
    let log = setup.read("err");
    let told = log
        .lines()
        .filter_map(|line| Some(line.split_once("TEST: ")?.1.to_owned()));
    told.collect()
}

fn wait_told(setup: &Setup, wanted: &[&str]) {
    wait_until(&format!("{wanted:?} in {:?}", told(setup)), || {
        told(setup).len() >= wanted.len()
    });
    assert_eq!(told(setup), wanted);
}

const ANSWER: &str = "route { log(0, \"TEST: route\\n\"); sl_send_reply(\"200\", \"OK\"); }";

#[test]
fn callbacks_run_last_registered_first_around_the_script() {
    let (setup, _server) = start(&[("callbacks", 1)], ANSWER);
    let phone = Phone::new();
    let reply = phone.ask(phone.request("OPTIONS", "sip:localhost"), setup.addr());
    assert_eq!(first_line(&reply), "SIP/2.0 200 OK");
    wait_told(&setup, &["pre 2", "pre 1", "route", "post 2", "post 1"]);
}

#[test]
fn a_pre_callback_that_returns_0_ends_the_message_without_post_callbacks() {
    let (setup, server) = start(&[("callbacks", 1), ("pre_result", 0)], ANSWER);
    let phone = Phone::new();
    phone.send(phone.request("OPTIONS", "sip:localhost"), setup.addr());
    wait_told(&setup, &["pre 2", "pre 1"]);
    wait_until("the drop is counted", || {
        Dump::of(&setup, &server).value("drop.callback") == 1
    });
    assert_eq!(told(&setup), ["pre 2", "pre 1"]);
}

#[test]
fn onbreak_runs_when_the_script_ends_with_0_before_the_post_callbacks() {
    for script in [
        "drop;",
        "exit;",
        "test_result(0);",
        "if (test_result(0)) { log(0, \"TEST: no\\n\"); }",
    ] {
        let rest = format!("route {{ {script} log(0, \"TEST: not reached\\n\"); }}");
        let (setup, _server) = start(&[("callbacks", 1)], &rest);
        let phone = Phone::new();
        phone.send(phone.request("OPTIONS", "sip:localhost"), setup.addr());
        wait_told(&setup, &["pre 2", "pre 1", "onbreak", "post 2", "post 1"]);
    }
}

#[test]
fn a_script_that_ends_negative_is_warned_of_and_followed_by_the_post_callbacks() {
    let (setup, server) = start(&[("callbacks", 1)], "debug=1\nroute { test_result(-3); }");
    let phone = Phone::new();
    phone.send(phone.request("OPTIONS", "sip:localhost"), setup.addr());
    wait_told(&setup, &["pre 2", "pre 1", "post 2", "post 1"]);
    assert_eq!(Dump::of(&setup, &server).value("script.errors"), 1);
    let warning = "WARNING: receive_msg: error while trying script";
    assert!(setup.read("err").contains(warning));
}

/// A reply that goes back to `phone` through the server.
fn reply_through(setup: &Setup, phone: &Phone) -> String {
    let via = format!(
        "127.0.0.1:{};branch=z9hG4bKours\r\nVia: SIP/2.0/UDP {}",
        setup.port,
        phone.addr()
    );
    let request = request("OPTIONS", "sip:localhost", &via, "");
    request.replacen("OPTIONS sip:localhost SIP/2.0", "SIP/2.0 200 OK", 1)
}

#[test]
fn a_reply_meets_callbacks_onreply_route_and_response_and_is_forwarded() {
    let rest = format!("{ANSWER}\nonreply_route {{ log(0, \"TEST: onreply\\n\"); }}");
    let (setup, _server) = start(&[("callbacks", 1)], &rest);
    let phone = Phone::new();
    let reply = phone.ask(reply_through(&setup, &phone), setup.addr());
    assert_eq!(first_line(&reply), "SIP/2.0 200 OK");
    assert!(!reply.contains("z9hG4bKours"), "our Via is gone: {reply}");
    wait_told(
        &setup,
        &["pre 2", "pre 1", "onreply", "response", "post 2", "post 1"],
    );
}

#[test]
fn a_reply_that_a_module_takes_is_not_forwarded() {
    let (setup, server) = start(&[("callbacks", 1), ("response_result", 0)], ANSWER);
    let phone = Phone::new();
    phone.send(reply_through(&setup, &phone), setup.addr());
    wait_told(&setup, &["pre 2", "pre 1", "response", "post 2", "post 1"]);
    assert_eq!(Dump::of(&setup, &server).value("fwd.replies"), 0);
}

#[test]
fn a_reply_that_the_script_drops_or_fails_on_is_not_forwarded() {
    for (script, counter) in [
        ("drop;", "drop.reply"),
        ("test_result(-1);", "script.errors"),
    ] {
        let rest = format!("{ANSWER}\nonreply_route {{ {script} }}");
        let (setup, server) = start(&[], &rest);
        let phone = Phone::new();
        phone.send(reply_through(&setup, &phone), setup.addr());
        wait_until("it is counted", || {
            Dump::of(&setup, &server).value(counter) == 1
        });
        assert_eq!(Dump::of(&setup, &server).value("fwd.replies"), 0);
    }
}

#[test]
fn a_reply_for_somebody_else_is_dropped_when_the_via_is_checked() {
    let (setup, server) = start(&[], &format!("check_via=yes\n{ANSWER}"));
    let phone = Phone::new();
    let foreign = reply_through(&setup, &phone).replacen("127.0.0.1", "127.0.0.9", 1);
    phone.send(foreign, setup.addr());
    let reply = phone.ask(reply_through(&setup, &phone), setup.addr());
    assert_eq!(first_line(&reply), "SIP/2.0 200 OK");
    wait_until("it is counted", || {
        Dump::of(&setup, &server).value("drop.reply") == 1
    });
}

const HTTP: &str =
    "GET /index.html HTTP/1.1\r\nHost: localhost\r\nVia: SIP/2.0/UDP 127.0.0.1\r\n\r\n";

#[test]
fn hooks_for_other_protocols_run_in_order_until_one_decides_and_the_script_never_does() {
    for (result, dropped) in [(-1, 1), (0, 1), (1, 1), (2, 0)] {
        let (setup, server) = start(&[("nonsip_result", result)], ANSWER);
        let phone = Phone::new();
        phone.send(HTTP, setup.addr());
        wait_told(&setup, &["nonsip 1", "nonsip 2"]);
        wait_until("it is counted", || {
            let dump = Dump::of(&setup, &server);
            dump.value("rcv.requests") == 1 && dump.value("drop.nonsip") == dropped
        });
        assert_eq!(told(&setup), ["nonsip 1", "nonsip 2"]);
    }
}

#[test]
fn without_a_hook_other_protocols_are_dropped_and_counted() {
    let (setup, server) = start(&[], ANSWER);
    let phone = Phone::new();
    phone.send(HTTP, setup.addr());
    wait_until("it is counted", || {
        Dump::of(&setup, &server).value("drop.nonsip") == 1
    });
    assert!(told(&setup).is_empty());
}

#[test]
fn processes_of_modules_stand_in_the_tree_with_their_rank_and_stop_with_it() {
    let (setup, mut server) = start(&[("workers", 2), ("tell_ranks", 1)], ANSWER);
    let children = server.tree.children();
    let descs: Vec<_> = children.iter().map(|p| p.desc()).collect();
    assert_eq!(
        descs[2..],
        ["slow timer", "timer", "test worker", "test worker"]
    );
    let lines = || told(&setup);
    wait_until("the workers run", || {
        lines().iter().filter(|l| *l == "worker runs").count() == 2
    });
    assert_eq!(lines().iter().filter(|l| *l == "child_init -2").count(), 2);
    // PROC_MAIN comes while processes can still be announced, the workers later.
    let late = "too late: BUG: register_procs(1) called at runtime";
    assert_eq!(
        lines().iter().filter(|l| *l == late).count(),
        2,
        "{:?}",
        lines()
    );
    assert_eq!(Dump::of(&setup, &server).value("processes"), 7);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    server.tree.wait_gone();
    assert_eq!(lines().last().map(String::as_str), Some("destroy"));
}

#[test]
fn without_forks_there_are_no_processes_of_modules() {
    let setup = Setup::with_config(&config(&[("workers", 2), ("tell_ranks", 1)], ANSWER));
    let server = setup.foreground(&["-D", "-E"]);
    let children = server.tree.children();
    let descs: Vec<_> = children.iter().map(|p| p.desc()).collect();
    assert_eq!(descs, ["slow timer", "timer"]);
    let mut ranks: Vec<_> = told(&setup)
        .into_iter()
        .filter(|l| l.starts_with("child_init"))
        .collect();
    ranks.sort();
    assert_eq!(ranks, ["child_init -1", "child_init -1", "child_init 1"]);
}

#[test]
fn a_timer_that_panics_is_called_again() {
    let (setup, mut server) = start(&[("timer", 1)], ANSWER);
    wait_until("the second call", || {
        told(&setup).contains(&"timer call 2".to_string())
    });
    assert_eq!(server.tree.children().len(), 4);
    assert!(setup.read("err").contains("BUG: panic at"));
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_destroy_that_panics_does_not_keep_the_server_from_stopping_well() {
    let (setup, mut server) = start(&[("panic_destroy", 1)], ANSWER);
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(
        setup
            .read("err")
            .contains("destroy of module testmod panicked")
    );
    assert!(setup.read("err").ends_with("Thank you for flying ser\n"));
}
