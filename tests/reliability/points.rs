//! A process dies at each point of its changes to shared memory, one after the other: nothing that was answered is
//! lost, nothing stays locked or broken, and what comes again is served.

use crate::common::sip::{Phone, first_line, header};
use crate::common::{Foreground, Setup, load, rpc};
use std::io::Write;
use std::time::Duration;

const SCRIPT: &str = r#"
route {
    if (method == "REGISTER") {
        test_fault();
        if (save("location")) { exit; }
        exit;
    }
    if (method == "OPTIONS") {
        test_fault();
        sl_send_reply("200", "OK");
        exit;
    }
    t_on_reply("1");
    test_fault();
    if (!t_relay()) { sl_reply_error(); }
}
onreply_route[1] {
    test_fault();
}
"#;

/// Whether this build can plan deaths (see `src/ipc/fault.rs`).
fn can_plan() -> bool {
    if !cfg!(debug_assertions) {
        // Nobody listens: nothing to do.
        let _ = std::io::stderr().write_all(b"points: release builds have no points to die at\n");
    }
    cfg!(debug_assertions)
}

/// A server whose processes die on request.
struct Lab {
    setup: Setup,
    server: Foreground,
}

impl Lab {
    fn new() -> Lab {
        let setup = Setup::new();
        let modules = ["sl", "tm", "usrloc", "registrar", "ctl", "testmod"];
        let ctl = setup.path("ctl").display().to_string();
        let config = format!(
            "{}modparam(\"testmod\", \"faults\", 1)\n\
             modparam(\"tm\", \"wt_timer\", 100)\n\
             modparam(\"tm\", \"fr_timer\", 1500)\n\
             modparam(\"ctl\", \"fifo\", \"unixs:{ctl}\")\n{SCRIPT}",
            load(&modules)
        );
        std::fs::write(setup.path("ser.cfg"), config).expect("config is written");
        let server = setup.foreground(&["-D", "-D", "-E", "-n", "1"]);
        Lab { setup, server }
    }

    fn rpc(&self, method: &str) -> Vec<String> {
        rpc::call(&self.setup.path("ctl"), method, &[])
    }

    /// How many processes have died so far.
    fn deaths(&self) -> usize {
        self.setup.read("err").matches("exited by a signal").count()
    }

    /// Every structure in shared memory is right.
    fn check(&self, what: &str) {
        let answer = self.rpc("core.shm_check");
        assert_eq!(answer[0], "200 OK", "{what}: {answer:?}");
    }

    /// Nothing was logged that must not happen.
    fn end(self) {
        let log = self.setup.read("err");
        let bad = log.lines().find(|line| {
            line.contains("BUG") || line.contains("may be lost") || line.contains("panic")
        });
        assert_eq!(bad, None);
        drop(self.server);
    }

    /// Bytes of shared memory in use once nothing waits any more.
    fn level(&self) -> i64 {
        let mut stats = Vec::new();
        let ended = (0..600).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            stats = self.rpc("tm.stats");
            value(&stats, "current") == 0
        });
        assert!(ended, "transactions stay: {stats:?}");
        value(&self.rpc("core.shmmem"), "real_used")
    }
}

/// A number in the struct of an answer.
fn value(answer: &[String], name: &str) -> i64 {
    let members = answer.iter().flat_map(|line| line.split(','));
    let value = members.filter_map(|member| member.split_once(':'));
    let mut found = value.filter(|(found, _)| *found == name);
    let (_, value) = found
        .next()
        .unwrap_or_else(|| panic!("no {name} in {answer:?}"));
    value.parse().expect("a number")
}

/// Runs `work` with ever later points until the process survives it; `work` gets the header line and tells whether
/// an answer came, and does it again without when none did. Returns how many points there were.
fn each_point(lab: &Lab, what: &str, mut work: impl FnMut(&str)) -> u64 {
    for n in 0.. {
        let before = lab.deaths();
        work(&format!("X-Fault: die {n}\r\n"));
        lab.check(&format!("{what}, point {n}"));
        if lab.deaths() == before {
            return n;
        }
        assert!(n < 5_000, "{what} has no end");
    }
    unreachable!("the loop returns")
}

/// Sends a request until it is answered; after the first time without the fault. The final answer.
fn ask(phone: &Phone, request: &str, fault: &str, lab: &Lab) -> String {
    let with = request.replacen("Content-Length", &format!("{fault}Content-Length"), 1);
    phone.send(with, lab.setup.addr());
    for _ in 0..100 {
        while let Some((reply, _)) = phone.try_recv(Duration::from_millis(150)) {
            let reply = String::from_utf8_lossy(&reply).into_owned();
            if !first_line(&reply).starts_with("SIP/2.0 1") {
                return reply;
            }
        }
        phone.send(request, lab.setup.addr());
    }
    panic!("no answer to {request}");
}

fn register(phone: &Phone, aor: &str, contact: &str, expires: u32) -> String {
    let request = phone.request("REGISTER", "sip:localhost");
    let to = format!("To: <sip:{aor}@localhost>");
    let contact = format!("Contact: <{contact}>;expires={expires}\r\nContent-Length");
    request
        .replace("To: <sip:bob@localhost>", &to)
        .replacen("Content-Length", &contact, 1)
}

