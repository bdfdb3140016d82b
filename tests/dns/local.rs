//! Names of this machine: hosts file, search list, listen addresses, comparisons, the name in a Via.

use crate::common::dns::Rr;
use crate::common::load;
use crate::common::sip::{Phone, first_line};
use crate::site::Site;
use domain::base::Rtype;

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
            let request = crate::common::sip::request("MESSAGE", &uri, host, "");
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
    let port = crate::common::free_port();
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
