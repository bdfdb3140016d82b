//! `serctl check`: all that is wrong with a file, for people and for editors.

use crate::common::{Setup, modules_dir};
use crate::lab::{failed, serctl};
use std::io::Write;
use std::process::{Output, Stdio};

const WRONG: &str =
    "debg = 3\nloadmodule \"sl\"\nroute {\n\tsl_send_replay(\"404\", \"Not Found\");\n}\n";
const RIGHT: &str =
    "listen=udp:127.0.0.1:5060\nloadmodule \"sl\"\nroute { sl_send_reply(\"200\", \"OK\"); }\n";

fn check(text: &str, words: &[&str]) -> Output {
    let setup = Setup::with_config(text);
    let mut command = serctl();
    command.arg("check").args(words).arg("ser.cfg");
    command.current_dir(setup.dir.path()).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn every_mistake_is_shown_with_its_line_and_what_would_be_right() {
    let output = check(WRONG, &[]);
    assert_eq!(output.status.code(), Some(1));
    let text = said(&output);
    for part in [
        "ser.cfg:1:1",
        "did you mean `debug`?",
        "ser.cfg:4:2",
        "did you mean `sl_send_reply`?",
        "\nser.cfg: 2 errors\n",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_good_file_is_ok_and_warnings_are_counted() {
    let output = check(RIGHT, &[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(said(&output), "ser.cfg: ok\n");
    let output = check(&format!("{RIGHT}route[1] {{ route(nowhere); }}\n"), &[]);
    assert!(output.status.success(), "{output:?}");
    assert!(said(&output).ends_with("ser.cfg: ok, 1 warning\n"));
}

#[test]
fn an_address_that_the_server_could_not_listen_on_is_an_error() {
    let output = check("listen=udp:nosuch.invalid:5060\n", &[]);
    assert_eq!(output.status.code(), Some(1));
    let text = said(&output);
    assert!(
        text.contains("failed to initialize list addresses"),
        "{text}"
    );
    assert!(text.ends_with("ser.cfg: 1 error\n"), "{text}");
}

/// The reading of a program that is not ours.
fn json(output: &Output) -> String {
    let program = "import json,sys\nfor d in json.load(sys.stdin):\n  print(d['file'],d['line'],d['col'],\
                   d['end']['line'],d['end']['col'],d['severity'],d['hint'],d['message'],sep='|')";
    let mut python = std::process::Command::new("python3");
    python.args(["-c", program]);
    let python = python.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut python = python.expect("python3 runs");
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(&output.stdout).unwrap();
    drop(stdin);
    let read = python.wait_with_output().unwrap();
    assert!(read.status.success(), "{output:?}");
    String::from_utf8(read.stdout).unwrap()
}

#[test]
fn editors_get_json() {
    let output = check(WRONG, &["--json"]);
    assert_eq!(output.status.code(), Some(1));
    let read = json(&output);
    let lines: Vec<&str> = read.lines().collect();
    assert_eq!(lines.len(), 2, "{read}");
    assert!(
        lines[0].starts_with("ser.cfg|1|1|1|5|error|did you mean `debug`?|"),
        "{read}"
    );
    assert!(
        lines[1].starts_with("ser.cfg|4|2|4|16|error|did you mean `sl_send_reply`?|"),
        "{read}"
    );
    let good = check(RIGHT, &["--json"]);
    assert!(good.status.success());
    assert_eq!((said(&good).as_str(), json(&good).as_str()), ("[]\n", ""));
}

#[test]
fn text_that_has_no_file_yet_is_read_from_standard_input() {
    let mut command = serctl();
    command
        .args(["check", "--json", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(WRONG.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(json(&output).starts_with("-|1|1|"), "{output:?}");
}

#[test]
fn a_file_that_is_not_there_and_words_too_many_are_refused() {
    let (code, said) = failed(
        serctl()
            .args(["check", "/nonexistent/ser.cfg"])
            .output()
            .unwrap(),
    );
    assert_eq!(code, Some(1));
    assert!(
        said.starts_with("error: loading config file(/nonexistent/ser.cfg): "),
        "{said}"
    );
    for words in [
        &["check", "a", "b"][..],
        &["check", "--yaml", "a"],
        &["route", "a", "b"],
    ] {
        let (code, said) = failed(serctl().args(words).output().unwrap());
        assert_eq!(code, Some(1));
        assert!(said.starts_with("usage:\n "), "{said}");
    }
}

#[test]
fn without_a_file_the_one_of_the_installation_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let sbin = dir.path().join("sbin");
    std::fs::create_dir_all(&sbin).unwrap();
    std::fs::create_dir_all(dir.path().join("etc/ser")).unwrap();
    std::fs::write(dir.path().join("etc/ser/ser.cfg"), "debg=3\n").unwrap();
    std::fs::copy(modules_dir().join("serctl"), sbin.join("serctl")).unwrap();
    let mut command = std::process::Command::new(sbin.join("serctl"));
    command.env("LD_LIBRARY_PATH", library_path()).arg("check");
    let output = command.output().unwrap();
    assert!(said(&output).contains("etc/ser/ser.cfg:1:1"), "{output:?}");
}

/// Where libser.so and Rust's library are for a copy of the program.
fn library_path() -> String {
    let listed = std::process::Command::new("ldd")
        .arg(modules_dir().join("serctl"))
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let files = listed
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2));
    let folders = files.filter_map(|file| file.rsplit_once('/').map(|(folder, _)| folder));
    folders.collect::<Vec<_>>().join(":")
}
