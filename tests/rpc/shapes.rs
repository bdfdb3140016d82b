//! The methods of SER have the names, arguments and replies that its tools know: seen over the text protocol, where
//! members stand in reverse.

use crate::common::rpc;
use crate::lab::Lab;

fn lab() -> Lab {
    let lines = "modparam(\"ctl\", \"fifo\", \"unixs:@DIR@/ctl\")\nuse_dst_blacklist=yes\nroute[1] { save(\"location\"); }";
    Lab::new(&["tm", "usrloc", "registrar", "ctl"], lines)
}

fn call(lab: &Lab, method: &str, params: &[&str]) -> Vec<String> {
    rpc::call(&lab.path("ctl"), method, params)
}

/// The values of a success.
fn values(lab: &Lab, method: &str, params: &[&str]) -> Vec<String> {
    let mut answer = call(lab, method, params);
    assert_eq!(answer.remove(0), "200 OK", "{method}");
    answer
}

/// The names of the members of a struct, in the order in which the method adds them.
fn members(value: &str) -> Vec<&str> {
    let pairs = value.split(',').rev();
    pairs
        .map(|pair| pair.split(':').next().unwrap_or_default())
        .collect()
}

fn is_number(text: &str) -> bool {
    text.parse::<i64>().is_ok()
}

#[test]
fn methods_are_listed_in_the_original_s_order() {
    let lab = lab();
    let listed = values(&lab, "system.listMethods", &[]);
    for name in [
        "system.listMethods system.methodSignature system.methodHelp core.prints core.version core.uptime core.ps \
         core.pwd core.arg core.kill core.shmmem core.tcp_info dns.mem_info dns.debug dns.debug_all",
        "dst_blacklist.mem_info dst_blacklist.debug ctl.who ctl.connections ctl.listen sl.stats",
        "tm.cancel tm.reply tm.stats usrloc.stats usrloc.delete_uid usrloc.delete_contact usrloc.dump usrloc.flush",
        "usrloc.add_contact usrloc.show_contacts",
    ]
    .iter()
    .flat_map(|names| names.split(' '))
    {
        assert!(listed.iter().any(|m| m == name), "{name} is missing");
    }
    let place = |name: &str| listed.iter().position(|m| m == name);
    let in_order = [
        "system.listMethods",
        "core.ps",
        "ctl.who",
        "usrloc.stats",
        "tm.stats",
        "sl.stats",
    ];
    assert!(
        in_order.map(place).is_sorted(),
        "the newest module first: {listed:?}"
    );
}

#[test]
fn structs_have_the_members_that_tools_look_for() {
    let lab = lab();
    for (method, names) in [
        ("core.uptime", "now up_since uptime"),
        (
            "core.shmmem",
            "total free used real_used max_used fragments",
        ),
        ("usrloc.stats", "domain users expired"),
        (
            "tm.stats",
            "current waiting total total_local replied_localy 6xx 5xx 4xx 3xx 2xx",
        ),
        (
            "sl.stats",
            "200 202 2xx 300 301 302 3xx 400 401 403 404 407 408 483 4xx 500 5xx 6xx xxx",
        ),
    ] {
        let answer = values(&lab, method, &[]);
        assert_eq!(answer.len(), 1, "{method}");
        assert_eq!(members(&answer[0]).join(" "), names, "{method}");
    }
    let add = ["location", "bob", "sip:bob@h", "100", "0.5", "0"];
    assert!(values(&lab, "usrloc.add_contact", &add).is_empty());
    let shown = values(&lab, "usrloc.show_contacts", &["location", "bob"]);
    assert_eq!(members(&shown[0]), ["contact", "q", "expires"]);
    assert!(
        values(
            &lab,
            "usrloc.delete_contact",
            &["location", "bob", "sip:bob@h"]
        )
        .is_empty()
    );
    assert!(values(&lab, "usrloc.delete_uid", &["location", "nobody"]).is_empty());
    assert!(values(&lab, "usrloc.flush", &[]).is_empty());
}

