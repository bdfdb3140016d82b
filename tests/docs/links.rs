//! Links and paths.

use crate::text::{pages, prose, quoted, read, root};
use std::path::Path;

/// The targets of `[text](target)` in a line.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
}

/// The anchor that a heading gets.
fn slug(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = kept
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_of_it() {
    let mut count = 0;
    for page in pages() {
        let folder = page.parent().expect("a file is in a folder");
        let text = read(&page);
        for target in prose(&text)
            .flat_map(targets)
            .filter(|t| !t.contains("://"))
        {
            count += 1;
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if path.is_empty() {
                page.clone()
            } else {
                folder.join(path)
            };
            assert!(file.exists(), "{}: {target}", page.display());
            if !anchor.is_empty() {
                let found = prose(&read(&file)).any(|l| l.starts_with('#') && slug(l) == anchor);
                assert!(found, "{}: no such heading: {target}", page.display());
            }
        }
    }
    assert!(count > 20, "only {count} links were looked at");
}

/// Whether a word in backticks is a path of this repository, and not a pattern for one.
fn is_path(word: &str) -> bool {
    let tops = [
        "src/",
        "modules/",
        "tests/",
        "docs/",
        "fuzz/",
        "examples/",
        "scripts/",
    ];
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '.');
    let pattern = word
        .split(['/', '.'])
        .any(|part| part.len() > 1 && part.chars().all(|c| c.is_ascii_uppercase()));
    tops.iter().any(|top| word.starts_with(top)) && word.chars().all(plain) && !pattern
}

#[test]
fn every_path_that_docs_name_exists() {
    let mut count = 0;
    let docs = root().join("docs");
    let wanted = |page: &Path| page.starts_with(&docs) || page.ends_with("CONTRIBUTING.md");
    for page in pages().into_iter().filter(|p| wanted(p)) {
        let text = read(&page);
        for path in prose(&text).flat_map(quoted).filter(|word| is_path(word)) {
            count += 1;
            assert!(root().join(path).exists(), "{}: {path}", page.display());
        }
    }
    assert!(count > 20, "only {count} paths were looked at");
}

#[test]
fn the_index_names_every_page() {
    let index = read(&root().join("docs/README.md"));
    let links: Vec<&str> = prose(&index).flat_map(targets).collect();
    for page in pages()
        .iter()
        .filter_map(|p| p.strip_prefix(root().join("docs")).ok())
    {
        let path = page.to_string_lossy();
        assert!(
            path == "README.md" || links.contains(&&*path),
            "docs/README.md does not name {path}"
        );
    }
}

#[test]
fn headings_become_anchors_as_readers_of_markdown_make_them() {
    assert_eq!(
        slug("## What a `-c` says, and when"),
        "what-a--c-says-and-when"
    );
    assert_eq!(
        targets("[a](b.md#c) and [d](e)").collect::<Vec<_>>(),
        ["b.md#c", "e"]
    );
    assert!(
        is_path("src/core/net/udp.rs")
            && !is_path("modules/NAME/src/lib.rs")
            && !is_path("src/*.rs")
    );
}
