//! Calls that go on while another ser.cfg comes into force.

use crate::common::sip::{Phone, header, reply, request};
use crate::common::{PATIENCE, free_port, modules_dir, wait_until};
use crate::site::Site;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Waits for a message that begins so; others are passed over.
pub fn expect(phone: &Phone, start: &str) -> String {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let text = phone.recv();
        if text.starts_with(start) {
            return text;
        }
    }
    panic!("no {start} has come");
}

pub fn uri(phone: &Phone) -> String {
    format!("sip:callee@{}", phone.addr())
}

/// A script that relays with a failure_route, or without one.
pub fn relaying(failure: Option<&str>) -> String {
    let failure =
        failure.map(|code| format!("failure_route[gone] {{ t_reply(\"{code}\", \"After\"); }}\n"));
    format!(
        "modparam(\"tm\", \"wt_timer\", 500)\n\
         route {{\n\
           if (!loose_route()) {{ record_route(); }}\n\
           t_on_failure(\"gone\");\n\
           t_relay();\n\
         }}\n{}",
        failure.unwrap_or_default()
    )
}

/// An INVITE that rings; the caller's request and what the callee has got.
pub fn ring(site: &Site, caller: &Phone, callee: &Phone) -> (String, String) {
    let invite = caller.request("INVITE", &uri(callee));
    caller.send(&invite, site.setup.addr());
    let seen = expect(callee, "INVITE");
    callee.send(reply(&seen, "180 Ringing", "b", ""), site.setup.addr());
    expect(caller, "SIP/2.0 180");
    (invite, seen)
}

fn reload(site: &Site, text: &str) {
    site.write(text);
    site.ask("core.reload", &[]);
    wait_until("the old ones are gone", || {
        site.generation("old_processes") == "0"
    });
}

#[test]
fn a_call_that_rings_runs_the_failure_route_of_the_new_script() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let site = Site::new(&["rr", "tm"], &relaying(Some("480")), &[]);
    let (_, seen) = ring(&site, &caller, &callee);
    reload(&site, &relaying(Some("603")));
    callee.send(reply(&seen, "486 Busy Here", "b", ""), site.setup.addr());
    expect(&caller, "SIP/2.0 603 After");
}

#[test]
fn a_route_that_is_gone_is_told_of_and_the_call_goes_on_without_it() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let site = Site::new(&["rr", "tm"], &relaying(Some("480")), &[]);
    let (_, seen) = ring(&site, &caller, &callee);
    // Nothing refers to it any more.
    reload(
        &site,
        &relaying(None).replace("t_on_failure(\"gone\");\n", ""),
    );
    callee.send(reply(&seen, "486 Busy Here", "b", ""), site.setup.addr());
    expect(&caller, "SIP/2.0 486");
    let told = "route \"gone\" is not in the configuration any more";
    wait_until("the log tells", || site.setup.read("err").contains(told));
}

#[test]
fn a_call_that_was_answered_before_ends_after() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let site = Site::new(&["rr", "tm"], &relaying(Some("480")), &[]);
    let (invite, seen) = ring(&site, &caller, &callee);
    reload(&site, &relaying(Some("481")));
    let contact = format!("Contact: <{}>\r\n", uri(&callee));
    callee.send(reply(&seen, "200 OK", "b", &contact), site.setup.addr());
    let answer = expect(&caller, "SIP/2.0 200");
    reload(&site, &relaying(Some("482")));
    for (method, cseq) in [("ACK", "INVITE"), ("BYE", "BYE")] {
        let route = header(&answer, "Record-Route").expect("the proxy stays in the way");
        let more = format!("Route: {route}\r\n");
        let inside = request(method, &uri(&callee), &caller.addr().to_string(), &more);
        let inside = in_dialog(&inside, &invite, &answer, method, cseq);
        caller.send(inside, site.setup.addr());
        let came = expect(&callee, method);
        if method == "BYE" {
            callee.send(reply(&came, "200 OK", "", ""), site.setup.addr());
        }
        reload(
            &site,
            &relaying(Some(if method == "ACK" { "483" } else { "484" })),
        );
    }
    let end = expect(&caller, "SIP/2.0 200");
    assert!(header(&end, "CSeq").unwrap().ends_with("BYE"), "{end}");
}

