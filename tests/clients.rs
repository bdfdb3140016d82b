//! Real clients with the config that is shipped: phones that call each other, and many users at once.

mod common;

use common::baresip::Phone;
use common::sip;
use common::sipp::Sipp;
use common::{Setup, free_port};
use nix::sys::signal::Signal;
use std::fmt::Write;
use std::process::Command;

/// The account line that README.md and scripts/run show.
fn account(user: &str, port: u16) -> String {
    format!("<sip:{user}@127.0.0.1:{port}>;regint=60;auth_pass=none")
}

#[test]
fn a_phone_calls_another_and_hangs_up() {
    let setup = Setup::shipped();
    let port = setup.port;
    let _server = setup.start(setup.as_configured(&["-D", "-D", "-E"]));
    let bob = Phone::start(&account("bob", port));
    let alice = Phone::start(&account("alice", port));
    for phone in [&alice, &bob] {
        phone.says("[1 binding]");
    }
    alice.type_in(&format!("/dial sip:bob@127.0.0.1:{port}"));
    bob.says("Incoming call from");
    bob.type_in("/accept");
    alice.says("Call established");
    bob.says("Call established");
    for phone in [&alice, &bob] {
        phone.says("incoming rtp for 'audio' established");
    }
    alice.type_in("/hangup");
    // Its words for a BYE.
    bob.says("session closed: Connection reset by peer");
    let log = setup.read("err");
    let call =
        format!("INVITE sip:alice@127.0.0.1:{port} calls sip:bob@127.0.0.1:{port} at sip:bob");
    assert!(log.contains(&call), "{log}");
}

#[test]
fn phones_call_each_other_over_ipv6() {
    let setup = Setup::shipped_at("[::1]");
    let port = setup.port;
    let _server = setup.start(setup.as_configured(&["-D", "-D", "-E"]));
    let account = |user| format!("<sip:{user}@[::1]:{port}>;regint=60;auth_pass=none");
    let bob = Phone::start_at("::1", &account("bob"));
    let alice = Phone::start_at("::1", &account("alice"));
    for phone in [&alice, &bob] {
        phone.says("[1 binding]");
    }
    alice.type_in(&format!("/dial sip:bob@[::1]:{port}"));
    bob.says("Incoming call from");
    bob.type_in("/accept");
    alice.says("Call established");
    bob.says("Call established");
    alice.type_in("/hangup");
    bob.says("session closed: Connection reset by peer");
}

#[test]
fn a_call_to_a_user_who_is_nowhere_is_refused_with_404() {
    let setup = Setup::shipped();
    let port = setup.port;
    let _server = setup.start(setup.as_configured(&["-D", "-D", "-E"]));
    let alice = Phone::start(&account("alice", port));
    alice.says("[1 binding]");
    alice.type_in(&format!("/dial sip:nobody@127.0.0.1:{port}"));
    alice.says("404 Not Found");
}

#[test]
fn a_phone_that_leaves_is_called_no_more() {
    let setup = Setup::shipped();
    let port = setup.port;
    let _server = setup.start(setup.as_configured(&["-D", "-D", "-E"]));
    let bob = Phone::start(&account("bob", port));
    let alice = Phone::start(&account("alice", port));
    for phone in [&alice, &bob] {
        phone.says("[1 binding]");
    }
    bob.type_in("/quit");
    common::wait_until("bob's binding is removed", || {
        setup.read("err").contains(";expires=0")
    });
    alice.type_in(&format!("/dial sip:bob@127.0.0.1:{port}"));
    alice.says("404 Not Found");
}