/// The contacts that a REGISTER without any gets.
fn bindings(phone: &Phone, aor: &str, lab: &Lab) -> String {
    let request = phone.request("REGISTER", "sip:localhost");
    let request = request.replace("sip:bob@localhost", &format!("sip:{aor}@localhost"));
    let reply = ask(phone, &request, "", lab);
    assert_eq!(first_line(&reply), "SIP/2.0 200 OK");
    header(&reply, "Contact").unwrap_or_default().to_owned()
}

#[test]
fn a_registration_survives_a_death_at_each_point_of_its_making_its_refresh_and_its_end() {
    if !can_plan() {
        return;
    }
    let lab = Lab::new();
    let phone = Phone::new();
    let other = "sip:a-rather-long-name-for-an-other-contact@127.0.0.1:5099;line=77";
    let reply = ask(&phone, &register(&phone, "old", other, 600), "", &lab);
    assert_eq!(first_line(&reply), "SIP/2.0 200 OK");
    let mut n = 0;
    let new = each_point(&lab, "a new user", |fault| {
        n += 1;
        let contact = format!("sip:a-contact-of-some-length-{n}@127.0.0.1:5098");
        let user = format!("user-{n}");
        let reply = ask(&phone, &register(&phone, &user, &contact, 600), fault, &lab);
        assert_eq!(first_line(&reply), "SIP/2.0 200 OK");
        let found = bindings(&phone, &user, &lab);
        assert_eq!(found.matches(&contact).count(), 1, "{found}");
    });
    let second = each_point(&lab, "a second contact", |fault| {
        n += 1;
        let contact = format!("sip:second-contact-number-{n}@127.0.0.1:5098");
        ask(&phone, &register(&phone, "old", &contact, 600), fault, &lab);
        let found = bindings(&phone, "old", &lab);
        assert!(found.contains(other) && found.contains(&contact), "{found}");
        ask(&phone, &register(&phone, "old", &contact, 0), "", &lab);
    });
    let refresh = each_point(&lab, "a refresh", |fault| {
        // Another Call-ID: the texts of the contact change.
        ask(&phone, &register(&phone, "old", other, 900), fault, &lab);
        let found = bindings(&phone, "old", &lab);
        assert_eq!(found.matches(other).count(), 1, "{found}");
    });
    let end = each_point(&lab, "the end of a contact", |fault| {
        let contact = "sip:short-lived-contact-with-a-name@127.0.0.1:5097";
        ask(&phone, &register(&phone, "old", contact, 600), "", &lab);
        ask(&phone, &register(&phone, "old", contact, 0), fault, &lab);
        let found = bindings(&phone, "old", &lab);
        assert!(found.contains(other) && !found.contains(contact), "{found}");
    });
    for (what, points) in [
        ("new", new),
        ("second", second),
        ("refresh", refresh),
        ("end", end),
    ] {
        assert!(points > 5, "{what}: only {points} points");
    }
    lab.end();
}

/// One call to a phone that answers at once: `invite` and `ok` are fault lines for the request and the reply.
fn call(lab: &Lab, caller: &Phone, callee: &Phone, invite: &str, ok: &str) {
    let uri = format!("sip:{}", callee.addr());
    let request = caller.request("INVITE", &uri);
    let call_id = header(&request, "Call-ID").expect("a Call-ID").to_owned();
    let with = request.replacen("Content-Length", &format!("{invite}Content-Length"), 1);
    caller.send(with, lab.setup.addr());
    let mut ok = ok;
    for _ in 0..100 {
        while let Some((bytes, from)) = callee.try_recv(Duration::from_millis(60)) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if text.starts_with("INVITE") && header(&text, "Call-ID") == Some(&call_id) {
                callee.send(answer(&text, ok), from);
                ok = "";
            }
        }
        while let Some((bytes, _)) = caller.try_recv(Duration::from_millis(20)) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let ours = header(&text, "Call-ID") == Some(&call_id);
            if ours && first_line(&text) == "SIP/2.0 200 OK" {
                return;
            }
        }
        // As a phone whose request or answer was lost.
        caller.send(&request, lab.setup.addr());
    }
    panic!("the call has no answer");
}

fn answer(request: &str, more: &str) -> String {
    let lines = request.split("\r\n").skip(1).filter(|line| {
        let name = line.split(':').next().unwrap_or("");
        ["Via", "From", "To", "Call-ID", "CSeq", "Record-Route"].contains(&name)
    });
    let kept: String = lines
        .map(|line| match line.starts_with("To:") {
            true => format!("{line};tag=callee\r\n"),
            false => format!("{line}\r\n"),
        })
        .collect();
    format!("SIP/2.0 200 OK\r\n{kept}{more}Content-Length: 0\r\n\r\n")
}

