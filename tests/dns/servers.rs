//! Name servers that answer badly, in pieces, or not at all.

use crate::common::dns::{Rr, Say};
use crate::common::sip::Phone;
use crate::site::{Site, srv};
use domain::base::Rtype;
use domain::base::iana::Rcode;

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
