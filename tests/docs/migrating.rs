//! docs/migrating-from-ser.md against the tables that it tells of: nothing is left out, and what it says is here is here.

use crate::text::{read, root};
use ser::core::cli::OPTIONS;
use ser::core::config::{known_modules, param_docs};
use ser::core::module::retired::NOT_YET;
use std::path::PathBuf;

fn page() -> String {
    read(&root().join("docs/migrating-from-ser.md"))
}

fn has_folder(module: &str) -> bool {
    let folder: PathBuf = root().join("modules").join(module);
    folder.is_dir()
}

/// The words in backquotes of the first column, and the second column, of each line of the table of modules.
fn modules(page: &str) -> Vec<(String, String)> {
    let (_, table) = page.split_once("| module | state |").expect("the table");
    let lines = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut found = Vec::new();
    for line in lines {
        let mut columns = line.split(" | ");
        let names = columns.next().expect("names");
        let state = columns.next().expect("state");
        let names = names.split('`').skip(1).step_by(2);
        found.extend(names.map(|name| (name.to_owned(), state.to_owned())));
    }
    found
}

#[test]
fn every_module_of_ser_is_in_the_table_with_its_state() {
    let table = modules(&page());
    let of = |name: &str| {
        table
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, s)| s.as_str())
    };
    for name in known_modules() {
        let state = if has_folder(name) { "here" } else { "not yet" };
        assert_eq!(of(name), Some(state), "{name}");
        assert_eq!(NOT_YET.contains(&name), !has_folder(name), "{name}");
    }
    assert!(!NOT_YET.iter().any(|name| has_folder(name)));
}

#[test]
fn the_core_parameters_that_it_names_are_parameters() {
    let page = page();
    let (_, section) = page.split_once("### Core parameters").expect("a heading");
    let (section, _) = section.split_once("\n## ").expect("the next one");
    let names: Vec<&str> = section.split('`').skip(1).step_by(2).collect();
    assert!(names.len() > 80, "{names:?}");
    for name in names {
        assert!(param_docs().any(|doc| doc.names.contains(&name)), "{name}");
    }
}

#[test]
fn every_option_is_named() {
    let page = page();
    for option in &OPTIONS {
        assert!(
            page.contains(&format!("`-{}", option.letter)),
            "-{}",
            option.letter
        );
    }
}
