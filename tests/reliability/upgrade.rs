//! A new program takes over while the server runs. Here it is the same program file, with what ser.cfg says by then.

use crate::common::sip::{Phone, first_line, header};
use crate::common::{Setup, free_port, module, read_pid, wait_until};
use crate::load::Load;
use crate::reload_calls::{Generator, MODULES, SCRIPT, expect, relaying, ring, uri};
use crate::site::{Site, config};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::net::UdpSocket;
use std::ops::Deref;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

/// A server that ends with the test, whichever program is in office.
struct Ended(Site);

impl Deref for Ended {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.0
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        // The process that was started first passes it on, and waits.
        let pid = Pid::from_raw(self.0.server.tree.attendant());
        let _ = kill(pid, Signal::SIGTERM);
        for _ in 0..500 {
            if self.0.setup.processes().is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        for pid in self.0.setup.processes() {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// The same where the program that takes over has another idea of shared memory.
fn serving_foreign(modules: &[&str], script: &str) -> Ended {
    let script = format!("overload_control=no\n{script}");
    let foreign = [("SER_TEST_FOREIGN", "1")];
    Ended(Site::with_environment(
        modules,
        &script,
        &["-n", "3"],
        &foreign,
    ))
}

fn serving(modules: &[&str], script: &str) -> Ended {
    let script = format!("overload_control=no\n{script}");
    Ended(Site::new(modules, &script, &["-n", "3"]))
}

impl Ended {
    fn rewrite(&self, script: &str) {
        self.write(&format!("overload_control=no\n{script}"));
    }

    /// Has another program take over; its pid.
    fn upgrade(&self) -> i32 {
        let mut said = Vec::new();
        wait_until("no upgrade is under way", || {
            said = self.rpc("core.upgrade", &[]);
            !said[0].starts_with("503 ")
        });
        assert_eq!(said.remove(0), "200 OK", "{said:?}");
        let pid = said[0].split(',').find_map(|m| m.strip_prefix("pid:"));
        pid.expect("a pid").parse().expect("a number")
    }

    /// Has one take over that fails; what the caller is told.
    fn refused(&self) -> String {
        let said = self.rpc("core.upgrade", &[]).join("\n");
        assert!(said.starts_with("500 The new program failed"), "{said}");
        said
    }

    /// The pid of the attendant in office.
    fn in_office(&self) -> i32 {
        let said = self.ask("core.ps", &[]);
        let at = said.iter().position(|line| line == "attendant");
        said[at.expect("an attendant") - 1].parse().expect("a pid")
    }

    /// The answer to an OPTIONS.
    fn asked(&self) -> String {
        let phone = Phone::new();
        let request = phone.request("OPTIONS", "sip:x@127.0.0.1");
        first_line(&phone.ask(request, self.setup.addr())).to_owned()
    }

    /// The method that a phone is sent of a call that begins now.
    fn asked_by_tm(&self, callee: &Phone) -> String {
        let caller = Phone::new();
        caller.send(caller.request("INVITE", &uri(callee)), self.setup.addr());
        let seen = expect(callee, "INVITE");
        let busy = crate::common::sip::reply(&seen, "600 Busy", "c", "");
        callee.send(busy, self.setup.addr());
        expect(callee, "ACK");
        seen.split(' ').next().expect("a method").to_owned()
    }

    fn is_whole(&self) {
        assert_eq!(self.ask("core.shm_check", &[]), ["ok"]);
    }
}

fn answer(code: u16) -> String {
    format!("route {{ sl_send_reply(\"{code}\", \"Fine\"); }}\n")
}

#[test]
fn another_program_takes_over_with_all_processes_again_and_again() {
    let site = serving(&["tm"], &answer(201));
    let mut pid = site.in_office();
    for round in 0..5 {
        let before = site.ask("core.ps", &[]).len();
        let next = site.upgrade();
        assert_ne!(next, pid);
        assert_eq!(site.in_office(), next);
        assert_eq!(site.asked(), "SIP/2.0 201 Fine");
        assert_eq!(site.generation("generation"), (round + 2).to_string());
        wait_until("nothing is left of the old one", || {
            site.ask("core.ps", &[]).len() == before
        });
        pid = next;
    }
    site.is_whole();
    let log = site.setup.read("err");
    assert!(
        !log.contains("ERROR") && !log.contains("WARNING") && !log.contains("BUG"),
        "{log}"
    );
}

#[test]
fn a_call_that_rings_is_decided_by_the_program_that_has_taken_over() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let site = serving(&["rr", "tm"], &relaying(Some("480")));
    let (_, seen) = ring(&site, &caller, &callee);
    site.rewrite(&relaying(Some("603")));
    site.upgrade();
    let busy = crate::common::sip::reply(&seen, "486 Busy Here", "b", "");
    callee.send(busy, site.setup.addr());
    expect(&caller, "SIP/2.0 603 After");
    site.is_whole();
}

#[test]
fn the_timers_of_a_call_run_on() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let script = "modparam(\"tm\", \"fr_timer\", 2000)\nmodparam(\"tm\", \"wt_timer\", 500)\nroute { t_relay(); }\n";
    let site = serving(&["tm"], script);
    let invite = caller.request("INVITE", &uri(&callee));
    caller.send(&invite, site.setup.addr());
    expect(&callee, "INVITE");
    site.upgrade();
    // It is repeated, and given up.
    expect(&callee, "INVITE");
    expect(&caller, "SIP/2.0 408");
    let ack = invite.replace("INVITE", "ACK");
    caller.send(ack, site.setup.addr());
    wait_until("the transaction ends", || {
        let stats = site.ask("tm.stats", &[]).join(",");
        stats.ends_with("current:0")
    });
    site.is_whole();
}

#[test]
fn who_is_registered_stays_so_and_can_be_called() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let script = "route { if (method == \"REGISTER\") { save(\"location\"); exit; }\n\
                  if (!lookup(\"location\")) { sl_reply(\"404\", \"Not\"); exit; } t_relay(); }\n";
    let site = serving(&["tm", "usrloc", "registrar"], script);
    let contact = format!("Contact: <sip:bob@{}>\r\nContent-Length", callee.addr());
    let register = callee.request("REGISTER", "sip:localhost");
    let register = register.replacen("Content-Length", &contact, 1);
    let saved = callee.ask(register, site.setup.addr());
    assert!(saved.starts_with("SIP/2.0 200"), "{saved}");
    site.upgrade();
    let who = header(&saved, "To")
        .unwrap()
        .split(['<', '>', ';'])
        .nth(1)
        .unwrap()
        .to_owned();
    caller.send(caller.request("INVITE", &who), site.setup.addr());
    let seen = expect(&callee, "INVITE");
    callee.send(
        crate::common::sip::reply(&seen, "200 OK", "b", ""),
        site.setup.addr(),
    );
    expect(&caller, "SIP/2.0 200");
}

