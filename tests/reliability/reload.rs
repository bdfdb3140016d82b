//! Another ser.cfg while the server runs.

use crate::common::sip::{Phone, first_line};
use crate::common::{free_port, wait_until};
use crate::load::Load;
use crate::site::Site;
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};

fn answer(code: u16) -> String {
    format!("route {{ sl_send_reply(\"{code}\", \"Fine\"); }}\n")
}

/// What an OPTIONS is answered with.
fn asked(site: &Site) -> String {
    let phone = Phone::new();
    let reply = phone.ask(
        phone.request("OPTIONS", "sip:x@127.0.0.1"),
        site.setup.addr(),
    );
    first_line(&reply).to_owned()
}

#[test]
fn another_script_runs_in_all_processes_when_the_answer_is_there() {
    let site = Site::new(&[], &answer(201), &[]);
    assert_eq!(asked(&site), "SIP/2.0 201 Fine");
    let before = site.descs();
    site.write(&answer(202));
    assert_eq!(asked(&site), "SIP/2.0 201 Fine");
    assert_eq!(site.ask("core.reload", &[]), ["warnings:,generation:2"]);
    for _ in 0..10 {
        assert_eq!(asked(&site), "SIP/2.0 202 Fine");
    }
    wait_until("the old ones are gone", || site.descs() == before);
}

/// How often a block or command was called, as `method` tells.
fn calls(site: &Site, method: &str, name: &str) -> Option<u64> {
    let told = site.rpc(method, &[]);
    let mut members = told
        .iter()
        .map(|line| line.split(',').collect::<Vec<_>>())
        .find(|members| members.contains(&&*format!("name:{name}")))?
        .into_iter();
    members.find_map(|m| m.strip_prefix("calls:"))?.parse().ok()
}

#[test]
fn routes_and_commands_that_a_reload_adds_are_measured_and_the_others_go_on() {
    let site = Site::new(&["textops"], &answer(201), &[]);
    assert_eq!(asked(&site), "SIP/2.0 201 Fine");
    assert_eq!(calls(&site, "core.routes", "0"), Some(1));
    // More than the first of the further rows holds.
    let blocks: Vec<String> = (1..=20)
        .map(|n| format!("route[NEW{n}] {{ if (search(\"nothing\")) {{ drop; }} }}\n"))
        .collect();
    let body: String = (1..=20).map(|n| format!("route(NEW{n}); ")).collect();
    let blocks = blocks.concat();
    site.write(&format!(
        "{blocks}route {{ {body} sl_send_reply(\"202\", \"Fine\"); }}\n"
    ));
    let told = site.ask("core.reload", &[]);
    assert_eq!(told, ["warnings:,generation:2"]);
    for _ in 0..3 {
        assert_eq!(asked(&site), "SIP/2.0 202 Fine");
    }
    for (block, expected) in [("0", 4), ("NEW1", 3), ("NEW20", 3)] {
        assert_eq!(
            calls(&site, "core.routes", block),
            Some(expected),
            "{block}"
        );
    }
    assert_eq!(calls(&site, "core.commands", "search"), Some(60));
    assert_eq!(calls(&site, "core.commands", "sl_send_reply"), Some(4));
}

/// Kills a process as soon as it is there, again and again, until its replacement is kept waiting.
fn wear_out(site: &Site, desc: &str) {
    let mut killed = std::collections::BTreeSet::new();
    let end = Instant::now() + Duration::from_secs(20);
    // Who lives for 50 ms does not die in vain. The eighth delay is some seconds.
    while killed.len() < 8 {
        assert!(Instant::now() < end, "{}", site.setup.read("err"));
        let children = site.server.tree.children();
        for child in children.iter().filter(|c| c.desc() == desc) {
            if killed.insert(child.pid) {
                let pid = nix::unistd::Pid::from_raw(child.pid);
                // It may be gone.
                let _ = nix::sys::signal::kill(pid, Signal::SIGKILL);
            }
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_reload_is_read_while_processes_are_replaced_for_the_one_before() {
    let site = Site::new(&[], &answer(201), &[]);
    let before = site.descs();
    // The first one cannot end before this process is there again.
    wear_out(&site, "slow timer");
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| site.rpc("core.reload", &[]));
        wait_until("it is in force", || site.generation("generation") == "2");
        site.write(&answer(202));
        let second = site.rpc("core.reload", &[]);
        (first.join().expect("an answer"), second)
    });
    // On a machine that is slow it may have come to its end before.
    let fine = first[0] == "200 OK" || first[0].starts_with("503 Another");
    assert!(fine, "{first:?}");
    assert_eq!(second[0], "200 OK", "{second:?}");
    wait_until("the old ones are gone", || site.descs() == before);
    assert_eq!(asked(&site), "SIP/2.0 202 Fine");
    let log = site.setup.read("err");
    assert!(!log.contains("config check"), "{log}");
}

