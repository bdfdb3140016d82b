//! Where requests and replies to names go: SRV, NAPTR, failover, blacklist.

use crate::common::dns::Rr;
use crate::common::sip::{Phone, header};
use crate::common::wait_until;
use crate::site::{SILENCE, Site, srv};
use domain::base::Rtype;
use std::time::Duration;

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
