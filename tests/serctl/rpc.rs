//! `serctl ps`, `serctl rpc`, the transports, and what is said when there is no server.

use crate::common::free_port_pair;
use crate::lab::{Lab, failed, serctl};
use std::process::Stdio;

#[test]
fn ps_shows_every_process_with_its_slot_pid_and_rank() {
    let lab = Lab::new(&[], "");
    let said = lab.says(&["ps"]);
    let attendant = lab.server.tree.attendant();
    let mut lines = said.lines();
    assert_eq!(
        lines
            .next()
            .map(|l| l.split_whitespace().take(3).collect::<Vec<_>>()),
        Some(vec!["slot", "pid", "rank"])
    );
    let first: Vec<&str> = lines.next().unwrap_or("").split_whitespace().collect();
    assert_eq!(first[..3], ["0", &attendant.to_string(), "0"], "{said}");
    assert_eq!(first.last(), Some(&"attendant"), "{said}");
    for child in lab.server.tree.children() {
        assert!(said.contains(&child.pid.to_string()), "{child:?}: {said}");
    }
    assert!(said.contains("receiver child=1"), "{said}");
}

#[test]
fn rpc_calls_methods_with_typed_parameters_and_shows_their_values() {
    let lab = Lab::new(&["usrloc", "registrar"], "route[1] { save(\"location\"); }");
    assert_eq!(lab.says(&["rpc", "core.prints", "hello"]), "hello\n");
    assert_eq!(lab.says(&["rpc", "core.prints", "s:-s"]), "-s\n");
    let add = [
        "usrloc.add_contact",
        "location",
        "bob",
        "sip:bob@h",
        "3600",
        "0.5",
        "0",
    ];
    assert_eq!(lab.says(&[&["rpc"], &add[..]].concat()), "");
    let shown = lab.says(&["rpc", "usrloc.show_contacts", "location", "bob"]);
    assert!(shown.contains("\tcontact: sip:bob@h\n"), "{shown}");
}

#[test]
fn every_transport_of_ctl_is_spoken() {
    let port = free_port_pair();
    let lab = Lab::new(
        &[],
        &format!(
            "modparam(\"ctl\", \"binrpc\", \"unixd:@DIR@/dgram\")\nmodparam(\"ctl\", \"binrpc\", \"tcp:127.0.0.1:{port}\")\n\
             modparam(\"ctl\", \"binrpc\", \"udp:127.0.0.1:{port}\")"
        ),
    );
    let dir = lab.setup.dir.path().display().to_string();
    for address in [
        format!("{dir}/ctl"),
        format!("unix:{dir}/ctl"),
        format!("unixd:{dir}/dgram"),
        format!("tcp:127.0.0.1:{port}"),
        format!("udp:127.0.0.1:{port}"),
        format!("127.0.0.1:{port}"),
    ] {
        let mut command = serctl();
        command.env("TMPDIR", lab.setup.dir.path());
        command.args(["-s", &address, "rpc", "core.prints", "x"]);
        let output = command.output().unwrap();
        assert_eq!(output.stdout, b"x\n", "{address}: {output:?}");
    }
    let left = std::fs::read_dir(lab.setup.dir.path()).unwrap().flatten();
    let left = left.filter(|e| e.file_name().to_string_lossy().starts_with("serctl"));
    assert_eq!(left.count(), 0, "the socket for replies goes");
}

#[test]
fn a_fault_is_shown_as_sercmd_does_and_fails() {
    let lab = Lab::new(&[], "");
    let (code, said) = failed(lab.serctl(&["rpc", "core.nosuch"]));
    assert_eq!(
        (code, said.as_str()),
        (Some(1), "error: 500 - command core.nosuch not found\n")
    );
}

#[test]
fn without_a_server_it_says_where_it_looked() {
    let mut command = serctl();
    let (code, said) = failed(
        command
            .args(["-s", "unixs:/nonexistent/ctl", "ps"])
            .output()
            .unwrap(),
    );
    assert_eq!(code, Some(2));
    assert!(
        said.contains("no server at unixs:/nonexistent/ctl: "),
        "{said}"
    );
}

#[test]
fn help_lists_every_verb_and_wrong_words_are_refused_with_a_way_out() {
    let said = serctl().arg("help").output().unwrap();
    assert!(said.status.success());
    let said = String::from_utf8(said.stdout).unwrap();
    for verb in ["ps", "rpc <method>", "help"] {
        assert!(said.contains(&format!("\n {verb} ")), "{verb} in {said}");
    }
    let (code, said) = failed(serctl().arg("nosuch").output().unwrap());
    assert_eq!(
        (code, said.as_str()),
        (
            Some(1),
            "no verb \"nosuch\"; \"serctl help\" lists the verbs\n"
        )
    );
    let (code, said) = failed(serctl().output().unwrap());
    assert_eq!(code, Some(1));
    assert!(said.contains(" ps "), "{said}");
    let (code, said) = failed(serctl().args(["ps", "x"]).output().unwrap());
    assert_eq!(code, Some(1));
    assert!(said.starts_with("usage:\n ps ..."), "{said}");
}

#[test]
fn output_that_nobody_reads_is_no_failure() {
    let mut child = serctl().arg("help").stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
