//! docs/metrics.md against the tables of metrics of the core and of the modules.

use crate::pages::{exports, names};
use crate::text::{prose, read, root};
use ser::core::stats::metrics::{BOUNDS, Family};
use ser::core::{dns, overload, process};

/// All families, those of the core first.
fn all() -> Vec<&'static Family> {
    let core = [process::METRICS, overload::METRICS, dns::METRICS];
    let mut all: Vec<&Family> = core.into_iter().flatten().collect();
    let mut modules = names();
    modules.sort();
    for name in modules {
        all.extend(exports(&name).metrics);
    }
    all
}

/// The row of a family in the tables of the page.
fn row(family: &Family) -> String {
    let labels: Vec<String> = family.labels.iter().map(|l| format!("`{l}`")).collect();
    format!(
        "| `{}` | {} | {} | {} |",
        family.full_name(),
        family.kind.name(),
        labels.join(", "),
        family.help
    )
    .replace("|  |", "| |")
}

#[test]
fn every_metric_stands_in_the_page_as_it_is_in_its_table() {
    let page = read(&root().join("docs/metrics.md"));
    let rows: Vec<&str> = prose(&page)
        .filter(|line| line.starts_with("| `ser_"))
        .collect();
    let expected: Vec<String> = all().into_iter().map(row).collect();
    assert!(expected.len() > 50, "{expected:?}");
    let missing: Vec<&String> = expected
        .iter()
        .filter(|row| !rows.contains(&&***row))
        .collect();
    assert!(missing.is_empty(), "docs/metrics.md lacks\n{missing:#?}");
    let gone = rows
        .iter()
        .filter(|row| !expected.iter().any(|e| e == *row));
    let gone: Vec<_> = gone.collect();
    assert!(
        gone.is_empty(),
        "docs/metrics.md has what is not there\n{gone:#?}"
    );
}

#[test]
fn names_are_those_that_prometheus_wants() {
    let mut seen = Vec::new();
    for family in all() {
        let (name, text) = (family.name, family.help);
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.starts_with("ser_") && name.chars().all(fits), "{name}");
        assert!(!name.ends_with("_total"), "{name}: it is added");
        assert!(text.ends_with('.') && !text.contains('|'), "{name}: {text}");
        assert!(!seen.contains(&name), "{name} stands twice");
        seen.push(name);
    }
}

#[test]
fn the_page_names_the_bounds_of_histograms() {
    let page = read(&root().join("docs/metrics.md"));
    let bounds: Vec<String> = BOUNDS.iter().map(f64::to_string).collect();
    assert!(page.contains(&bounds.join(", ")), "{}", bounds.join(", "));
}