#[test]
fn a_call_gets_through_a_death_at_each_point_of_its_request_and_of_its_answer() {
    if !can_plan() {
        return;
    }
    let lab = Lab::new();
    let (caller, callee) = (Phone::new(), Phone::new());
    call(&lab, &caller, &callee, "", "");
    let before = lab.level();
    let request = each_point(&lab, "INVITE", |fault| {
        call(&lab, &caller, &callee, fault, "")
    });
    let reply = each_point(&lab, "200", |fault| call(&lab, &caller, &callee, "", fault));
    assert!(request > 50 && reply > 10, "{request} and {reply} points");
    // At most a block in a hundred deaths may be lost.
    let lost = lab.level() - before;
    assert!(lost < 4096, "{lost} bytes lost in {} deaths", lab.deaths());
    lab.end();
}

#[test]
fn timer_processes_die_at_each_point_and_no_timer_is_forgotten() {
    if !can_plan() {
        return;
    }
    let lab = Lab::new();
    let (caller, callee) = (Phone::new(), Phone::new());
    call(&lab, &caller, &callee, "", "");
    for which in ["timer", "slow"] {
        for n in (0..60).step_by(3) {
            let before = lab.deaths();
            // Nobody answers: the request is repeated, then given up, then its transaction ends.
            let uri = format!("sip:{}", callee.addr());
            let request = caller.request("MESSAGE", &uri);
            let fault = format!("X-Fault: {which} {n}\r\nContent-Length");
            caller.send(
                request.replacen("Content-Length", &fault, 1),
                lab.setup.addr(),
            );
            let died = (0..600).any(|_| {
                std::thread::sleep(Duration::from_millis(50));
                lab.deaths() > before
            });
            let log = lab.setup.read("err");
            assert!(died, "{which} does not die at its point {n}: {log}");
            lab.check(&format!("{which}, point {n}"));
        }
    }
    lab.level();
    lab.end();
}

/// Sends a request in which the `n`th allocation fails; the first answer, if there is one.
fn ask_when_full(phone: &Phone, request: &str, n: u64, lab: &Lab) -> Option<String> {
    let fault = format!("X-Fault: full {n}\r\nContent-Length");
    phone.send(
        request.replacen("Content-Length", &fault, 1),
        lab.setup.addr(),
    );
    let answer = phone.try_recv(Duration::from_millis(400));
    answer.map(|(bytes, _)| String::from_utf8_lossy(&bytes).into_owned())
}

/// How often the log says that a plan was not carried out: the message needed fewer allocations.
fn plans_left(lab: &Lab) -> usize {
    lab.setup.read("err").matches("TEST: plan left").count()
}

#[test]
fn a_registration_for_which_one_allocation_fails_is_refused_with_5xx_or_made() {
    if !can_plan() {
        return;
    }
    let lab = Lab::new();
    let phone = Phone::new();
    let mut refused = 0;
    for n in 0.. {
        let left = plans_left(&lab);
        let (user, contact) = (
            format!("full-{n}"),
            format!("sip:a-long-contact-{n}@127.0.0.1:5098"),
        );
        let request = register(&phone, &user, &contact, 600);
        let reply = ask_when_full(&phone, &request, n, &lab).expect("an answer");
        let made = first_line(&reply) == "SIP/2.0 200 OK";
        assert!(
            made || first_line(&reply).starts_with("SIP/2.0 5"),
            "{reply}"
        );
        refused += usize::from(!made);
        lab.check(&format!("allocation {n}"));
        let found = bindings(&phone, &user, &lab);
        assert_eq!(found.contains(&contact), made, "{found}");
        if plans_left(&lab) > left {
            break;
        }
        assert!(n < 500, "no end of allocations");
    }
    assert!(refused > 0);
    assert_eq!(lab.deaths(), 0);
    lab.end();
}

#[test]
fn a_call_for_which_one_allocation_fails_is_refused_with_5xx_or_goes_through() {
    if !can_plan() {
        return;
    }
    let lab = Lab::new();
    let (caller, callee) = (Phone::new(), Phone::new());
    call(&lab, &caller, &callee, "", "");
    let before = lab.level();
    let mut refused = 0;
    for n in 0.. {
        let left = plans_left(&lab);
        let request = caller.request("INVITE", &format!("sip:{}", callee.addr()));
        let reply = ask_when_full(&caller, &request, n, &lab).unwrap_or_default();
        let status = first_line(&reply).to_owned();
        // Not a word is as good as a lost datagram: the caller asks again.
        assert!(
            status.is_empty()
                || status == "SIP/2.0 100 trying -- your call is important to us"
                || status.starts_with("SIP/2.0 5"),
            "{n}: {reply}"
        );
        refused += usize::from(status.starts_with("SIP/2.0 5"));
        while callee.try_recv(Duration::from_millis(1)).is_some() {}
        lab.check(&format!("allocation {n}"));
        if plans_left(&lab) > left {
            break;
        }
        assert!(n < 500, "no end of allocations");
    }
    assert!(refused > 0);
    assert_eq!(lab.deaths(), 0);
    call(&lab, &caller, &callee, "", "");
    assert_eq!(lab.level(), before);
    lab.end();
}
