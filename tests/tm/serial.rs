//! Forking to what a user has registered: in parallel, and serially by q.

use crate::common::sip::{Phone, request};
use crate::kit::{Proxy, Talks, ack, cancel, reply, uri};

const MODULES: &[&str] = &[
    "sl",
    "tm",
    "rr",
    "textops",
    "xlog",
    "usrloc",
    "registrar",
    "ctl",
    "testmod",
];

/// A registrar that routes calls by what is registered.
fn registrar(params: &str, calls: &str, more: &str) -> Proxy {
    let text = format!(
        "modparam(\"tm\", \"wt_timer\", 500)\n{params}\
         route {{ if (@msg.header[\"X-Nat\"] == \"1\") {{ setflag(4); }}\n\
         if (method == \"REGISTER\") {{ save(\"location\"); drop; }}\n\
         if (method == \"CANCEL\" || method == \"ACK\") {{ t_relay(); drop; }}\n\
         {calls}\n}}\n{more}"
    );
    Proxy::with_modules(MODULES, &text, &[])
}

/// Registers phones for bob, each with a q.
fn register(proxy: &Proxy, phones: &[(&Phone, &str)]) {
    let registering = Phone::new();
    for (phone, q) in phones {
        let contact = format!("Contact: <{}>;q={q}\r\nExpires: 600\r\n", uri("bob", phone));
        let via = registering.addr().to_string();
        let text = request("REGISTER", "sip:localhost", &via, &contact);
        registering.send(text, proxy.addr());
        registering.expect("SIP/2.0 200");
    }
}

fn target(proxy: &Proxy) -> String {
    format!("sip:bob@127.0.0.1:{}", proxy.addr().1)
}

const SERIAL: &str = "if (!lookup(\"location\")) { sl_send_reply(\"404\", \"Not Found\"); drop; }\n\
     t_load_contacts(); t_next_contacts(); t_on_failure(\"next\"); t_relay();";

const NEXT: &str = "failure_route[next] {\n\
     if (t_next_contacts()) { xlog(\"L_ERR\", \"N: next\\n\"); t_on_failure(\"next\"); t_relay(); }\n\
     else if ($? == -2) { xlog(\"L_ERR\", \"N: none\\n\"); } }\n";

#[test]
fn all_contacts_of_a_user_ring_at_once_and_the_first_that_answers_has_the_call() {
    let (caller, a, b, c) = (Phone::new(), Phone::new(), Phone::new(), Phone::new());
    let proxy = registrar("", "lookup(\"location\"); t_relay();", "");
    register(&proxy, &[(&a, "1.0"), (&b, "0.5"), (&c, "0.1")]);
    caller.send(caller.request("INVITE", &target(&proxy)), proxy.addr());
    let phones = [&a, &b, &c];
    let seen = phones.map(|phone| phone.expect("INVITE"));
    for (phone, invite) in phones.iter().zip(&seen) {
        assert!(invite.starts_with(&format!("INVITE {} ", uri("bob", phone))));
        phone.send(reply(invite, "180 Ringing", "x", ""), proxy.addr());
        caller.expect("SIP/2.0 180");
    }
    b.send(reply(&seen[1], "200 OK", "b", ""), proxy.addr());
    for (phone, invite) in [(&a, &seen[0]), (&c, &seen[2])] {
        let canceled = phone.expect("CANCEL");
        phone.send(reply(&canceled, "200 OK", "x", ""), proxy.addr());
        phone.send(
            reply(invite, "487 Request Terminated", "x", ""),
            proxy.addr(),
        );
        phone.expect("ACK");
    }
    assert!(caller.expect("SIP/2.0 200 OK").contains(";tag=b\r\n"));
    assert_eq!(caller.rest(), [""; 0]);
    proxy.wait_idle();
}

