//! Answers made by hand, good and bad.

use super::*;
use crate::core::dns::records::RecordSet;
use domain::base::name::Name;
use domain::base::{Serial, Ttl};
use proptest::prelude::*;
use std::str::FromStr;

type N = Name<Vec<u8>>;

fn name(text: &str) -> N {
    N::from_str(text).unwrap()
}

fn question(text: &str, rtype: RecordType) -> Question {
    let name = HostName::parse(text.as_bytes()).unwrap();
    Question { name, rtype }
}

struct Reply {
    id: u16,
    asked: &'static str,
    rtype: Rtype,
    rcode: Rcode,
    tc: bool,
    aliases: Vec<(&'static str, &'static str)>,
    addresses: Vec<(&'static str, u32, [u8; 4])>,
    soa: Option<(u32, u32)>,
    ns: bool,
}

impl Default for Reply {
    fn default() -> Reply {
        Reply {
            id: 7,
            asked: "Example.org",
            rtype: Rtype::A,
            rcode: Rcode::NOERROR,
            tc: false,
            aliases: vec![],
            addresses: vec![],
            soa: None,
            ns: false,
        }
    }
}

impl Reply {
    fn build(&self) -> Vec<u8> {
        let mut b = MessageBuilder::new_vec();
        b.header_mut().set_id(self.id);
        b.header_mut().set_qr(true);
        b.header_mut().set_tc(self.tc);
        b.header_mut().set_rcode(self.rcode);
        let mut b = b.question();
        b.push((name(self.asked), self.rtype)).unwrap();
        let mut b = b.answer();
        for (from, to) in &self.aliases {
            let data = rdata::Cname::new(name(to));
            b.push((name(from), 50u32, data)).unwrap();
        }
        for (owner, ttl, ip) in &self.addresses {
            let data = rdata::A::new((*ip).into());
            b.push((name(owner), *ttl, data)).unwrap();
        }
        let mut b = b.authority();
        if let Some((ttl, minimum)) = self.soa {
            let (zero, minimum) = (Ttl::from_secs(0), Ttl::from_secs(minimum));
            let (m, r) = (name("m."), name("r."));
            let data = rdata::Soa::new(m, r, Serial(1), zero, zero, zero, minimum);
            b.push((name("org"), ttl, data)).unwrap();
        }
        if self.ns {
            b.push((name("org"), 9u32, rdata::Ns::new(name("ns.org"))))
                .unwrap();
        }
        b.finish()
    }

