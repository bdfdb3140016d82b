//! docs/architecture.md against the code: every function that it names stands in the file that it names.

use crate::text::{code, prose, quoted, read, root};
use std::path::PathBuf;

/// The file that a drawing means by a path.
fn file(path: &str) -> PathBuf {
    let folder = if path.starts_with("modules/") {
        ""
    } else {
        "src/core"
    };
    root().join(folder).join(path)
}

/// Whether the source defines something of that name.
fn defines(source: &str, name: &str) -> bool {
    let kinds = ["fn", "struct", "enum", "trait", "static", "const", "type"];
    let starts = kinds.map(|kind| format!("{kind} {name}"));
    starts.iter().any(|start| {
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        source.split(start.as_str()).skip(1).any(ends)
    })
}

fn page() -> String {
    read(&root().join("docs/architecture.md"))
}

#[test]
fn every_function_of_the_drawings_stands_in_its_file() {
    let mut count = 0;
    for line in code(&page(), "text").iter().flat_map(|block| block.lines()) {
        let (path, rest) = line
            .split_once(' ')
            .unwrap_or_else(|| panic!("no functions: {line}"));
        let source = read(&file(path));
        let names = rest.split('·').next().unwrap_or_default();
        for name in names.split('→').map(str::trim) {
            count += 1;
            assert!(
                defines(&source, name),
                "docs/architecture.md: {path} has no {name}"
            );
        }
    }
    assert!(count > 80, "only {count} functions were looked at");
}

#[test]
fn every_name_of_the_tables_stands_in_its_file() {
    let mut count = 0;
    let page = page();
    for line in prose(&page).filter(|l| l.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        let [.., names, last] = cells.as_slice() else {
            continue;
        };
        let Some(path) = quoted(last).find(|word| word.ends_with(".rs")) else {
            continue;
        };
        let source = read(&root().join(path));
        // Only rows of the table "here | file" name functions of the file.
        for name in quoted(names).filter(|_| cells.len() == 3) {
            count += 1;
            assert!(
                defines(&source, name),
                "docs/architecture.md: {path} has no {name}"
            );
        }
    }
    assert!(count > 40, "only {count} names were looked at");
}

#[test]
fn a_definition_is_told_from_a_longer_name() {
    assert!(defines("pub fn run(x: i32)", "run") && !defines("pub fn run_route()", "run"));
    assert!(defines("pub(crate) static FLAG: u8", "FLAG"));
}