#[test]
fn an_address_that_the_file_no_longer_names_is_free_afterwards() {
    let (stays, goes) = (free_port(), free_port());
    let listen = |port| format!("listen=udp:127.0.0.1:{port}\n");
    let both = format!("{}{}{}", listen(stays), listen(goes), answer(201));
    let site = Ended(Site::listening(&[], &both));
    assert!(UdpSocket::bind(("127.0.0.1", goes)).is_err());
    site.write(&format!("{}{}", listen(stays), answer(202)));
    site.upgrade();
    wait_until("nobody has it", || {
        UdpSocket::bind(("127.0.0.1", goes)).is_ok()
    });
    let phone = Phone::new();
    let request = phone.request("OPTIONS", "sip:x@127.0.0.1");
    let answer = phone.ask(request, ("127.0.0.1", stays));
    assert_eq!(first_line(&answer), "SIP/2.0 202 Fine");
}

#[test]
fn a_message_in_quarantine_stays_there() {
    let script = "disable_core_dump=yes\nroute { if (method == \"DIE\") { test_segv(); } sl_send_reply(\"200\", \"OK\"); }\n";
    let site = serving(&["testmod"], script);
    let phone = Phone::new();
    let kills = phone.request("DIE", "sip:localhost");
    let known = || site.ask("core.quarantine", &[]).join(",");
    for deaths in 1..=2 {
        phone.send(&kills, site.setup.addr());
        wait_until("a receiver dies", || {
            known().contains(&format!("deaths:{deaths}"))
        });
    }
    site.upgrade();
    phone.send(&kills, site.setup.addr());
    wait_until("it is dropped", || known().contains("dropped:1"));
    assert!(known().contains("deaths:2"), "{}", known());
}

#[test]
fn everything_in_the_file_may_have_changed() {
    let site = serving(&[], &answer(201));
    let file = site.setup.read("ser.cfg");
    let xlog = module("xlog");
    let more = format!(
        "children=5\ntos=8\nloadmodule \"{}\"\nmodparam(\"xlog\", \"buf_size\", 2000)\n\
         route {{ xlog(\"L_ERR\", \"seen\\n\"); sl_send_reply(\"202\", \"Fine\"); }}\n",
        xlog.display()
    );
    let changed = file.replace(&answer(201), &more);
    assert_ne!(file, changed);
    std::fs::write(site.setup.path("ser.cfg"), changed).unwrap();
    assert!(site.rpc("core.reload", &[])[0].starts_with("400 "));
    site.upgrade();
    assert_eq!(site.asked(), "SIP/2.0 202 Fine");
    assert!(site.setup.read("err").contains("seen"));
}

