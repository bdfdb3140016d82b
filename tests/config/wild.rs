//! Configs found in the wild. They belong to others and are not part of this repository: the test runs
//! over the folder that the environment variable `CONFIGS_IN_THE_WILD` names, and does nothing without
//! it. Files whose names begin with a generation of SER (`0.8__`, `2.1__`, `hist__`, …) must not get a
//! syntax error; a file whose mistake is its own is listed here.

use crate::check::check;
use std::path::PathBuf;

/// Generations whose grammar is accepted.
const GENERATIONS: [&str; 6] = ["0.8__", "0.9__", "2.0__", "2.1__", "ims__", "hist__"];

/// A brace is missing in the file itself (line 1086).
const BROKEN: [&str; 1] = ["hist__etc_ser-oob-2008-03-21-8cbe6777b3.cfg"];

/// How errors of the grammar begin.
const SYNTAX: [&str; 8] = [
    "syntax error",
    "bad command",
    "missing",
    "invalid",
    "unexpected",
    "this block",
    "a value",
    "there are no",
];

fn files() -> Vec<PathBuf> {
    let Ok(folder) = std::env::var("CONFIGS_IN_THE_WILD") else {
        return Vec::new();
    };
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut all: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    all.retain(|path| path.extension().is_some_and(|end| end == "cfg"));
    assert!(!all.is_empty(), "no .cfg in that folder");
    all
}

/// `loadmodule "…/NAME.so"` becomes `loadmodule "NAME"`, as the modules are elsewhere here.
fn with_our_modules(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match line.trim_start().strip_prefix("loadmodule") {
            Some(rest) => match rest.split('"').nth(1) {
                Some(path) => {
                    let file = path.rsplit('/').next().unwrap_or(path);
                    let name = file.trim_end_matches(".so");
                    out.push_str(&line.replace(&format!("\"{path}\""), &format!("\"{name}\"")));
                }
                None => out.push_str(line),
            },
            None => out.push_str(line),
        }
    }
    out
}

#[test]
fn configs_of_every_generation_are_read() {
    for path in files() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let bytes = std::fs::read(&path).expect("readable");
        let text = with_our_modules(&String::from_utf8_lossy(&bytes));
        let checked = check(&text);
        let broken = BROKEN.contains(&name.as_ref());
        let ours = GENERATIONS.iter().any(|begin| name.starts_with(begin));
        let syntax: Vec<_> = checked
            .found("error")
            .into_iter()
            .filter(|error| SYNTAX.iter().any(|begin| error.starts_with(begin)))
            .collect();
        assert!(syntax.is_empty() || broken || !ours, "{name}: {syntax:#?}");
        let accepted = checked.status == Some(0);
        assert_eq!(accepted, checked.found("error").is_empty(), "{name}");
    }
}