    fn read(&self) -> Option<Answer> {
        read(&self.build(), &question("example.org", RecordType::A), 7)
    }
}

#[test]
fn a_question_carries_id_name_and_type() {
    let q = question("Example.org", RecordType::Srv);
    let wire = query(&q, 0x1234).unwrap();
    assert_eq!(wire[..12], [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(wire[12..], *b"\x07example\x03org\0\0\x21\0\x01");
}

#[test]
fn addresses_come_with_the_shortest_time_to_live() {
    let reply = Reply {
        addresses: vec![
            ("example.org", 300, [192, 0, 2, 1]),
            ("EXAMPLE.org", 60, [192, 0, 2, 2]),
            ("other.org", 1, [192, 0, 2, 3]),
        ],
        ..Reply::default()
    };
    let Some(Answer::Records { set, ttl, owner }) = reply.read() else {
        panic!("{:?}", reply.read());
    };
    assert_eq!((ttl, owner.as_str()), (60, "example.org."));
    let all: Vec<_> = RecordSet::new(RecordType::A, &set).addresses().collect();
    assert_eq!(all, [IpAddr::from([192, 0, 2, 1]), [192, 0, 2, 2].into()]);
}

#[test]
fn aliases_are_followed_in_the_message_and_an_open_end_is_told() {
    let mut reply = Reply {
        aliases: vec![("b.org", "c.org"), ("example.org", "b.org")],
        addresses: vec![("c.org", 300, [192, 0, 2, 1])],
        ..Reply::default()
    };
    match reply.read() {
        Some(Answer::Records { ttl: 50, owner, .. }) => assert_eq!(owner.as_str(), "c.org."),
        other => panic!("{other:?}"),
    }
    reply.addresses.clear();
    match reply.read() {
        Some(Answer::Alias { to, ttl: 50 }) => assert_eq!(to.as_str(), "c.org."),
        other => panic!("{other:?}"),
    }
    reply.soa = Some((5, 9));
    assert_eq!(reply.read(), Some(Answer::NoData { ttl: Some(5) }));
}

#[test]
fn a_circle_of_aliases_ends() {
    let reply = Reply {
        aliases: vec![("example.org", "b.org"), ("b.org", "example.org")],
        ..Reply::default()
    };
    assert_eq!(reply.read(), Some(Answer::Refused));
}

#[test]
fn no_comes_with_the_time_it_is_true() {
    let mut reply = Reply {
        rcode: Rcode::NXDOMAIN,
        ..Reply::default()
    };
    assert_eq!(reply.read(), Some(Answer::NoName { ttl: None }));
    reply.soa = Some((3600, 30));
    assert_eq!(reply.read(), Some(Answer::NoName { ttl: Some(30) }));
    reply.rcode = Rcode::NOERROR;
    assert_eq!(reply.read(), Some(Answer::NoData { ttl: Some(30) }));
}

#[test]
fn servers_that_do_not_do_the_work_are_refusals() {
    for rcode in [
        Rcode::SERVFAIL,
        Rcode::REFUSED,
        Rcode::FORMERR,
        Rcode::NOTIMP,
    ] {
        let reply = Reply {
            rcode,
            ..Reply::default()
        };
        assert_eq!(reply.read(), Some(Answer::Refused), "{rcode}");
    }
    let referral = Reply {
        ns: true,
        ..Reply::default()
    };
    assert_eq!(referral.read(), Some(Answer::Refused));
    let truncated = Reply {
        tc: true,
        ..Reply::default()
    };
    assert_eq!(truncated.read(), Some(Answer::Truncated));
}

#[test]
fn what_answers_another_question_is_no_answer() {
    let others = [
        Reply {
            id: 8,
            ..Reply::default()
        },
        Reply {
            asked: "example.com",
            ..Reply::default()
        },
        Reply {
            rtype: Rtype::AAAA,
            ..Reply::default()
        },
    ];
    for other in others {
        assert_eq!(other.read(), None);
    }
    let q = question("example.org", RecordType::A);
    let mut echo = query(&q, 7).unwrap();
    assert_eq!(read(&echo, &q, 7), None, "a question is no answer");
    echo[2] |= 0x80 | 0x20;
    assert_eq!(read(&echo, &q, 7), None, "another opcode");
    assert_eq!(read(b"", &q, 7), None);
    assert_eq!(read(&[0; 11], &q, 0), None);
}

#[test]
fn names_that_no_host_can_have_are_left_out() {
    let q = question("_sip._udp.example.org", RecordType::Srv);
    let mut b = MessageBuilder::new_vec();
    b.header_mut().set_id(7);
    b.header_mut().set_qr(true);
    let mut b = b.question();
    b.push((name("_sip._udp.example.org"), Rtype::SRV)).unwrap();
    let mut b = b.answer();
    for target in ["good.example.org", "b\\.ad.example.org", "."] {
        let data = rdata::Srv::new(1, 2, 3, name(target));
        b.push((name("_sip._udp.example.org"), 60u32, data))
            .unwrap();
    }
    let Some(Answer::Records { set, .. }) = read(&b.finish(), &q, 7) else {
        panic!("no records");
    };
    let all: Vec<_> = RecordSet::new(RecordType::Srv, &set)
        .srvs()
        .map(|s| s.target)
        .collect();
    assert_eq!(all, [&b"good.example.org."[..], b"."]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_message_that_is_cut_or_changed_is_read_or_refused(
        cut in 12..90usize, at in 12..90usize, byte: u8,
    ) {
        let reply = Reply {
            aliases: vec![("example.org", "b.org")],
            addresses: vec![("b.org", 300, [192, 0, 2, 1])],
            soa: Some((3600, 30)),
            ..Reply::default()
        };
        let mut message = reply.build();
        if let Some(place) = message.get_mut(at) {
            *place = byte;
        }
        message.truncate(cut);
        // Any outcome will do; what matters is that there is one.
        let _ = read(&message, &question("example.org", RecordType::A), 7);
    }
}