#[test]
fn a_program_that_cannot_start_is_told_of_and_the_old_one_goes_on() {
    let site = serving(&["testmod"], &answer(201));
    let (pids, pid) = (site.pids(), site.in_office());
    site.rewrite("route {\n    nonsense();\n}\n");
    let said = site.refused();
    for part in ["unknown command", "nonsense", "^", "ser.cfg:"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    site.rewrite(&format!(
        "modparam(\"testmod\", \"fail_init\", 1)\n{}",
        answer(202)
    ));
    let said = site.refused();
    assert!(said.contains("testmod"), "{said}");
    assert_eq!((site.pids(), site.in_office()), (pids, pid));
    assert_eq!(site.asked(), "SIP/2.0 201 Fine");
    site.is_whole();
}

#[test]
fn a_program_whose_processes_cannot_start_gives_everything_back() {
    let site = serving(&["testmod", "tm"], &answer(201));
    let pid = site.in_office();
    let load = Load::start(site.setup.port);
    // A receiver, a timer, the attendant itself.
    for rank in ["1", "2", "-1", "0"] {
        let fails = format!(
            "modparam(\"testmod\", \"fail_rank\", {rank})\n{}",
            answer(201)
        );
        site.rewrite(&fails);
        let said = site.refused();
        assert!(said.contains("told to fail"), "{rank}: {said}");
        assert_eq!(site.in_office(), pid);
        assert_eq!(site.asked(), "SIP/2.0 201 Fine");
    }
    assert_eq!(load.end(), [""; 0], "{}", site.setup.read("err"));
    site.is_whole();
    site.rewrite(&answer(202));
    assert_ne!(site.upgrade(), pid);
    assert_eq!(site.asked(), "SIP/2.0 202 Fine");
}

/// The process that the attendant has started as its successor.
fn successor(site: &Ended, known: &[i32]) -> Option<i32> {
    let children = site.server.tree.children();
    children
        .iter()
        .map(|p| p.pid)
        .find(|pid| !known.contains(pid))
}

#[test]
fn a_successor_that_is_killed_at_any_moment_leaves_the_server_as_it_was() {
    let site = serving(&["tm", "usrloc", "registrar"], &answer(201));
    let pid = site.in_office();
    let load = Load::start(site.setup.port);
    let told = || {
        let log = site.setup.read("err");
        let count = |text| log.matches(text).count();
        (
            count("this one goes on"),
            count("this one is in office again"),
        )
    };
    for round in 0.. {
        let known = site.pids();
        let before = told();
        site.server.signal(Signal::SIGUSR2);
        let mut next = None;
        wait_until("another program starts", || {
            next = successor(&site, &known);
            next.is_some()
        });
        // Later each time, until it was too late.
        std::thread::sleep(Duration::from_micros(200 * round * round));
        // Its parent waits for it, so the pid is nobody else's.
        let _ = kill(Pid::from_raw(next.unwrap()), Signal::SIGKILL);
        wait_until("the old one tells", || {
            told() != before || site.setup.processes().is_empty()
        });
        if site.setup.processes().is_empty() {
            // That one was in office for good: like the death of any attendant.
            break;
        }
        assert_eq!(site.in_office(), pid, "round {round}");
        assert_eq!(site.asked(), "SIP/2.0 201 Fine");
        site.is_whole();
        assert!(round < 200, "{}", site.setup.read("err"));
    }
    let (before, after) = told();
    assert!(before + after > 0, "{}", site.setup.read("err"));
    assert!(load.answered() > 0);
    drop(load);
}

#[test]
fn upgrades_under_load_lose_no_call() {
    let site = serving(&MODULES, SCRIPT);
    let generator = Generator::new(&site);
    generator.register();
    generator.loses_no_call(&site, 10_000, |_| {
        site.upgrade();
    });
    site.is_whole();
}

#[test]
fn with_other_memory_a_call_that_rings_ends_in_the_program_that_it_began_in() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let relaying = |failure| format!("debug=3\n{}", relaying(failure));
    let site = serving_foreign(&["rr", "tm"], &relaying(Some("480")));
    let first = site.in_office();
    let (invite, seen) = ring(&site, &caller, &callee);
    site.rewrite(&relaying(Some("603")));
    assert_ne!(site.upgrade(), first);
    assert_eq!(site.asked_by_tm(&callee), "INVITE");
    // The one before is there for this call alone.
    let is_there = || {
        site.setup
            .read("err")
            .contains("this one ends what it has begun")
    };
    assert!(is_there());
    // What was sent before comes again: it is the same call.
    caller.send(&invite, site.setup.addr());
    expect(&caller, "SIP/2.0 180");
    let busy = crate::common::sip::reply(&seen, "486 Busy Here", "b", "");
    callee.send(busy, site.setup.addr());
    expect(&callee, "ACK");
    let answer = expect(&caller, "SIP/2.0 480 After");
    let mut ack = invite.replace("INVITE", "ACK");
    ack = ack.replace(
        &format!("To: {}", header(&invite, "To").unwrap()),
        &format!("To: {}", header(&answer, "To").unwrap()),
    );
    caller.send(ack, site.setup.addr());
    wait_until("nothing is left of the one before", || {
        let log = site.setup.read("err");
        log.contains("nothing is left of the program before")
    });
    // A new call is the new program's.
    let (_, seen) = ring(&site, &caller, &callee);
    let busy = crate::common::sip::reply(&seen, "486 Busy Here", "b", "");
    callee.send(busy, site.setup.addr());
    expect(&caller, "SIP/2.0 603 After");
    let log = site.setup.read("err");
    assert!(!log.contains("ERROR:") && !log.contains("BUG"), "{log}");
}

