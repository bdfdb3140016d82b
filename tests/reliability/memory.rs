//! Shared memory at its limit: who asks for more gets an answer, what is there goes on, and when some is free again
//! everything is as before.

use crate::common::sip::{Phone, first_line, header};
use crate::common::wait_until;
use crate::site::Site;
use std::time::Duration;

const SCRIPT: &str = "debug=1\nmodparam(\"tm\", \"wt_timer\", 500)\nmodparam(\"tm\", \"fr_timer\", 3000)\n\
    overload_control=no\n\
    route { if (method == \"REGISTER\") { save(\"location\"); exit; }\n\
      if (method == \"OPTIONS\") { sl_send_reply(\"200\", \"OK\"); exit; }\n\
      if (!t_relay()) { sl_reply_error(); } }\n";

fn small() -> Site {
    Site::new(
        &["tm", "usrloc", "registrar"],
        SCRIPT,
        &["-n", "2", "-m", "7"],
    )
}

/// A registration of `user`, whose contact is this long at least.
fn register(phone: &Phone, user: &str, long: usize) -> String {
    let pad = "x".repeat(long);
    let contact =
        format!("Contact: <sip:{user}@127.0.0.1;pad={pad}>;expires=600\r\nContent-Length");
    phone
        .request("REGISTER", "sip:localhost")
        .replace("sip:bob@localhost", &format!("sip:{user}@localhost"))
        .replacen("Content-Length", &contact, 1)
}

/// Registers until that is refused; who was registered last, and the refusal.
fn fill(site: &Site, phone: &Phone, name: &str, long: usize) -> (usize, String) {
    for n in 0..100_000 {
        let answer = phone.ask(
            register(phone, &format!("{name}{n}"), long),
            site.setup.addr(),
        );
        if !answer.starts_with("SIP/2.0 200") {
            return (n, answer);
        }
    }
    panic!("the limit is never reached");
}

fn is_asked_to_wait(answer: &str) {
    assert_eq!(first_line(answer), "SIP/2.0 503 Service Unavailable");
    let seconds: u32 = header(answer, "Retry-After")
        .expect(answer)
        .parse()
        .unwrap();
    assert!((10..=20).contains(&seconds), "{answer}");
}

#[test]
fn registrations_beyond_the_limit_get_503_and_those_that_are_there_go_on() {
    let site = small();
    let phone = Phone::new();
    let first = register(&phone, "first", 1000);
    assert!(
        phone
            .ask(&first, site.setup.addr())
            .starts_with("SIP/2.0 200")
    );
    let (count, refused) = fill(&site, &phone, "a", 1000);
    assert!(count > 100, "{count}");
    is_asked_to_wait(&refused);
    assert_eq!(
        header(&refused, "P-Registrar-Error"),
        Some("usrloc_contact_insert failed")
    );
    // The rest, too, as small as it is.
    fill(&site, &phone, "b", 100);
    // The one that was there before can be refreshed and removed, and everything that needs nothing is served.
    for _ in 0..20 {
        let again = first.replace("CSeq: 1 ", "CSeq: 2 ");
        let again = again.replace("branch=z9hG4bK", "branch=z9hG4bKagain");
        let answer = phone.ask(&again, site.setup.addr());
        assert!(answer.starts_with("SIP/2.0 200"), "{answer}");
        let options = phone.request("OPTIONS", "sip:localhost");
        assert!(
            phone
                .ask(options, site.setup.addr())
                .starts_with("SIP/2.0 200")
        );
    }
    assert_eq!(site.ask("core.shm_check", &[]), ["ok"]);
    let counters = || site.ask("core.counters", &[]).join(",");
    wait_until("the refusals are counted", || {
        let counters = counters();
        let count = counters
            .split(',')
            .find_map(|c| c.strip_prefix("shm.refused:"));
        count.expect("it is counted") != "0"
    });
    let log = site.setup.read("err");
    assert!(
        log.contains("shared memory is at its limit of 7 MB: "),
        "{log}"
    );
    assert!(log.contains("for usrloc; it is held by usrloc "), "{log}");
    assert!(!log.contains("BUG"), "{log}");
}