#[test]
fn a_wrong_file_changes_nothing_and_all_that_is_wrong_is_told() {
    let site = Site::new(&[], &answer(201), &[]);
    let pids = site.pids();
    site.write("debug=3\nroute {\n    sl_send_repl(\"200\", \"x\");\n    t_relay();\n}\n");
    let said = site.rpc("core.reload", &[]).join("\n");
    assert!(said.starts_with("400 error: unknown command"), "{said}");
    for part in [
        "sl_send_repl",
        "did you mean",
        "ser.cfg:6:5",
        "t_relay",
        "(2 errors)",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(asked(&site), "SIP/2.0 201 Fine");
    assert_eq!(site.pids(), pids);
    assert_eq!(site.generation("generation"), "1");
}

#[test]
fn a_check_that_dies_is_an_answer_and_nothing_changes() {
    let site = Site::new(&[], &answer(201), &[]);
    let config = site.setup.path("ser.cfg");
    std::fs::remove_file(&config).expect("it is there");
    // Whoever reads it waits for one who writes.
    nix::unistd::mkfifo(&config, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    let said = std::thread::scope(|scope| {
        let said = scope.spawn(|| site.rpc("core.reload", &[]));
        let mut pid = None;
        wait_until("it is being read", || {
            let children = site.server.tree.children();
            pid = children
                .iter()
                .find(|c| c.desc() == "config check")
                .map(|c| c.pid);
            pid.is_some()
        });
        assert_eq!(asked(&site), "SIP/2.0 201 Fine");
        let pid = nix::unistd::Pid::from_raw(pid.expect("it was found"));
        nix::sys::signal::kill(pid, Signal::SIGKILL).expect("it waits");
        said.join().expect("an answer")
    });
    assert!(
        said[0].starts_with("500 The process that looked at the configuration died"),
        "{said:?}"
    );
    assert_eq!(site.generation("generation"), "1");
    std::fs::remove_file(&config).expect("it is there");
    site.write(&answer(202));
    site.ask("core.reload", &[]);
    assert_eq!(asked(&site), "SIP/2.0 202 Fine");
}

#[test]
fn the_configuration_before_comes_back_and_goes_again() {
    let site = Site::new(&[], &answer(201), &[]);
    assert!(site.rpc("core.rollback", &[])[0].starts_with("409 there is no generation"));
    let first = site.generation("hash");
    site.write(&answer(202));
    site.ask("core.reload", &[]);
    assert_eq!(site.generation("previous_hash"), first);
    let second = site.generation("hash");
    assert_ne!(first, second);
    assert_eq!(site.ask("core.rollback", &[]), ["warnings:,generation:3"]);
    assert_eq!(asked(&site), "SIP/2.0 201 Fine");
    assert_eq!(
        (site.generation("hash"), site.generation("file_of")),
        (first, "1".into())
    );
    site.ask("core.rollback", &[]);
    assert_eq!(asked(&site), "SIP/2.0 202 Fine");
    assert_eq!(
        (site.generation("hash"), site.generation("file_of")),
        (second, "2".into())
    );
}

#[test]
fn hup_reads_the_file_again_where_it_is_told_to_and_is_ignored_elsewhere() {
    let site = Site::new(&[], &answer(201), &[]);
    let pids = site.pids();
    let hup = format!("reload_on_hup=yes\n{}", answer(202));
    site.write(&hup);
    site.server.signal(Signal::SIGHUP);
    // Signals are dealt with before orders.
    assert_eq!(site.generation("generation"), "1");
    assert_eq!(site.pids(), pids);
    site.ask("core.reload", &[]);
    site.write(&format!("reload_on_hup=yes\n{}", answer(203)));
    site.server.signal(Signal::SIGHUP);
    wait_until("the new script runs", || asked(&site) == "SIP/2.0 203 Fine");
    site.write("route { nonsense(); }\n");
    site.server.signal(Signal::SIGHUP);
    wait_until("the log tells", || {
        site.setup.read("err").contains("bad config file")
    });
    assert_eq!(asked(&site), "SIP/2.0 203 Fine");
}

#[test]
fn what_cannot_change_is_refused_with_its_line() {
    let site = Site::new(&[], &format!("tos=16\n{}", answer(201)), &[]);
    let refused = |text: &str, parts: &[&str]| {
        site.write(text);
        let said = site.rpc("core.reload", &[]).join("\n");
        assert!(said.starts_with("400 "), "{said}");
        for part in parts {
            assert!(said.contains(part), "{part}: {said}");
        }
    };
    let script = answer(202);
    refused(
        &format!("tos=8\n{script}"),
        &[
            "tos is 16 (line 4) in the server that runs",
            "ser.cfg:4:5",
            "restarted",
        ],
    );
    refused(&script, &["no longer there: tos (line 4)"]);
    refused(
        &format!("tos=16\nloadmodule \"xlog\"\n{script}"),
        &["the server runs without", "ser.cfg:5:12"],
    );
    refused(
        &format!("tos=16\nmodparam(\"ctl\", \"mode\", 0600)\n{script}"),
        &["mode of ctl was not set", "ser.cfg:5"],
    );
    let config = site.setup.read("ser.cfg");
    let without = config
        .lines()
        .filter(|l| !l.contains("libsl") && !l.contains("modparam"));
    let without: Vec<_> = without.collect();
    std::fs::write(site.setup.path("ser.cfg"), without.join("\n")).unwrap();
    let said = site.rpc("core.reload", &[]).join("\n");
    assert!(
        said.contains("unknown command") || said.contains("no longer there"),
        "{said}"
    );
    assert_eq!(asked(&site), "SIP/2.0 201 Fine");
}

#[test]
fn sockets_and_receivers_come_and_go_with_the_file() {
    let (one, two) = (free_port(), free_port());
    let listen = |ports: &[u16]| -> String {
        ports
            .iter()
            .map(|p| format!("listen=udp:127.0.0.1:{p}\n"))
            .collect()
    };
    let site = Site::listening(
        &[],
        &format!("{}children=2\n{}", listen(&[one]), answer(201)),
    );
    let answers = |port: u16| {
        let phone = Phone::new();
        phone.send(
            phone.request("OPTIONS", "sip:x@127.0.0.1"),
            ("127.0.0.1", port),
        );
        let limit = std::time::Duration::from_millis(300);
        phone.try_recv(limit).is_some()
    };
    assert!(answers(one) && !answers(two));
    site.write(&format!(
        "{}children=3\n{}",
        listen(&[one, two]),
        answer(202)
    ));
    site.ask("core.reload", &[]);
    assert!(answers(one) && answers(two));
    assert_eq!(site.receivers().len(), 6);
    assert_eq!(site.ask("core.sockets", &[]).len(), 2);
    site.write(&format!("{}children=3\n{}", listen(&[two]), answer(203)));
    site.ask("core.reload", &[]);
    wait_until("the old ones are gone", || site.receivers().len() == 3);
    assert!(answers(two) && !answers(one));
    site.ask("core.rollback", &[]);
    wait_until("the old ones are gone", || site.receivers().len() == 6);
    assert!(answers(one) && answers(two));
}

#[test]
fn receivers_that_were_added_stay_unless_the_file_has_another_number() {
    let site = Site::listening(
        &[],
        &format!(
            "listen=udp:127.0.0.1:{}\nchildren=2\n{}",
            free_port(),
            answer(201)
        ),
    );
    site.ask("core.children", &["0", "5"]);
    let listen = site.setup.read("ser.cfg");
    let listen = listen
        .lines()
        .find(|l| l.starts_with("listen"))
        .unwrap()
        .to_owned();
    site.write(&format!("{listen}\nchildren=2\n{}", answer(202)));
    site.ask("core.reload", &[]);
    wait_until("the old ones are gone", || site.receivers().len() == 5);
    site.write(&format!("{listen}\nchildren=3\n{}", answer(202)));
    site.ask("core.reload", &[]);
    wait_until("the old ones are gone", || site.receivers().len() == 3);
}

#[test]
fn a_hundred_reloads_under_load_lose_no_message() {
    // A machine that is busy with other things must not make the server refuse some on purpose.
    let script = format!("overload_control=no\n{}", answer(200));
    let site = Site::new(&["tm"], &script, &["-n", "3"]);
    let loads = [Load::start(site.setup.port), Load::start(site.setup.port)];
    let size = attendant_size(&site);
    for round in 0..100 {
        site.write(&format!("# {round}\n{script}"));
        site.ask("core.reload", &[]);
    }
    for load in loads {
        assert!(load.answered() > 100, "{}", load.answered());
        assert_eq!(
            load.end(),
            [""; 0],
            "not answered: {}",
            site.setup.read("err")
        );
    }
    assert_eq!(site.generation("generation"), "101");
    wait_until("the old ones are gone", || {
        site.generation("old_processes") == "0"
    });
    let log = site.setup.read("err");
    assert!(!log.contains("ERROR") && !log.contains("WARNING"), "{log}");
    // A hundred programs would be more.
    let grown = attendant_size(&site).saturating_sub(size);
    assert!(grown < 2 << 20, "the attendant has grown by {grown} bytes");
}

/// Private memory of the attendant in bytes.
fn attendant_size(site: &Site) -> u64 {
    let pid = site.server.tree.attendant();
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = text
        .lines()
        .find(|l| l.starts_with("RssAnon:"))
        .expect("it is there");
    let kb: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kb * 1024
}