#[test]
fn rows_have_the_columns_that_tools_count_on() {
    let lab = lab();
    let version = values(&lab, "core.version", &[]);
    assert!(
        version.len() == 1 && version[0].starts_with("Server: "),
        "{version:?}"
    );
    let processes = values(&lab, "core.ps", &[]);
    let (pids, names): (Vec<_>, Vec<_>) = processes.chunks(2).map(|c| (&c[0], &c[1])).unzip();
    assert!(pids.iter().all(|pid| is_number(pid)), "{processes:?}");
    assert!(
        names.iter().any(|name| *name == "ctl handler"),
        "{processes:?}"
    );
    assert_eq!(values(&lab, "core.prints", &["one"]), ["one"]);
    assert_eq!(values(&lab, "core.pwd", &[]).len(), 1);
    let words = values(&lab, "core.arg", &[]);
    assert!(words[0].ends_with("/ser") && words[1] == "-f", "{words:?}");
    assert_eq!(words.last().map(String::as_str), Some("1"), "{words:?}");
    for (method, most) in [
        ("dns.mem_info", "512000"),
        ("dst_blacklist.mem_info", "256000"),
    ] {
        let memory = values(&lab, method, &[]);
        assert!(memory.len() == 2 && is_number(&memory[0]), "{memory:?}");
        assert_eq!(memory[1], most, "{method}");
    }
    let path = lab.path("ctl").display().to_string();
    assert_eq!(
        values(&lab, "ctl.listen", &[]),
        ["fifo", "unix_stream", &path, ""]
    );
    assert_eq!(values(&lab, "ctl.connections", &[]), ["1"]);
    let us = [
        "fifo",
        "unix_stream",
        "<anonymous unix socket>",
        "",
        &path,
        "",
    ];
    assert_eq!(values(&lab, "ctl.who", &[]), us);
}

#[test]
fn faults_have_the_codes_and_texts_of_the_original() {
    let lab = lab();
    for (method, params, fault) in [
        (
            "system.methodSignature",
            &["core.ps"][..],
            "500 Not Implemented Yet",
        ),
        ("system.methodHelp", &["no.such"], "400 command not found"),
        ("system.methodHelp", &[], "400 Method Name Expected"),
        ("core.tcp_info", &[], "500 tcp support disabled"),
        ("core.nosuch", &[], "500 Command 'core.nosuch' not found"),
        (
            "tm.cancel",
            &["a"],
            "400 Callid and CSeq expected as parameters",
        ),
        ("tm.cancel", &["a", "1"], "400 Transaction not found"),
        ("tm.reply", &[], "400 Reply code expected"),
        ("tm.reply", &["486"], "400 Reason phrase expected"),
        ("tm.reply", &["486", "Busy"], "400 Transaction ID expected"),
        ("tm.reply", &["486", "Busy", "1:2"], "400 To tag expected"),
        (
            "tm.reply",
            &["486", "Busy", "x", "t"],
            "400 Invalid transaction ID",
        ),
        (
            "tm.reply",
            &["486", "Busy", "1:2", "t"],
            "481 No such transaction",
        ),
        (
            "usrloc.delete_uid",
            &["nowhere", "bob"],
            "400 Table Not Found",
        ),
        (
            "usrloc.delete_contact",
            &["nowhere", "b", "c"],
            "404 Table Not Found",
        ),
        (
            "usrloc.delete_contact",
            &["location", "b", "c"],
            "404 AOR Not Found",
        ),
        (
            "usrloc.show_contacts",
            &["location", "b"],
            "404 AOR Not Found",
        ),
        (
            "usrloc.add_contact",
            &["location", "b", "sip:b@h", "0", "0.5", "0"],
            "500 Error while adding Contact",
        ),
    ] {
        assert_eq!(call(&lab, method, params), [fault], "{method} {params:?}");
    }
}
