//! `docs/rpc.md` names every method, and its examples work.

use crate::common::{repository, ser};
use crate::lab::Lab;

struct Example {
    method: String,
    /// Behind `kamcmd`.
    words: String,
    /// The code of the fault that it ends in.
    fault: Option<String>,
}

fn page() -> String {
    std::fs::read_to_string(repository("docs/rpc.md")).expect("the page is there")
}

/// The rows whose first cell is a method and whose last is an example.
fn examples(page: &str) -> Vec<Example> {
    let rows = page.lines().filter_map(|line| {
        let line = line.strip_prefix("| `")?;
        let (method, rest) = line.split_once('`')?;
        let (words, after) = rest.split_once("`kamcmd ")?.1.rsplit_once('`')?;
        let fault = after.trim_matches([' ', '|']).strip_prefix("fault ");
        Some(Example {
            method: method.to_owned(),
            words: words.to_owned(),
            fault: fault.map(str::to_owned),
        })
    });
    rows.collect()
}

/// All modules of the repository that have RPC methods and need no other server.
fn lab() -> Lab {
    let built = ser().parent().expect("a folder").to_owned();
    let there = |name: &&str| built.join(format!("lib{name}.so")).exists();
    let modules = ["tm", "usrloc", "registrar", "ctl"];
    assert!(
        modules.iter().all(there),
        "cargo build --workspace makes them"
    );
    let lines = "modparam(\"ctl\", \"binrpc\", \"unixs:@DIR@/ctl\")\nuse_dst_blacklist=yes\nroute[1] { save(\"location\"); }";
    Lab::new(&modules, lines)
}

fn kamcmd(lab: &Lab, words: &str) -> String {
    // kamcmd ends with an error where there is a fault.
    lab.shell(&format!("kamcmd -s unix:ctl {words} 2>&1 || true"))
}

#[test]
fn every_method_stands_in_the_page_with_an_example_of_its_own() {
    let (lab, page) = (lab(), page());
    let listed = kamcmd(&lab, "system.listMethods");
    let methods: Vec<&str> = listed.lines().map(str::trim).collect();
    assert!(methods.len() > 20, "{listed}");
    let examples = examples(&page);
    for method in methods.iter().filter(|m| !m.is_empty()) {
        let own = |e: &&Example| e.method == *method && e.words.split(' ').next() == Some(method);
        assert!(
            examples.iter().any(|e| own(&e)),
            "docs/rpc.md: {method} is missing"
        );
    }
    for example in &examples {
        let known = methods.contains(&example.method.as_str());
        assert!(known, "docs/rpc.md: {} is no method", example.method);
    }
}

#[test]
fn the_examples_of_the_page_work() {
    let lab = lab();
    let us = format!("127.0.0.1:{}", lab.setup.port);
    for example in examples(&page()) {
        let words = example.words.replace("127.0.0.1:5060", &us);
        let said = kamcmd(&lab, &words);
        match &example.fault {
            Some(code) => {
                let fault = format!("error: {code} - ");
                assert!(said.starts_with(&fault), "{words}: {said}");
            }
            None => assert!(!said.contains("error:"), "{words}: {said}"),
        }
        // What it says of a packet that it cannot read.
        assert!(!said.contains("ERROR:"), "{words}: {said}");
    }
    lab.sip_goes_on();
}