#[test]
fn a_flood_beyond_the_limit_is_a_line_a_second_in_the_log() {
    let site = small();
    let phone = Phone::new();
    fill(&site, &phone, "a", 1000);
    fill(&site, &phone, "b", 200);
    let (lines, start) = (
        site.setup.read("err").lines().count(),
        std::time::Instant::now(),
    );
    let mut refused = 0;
    for n in 0..1000 {
        let register = register(&phone, &format!("c{n}"), 500);
        refused += usize::from(
            phone
                .ask(register, site.setup.addr())
                .starts_with("SIP/2.0 503"),
        );
        let invite = phone.request("INVITE", "sip:x@127.0.0.1:9");
        let answer = phone.ask(&invite, site.setup.addr());
        if answer.starts_with("SIP/2.0 503") {
            is_asked_to_wait(&answer.replace(" (2/SL)", ""));
        }
    }
    assert!(refused > 950, "{refused}");
    let seconds = start.elapsed().as_secs() as usize;
    let log = site.setup.read("err");
    let new = log.lines().count() - lines;
    assert!(
        new <= 2 * (seconds + 2),
        "{new} lines in {seconds} s: {log}"
    );
}

#[test]
fn calls_beyond_the_limit_get_503_and_the_memory_comes_back() {
    let site = small();
    let phone = Phone::new();
    let silent = Phone::new();
    let uri = format!("sip:x@{}", silent.addr());
    let used = || {
        let said = site.ask("core.shmmem", &[]).join(",");
        let real = said.split(',').find_map(|m| m.strip_prefix("real_used:"));
        real.expect("a number").parse::<u64>().unwrap()
    };
    let before = used();
    let mut answers = Vec::new();
    // Nobody answers: each holds its memory for a while.
    for burst in 0..50 {
        for _ in 0..50 {
            let long = format!("Subject: {}\r\nContent-Length", "x".repeat(3000));
            let message = phone
                .request("MESSAGE", &uri)
                .replacen("Content-Length", &long, 1);
            phone.send(message, site.setup.addr());
        }
        let patience = if burst == 49 { 300 } else { 5 };
        while let Some((answer, _)) = phone.try_recv(Duration::from_millis(patience)) {
            answers.push(String::from_utf8_lossy(&answer).into_owned());
        }
    }
    let refused: Vec<&String> = answers
        .iter()
        .filter(|a| a.starts_with("SIP/2.0 503"))
        .collect();
    assert!(
        !refused.is_empty(),
        "{:?}",
        answers.iter().take(5).collect::<Vec<_>>()
    );
    // Nobody is left without an answer, or a transaction that will give one.
    let stats = site.ask("tm.stats", &[]).join(",");
    let total = stats.split(',').find_map(|m| m.strip_prefix("total:"));
    let total: usize = total.expect("a number").parse().unwrap();
    assert!(refused.len() + total >= 2500, "{} + {total}", refused.len());
    for answer in refused {
        is_asked_to_wait(&answer.replace(" (2/SL)", "").replace(" (2/TM)", ""));
    }
    assert_eq!(site.ask("core.shm_check", &[]), ["ok"]);
    wait_until("all transactions have ended", || {
        site.ask("tm.stats", &[]).join(",").ends_with("current:0")
    });
    // What processes keep for their next pieces of work is theirs.
    wait_until("the memory is free", || used() < before + (before / 10));
    let invite = phone.request("MESSAGE", &uri);
    phone.send(&invite, site.setup.addr());
    wait_until("it is relayed", || {
        let (seen, _) = silent.recv_from();
        header(&seen, "Call-ID") == header(&invite, "Call-ID")
    });
    assert_eq!(site.ask("core.shm_check", &[]), ["ok"]);
    let log = site.setup.read("err");
    assert!(!log.contains("BUG"), "{log}");
}
