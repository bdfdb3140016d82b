//! Name resolution, seen from outside: a server that forwards to names, a name server that says what the
//! test wants, phones behind the names.

mod common;

use common::dns::{NameServer, Rr, Say};
use common::sip::{Phone, first_line, header};
use common::{Foreground, PATIENCE, Setup, load, wait_until};
use domain::base::Rtype;
use domain::base::iana::Rcode;
use std::time::Duration;

/// Long enough for what must not come to have come.
const SILENCE: Duration = Duration::from_millis(300);

/// A server that uses `names`, with these parameters and this route.
struct Site {
    setup: Setup,
    names: NameServer,
    server: Option<Foreground>,
}

impl Site {
    fn new(config: &str) -> Site {
        let names = NameServer::new();
        let setup = Setup::with_config("");
        let (conf, hosts) = (setup.path("resolv.conf"), setup.path("hosts"));
        std::fs::write(&conf, format!("nameserver {}\n", names.addr())).unwrap();
        std::fs::write(&hosts, "127.0.0.1 localhost\n").unwrap();
        let text = format!(
            "debug=3\ndns_resolv_conf=\"{}\"\ndns_hosts_file=\"{}\"\ndns_retr_time=1\n{config}\n",
            conf.display(),
            hosts.display()
        );
        std::fs::write(setup.path("ser.cfg"), text).unwrap();
        Site {
            setup,
            names,
            server: None,
        }
    }

    /// Forwards to the host of the Request-URI; what cannot be forwarded is answered with 478.
    fn forwarding(parameters: &str) -> Site {
        let sl = load(&["sl"]);
        Site::new(&format!(
            "{parameters}\n{sl}route {{\n  if (method==\"OPTIONS\") {{\n    \
             sl_send_reply(\"200\", \"here\");\n    drop;\n  }}\n  \
             if (!forward(uri:host, uri:port)) {{\n    sl_send_reply(\"478\", \"no way\");\n  }}\n}}"
        ))
    }

    /// The same by transactions: nobody waits for names.
    fn relaying(parameters: &str) -> Site {
        let modules = load(&["sl", "tm"]);
        Site::new(&format!(
            "{parameters}\n{modules}route {{\n  if (method==\"OPTIONS\") {{\n    \
             sl_send_reply(\"200\", \"here\");\n    drop;\n  }}\n  t_relay();\n}}"
        ))
    }

    fn start(&mut self) {
        self.start_with(&["-D", "-D", "-E"]);
    }

    fn start_with(&mut self, options: &[&str]) {
        self.server = Some(self.setup.foreground(options));
    }

    fn addr(&self) -> (&'static str, u16) {
        ("127.0.0.1", self.setup.port)
    }

    fn log(&self) -> String {
        self.setup.read("err")
    }

    /// Sends a request to that URI; it must arrive at `phone`.
    fn reaches(&self, uri: &str, phone: &Phone) -> String {
        let caller = Phone::new();
        caller.send(caller.request("MESSAGE", uri), self.addr());
        let came = phone.try_recv(PATIENCE);
        let (came, _) = came.unwrap_or_else(|| panic!("{uri} does not arrive: {}", self.log()));
        String::from_utf8_lossy(&came).into_owned()
    }

    /// Sends a request to that URI; the server must say no.
    fn fails(&self, uri: &str) -> String {
        let caller = Phone::new();
        let answer = caller.ask(caller.request("MESSAGE", uri), self.addr());
        first_line(&answer).to_owned()
    }

    fn answers_options(&self) {
        let caller = Phone::new();
        let answer = caller.ask(caller.request("OPTIONS", "sip:here"), self.addr());
        assert_eq!(first_line(&answer), "SIP/2.0 200 here");
    }
}

