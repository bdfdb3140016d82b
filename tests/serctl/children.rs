//! `serctl children` against a server whose script blocks.

use crate::common::{free_port, sipp};
use crate::lab::{Lab, failed};
use std::process::Child;

/// A server with two children whose script runs a program for every request, and sipp, which sends requests at random.
struct Blocked {
    lab: Lab,
    sipp: Child,
}

impl Blocked {
    fn new() -> Blocked {
        let script = "route { exec(\"sleep 0.02\"); sl_send_reply(\"200\", \"OK\"); }";
        let lab = Lab::with_route(&[], "", script);
        let options = [
            "-r", "40", "-m", "4000", "-l", "4000", "-nr", "-timeout", "100",
        ];
        let out = lab.path("sipp.out");
        let sipp = sipp::spawn(
            "children/options",
            lab.setup.port,
            free_port(),
            &options,
            &out,
        );
        Blocked { lab, sipp }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // Ended already: nothing to do.
        let _ = self.sipp.kill();
        let _ = self.sipp.wait();
    }
}

/// The number behind `"name": ` at its first place in JSON.
fn number(json: &str, name: &str) -> f64 {
    let key = format!("\"{name}\": ");
    let (_, rest) = json
        .split_once(&key)
        .unwrap_or_else(|| panic!("{name}: {json}"));
    let end = rest.find([',', '}', ']']).expect("it ends");
    rest[..end]
        .parse()
        .unwrap_or_else(|_| panic!("{name}: {json}"))
}

#[test]
fn a_blocking_script_gets_a_table_and_a_number_that_is_above_the_load() {
    let blocked = Blocked::new();
    let said = blocked.lab.says(&["children", "--seconds", "6"]);
    let socket = format!(
        "udp:127.0.0.1:{}: children=2, watched for 6.",
        blocked.lab.setup.port
    );
    assert!(said.starts_with(&socket), "{said}");
    assert!(
        said.contains(" children    used    waits   wait p99   total p99     lost\n"),
        "{said}"
    );
    let rows = said
        .lines()
        .filter(|line| line.contains(" %") && !line.contains("which"));
    let first = |line: &str| {
        line.split_whitespace()
            .find_map(|word| word.parse::<usize>().ok())
    };
    let numbers: Vec<usize> = rows.filter_map(first).collect();
    assert!((1..=6).all(|n| numbers.contains(&n)), "{numbers:?}: {said}");
    assert!(said.contains("A child has "), "{said}");

    let json = blocked.lab.says(&["children", "--seconds", "6", "--json"]);
    let [erlang, advised] = ["erlang", "advised"].map(|name| number(&json, name));
    // The load: at least 20 ms for each of so many messages.
    assert!(
        erlang >= number(&json, "rate") * 0.020 && erlang > 0.2,
        "{json}"
    );
    assert!(
        number(&json, "blocked_ms") > number(&json, "cpu_ms"),
        "{json}"
    );
    assert!(
        advised > erlang && (2.0..=40.0).contains(&advised),
        "{json}"
    );
}

#[test]
fn a_larger_rate_and_a_shorter_target_need_more_children() {
    let blocked = Blocked::new();
    let advised = |options: &[&str]| {
        let words = [&["children", "--seconds", "3", "--json"], options].concat();
        number(&blocked.lab.says(&words), "advised")
    };
    let few = advised(&["--rate", "10", "--target-ms", "500"]);
    let more = advised(&["--rate", "200", "--target-ms", "500"]);
    assert!(few < more, "{few} {more}");
    let quick = advised(&["--rate", "10", "--target-ms", "0.01"]);
    assert!(few < quick, "{few} {quick}");
}

#[test]
fn without_messages_there_is_no_advice_and_wrong_options_are_refused() {
    let lab = Lab::new(&[], "");
    let said = lab.says(&["children", "--seconds", "0.2"]);
    assert!(said.contains("0 messages, 0 refused, 0 lost"), "{said}");
    assert!(
        said.contains("Without messages nothing can be said."),
        "{said}"
    );
    assert!(!said.contains("wait p99"), "{said}");
    let (code, said) = failed(lab.serctl(&["children", "--seconds", "-1"]));
    assert_eq!(
        (code, said.as_str()),
        (Some(1), "--seconds needs a number above 0\n")
    );
    let (code, said) = failed(lab.serctl(&["children", "8"]));
    assert_eq!(code, Some(1));
    assert!(said.starts_with("usage:\n children "), "{said}");
}
