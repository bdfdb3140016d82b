//! The page of each module against the tables that the module exports.

use crate::common::module;
use crate::text::{prose, quoted, read, root};
use ser::core::module::loader::load_module;
use ser::core::module::registry::{self, LoadedModule};
use ser::core::module::{Command, ModuleExports, Param, ParamKind, RouteMask};
use ser::core::msg::RouteKind;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// The modules of this repository by the names of their folders.
pub fn names() -> Vec<String> {
    let folders = std::fs::read_dir(root().join("modules")).expect("modules");
    let name = |e: std::fs::DirEntry| e.file_name().to_string_lossy().into_owned();
    folders.map(|e| name(e.expect("an entry"))).collect()
}

fn path(name: &str) -> PathBuf {
    root().join(format!("docs/modules/{name}.md"))
}

/// The tables of a module, from its built library.
pub fn exports(name: &str) -> &'static ModuleExports {
    // A module is loaded once in a process, and the tests run side by side.
    static LOADING: Mutex<()> = Mutex::new(());
    let _alone = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    let path = module(name);
    let is_it = |m: &&&LoadedModule| m.path.ends_with(format!("lib{name}.so"));
    if let Some(loaded) = registry::modules().iter().find(is_it) {
        return loaded.exports;
    }
    match load_module(&path.to_string_lossy(), "") {
        Ok(loaded) => loaded.exports,
        Err(why) => panic!("{why}; build the modules first: cargo build --workspace"),
    }
}

fn page(name: &str) -> String {
    read(&path(name))
}

/// A function as a heading shows it: name, least and most arguments, the blocks of its `Where:` line.
struct Shown {
    name: String,
    args: std::ops::RangeInclusive<usize>,
    routes: String,
}

/// `a(x [, y]), b(z)` → each call.
fn calls(heading: &str) -> Vec<(String, std::ops::RangeInclusive<usize>)> {
    let mut found = Vec::new();
    for call in heading.trim_start_matches('#').split_inclusive(')') {
        let Some((name, args)) = call.split_once('(') else {
            continue;
        };
        let args = args.trim_end_matches(')');
        let count = |text: &str| match text.trim() {
            "" => 0,
            text => text.matches(',').count() + 1,
        };
        let least = count(args.split('[').next().unwrap_or(""));
        let name = name.trim_matches([',', ' ']).to_owned();
        found.push((name, least..=count(args)));
    }
    found
}

fn shown(page: &str) -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    let mut current = 0;
    for line in prose(page) {
        if line.starts_with("### ") {
            current = all.len();
            let routes = String::new;
            all.extend(calls(line).into_iter().map(|(name, args)| Shown {
                name,
                args,
                routes: routes(),
            }));
        } else if let Some(routes) = line.strip_prefix("Where: ") {
            all[current..]
                .iter_mut()
                .for_each(|s| s.routes = routes.to_owned());
        }
    }
    all
}

const BLOCKS: [(RouteKind, &str); 5] = [
    (RouteKind::Request, "route"),
    (RouteKind::Failure, "failure_route"),
    (RouteKind::OnReply, "onreply_route"),
    (RouteKind::Branch, "branch_route"),
    (RouteKind::OnSend, "onsend_route"),
];

fn routes(mask: RouteMask) -> String {
    let allowed = BLOCKS.iter().filter(|(kind, _)| mask.allows(*kind));
    let all: Vec<String> = allowed.map(|(_, word)| format!("`{word}`")).collect();
    match all.len() {
        0 => "nowhere; for other modules.".to_owned(),
        _ => format!("{}.", all.join(", ")),
    }
}

fn describes(shown: &Shown, command: &Command) -> bool {
    shown.name == command.name && shown.args.contains(&command.params.len())
}