#[test]
fn contacts_ring_group_by_group_from_the_highest_q_down() {
    let caller = Phone::new();
    let phones: Vec<Phone> = (0..5).map(|_| Phone::new()).collect();
    let proxy = registrar("", SERIAL, NEXT);
    register(
        &proxy,
        &[
            (&phones[3], "0.5"),
            (&phones[0], "1.0"),
            (&phones[1], "0.7"),
            (&phones[4], "0.1"),
            (&phones[2], "0.7"),
        ],
    );
    let invite = caller.request("INVITE", &target(&proxy));
    caller.send(&invite, proxy.addr());
    let groups: [&[usize]; 4] = [&[0], &[1, 2], &[3], &[4]];
    for group in groups {
        let seen: Vec<String> = group.iter().map(|&i| phones[i].expect("INVITE")).collect();
        for other in phones
            .iter()
            .enumerate()
            .filter(|(i, _)| !group.contains(i))
        {
            assert_eq!(
                other.1.rest_of(20),
                [""; 0],
                "{} rings with {group:?}",
                other.0
            );
        }
        for (&i, invite) in group.iter().zip(&seen) {
            phones[i].send(reply(invite, "480 Away", "x", ""), proxy.addr());
            phones[i].expect("ACK");
        }
    }
    let answer = caller.expect("SIP/2.0 480");
    caller.send(ack(&invite, &answer), proxy.addr());
    assert_eq!(proxy.logged("N"), ["next", "next", "next", "none"]);
    proxy.wait_idle();
}

#[test]
fn contacts_of_one_q_ring_at_once_and_the_functions_do_nothing() {
    let (caller, a, b) = (Phone::new(), Phone::new(), Phone::new());
    let proxy = registrar("", SERIAL, NEXT);
    register(&proxy, &[(&a, "0.5"), (&b, "0.5")]);
    let invite = caller.request("INVITE", &target(&proxy));
    caller.send(&invite, proxy.addr());
    for phone in [&a, &b] {
        let seen = phone.expect("INVITE");
        phone.send(reply(&seen, "486 Busy Here", "x", ""), proxy.addr());
        phone.expect("ACK");
    }
    let answer = caller.expect("SIP/2.0 486");
    caller.send(ack(&invite, &answer), proxy.addr());
    assert_eq!(proxy.logged("N"), ["none"]);
    proxy.wait_idle();
}

#[test]
fn a_group_that_rings_gives_way_after_its_own_time_and_a_cancel_ends_the_search() {
    let (caller, a, b, c) = (Phone::new(), Phone::new(), Phone::new(), Phone::new());
    let proxy = registrar(
        "modparam(\"tm\", \"fr_inv_timer_next\", 600)\nmodparam(\"tm\", \"contacts_avp\", \"$tu.later\")\n",
        SERIAL,
        "failure_route[next] {\n\
         if (t_is_canceled()) { xlog(\"L_ERR\", \"N: canceled\\n\"); }\n\
         if (t_next_contacts()) { t_on_failure(\"next\"); t_relay(); } }\n",
    );
    register(&proxy, &[(&a, "0.9"), (&b, "0.5"), (&c, "0.1")]);
    let invite = caller.request("INVITE", &target(&proxy));
    caller.send(&invite, proxy.addr());
    let to_a = a.expect("INVITE");
    a.send(reply(&to_a, "180 Ringing", "a", ""), proxy.addr());
    let canceled = a.expect("CANCEL");
    a.send(reply(&canceled, "200 OK", "a", ""), proxy.addr());
    a.send(
        reply(&to_a, "487 Request Terminated", "a", ""),
        proxy.addr(),
    );
    let to_b = b.expect("INVITE");
    b.send(reply(&to_b, "180 Ringing", "b", ""), proxy.addr());
    caller.expect_all(["SIP/2.0 180", "SIP/2.0 180"]);
    caller.send(cancel(&invite), proxy.addr());
    let canceled = b.expect("CANCEL");
    b.send(reply(&canceled, "200 OK", "b", ""), proxy.addr());
    b.send(
        reply(&to_b, "487 Request Terminated", "b", ""),
        proxy.addr(),
    );
    let answer = caller.expect("SIP/2.0 4");
    caller.send(ack(&invite, &answer), proxy.addr());
    proxy.wait_idle();
    assert_eq!(c.rest(), [""; 0]);
    assert_eq!(proxy.logged("N"), ["canceled"]);
}