#[test]
fn all_phones_of_a_user_ring_until_the_first_one_answers() {
    let setup = Setup::shipped();
    let _server = setup.start(setup.as_configured(&["-D", "-D", "-E"]));
    let (caller, a, b) = (sip::Phone::new(), sip::Phone::new(), sip::Phone::new());
    for phone in [&a, &b] {
        let contact = format!("Contact: <sip:bob@{}>\r\n", phone.addr());
        let via = phone.addr().to_string();
        let mut text = sip::request("REGISTER", "sip:localhost", &via, &contact);
        text = text.replace("<sip:alice@localhost>", "<sip:bob@localhost>");
        assert!(phone.ask(text, setup.addr()).starts_with("SIP/2.0 200 OK"));
    }
    let invite = caller.request("INVITE", "sip:bob@localhost");
    caller.send(&invite, setup.addr());
    assert!(caller.recv().starts_with("SIP/2.0 100 "));
    let ringing: Vec<_> = [&a, &b].map(|phone| (phone, phone.recv())).into();
    for (phone, seen) in &ringing {
        assert!(seen.starts_with(&format!("INVITE sip:bob@{} ", phone.addr())));
        phone.send(answer(seen, "180 Ringing"), setup.addr());
        assert!(caller.recv().starts_with("SIP/2.0 180 "));
    }
    a.send(answer(&ringing[0].1, "200 OK"), setup.addr());
    assert!(caller.recv().starts_with("SIP/2.0 200 OK"));
    let mut next = b.recv();
    while next.starts_with("INVITE ") {
        // Sent again before it was answered.
        next = b.recv();
    }
    assert!(next.starts_with("CANCEL "), "{next}");
}

/// A reply with the headers of the request, a To-tag added.
fn answer(request: &str, status: &str) -> String {
    let is_kept = |line: &&str| {
        let names = ["Via:", "From:", "To:", "Call-ID:", "CSeq:", "Record-Route:"];
        names.iter().any(|name| line.starts_with(name))
    };
    let lines: String = request
        .lines()
        .filter(is_kept)
        .map(|line| match line.starts_with("To:") {
            true => format!("{line};tag=there\r\n"),
            false => format!("{line}\r\n"),
        })
        .collect();
    format!("SIP/2.0 {status}\r\n{lines}Content-Length: 0\r\n\r\n")
}

/// Lines for sipp's `-inf`, one a user.
fn users(number: usize) -> String {
    let mut text = String::from("SEQUENTIAL\n");
    for n in 0..number {
        writeln!(text, "user{n};").expect("memory");
    }
    text
}

#[test]
fn ten_thousand_users_register_and_each_is_called_back() {
    const USERS: usize = 10_000;
    let setup = Setup::shipped();
    let pid_file = setup.path("pid");
    let tree = setup.launch(setup.as_configured(&[]));
    std::fs::write(setup.path("users.csv"), users(USERS)).unwrap();
    let file = setup.path("users.csv");
    let inf = ["-inf", file.to_str().unwrap()];
    let callee = free_port();
    let port = callee.to_string();

    let key = [&inf[..], &["-key", "uas_port", &port]].concat();
    Sipp::start(&setup, "register", free_port(), USERS, &key).succeeds();
    let answering = Sipp::start(&setup, "callee", callee, USERS, &[]);
    Sipp::start(&setup, "caller", free_port(), USERS, &inf).succeeds();
    answering.succeeds();

    assert_eq!(titles(tree.attendant()), expected_titles(setup.port));
    tree.signal(Signal::SIGTERM);
    tree.wait_gone();
    assert_eq!(titles(tree.attendant()), [""; 0]);
    assert!(!pid_file.exists());
}

/// What stands in brackets behind the command line of the attendant and its children, as `ps` shows it.
fn titles(attendant: i32) -> Vec<String> {
    let pid = attendant.to_string();
    let ps = Command::new("ps")
        .args(["-ww", "-o", "args=", "--pid", &pid, "--ppid", &pid])
        .output()
        .expect("ps runs (Debian package procps)");
    let text = String::from_utf8_lossy(&ps.stdout);
    let title = |line: &str| {
        Some(
            line.trim_end()
                .strip_suffix(']')?
                .rsplit_once(" [")?
                .1
                .to_owned(),
        )
    };
    let titles = text.lines().filter_map(title);
    titles
        .map(|t| common::without_pulse(&t).to_owned())
        .collect()
}

/// Four receivers, as the shipped config wants.
fn expected_titles(port: u16) -> Vec<String> {
    let receiver = |child| format!("receiver child={child} sock=127.0.0.1:{port}");
    let mut all = vec!["attendant".to_owned()];
    all.extend((0..4).map(receiver));
    all.extend(["slow timer", "timer", "dns resolver", "ctl handler"].map(str::to_owned));
    all
}
