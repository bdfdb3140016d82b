//! What is remembered, how long, and how much of it.

use crate::common::dns::Say;
use crate::common::sip::Phone;
use crate::common::{load, wait_until};
use crate::site::{Site, srv};
use domain::base::Rtype;
use std::time::Duration;

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
        let answer = crate::common::rpc::call(&socket, method, &[]);
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
    let memory = crate::common::rpc::call(&socket, "dns.mem_info", &[]);
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
