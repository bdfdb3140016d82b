//! `serctl ul`, `serctl alias`, `serctl online`: contacts come and go, and phones see it.

use crate::lab::{Lab, failed, serctl};
use std::io::Write;
use std::net::UdpSocket;
use std::process::Stdio;

const ROUTE: &str = "route[1] { save(\"location\"); lookup(\"aliases\"); }";

fn lab(lines: &str) -> Lab {
    Lab::new(&["usrloc", "registrar"], &format!("{lines}\n{ROUTE}"))
}

#[test]
fn a_contact_that_is_added_is_shown_until_it_is_removed() {
    let lab = lab("");
    assert_eq!(lab.says(&["ul", "add", "bob", "sip:bob@10.0.0.1"]), "");
    assert_eq!(
        lab.says(&["ul", "show", "bob"]),
        "<sip:bob@10.0.0.1>;q=1.00;expires=permanent\n"
    );
    assert_eq!(
        lab.says(&["usrloc", "add", "bob", "sip:bob@10.0.0.2", "3000"]),
        ""
    );
    let shown = lab.says(&["usrloc", "show", "bob"]);
    assert!(
        shown.contains("\n<sip:bob@10.0.0.2>;q=1.00;expires="),
        "{shown}"
    );
    assert_eq!(lab.says(&["ul", "add", "carol", "sip:carol@10.0.0.3"]), "");
    assert_eq!(lab.says(&["online"]), "bob\ncarol\n");
    assert_eq!(lab.says(&["ul", "rm", "bob", "sip:bob@10.0.0.1"]), "");
    assert_eq!(lab.says(&["ul", "show", "bob"]).lines().count(), 1);
    assert_eq!(lab.says(&["ul", "rm", "bob"]), "");
    let not_there = (Some(1), "error: 404 - AOR Not Found\n".to_owned());
    assert_eq!(failed(lab.serctl(&["ul", "show", "bob"])), not_there);
    assert_eq!(failed(lab.serctl(&["ul", "rm", "bob"])), not_there);
}

#[test]
fn a_user_is_found_by_the_name_that_the_server_knows() {
    let by_user = lab("");
    by_user.says(&["ul", "add", "Bob@Example.org", "sip:bob@10.0.0.1"]);
    for name in ["bob", "Bob", "bob@example.org", "BOB@other.org"] {
        assert!(
            by_user
                .says(&["ul", "show", name])
                .contains("sip:bob@10.0.0.1")
        );
    }
    let by_domain = lab("modparam(\"registrar\", \"use_domain\", 1)");
    by_domain.says(&["ul", "add", "Bob@Example.org", "sip:bob@10.0.0.1"]);
    by_domain.says(&["ul", "show", "bob@example.org"]);
    assert_eq!(by_domain.says(&["online"]), "bob@example.org\n");
    let (code, said) = failed(by_domain.serctl(&["ul", "show", "bob"]));
    assert_eq!(code, Some(1));
    assert_eq!(
        said,
        "error: domain unknown: use usernames with domain or set default domain in SIP_DOMAIN\n"
    );
    let domain = [("SIP_DOMAIN", "example.org")];
    let output = by_domain.serctl_with(&domain, &["ul", "show", "bob"]);
    assert!(output.status.success(), "{output:?}");
    let (_, said) = failed(by_domain.serctl(&["ul", "show", "bob@other.org"]));
    assert_eq!(said, "error: 404 - AOR Not Found\n");
}

#[test]
fn aliases_have_a_table_of_their_own_and_do_not_overlap() {
    let lab = lab("");
    lab.says(&["alias", "add", "info", "sip:bob@10.0.0.1"]);
    assert!(
        lab.says(&["alias", "show", "info"])
            .starts_with("<sip:bob@10.0.0.1>")
    );
    for words in [
        ["alias", "add", "info", "sip:x@y"],
        ["ul", "add", "info", "sip:x@y"],
    ] {
        let (code, said) = failed(lab.serctl(&words));
        assert_eq!(
            (code, said.as_str()),
            (Some(1), "error: Overlap with an existing alias\n")
        );
    }
    lab.says(&["alias", "rm", "info"]);
    lab.says(&["ul", "add", "info", "sip:x@y"]);
    assert!(
        failed(lab.serctl(&["alias", "show", "info"]))
            .1
            .contains("404")
    );
}

#[test]
fn a_server_without_aliases_says_so_and_its_users_can_be_added() {
    let lab = Lab::new(&["usrloc", "registrar"], "route[1] { save(\"location\"); }");
    let (_, said) = failed(lab.serctl(&["alias", "add", "info", "sip:bob@h"]));
    assert_eq!(said, "error: 400; check if you use aliases in SER\n");
    lab.says(&["ul", "add", "bob", "sip:bob@h"]);
}

#[test]
fn everything_is_shown_only_to_who_is_sure() {
    let lab = lab("");
    for i in 0..50 {
        lab.says(&["ul", "add", &format!("u{i}"), "sip:u@h"]);
    }
    let socket = lab.path("ctl");
    let answer = |text: &str| {
        let mut command = serctl();
        command.env("SER_CTL", &socket).args(["ul", "show"]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let asked = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            asked.starts_with("Dumping all contacts may take long: "),
            "{asked}"
        );
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(answer("n\n"), "");
    assert_eq!(answer(""), "");
    let all = answer("Y\n");
    assert_eq!(all.lines().count(), 50);
    assert!(
        all.contains("u49\t<sip:u@h>;q=1.00;expires=permanent\n"),
        "{all}"
    );
    assert_eq!(lab.says(&["online"]).lines().count(), 50);
}

#[test]
fn what_is_no_uri_and_what_is_no_time_is_refused() {
    let lab = lab("");
    for uri in ["bob", "sip:", ""] {
        let (code, said) = failed(lab.serctl(&["ul", "add", "bob", uri]));
        assert_eq!(
            (code, said),
            (Some(1), format!("error: invalid URI: {uri}\n"))
        );
    }
    for words in [
        &["ul", "add", "bob"][..],
        &["ul", "add", "bob", "sip:b@h", "0"],
        &["ul", "add", "bob", "sip:b@h", "x"],
        &["ul", "show", "a", "b"],
        &["ul", "rm"],
        &["ul", "x"],
        &["ul"],
    ] {
        let (code, said) = failed(lab.serctl(words));
        assert_eq!(code, Some(1));
        assert!(said.starts_with("usage:\n ul "), "{words:?}: {said}");
    }
}

#[test]
fn a_phone_that_registers_is_seen() {
    let lab = Lab::with_route(
        &["usrloc", "registrar"],
        "",
        "route { save(\"location\"); }",
    );
    let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
    phone
        .set_read_timeout(Some(crate::common::PATIENCE))
        .unwrap();
    let register = "REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1;rport\r\n\
                    From: <sip:dave@h>;tag=1\r\nTo: <sip:dave@h>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n\
                    Contact: <sip:dave@10.0.0.9>;q=0.5;expires=1000\r\n\r\n";
    phone
        .send_to(register.as_bytes(), lab.setup.addr())
        .unwrap();
    let mut buffer = [0; 2048];
    phone.recv(&mut buffer).expect("an answer");
    let shown = lab.says(&["ul", "show", "dave"]);
    assert!(
        shown.starts_with("<sip:dave@10.0.0.9>;q=0.50;expires="),
        "{shown}"
    );
}
