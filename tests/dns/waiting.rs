//! Who waits for a name, and who does not.

use crate::common::dns::{Rr, Say};
use crate::common::sip::{Phone, first_line, header, reply};
use crate::common::{PATIENCE, load, wait_until};
use crate::site::{Site, srv};
use domain::base::Rtype;
use std::time::Duration;

/// Resolves the Request-URI without waiting; testmod tells the results in the log.
fn telling(parameters: &str) -> Site {
    let modules = load(&["sl", "testmod"]);
    Site::new(&format!(
        "{parameters}\n{modules}route {{\n  if (method==\"OPTIONS\") {{\n    \
         sl_send_reply(\"200\", \"here\");\n    drop;\n  }}\n  test_resolve();\n}}"
    ))
}

impl Site {
    /// What testmod told, with the pid that told it.
    fn told(&self) -> Vec<(i32, String)> {
        let lines = self.log();
        let told = lines.lines().filter_map(|line| line.split_once("TEST: "));
        told.map(|(before, text)| (pid_in(before), text.to_owned()))
            .collect()
    }

    /// Sends a request to that URI and waits until so many results were told.
    fn resolves(&self, uri: &str, results: usize) -> String {
        let caller = Phone::new();
        caller.send(caller.request("MESSAGE", uri), self.addr());
        wait_until("a result", || self.told().len() >= results);
        let told = self.told();
        assert_eq!(told.len(), results, "{told:?}");
        told[results - 1].1.clone()
    }
}

/// The number in parentheses that a line of the log begins with.
fn pid_in(text: &str) -> i32 {
    let inside = text.split(['(', ')']).nth(1);
    let pid = inside.and_then(|pid| pid.trim().parse().ok());
    pid.unwrap_or_else(|| panic!("no pid in {text:?}"))
}

#[test]
fn the_resolver_process_exists_where_names_may_be_needed() {
    let mut site = Site::forwarding("");
    site.start();
    let tree = &site.server.as_ref().unwrap().tree;
    wait_until("its title", || {
        tree.children().iter().any(|c| c.desc() == "dns resolver")
    });
    assert_eq!(tree.children().len(), 5);
    let mut site = Site::new("route { drop; }");
    site.start();
    assert_eq!(site.server.as_ref().unwrap().tree.children().len(), 4);
}

#[test]
fn a_slow_name_server_holds_nobody_up_but_those_who_wait_for_it() {
    let (mut site, phone) = (Site::relaying("dns_retr_time=9"), Phone::new());
    let ip = Rr::Ip([127, 0, 0, 1].into());
    let late = Say::Late(
        Duration::from_secs(3),
        Box::new(Say::Records(300, vec![ip])),
    );
    site.names.say("slow.test", Rtype::A, late);
    site.start();
    let caller = Phone::new();
    let uri = format!("sip:bob@slow.test:{}", phone.port());
    // Far more than there are receivers.
    for _ in 0..20 {
        caller.send(caller.request("MESSAGE", &uri), site.addr());
    }
    for _ in 0..20 {
        site.answers_options();
    }
    assert!(
        phone.try_recv(Duration::ZERO).is_none(),
        "answered too early"
    );
    for _ in 0..20 {
        assert!(phone.try_recv(PATIENCE).is_some(), "{}", site.log());
    }
    assert_eq!(site.names.asked("slow.test", Rtype::A).len(), 1);
}

#[test]
fn a_name_server_that_never_answers_costs_those_who_wait_and_no_more() {
    let parameters = "dns_retr_no=2\ndns_cache_negative_ttl=0";
    let mut site = Site::relaying(parameters);
    site.names.say("dead.test", Rtype::A, Say::Nothing);
    site.start();
    let callers: Vec<_> = (0..5).map(|_| Phone::new()).collect();
    for caller in &callers {
        let request = caller.request("INVITE", "sip:bob@dead.test:5070");
        caller.send(request, site.addr());
    }
    site.answers_options();
    for caller in &callers {
        let answer = std::iter::repeat_with(|| caller.recv())
            .find(|answer| !first_line(answer).starts_with("SIP/2.0 1"))
            .unwrap();
        assert!(first_line(&answer).starts_with("SIP/2.0 478"), "{answer}");
    }
    let asked = site.names.asked("dead.test", Rtype::A);
    assert_eq!(asked.len(), 2, "dns_retr_no");
    let different = asked[0].id != asked[1].id || asked[0].from != asked[1].from;
    assert!(different, "{asked:?}");
}

