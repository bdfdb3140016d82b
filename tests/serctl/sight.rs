//! `serctl stats` and `serctl monitor`; verbs that this version cannot serve.

use crate::lab::{Lab, failed, serctl};

#[test]
fn stats_shows_what_was_done_and_what_it_takes() {
    let lab = Lab::new(
        &["tm", "usrloc", "registrar"],
        "route[1] { save(\"location\"); }",
    );
    let own = format!("sip:a@127.0.0.1:{}", lab.setup.port);
    assert_eq!(lab.says(&["ping", &own]), "200 OK\n");
    lab.says(&["ul", "add", "bob", "sip:bob@h"]);
    let said = lab.says(&["stats"]);
    let row = |name: &str| -> Vec<String> {
        let line = said
            .lines()
            .find(|l| l.split_whitespace().next() == Some(name));
        let line = line.unwrap_or_else(|| panic!("{name} in {said}"));
        line.split_whitespace().map(str::to_owned).collect()
    };
    assert!(said.contains("\nup 00:00:"), "{said}");
    assert_eq!(row("rcv.requests")[1], "1");
    assert_eq!(row("rcv.replies")[1], "1");
    assert_eq!(row("total_local")[1], "1");
    assert_eq!(row("location")[1], "1");
    let socket = format!("udp:127.0.0.1:{}", lab.setup.port);
    assert_eq!(
        row(&socket)[1..],
        ["0", "0", "dropped", "by", "the", "kernel"]
    );
    assert_ne!(row("usrloc")[1], "0");
}

#[test]
fn stats_leaves_out_modules_that_are_not_loaded() {
    let said = Lab::new(&[], "").says(&["stats"]);
    assert!(
        !said.contains("transactions") && !said.contains("registered"),
        "{said}"
    );
    assert!(said.contains("shared memory in bytes"), "{said}");
}

#[test]
fn monitor_draws_as_often_as_it_is_told() {
    let lab = Lab::new(
        &["tm", "usrloc", "registrar"],
        "route[1] { save(\"location\"); }",
    );
    for name in ["monitor", "moni", "console", "con"] {
        let output = lab.serctl_with(&[("WATCH_PERIOD", "0.01")], &[name, "2"]);
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        for part in [
            "[cycle #: 1;",
            "[cycle #: 2;",
            "Up time: ",
            "Transaction Statistics\nCurrent: 0 (0 waiting) Total: 0 (0 local)\n",
            "Stateless Server Statistics\nnone\n",
            "UsrLoc Stats\nDomain Registered Expired\n'location' 0 0\n",
        ] {
            assert!(said.contains(part), "{part} in {said}");
        }
    }
    let (code, said) = failed(lab.serctl_with(&[("WATCH_PERIOD", "x")], &["monitor"]));
    assert_eq!(
        (code, said.as_str()),
        (Some(1), "error: WATCH_PERIOD=x: seconds are expected\n")
    );
}

#[test]
fn verbs_that_need_a_database_say_what_is_missing() {
    for (words, missing) in [
        (&["add", "u", "p", "e"][..], "table subscriber"),
        (&["passwd", "u", "p"], "table subscriber"),
        (&["rm", "u"], "table subscriber"),
        (&["mail", "u"], "table subscriber"),
        (&["rpid", "show", "u"], "column rpid"),
        (&["acl", "grant", "u", "ld"], "table grp"),
        (&["avp", "list"], "table usr_preferences"),
        (&["showdb"], "table location"),
        (&["userdb"], "table location"),
        (&["domain", "show"], "module domain"),
        (&["pa", "pres", "u", "online"], "module pa"),
    ] {
        let (code, said) = failed(serctl().args(words).output().unwrap());
        assert_eq!(code, Some(1));
        let expected = "error: not in this version: it needs ";
        assert!(
            said.starts_with(expected) && said.contains(missing),
            "{words:?}: {said}"
        );
    }
}