fn srv(priority: u16, weight: u16, port: u16, target: &'static str) -> Rr {
    Rr::Srv(priority, weight, port, target)
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
fn a_host_with_a_port_is_asked_for_its_address_alone_and_once() {
    let (mut site, phone) = (Site::forwarding(""), Phone::new());
    site.names.has_ip("a.test", "127.0.0.1");
    site.start();
    let uri = format!("sip:bob@A.test:{}", phone.port());
    for _ in 0..3 {
        let request = site.reaches(&uri, &phone);
        assert!(request.starts_with(&format!("MESSAGE {uri} SIP/2.0")));
    }
    assert_eq!(site.names.asked("a.test", Rtype::A).len(), 1);
    assert_eq!(site.names.count(), 1, "neither SRV nor AAAA");
}

#[test]
fn srv_records_lead_to_host_and_port_by_priority_then_weight() {
    let (mut site, phone, other) = (Site::forwarding(""), Phone::new(), Phone::new());
    let records = [
        srv(20, 100, other.port(), "one.test"),
        srv(10, 1, other.port(), "one.test"),
        srv(10, 7, phone.port(), "two.test"),
    ];
    site.names.has("_sip._udp.a.test", Rtype::SRV, &records);
    site.names.has_ip("one.test", "127.0.0.1");
    site.names.has_ip("two.test", "127.0.0.1");
    site.start();
    for _ in 0..5 {
        site.reaches("sip:bob@a.test", &phone);
    }
    assert!(other.try_recv(SILENCE).is_none());
    assert_eq!(site.names.asked("_sip._udp.a.test", Rtype::SRV).len(), 1);
    assert_eq!(site.names.asked("a.test", Rtype::A).len(), 0);
    assert_eq!(
        site.names.asked("one.test", Rtype::A).len(),
        0,
        "not needed"
    );
}

#[test]
fn with_dns_srv_lb_requests_are_spread_by_weight() {
    let (mut site, heavy, light) = (
        Site::forwarding("dns_srv_lb=yes"),
        Phone::new(),
        Phone::new(),
    );
    let records = [
        srv(10, 75, heavy.port(), "h.test"),
        srv(10, 25, light.port(), "h.test"),
    ];
    site.names.has("_sip._udp.a.test", Rtype::SRV, &records);
    site.names.has_ip("h.test", "127.0.0.1");
    site.start();
    let caller = Phone::new();
    let mut came = [0; 2];
    // In small portions, so that no queue overflows.
    for sent in (20..=400).step_by(20) {
        for _ in 0..20 {
            caller.send(caller.request("MESSAGE", "sip:bob@a.test"), site.addr());
        }
        wait_until("all of them arrive", || {
            for (phone, came) in [&heavy, &light].iter().zip(&mut came) {
                while phone.try_recv(Duration::from_millis(1)).is_some() {
                    *came += 1;
                }
            }
            came[0] + came[1] >= sent
        });
    }
    // 300 and 100 expected; the bounds are six deviations wide.
    assert!((248..=352).contains(&came[0]), "{came:?}");
    assert_eq!(came[0] + came[1], 400);
}

#[test]
fn with_failover_the_next_destination_is_tried_when_sending_fails() {
    // Nobody may send to the broadcast address just like that.
    let records = |port| {
        [
            srv(10, 1, 5060, "broadcast.test"),
            srv(20, 1, port, "good.test"),
        ]
    };
    for (parameters, arrives) in [("use_dns_failover=yes", true), ("", false)] {
        let (mut site, phone) = (Site::forwarding(parameters), Phone::new());
        let all = records(phone.port());
        site.names.has("_sip._udp.a.test", Rtype::SRV, &all);
        site.names.has_ip("broadcast.test", "127.255.255.255");
        site.names.has_ip("good.test", "127.0.0.1");
        site.start();
        match arrives {
            true => drop(site.reaches("sip:a.test", &phone)),
            false => assert_eq!(site.fails("sip:a.test"), "SIP/2.0 478 no way"),
        }
    }
}

#[test]
fn a_blacklisted_destination_is_not_tried_again() {
    let mut site = Site::forwarding("use_dst_blacklist=yes\ndst_blacklist_expire=2");
    site.names.has_ip("broadcast.test", "127.255.255.255");
    site.start_with(&["-D", "-D", "-E", "-d", "-d", "-d", "-d"]);
    let tries = || site.log().matches("udp_send: sendto").count();
    assert_eq!(site.fails("sip:broadcast.test:5060"), "SIP/2.0 478 no way");
    assert_eq!(tries(), 1);
    assert_eq!(site.fails("sip:broadcast.test:5060"), "SIP/2.0 478 no way");
    assert_eq!(tries(), 1);
    assert!(site.log().contains("127.255.255.255:5060 is blacklisted"));
    // Another port is another destination.
    assert_eq!(site.fails("sip:broadcast.test:5062"), "SIP/2.0 478 no way");
    assert_eq!(tries(), 2);
    wait_until("it is tried again", || {
        site.fails("sip:broadcast.test:5060");
        tries() == 3
    });
}

#[test]
fn naptr_records_choose_where_the_uri_names_no_protocol() {
    let (mut site, phone, other) = (
        Site::forwarding("dns_try_naptr=yes"),
        Phone::new(),
        Phone::new(),
    );
    let records = [
        Rr::Naptr(10, 10, "SIPS+D2T", "_sips._tcp.x.test"),
        Rr::Naptr(20, 10, "SIP+D2U", "_odd._udp.x.test"),
    ];
    site.names.has("a.test", Rtype::NAPTR, &records);
    let found = [srv(1, 1, phone.port(), "h.test")];
    site.names.has("_odd._udp.x.test", Rtype::SRV, &found);
    let usual = [srv(1, 1, other.port(), "h.test")];
    site.names.has("_sip._udp.a.test", Rtype::SRV, &usual);
    site.names.has_ip("h.test", "127.0.0.1");
    site.start();
    site.reaches("sip:bob@a.test", &phone);
    site.reaches("sip:bob@a.test;transport=udp", &other);
    assert_eq!(site.names.asked("a.test", Rtype::NAPTR).len(), 1);
}

#[test]
fn without_naptr_records_srv_records_are_looked_for() {
    let (mut site, phone) = (Site::forwarding("dns_try_naptr=yes"), Phone::new());
    let found = [srv(1, 1, phone.port(), "h.test")];
    site.names.has("_sip._udp.a.test", Rtype::SRV, &found);
    site.names.has_ip("h.test", "127.0.0.1");
    site.start();
    site.reaches("sip:bob@a.test", &phone);
    assert_eq!(site.names.asked("a.test", Rtype::NAPTR).len(), 1);
    assert_eq!(site.names.asked("_sip._udp.a.test", Rtype::SRV).len(), 1);
}

#[test]
fn that_a_name_does_not_exist_is_remembered() {
    let mut site = Site::forwarding("");
    site.start();
    for _ in 0..3 {
        assert_eq!(site.fails("sip:bob@gone.test"), "SIP/2.0 478 no way");
    }
    let srv = site.names.asked("_sip._udp.gone.test", Rtype::SRV).len();
    let a = site.names.asked("gone.test", Rtype::A).len();
    assert_eq!((srv, a, site.names.count()), (1, 1, 2));
}

#[test]
fn without_the_negative_cache_it_is_asked_each_time() {
    let mut site = Site::forwarding("dns_cache_negative_ttl=0");
    site.start();
    for _ in 0..3 {
        site.fails("sip:bob@gone.test:5060");
    }
    assert_eq!(site.names.asked("gone.test", Rtype::A).len(), 3);
}

#[test]
fn records_are_asked_for_again_when_their_time_is_over() {
    let (mut site, one, two) = (Site::forwarding(""), Phone::new(), Phone::new());
    let record = |port| Say::Records(2, vec![srv(1, 1, port, "h.test")]);
    let name = "_sip._udp.a.test";
    site.names.say(name, Rtype::SRV, record(one.port()));
    site.names.has_ip("h.test", "127.0.0.1");
    site.start();
    site.reaches("sip:a.test", &one);
    site.names.say(name, Rtype::SRV, record(two.port()));
    site.reaches("sip:a.test", &one);
    assert_eq!(site.names.asked(name, Rtype::SRV).len(), 1);
    let caller = Phone::new();
    wait_until("the new record counts", || {
        caller.send(caller.request("MESSAGE", "sip:a.test"), site.addr());
        two.try_recv(Duration::from_millis(100)).is_some()
    });
    assert_eq!(site.names.asked(name, Rtype::SRV).len(), 2);
}

#[test]
fn without_the_cache_every_request_asks() {
    let (mut site, phone) = (Site::forwarding("use_dns_cache=no"), Phone::new());
    site.names.has_ip("a.test", "127.0.0.1");
    site.start();
    let uri = format!("sip:a.test:{}", phone.port());
    for _ in 0..3 {
        site.reaches(&uri, &phone);
    }
    assert_eq!(site.names.asked("a.test", Rtype::A).len(), 3);
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
fn a_receiver_that_waits_goes_on_when_nobody_answers() {
    let mut site = Site::forwarding("dns_retr_no=1");
    site.names.say("dead.test", Rtype::A, Say::Nothing);
    site.start();
    assert_eq!(site.fails("sip:bob@dead.test:5070"), "SIP/2.0 478 no way");
    // Remembered for a while.
    assert_eq!(site.fails("sip:bob@dead.test:5070"), "SIP/2.0 478 no way");
    assert_eq!(site.names.asked("dead.test", Rtype::A).len(), 1);
    site.answers_options();
}

#[test]
fn answers_to_other_questions_are_passed_over_and_the_right_one_is_taken() {
    let (mut site, phone) = (Site::forwarding(""), Phone::new());
    let good = || Box::new(Say::Records(300, vec![Rr::Ip([127, 0, 0, 1].into())]));
    let spoiled = [
        // Another id, not a response, another name, another type, an answer of no length.
        ("id.test", vec![(0, 0xff), (1, 0xff)]),
        ("qr.test", vec![(2, 0x01)]),
        ("name.test", vec![(13, b'x')]),
        ("type.test", vec![(23, 99)]),
    ];
    for (name, changes) in &spoiled {
        let say = Say::Spoiled(changes.clone(), good());
        site.names.say(name, Rtype::A, say);
    }
    site.start();
    for (name, _) in &spoiled {
        site.reaches(&format!("sip:{name}:{}", phone.port()), &phone);
        let asked = site.names.asked(name, Rtype::A).len();
        assert_eq!(asked, 1, "{name}");
    }
}

#[test]
fn broken_and_unwilling_answers_are_failures() {
    let mut site = Site::forwarding("dns_retr_no=1");
    let ip = || Say::Records(300, vec![Rr::Ip([127, 0, 0, 1].into())]);
    site.names
        .say("short.test", Rtype::A, Say::Short(30, Box::new(ip())));
    site.names
        .say("tiny.test", Rtype::A, Say::Short(5, Box::new(ip())));
    site.names
        .say("fail.test", Rtype::A, Say::Fail(Rcode::SERVFAIL));
    site.names
        .say("refused.test", Rtype::A, Say::Fail(Rcode::REFUSED));
    let circle = Say::Records(300, vec![Rr::Cname("circle.test")]);
    site.names.say("circle.test", Rtype::A, circle);
    site.start();
    for name in ["short", "tiny", "fail", "refused", "circle"] {
        let answer = site.fails(&format!("sip:{name}.test:5070"));
        assert_eq!(answer, "SIP/2.0 478 no way", "{name}");
    }
    site.answers_options();
}

#[test]
fn an_answer_that_does_not_fit_is_fetched_by_tcp() {
    let (mut site, phone) = (Site::forwarding(""), Phone::new());
    let mut records: Vec<_> = (0..100).map(|i| srv(20 + i, 1, 9, "far.test")).collect();
    records.push(srv(1, 1, phone.port(), "h.test"));
    let cut = Say::Cut(Box::new(Say::Records(300, records)));
    site.names.say("_sip._udp.a.test", Rtype::SRV, cut);
    site.names.has_ip("h.test", "127.0.0.1");
    site.start();
    site.reaches("sip:a.test", &phone);
    let asked = site.names.asked("_sip._udp.a.test", Rtype::SRV);
    let by_tcp: Vec<_> = asked.iter().map(|a| a.tcp).collect();
    assert_eq!(by_tcp, [false, true]);
}

#[test]
fn aliases_are_followed_over_several_answers() {
    let (mut site, phone) = (Site::forwarding(""), Phone::new());
    site.names.has("a.test", Rtype::A, &[Rr::Cname("b.test")]);
    site.names.has("b.test", Rtype::A, &[Rr::Cname("c.test")]);
    site.names.has_ip("c.test", "127.0.0.1");
    site.start();
    site.reaches(&format!("sip:a.test:{}", phone.port()), &phone);
    assert_eq!(site.names.asked("c.test", Rtype::A).len(), 1);
}

#[test]
fn the_hosts_file_and_the_search_list_are_used() {
    let (mut site, phone) = (Site::forwarding(""), Phone::new());
    let conf = format!("nameserver {}\nsearch lan.test\n", site.names.addr());
    std::fs::write(site.setup.path("resolv.conf"), conf).unwrap();
    std::fs::write(site.setup.path("hosts"), "127.0.0.1 Gateway gw\n").unwrap();
    site.names.has_ip("pbx.lan.test", "127.0.0.1");
    site.start();
    site.reaches(&format!("sip:gw:{}", phone.port()), &phone);
    assert_eq!(site.names.count(), 0);
    site.reaches(&format!("sip:pbx:{}", phone.port()), &phone);
    assert_eq!(site.names.count(), 1, "a name without dots: the list first");
}

#[test]
fn name_servers_that_are_not_there_are_passed_over() {
    let (mut site, phone) = (Site::forwarding(""), Phone::new());
    let nobody = Phone::new();
    let (addr, closed) = (site.names.addr(), nobody.addr());
    drop(nobody);
    let conf = format!("nameserver {closed}\nnameserver {addr}\n");
    std::fs::write(site.setup.path("resolv.conf"), conf).unwrap();
    site.names.has_ip("a.test", "127.0.0.1");
    site.start();
    site.reaches(&format!("sip:a.test:{}", phone.port()), &phone);
}

#[test]
fn with_dns_the_name_in_a_via_is_believed_if_it_leads_to_the_sender() {
    for (parameter, believed) in [("dns=yes", true), ("rev_dns=yes", true), ("", false)] {
        let (mut site, phone) = (Site::forwarding(parameter), Phone::new());
        site.names.has_ip("caller.test", "127.0.0.1");
        let pointer = [Rr::Ptr("caller.test")];
        site.names
            .has("1.0.0.127.in-addr.arpa", Rtype::PTR, &pointer);
        // The hosts file would know better.
        std::fs::write(site.setup.path("hosts"), "").unwrap();
        site.start();
        let caller = Phone::new();
        for (host, good) in [("Caller.test", believed), ("other.test", false)] {
            let uri = format!("sip:127.0.0.1:{}", phone.port());
            let request = common::sip::request("MESSAGE", &uri, host, "");
            caller.send(request, site.addr());
            let came = phone.recv();
            let via = came
                .lines()
                .filter(|l| l.starts_with("Via:"))
                .nth(1)
                .unwrap();
            assert_eq!(!via.contains("received="), good, "{parameter}: {via}");
        }
    }
}

#[test]
fn a_script_may_compare_addresses_with_names() {
    let sl = load(&["sl"]);
    let mut site = Site::new(&format!(
        "{sl}route {{\n  if (src_ip==\"caller.test\") sl_send_reply(\"200\", \"forward\");\n  \
         else if (src_ip==\"reverse.test\") sl_send_reply(\"200\", \"reverse\");\n  \
         else sl_send_reply(\"403\", \"who\");\n}}"
    ));
    std::fs::write(site.setup.path("hosts"), "").unwrap();
    site.names.has_ip("caller.test", "127.0.0.2");
    let pointer = [Rr::Ptr("reverse.test")];
    site.names
        .has("3.0.0.127.in-addr.arpa", Rtype::PTR, &pointer);
    site.start();
    for (ip, wanted) in [(2, "200 forward"), (3, "200 reverse"), (4, "403 who")] {
        let caller = Phone::at([127, 0, 0, ip]);
        let answer = caller.ask(caller.request("OPTIONS", "sip:x"), site.addr());
        assert_eq!(first_line(&answer), format!("SIP/2.0 {wanted}"));
    }
}

#[test]
fn a_listen_address_may_be_a_name() {
    let port = common::free_port();
    let sl = load(&["sl"]);
    let mut site = Site::new(&format!(
        "listen=udp:sip.test:{port}\n{sl}route {{\n  if (uri==myself) sl_send_reply(\"200\", \"mine\");\n  \
         else sl_send_reply(\"404\", \"not mine\");\n}}"
    ));
    let alias = [Rr::Cname("real.test")];
    site.names.has("sip.test", Rtype::A, &alias);
    site.names.has_ip("real.test", "127.0.0.1");
    let output = site.setup.output(&["-c"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = format!("udp: real.test [127.0.0.1]:{port}");
    assert!(text.contains(&line), "{text}");
    site.start();
    for (host, answer) in [
        ("sip.test", "200 mine"),
        ("real.test", "200 mine"),
        ("a.test", "404 not mine"),
    ] {
        let caller = Phone::new();
        let request = caller.request("OPTIONS", &format!("sip:{host}:{port}"));
        let got = caller.ask(request, ("127.0.0.1", port));
        assert_eq!(first_line(&got), format!("SIP/2.0 {answer}"), "{host}");
    }
}

#[test]
fn a_listen_address_that_means_nothing_is_told() {
    let site = Site::new("listen=udp:gone.test\nroute { drop; }");
    let output = site.setup.output(&["-D", "-D"]);
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    let why = "could not resolve listen address gone.test: no such name";
    assert_eq!(err.matches(why).count(), 1, "{err}");
    assert_eq!(output.status.code(), Some(255));
}

#[test]
fn forward_udp_to_a_fixed_domain_goes_by_its_srv_records() {
    let phone = Phone::new();
    let mut site = Site::new("route { forward_udp(gateway.test); }");
    let found = [srv(1, 1, phone.port(), "h.test")];
    site.names.has("_sip._udp.gateway.test", Rtype::SRV, &found);
    site.names.has_ip("h.test", "127.0.0.1");
    site.start();
    site.reaches("sip:whatever", &phone);
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
fn a_reply_goes_to_the_name_in_its_via() {
    let (mut site, phone) = (Site::forwarding(""), Phone::new());
    site.names.has_ip("client.test", "127.0.0.1");
    site.start();
    let reply = format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 127.0.0.1:{};branch=0\r\n\
         Via: SIP/2.0/UDP client.test:{};branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n\
         To: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
        site.setup.port,
        phone.port()
    );
    Phone::new().send(reply, site.addr());
    let came = phone.recv();
    assert_eq!(
        header(&came, "Via"),
        Some(format!("SIP/2.0/UDP client.test:{};branch=z9hG4bKx", phone.port()).as_str())
    );
}

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
fn cache_and_blacklist_can_be_looked_at_and_emptied_by_rpc() {
    let ctl = load(&["ctl"]);
    let socket = std::env::temp_dir().join(format!("dns-rpc-{}", std::process::id()));
    let mut site = Site::forwarding(&format!(
        "use_dst_blacklist=yes\n{ctl}modparam(\"ctl\", \"fifo\", \"unixs:{}\")",
        socket.display()
    ));
    let phone = Phone::new();
    let records = [srv(1, 1, phone.port(), "h.test")];
    site.names.has("_sip._udp.a.test", Rtype::SRV, &records);
    site.names.has_ip("h.test", "127.0.0.1");
    site.names.has_ip("broadcast.test", "127.255.255.255");
    site.start();
    let rpc = |method: &str| {
        let answer = common::rpc::call(&socket, method, &[]);
        assert_eq!(
            answer.first().map(String::as_str),
            Some("200 OK"),
            "{answer:?}"
        );
        answer[1..].to_vec()
    };
    let memory = rpc("dns.mem_info");
    assert_eq!(memory, ["0", "512000"]);
    site.reaches("sip:a.test", &phone);
    site.fails("sip:gone.test:1");
    site.fails("sip:broadcast.test:5060");

    let all = rpc("dns.debug");
    let entry = |name: &str| {
        let at = all.iter().position(|v| v == name);
        &all[at.unwrap_or_else(|| panic!("{name}: {all:?}"))..][..7]
    };
    assert_eq!(entry("_sip._udp.a.test")[1], "33");
    assert_eq!(entry("_sip._udp.a.test")[6], "0");
    assert_eq!(entry("gone.test")[6], "1", "leads nowhere");
    let left: i32 = entry("h.test")[4].parse().unwrap();
    assert!((1..=300).contains(&left), "{all:?}");
    let records = rpc("dns.debug_all");
    let target = format!("h.test:{}", phone.port());
    assert!(records.contains(&target), "{records:?}");
    assert!(records.contains(&"127.0.0.1".to_owned()), "{records:?}");
    let sizes: i64 = all.chunks(7).map(|e| e[2].parse::<i64>().unwrap()).sum();
    assert_eq!(rpc("dns.mem_info"), [sizes.to_string(), "512000".into()]);
    assert_eq!(rpc("dns.delete_all"), [(all.len() / 7).to_string()]);
    assert_eq!(rpc("dns.mem_info"), ["0", "512000"]);

    let listed = rpc("dst_blacklist.debug");
    assert_eq!(listed[..3], ["udp", "127.255.255.255", "5060"]);
    assert_eq!(listed[4], "2", "sending failed");
    assert_eq!(rpc("dst_blacklist.mem_info")[1], "256000");
    assert_eq!(rpc("dst_blacklist.delete_all"), ["1"]);
    assert_eq!(rpc("dst_blacklist.mem_info"), ["0", "256000"]);
}

#[test]
fn the_cache_stays_within_its_memory() {
    let ctl = load(&["ctl"]);
    let socket = std::env::temp_dir().join(format!("dns-mem-{}", std::process::id()));
    let mut site = Site::forwarding(&format!(
        "dns_cache_mem=10\n{ctl}modparam(\"ctl\", \"fifo\", \"unixs:{}\")",
        socket.display()
    ));
    site.start();
    for n in 0..200 {
        site.fails(&format!("sip:host{n}.gone.test:1"));
    }
    let memory = common::rpc::call(&socket, "dns.mem_info", &[]);
    let used: i64 = memory[1].parse().unwrap();
    assert!((1_000..=10_240).contains(&used), "{memory:?}");
    assert_eq!(site.names.count(), 200);
    site.fails("sip:host199.gone.test:1");
    assert_eq!(site.names.count(), 200, "the newest is known");
    // There is room for less than half of them.
    for n in 0..200 {
        site.fails(&format!("sip:host{n}.gone.test:1"));
    }
    assert!(site.names.count() > 280, "most others had to go");
}

#[test]
fn more_names_than_can_be_asked_at_a_time_wait_for_their_turn() {
    const NAMES: usize = 600;
    let (mut site, phone) = (Site::relaying("dns_retr_time=10"), Phone::new());
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
        }
        came.len() == NAMES
    });
}