#[test]
fn without_fork_names_are_looked_up_in_the_main_process() {
    let (mut site, phone) = (Site::relaying(""), Phone::new());
    let ip = Rr::Ip([127, 0, 0, 1].into());
    let late = |records| {
        Say::Late(
            Duration::from_millis(500),
            Box::new(Say::Records(300, records)),
        )
    };
    site.names
        .say("slow.test", Rtype::A, late(vec![ip.clone()]));
    site.names.say("blocking.test", Rtype::A, late(vec![ip]));
    site.start_with(&["-D", "-E"]);
    let caller = Phone::new();
    let uri = format!("sip:slow.test:{}", phone.port());
    caller.send(caller.request("MESSAGE", &uri), site.addr());
    site.answers_options();
    assert!(phone.try_recv(PATIENCE).is_some(), "{}", site.log());
    let mut site = Site::forwarding("");
    site.names.has_ip("blocking.test", "127.0.0.1");
    site.start_with(&["-D", "-E"]);
    site.reaches(&format!("sip:blocking.test:{}", phone.port()), &phone);
}

#[test]
fn everybody_who_waits_is_called_once_and_in_the_resolver_process() {
    let mut site = telling("");
    let ip = Rr::Ip([127, 0, 0, 1].into());
    let late = Say::Late(
        Duration::from_millis(700),
        Box::new(Say::Records(300, vec![ip])),
    );
    site.names.say("a.test", Rtype::A, late);
    site.start();
    let caller = Phone::new();
    for _ in 0..50 {
        caller.send(caller.request("MESSAGE", "sip:a.test:5070"), site.addr());
    }
    wait_until("all are called", || site.told().len() >= 50);
    let resolver = site.server.as_ref().unwrap().tree.child("dns resolver");
    let later = (resolver, "udp:127.0.0.1:5070 later".to_owned());
    assert_eq!(site.told(), vec![later; 50]);
    assert_eq!(site.names.asked("a.test", Rtype::A).len(), 1);
    assert_eq!(
        site.resolves("sip:a.test:5071", 51),
        "udp:127.0.0.1:5071 at once"
    );
    assert_eq!(
        site.resolves("sip:192.0.2.1", 52),
        "udp:192.0.2.1:5060 at once"
    );
}

#[test]
fn all_destinations_are_there_for_failover() {
    let mut site = telling("use_dns_failover=yes");
    let records = [srv(20, 1, 2, "two.test"), srv(10, 1, 1, "one.test")];
    site.names.has("_sip._udp.a.test", Rtype::SRV, &records);
    let both = [Rr::Ip([127, 0, 0, 1].into()), Rr::Ip([127, 0, 0, 2].into())];
    site.names.has("one.test", Rtype::A, &both);
    site.names.has_ip("two.test", "127.0.0.3");
    site.start();
    let all = "udp:127.0.0.1:1 udp:127.0.0.2:1 udp:127.0.0.3:2";
    assert_eq!(site.resolves("sip:a.test", 1), format!("{all} later"));
    assert_eq!(site.resolves("sip:a.test", 2), format!("{all} at once"));
}

#[test]
fn one_target_that_nobody_knows_does_not_hold_the_others_up() {
    let mut site = telling("use_dns_failover=yes\ndns_retr_time=20");
    let records = [srv(10, 1, 1, "one.test"), srv(20, 1, 2, "silent.test")];
    site.names.has("_sip._udp.a.test", Rtype::SRV, &records);
    site.names.has_ip("one.test", "127.0.0.1");
    site.names.say("silent.test", Rtype::A, Say::Nothing);
    site.start();
    assert_eq!(site.resolves("sip:a.test", 1), "udp:127.0.0.1:1 later");
}

