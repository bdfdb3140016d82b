//! docs/benchmarks.md against what scripts/bench prints and takes.

use crate::text::{read, root};

/// The texts in double quotes of the assignment to `name`.
fn strings(source: &str, name: &str) -> Vec<String> {
    let start = source
        .find(&format!("\n{name} = ("))
        .expect("it is assigned");
    let tuple = source[start..].split(')').next().unwrap_or_default();
    let all = tuple.split('"').skip(1).step_by(2);
    all.map(str::to_owned).collect()
}

#[test]
fn every_column_scenario_and_option_is_explained() {
    let page = read(&root().join("docs/benchmarks.md"));
    let table = read(&root().join("tests/bench/table.py"));
    let run = read(&root().join("tests/bench/run.py"));
    let mut words = strings(&table, "HEAD");
    words.extend(strings(&table, "LIVE_HEAD"));
    words.extend(strings(&run, "SCENARIOS"));
    let arguments = run.split("add_argument(\"").skip(1);
    let open = arguments.filter(|a| {
        !a.split('\n')
            .next()
            .unwrap_or_default()
            .contains("SUPPRESS")
    });
    words.extend(open.filter_map(|a| a.split('"').next()).map(str::to_owned));
    assert!(words.len() > 20, "{words:?}");
    // The first two columns are names: "scenario" and "server".
    for word in words {
        assert!(
            page.contains(&word),
            "docs/benchmarks.md does not explain {word}"
        );
    }
}