#[test]
fn with_other_memory_no_registration_and_no_call_is_lost() {
    let site = serving_foreign(&MODULES, SCRIPT);
    let generator = Generator::new(&site);
    generator.register();
    let dumped = || {
        let lines = site.ask("usrloc.dump", &[]);
        // Seconds pass.
        let lasting = |line: &String| {
            let members = line.split(',').filter(|m| !m.starts_with("expires:"));
            members.collect::<Vec<_>>().join(",")
        };
        let mut lines: Vec<_> = lines.iter().map(lasting).collect();
        lines.sort();
        lines
    };
    let before = dumped();
    assert!(before.len() >= 50, "{before:?}");
    let round = generator.loses_no_call(&site, 6_000, |_| {
        site.upgrade();
    });
    assert!(round > 1, "{round}");
    assert_eq!(dumped(), before);
    site.is_whole();
}

#[test]
fn with_other_memory_a_program_that_fails_leaves_the_old_one_as_it_was() {
    let site = serving_foreign(&["testmod", "tm"], &answer(201));
    let pid = site.in_office();
    for rank in ["1", "-1", "0"] {
        let fails = format!(
            "modparam(\"testmod\", \"fail_rank\", {rank})\n{}",
            answer(202)
        );
        site.rewrite(&fails);
        let said = site.refused();
        assert!(said.contains("told to fail"), "{rank}: {said}");
        assert_eq!(site.in_office(), pid);
        for _ in 0..5 {
            assert_eq!(site.asked(), "SIP/2.0 201 Fine");
        }
    }
    wait_until("all are back", || site.receivers().len() == 3);
    site.is_whole();
}

#[test]
fn a_daemon_hands_on_its_pid_file_and_its_service_manager() {
    let setup = Setup::new();
    std::fs::write(setup.path("ser.cfg"), config(&setup, &["tm"], &answer(201))).unwrap();
    let manager = UnixDatagram::bind(setup.path("notify")).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut command = setup.command(&[]);
    command.env("NOTIFY_SOCKET", setup.path("notify"));
    let tree = setup.launch(command);
    let first = tree.attendant();
    tree.signal(Signal::SIGUSR2);
    wait_until("another pid stands in the file", || {
        let text = std::fs::read_to_string(setup.path("pid")).unwrap();
        text.trim().parse().is_ok_and(|pid: i32| pid != first)
    });
    let second = read_pid(&setup.path("pid"));
    let mut said = String::new();
    while !said.contains(&format!("READY=1\nMAINPID={second}\n")) {
        let mut buffer = [0; 1024];
        let n = manager.recv(&mut buffer).expect("the manager is told");
        said += &String::from_utf8_lossy(&buffer[..n]);
        said.push('\n');
    }
    assert!(said.contains(&format!("\nMAINPID={second}\n")), "{said}");
    wait_until("the first program ends", || {
        !std::path::Path::new(&format!("/proc/{first}")).exists()
    });
    assert!(setup.path("pid").exists() && setup.path("ctl").exists());
    // The second one holds it as the first did: nobody else can be started with it.
    let mut other = setup.command(&["-P"]);
    let refused = other.arg(setup.path("pid")).output().unwrap();
    let refused = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.contains("running process found in the pid file"),
        "{refused}"
    );
    kill(Pid::from_raw(second), Signal::SIGTERM).unwrap();
    wait_until("all end", || setup.processes().is_empty());
    assert!(!setup.path("pid").exists() && !setup.path("ctl").exists());
}

#[test]
fn without_forked_processes_nothing_takes_over() {
    let site = Site::new(&[], &answer(201), &[]);
    let (_, mut server) = (site.setup.port, site.server);
    server.signal(Signal::SIGTERM);
    server.wait();
    let server = site.setup.foreground(&["-D", "-E"]);
    server.signal(Signal::SIGUSR2);
    wait_until("the log tells", || {
        let log = site.setup.read("err");
        log.contains("In no-fork mode nobody can take over")
    });
}