#[test]
fn failures_are_told_and_a_handler_that_panics_costs_itself_alone() {
    let mut site = telling("dns_retr_no=1");
    site.names.say("silent.test", Rtype::A, Say::Nothing);
    site.names.has("empty.test", Rtype::SRV, &[]);
    site.start();
    assert_eq!(site.resolves("sip:gone.test:1", 1), "no such name later");
    assert_eq!(site.resolves("sip:gone.test:1", 2), "no such name at once");
    assert_eq!(site.resolves("sip:empty.test:1", 3), "no address later");
    let silence = "no answer from any name server";
    assert_eq!(
        site.resolves("sip:silent.test:1", 4),
        format!("{silence} later")
    );
    assert_eq!(
        site.resolves("sip:silent.test:1", 5),
        format!("{silence} at once")
    );
    assert_eq!(site.resolves("sip:a_b.c%25:1", 6), "bad host name at once");
    assert!(site.log().contains("told to panic by the resolver"));
    site.answers_options();
}

#[test]
fn without_fork_waiters_are_called_in_the_main_process() {
    let mut site = telling("");
    site.names.has_ip("a.test", "127.0.0.1");
    site.start_with(&["-D", "-E"]);
    assert_eq!(site.resolves("sip:a.test:1", 1), "udp:127.0.0.1:1 later");
}

#[test]
fn more_names_than_can_be_asked_at_a_time_wait_for_their_turn() {
    const NAMES: usize = 600;
    let (mut site, phone) = (Site::relaying("dns_retr_time=3"), Phone::new());
    let ip = Rr::Ip([127, 0, 0, 1].into());
    for n in 0..NAMES {
        let say = Say::Records(300, vec![ip.clone()]);
        let late = Say::Late(Duration::from_millis(50), Box::new(say));
        site.names.say(&format!("host{n}.test"), Rtype::A, late);
    }
    site.start();
    let caller = Phone::new();
    for n in 0..NAMES {
        let uri = format!("sip:host{n}.test:{}", phone.port());
        caller.send(caller.request("MESSAGE", &uri), site.addr());
        if n % 20 == 0 {
            site.answers_options();
        }
    }
    let mut came = std::collections::BTreeSet::new();
    wait_until("all arrive", || {
        while let Some((message, _)) = phone.try_recv(Duration::from_millis(1)) {
            let text = String::from_utf8_lossy(&message).into_owned();
            came.insert(first_line(&text).to_owned());
            // What is answered is not sent again, and leaves room for what was lost.
            phone.send(reply(&text, "200 OK", "t", ""), site.addr());
        }
        came.len() == NAMES
    });
}

#[test]
fn a_slow_name_in_a_via_holds_up_no_other_request_of_its_call() {
    let modules = load(&["sl", "tm"]);
    let route = "route { t_newtran(); t_reply(\"200\", \"OK\"); }";
    let mut site = Site::new(&format!(
        "reply_to_via=yes\ndns_retr_time=9\n{modules}{route}"
    ));
    let ip = Rr::Ip([127, 0, 0, 1].into());
    let late = Say::Late(
        Duration::from_secs(3),
        Box::new(Say::Records(300, vec![ip])),
    );
    site.names.say("slow.test", Rtype::A, late);
    site.start();
    let caller = Phone::new();
    // Call-ID and CSeq are the same: both have the same place in the table of transactions.
    let plain = caller.request("MESSAGE", "sip:here");
    let through = |host: &str, branch: &str| {
        let via = header(&plain, "Via").expect("a Via");
        let port = caller.port();
        plain.replace(
            via,
            &format!("SIP/2.0/UDP {host}:{port};branch=z9hG4bK{branch}"),
        )
    };
    caller.send(through("slow.test", "slow"), site.addr());
    wait_until("the name is asked for", || {
        !site.names.asked("slow.test", Rtype::A).is_empty()
    });
    caller.send(through("127.0.0.1", "fast"), site.addr());
    for branch in ["fast", "slow"] {
        let answer = caller.recv();
        assert!(
            answer.contains(&format!("branch=z9hG4bK{branch}")),
            "{answer}"
        );
    }
}