#[test]
fn the_last_group_rings_as_long_as_any_call() {
    let (caller, a, b) = (Phone::new(), Phone::new(), Phone::new());
    let proxy = registrar(
        "modparam(\"tm\", \"fr_inv_timer_next\", 500)\nmodparam(\"tm\", \"fr_inv_timer\", 3000)\n",
        SERIAL,
        NEXT,
    );
    register(&proxy, &[(&a, "0.9"), (&b, "0.5")]);
    caller.send(caller.request("INVITE", &target(&proxy)), proxy.addr());
    let to_a = a.expect("INVITE");
    a.send(reply(&to_a, "180 Ringing", "a", ""), proxy.addr());
    let to_b = b.expect("INVITE");
    b.send(reply(&to_b, "180 Ringing", "b", ""), proxy.addr());
    // Longer than the first group had.
    assert_eq!(b.rest_of(1200), [""; 0]);
    b.send(reply(&to_b, "200 OK", "b", ""), proxy.addr());
    caller.expect("SIP/2.0 200 OK");
}

#[test]
fn where_a_contact_is_reached_goes_with_it() {
    let (caller, a, b) = (Phone::new(), Phone::new(), Phone::new());
    let proxy = registrar("", SERIAL, NEXT);
    // Behind a NAT: each is reached where its REGISTER came from.
    for (phone, name, q) in [(&a, "a", "0.9"), (&b, "b", "0.2")] {
        let more = format!("Contact: <sip:{name}@10.0.0.1>;q={q}\r\nX-Nat: 1\r\n");
        let via = phone.addr().to_string();
        phone.send(
            request("REGISTER", "sip:localhost", &via, &more),
            proxy.addr(),
        );
        phone.expect("SIP/2.0 200");
    }
    let invite = caller.request("INVITE", &target(&proxy));
    caller.send(&invite, proxy.addr());
    for (phone, name) in [(&a, "a"), (&b, "b")] {
        let seen = phone.expect("INVITE");
        assert!(
            seen.starts_with(&format!("INVITE sip:{name}@10.0.0.1 ")),
            "{seen}"
        );
        phone.send(reply(&seen, "480 Away", "x", ""), proxy.addr());
        phone.expect("ACK");
    }
    let answer = caller.expect("SIP/2.0 480");
    caller.send(ack(&invite, &answer), proxy.addr());
    proxy.wait_idle();
}

#[test]
fn a_failure_route_may_look_contacts_up_and_try_them_one_by_one() {
    let (caller, first, a, b) = (Phone::new(), Phone::new(), Phone::new(), Phone::new());
    let proxy = registrar(
        "",
        "t_on_failure(\"look\"); t_relay();",
        &format!(
            "failure_route[look] {{\n\
             append_branch(\"{}\", \"0.3\"); append_branch(\"{}\", \"0.8\");\n\
             t_load_contacts(); t_next_contacts(); t_on_failure(\"next\"); t_relay(); }}\n{NEXT}",
            uri("a", &a),
            uri("b", &b)
        ),
    );
    let invite = caller.request("INVITE", &uri("first", &first));
    caller.send(&invite, proxy.addr());
    for phone in [&first, &b, &a] {
        let seen = phone.expect("INVITE");
        phone.send(reply(&seen, "480 Away", "x", ""), proxy.addr());
        phone.expect("ACK");
    }
    let answer = caller.expect("SIP/2.0 480");
    caller.send(ack(&invite, &answer), proxy.addr());
    assert_eq!(proxy.logged("N"), ["next", "none"]);
    proxy.wait_idle();
}
