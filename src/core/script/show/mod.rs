//! The compiled program as text, for people: what is left of ser.cfg once names are looked up, synonyms and old
//! names are replaced and blocks are joined (`serctl route`).
//!
//! Each route is written in the language of ser.cfg, one statement a line, with the line of the file that it is
//! from. `action` writes statements, `condition` expressions, `operand` what both are made of.
//! Invariant: the same program gives the same text.

mod action;
mod condition;
mod operand;

use super::program::DEFAULT_ROUTE;
use super::{Program, Route};
use crate::core::msg::RouteKind;
use std::fmt::{self, Write};

/// The kinds in the order in which they are shown, and when the unnamed block of each runs.
const KINDS: [(RouteKind, &str); 5] = [
    (RouteKind::Request, "each request"),
    (RouteKind::Failure, ""),
    (RouteKind::OnReply, "each reply"),
    (RouteKind::Branch, ""),
    (RouteKind::OnSend, "each request that is sent"),
];

impl Program {
    /// All routes as text.
    pub fn show(&self) -> String {
        let mut page = Page::new(self);
        for (kind, runs_for) in KINDS {
            for route in self.table(kind).iter() {
                page.route(kind, route, runs_for);
            }
        }
        page.text
    }
}

/// Where a statement stands.
#[derive(Clone, Copy)]
struct Within<'p> {
    program: &'p Program,
    /// Kind of its route.
    kind: RouteKind,
}

/// The text as far as it is written.
struct Page<'p> {
    within: Within<'p>,
    text: String,
    /// How many blocks are open.
    depth: usize,
}

impl<'p> Page<'p> {
    fn new(program: &'p Program) -> Page<'p> {
        let kind = RouteKind::Request;
        Page {
            within: Within { program, kind },
            text: String::new(),
            depth: 0,
        }
    }

    fn route(&mut self, kind: RouteKind, route: &Route, runs_for: &str) {
        self.within.kind = kind;
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let head = match route.name.as_str() {
            DEFAULT_ROUTE => kind.word().to_owned(),
            name => format!("{}[{name}]", kind.word()),
        };
        if !route.defined {
            self.line(
                None,
                format_args!("# {head} is not in the file: a call of it does nothing"),
            );
            return;
        }
        let unnamed = route.name == DEFAULT_ROUTE && !runs_for.is_empty();
        match unnamed {
            true => self.line(None, format_args!("{head} {{  # runs for {runs_for}")),
            false => self.line(None, format_args!("{head} {{")),
        }
        self.block(&route.actions);
        self.line(None, format_args!("}}"));
    }

    /// A line; `number`: that of ser.cfg.
    fn line(&mut self, number: Option<u32>, text: fmt::Arguments<'_>) {
        let number = number.map_or(String::new(), |n| n.to_string());
        let written = writeln!(
            self.text,
            "{number:>6}  {:indent$}{text}",
            "",
            indent = self.depth * 4
        );
        debug_assert!(written.is_ok(), "a string takes everything");
    }
}
