//! docs/writing-a-module.md against the code that it shows.

use crate::text::{code, read, root};
use std::collections::BTreeMap;

fn page() -> String {
    read(&root().join("docs/writing-a-module.md"))
}

/// The blocks of code with the file that the line before them names last.
fn excerpts(language: &str) -> Vec<(String, String)> {
    let page = page();
    let fence = format!("```{language}\n");
    let mut all = Vec::new();
    for (at, _) in page.match_indices(&fence) {
        let before = &page[..at];
        let path = before
            .rsplit('`')
            .nth(1)
            .expect("a path in backticks stands before it");
        let block = code(&page[at..], language).remove(0);
        all.push((path.to_owned(), block));
    }
    all
}

#[test]
fn every_excerpt_stands_in_the_file_that_it_is_from() {
    let all = excerpts("rust");
    assert!(all.len() > 8, "only {} excerpts", all.len());
    for (path, block) in all.iter().chain(&excerpts("toml")) {
        let source = read(&root().join(path));
        assert!(
            source.contains(block.as_str()),
            "{path} does not hold:\n{block}"
        );
    }
}

#[test]
fn the_excerpts_of_print_are_the_whole_module() {
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    for (path, block) in excerpts("rust").into_iter().chain(excerpts("toml")) {
        shown.entry(path).or_default().push_str(&block);
    }
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|l| !l.trim().is_empty());
        lines.map(str::to_owned).collect()
    };
    for path in ["modules/print/src/lib.rs", "modules/print/Cargo.toml"] {
        let source = read(&root().join(path));
        assert_eq!(lines(&shown[path]), lines(&source), "{path}");
    }
}