#[test]
fn every_function_stands_on_its_page_with_its_arguments_and_places() {
    for name in names() {
        let (page, cmds) = (page(&name), exports(&name).cmds);
        let shown = shown(&page);
        for command in cmds {
            let (function, count) = (command.name, command.params.len());
            let found = shown.iter().find(|s| describes(s, command));
            let found = found.unwrap_or_else(|| {
                panic!("docs/modules/{name}.md: no heading \"### {function}(…)\" with {count} arguments")
            });
            let expected = routes(command.routes);
            assert_eq!(
                found.routes, expected,
                "docs/modules/{name}.md: the line \"Where: …\" of {function}"
            );
        }
        for one in &shown {
            for count in one.args.clone() {
                let there = cmds
                    .iter()
                    .any(|c| c.name == one.name && c.params.len() == count);
                assert!(
                    there,
                    "docs/modules/{name}.md: there is no {} with {count} arguments",
                    one.name
                );
            }
        }
    }
}

/// Type and default as a page shows them.
fn described(param: &Param) -> (&'static str, String) {
    match param.kind {
        ParamKind::Int(place) => ("number", place.get().to_string()),
        ParamKind::Flag(place) => ("flag", place.get().to_string()),
        ParamKind::Str(place) => match place.get() {
            None => ("string", "none".to_owned()),
            Some(b"") => ("string", "empty".to_owned()),
            Some(text) => ("string", String::from_utf8_lossy(text).into_owned()),
        },
        ParamKind::IntFn(_) => ("number", "none".to_owned()),
        ParamKind::StrFn(_) => ("string", "none".to_owned()),
    }
}

/// The rows `name`, type, default of the tables of parameters.
fn rows(page: &str) -> Vec<[String; 3]> {
    let is_header = |line: &str| line.starts_with("| name | type | default |");
    let mut rows = Vec::new();
    let mut inside = false;
    for line in prose(page) {
        inside = is_header(line) || inside && line.starts_with('|');
        if inside && line.starts_with("| `") {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let cell = |i: usize| cells[i].replace('`', "");
            rows.push([cell(1), cell(2), cell(3)]);
        }
    }
    rows
}

#[test]
fn every_parameter_stands_on_its_page_with_its_type_and_default() {
    for name in names() {
        let (page, params) = (page(&name), exports(&name).params);
        let rows = rows(&page);
        for param in params {
            let place = format!("docs/modules/{name}.md: {}", param.name);
            let row = rows.iter().find(|row| row[0] == param.name);
            let [_, kind, default] = row.unwrap_or_else(|| panic!("{place} is missing"));
            let expected = described(param);
            assert_eq!(kind, expected.0, "{place}: type");
            // An explanation may stand behind the value.
            let value = default.split(" (").next().unwrap_or_default();
            assert_eq!(value, expected.1, "{place}: default");
        }
        for [param, ..] in &rows {
            let there = params.iter().any(|p| p.name == param);
            assert!(
                there,
                "docs/modules/{name}.md: there is no parameter {param}"
            );
        }
    }
}

#[test]
fn every_rpc_method_stands_on_its_page_and_in_the_table_of_all() {
    let all = read(&root().join("docs/rpc.md"));
    for name in names() {
        let (page, methods) = (page(&name), exports(&name).rpc_methods);
        let words: Vec<&str> = prose(&page).flat_map(quoted).collect();
        for method in methods {
            let row = format!("\n| `{}` |", method.name);
            assert!(
                all.contains(&row),
                "docs/rpc.md: {} is missing",
                method.name
            );
        }
        for method in methods {
            assert!(
                words.contains(&method.name),
                "docs/modules/{name}.md: {} is missing",
                method.name
            );
        }
    }
}

#[test]
fn headings_are_read_as_they_are_meant() {
    let found = calls("### a(), b(x), c(x [, y])");
    let expected = [("a", 0..=0), ("b", 1..=1), ("c", 1..=2)];
    assert_eq!(found, expected.map(|(name, args)| (name.to_owned(), args)));
}