/// A request with the identity of a dialog.
fn in_dialog(text: &str, invite: &str, answer: &str, method: &str, cseq: &str) -> String {
    let get = |message: &str, name| header(message, name).expect(name).to_owned();
    let number: u32 = get(invite, "CSeq")
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let number = number + u32::from(cseq != "INVITE");
    let lines = text
        .split("\r\n")
        .map(|line| match line.split(':').next().unwrap() {
            "From" => format!("From: {}", get(invite, "From")),
            "To" => format!("To: {}", get(answer, "To")),
            "Call-ID" => format!("Call-ID: {}", get(invite, "Call-ID")),
            "CSeq" => format!("CSeq: {number} {method}"),
            _ => line.to_owned(),
        });
    lines.collect::<Vec<_>>().join("\r\n")
}

/// A script that registers and relays, with [`MODULES`].
pub const SCRIPT: &str = "modparam(\"tm\", \"wt_timer\", 500)\n\
    modparam(\"maxfwd\", \"max_limit\", 255)\n\
    route { mf_process_maxfwd_header(\"10\"); if (method == \"REGISTER\") { save(\"location\"); break; }\n\
      if (loose_route()) { t_relay(); break; }\n\
      record_route();\n\
      if (!lookup(\"location\")) { sl_send_reply(\"404\", \"Not\"); break; }\n\
      t_relay(); }\n";
pub const MODULES: [&str; 5] = ["rr", "tm", "maxfwd", "usrloc", "registrar"];

#[test]
fn calls_lose_nothing_to_reloads_and_changes_of_receivers() {
    let site = Site::new(&MODULES, SCRIPT, &["-n", "3"]);
    let generator = Generator::new(&site);
    generator.register();
    generator.loses_no_call(&site, 10_000, |round| {
        let number = [1, 4, 2, 5][round % 4].to_string();
        site.ask("core.children", &["0", &number]);
        site.write(&format!("# {round}\n{SCRIPT}"));
        site.ask("core.reload", &[]);
    });
}

/// The load generator of the benchmarks.
pub struct Generator {
    to: String,
    caller: String,
    callee: String,
}

impl Generator {
    pub fn new(site: &Site) -> Generator {
        let here = |port| format!("127.0.0.1:{port}");
        Generator {
            to: here(site.setup.port),
            caller: here(free_port()),
            callee: here(free_port()),
        }
    }

    fn command(&self, mode: &str, from: &str, count: u32) -> Command {
        let mut command = Command::new(modules_dir().join("loadgen"));
        command.args([
            mode,
            "--to",
            &self.to,
            "--from",
            from,
            "--callee",
            &self.callee,
        ]);
        command.args([
            "--count",
            &count.to_string(),
            "--window",
            "8",
            "--aors",
            "50",
        ]);
        command.args(["--timeout", "20000"]).stdout(Stdio::piped());
        command
    }

    /// Everybody is at the callee's socket.
    pub fn register(&self) {
        let done = self.command("register", &self.callee, 50).output();
        let done = done.expect("cargo build --workspace makes it");
        assert!(done.status.success(), "{done:?}");
    }

    /// Makes so many calls, and changes something again and again meanwhile: each of them is set up and ended, and the
    /// log complains of nothing. Nothing is sent twice, so what is lost is a call. How many changes there were.
    pub fn loses_no_call(&self, site: &Site, count: u32, mut change: impl FnMut(usize)) -> usize {
        let mut calls = self.call(count);
        let mut round = 0;
        while calls.try_wait().expect("its state").is_none() {
            round += 1;
            change(round);
        }
        let said = calls.wait_with_output().expect("its output");
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let log = site.setup.read("err");
        assert!(
            said.contains(&format!("\"ok\": {count}, \"lost\": 0, \"bad\": 0,")),
            "{round} rounds: {said}\n{log}"
        );
        assert!(!log.contains("ERROR") && !log.contains("BUG"), "{log}");
        round
    }

    /// So many calls.
    fn call(&self, count: u32) -> Child {
        let started = self.command("call", &self.caller, count).spawn();
        started.expect("it ran before")
    }
}
