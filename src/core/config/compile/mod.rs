//! From the syntax tree to the program that runs: names are looked up, arguments checked and compiled.
//!
//! One file a kind of thing: blocks and statements here, core commands in `command`, module functions in
//! `function` and `argument`, conditions in `condition` and `compare`, attributes and selects in
//! `value`. Every mistake is reported and its statement left out; the rest is still checked.

mod argument;
mod command;
mod compare;
mod condition;
mod function;
mod missing;
mod value;

pub use missing::Missing;

use super::ast::{RouteBlock, Span, Stmt, StmtKind};
use super::diagnostics::{Diagnostic, Diagnostics};
use crate::core::module::RouteMask;
use crate::core::msg::RouteKind;
use crate::core::script::{Action, ActionKind, Arm, Program};

/// What is known while a file is compiled.
pub struct Compiler<'c> {
    /// Findings.
    pub found: &'c mut Diagnostics,
    /// What has been compiled.
    pub program: Program,
    /// Modules that could not be loaded: commands and selects may be unknown for that reason alone.
    pub missing: Missing,
    /// Kind of the block that is being compiled.
    kind: RouteKind,
    /// Offset of each line's first byte.
    lines: Vec<u32>,
    /// Routes that were called: kind, name, place of the call.
    called: Vec<(RouteKind, String, Span)>,
}

impl<'c> Compiler<'c> {
    /// Nothing is compiled yet.
    pub fn new(source: &[u8], found: &'c mut Diagnostics) -> Self {
        let starts = memchr::memchr_iter(b'\n', source).map(|n| n as u32 + 1);
        Compiler {
            found,
            program: Program::default(),
            missing: Missing::default(),
            kind: RouteKind::Request,
            lines: std::iter::once(0).chain(starts).collect(),
            called: Vec::new(),
        }
    }

    /// Line number of a place, from 1.
    fn line(&self, span: Span) -> u32 {
        self.lines.partition_point(|start| *start <= span.start) as u32
    }

    /// Reports an error; always `None`, so that it can end a function.
    fn error<T>(&mut self, span: Span, message: impl Into<String>) -> Option<T> {
        self.found.error(span, message);
        None
    }

    /// Reports an error that gets a help text.
    fn error_with(&mut self, span: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.found.error(span, message)
    }

    /// Adds a block to its table. All unnamed blocks of a kind are one; a name stands once.
    pub fn block(&mut self, block: &RouteBlock) {
        self.kind = block.kind;
        let named = block.name.as_ref();
        let name = named.map_or("0", |n| n.node.as_str());
        let table = self.program.table_mut(block.kind);
        let index = table.index(name);
        if named.is_some() && table.get(index).is_some_and(|r| r.defined) {
            let span = named.map_or(block.span, |n| n.span);
            self.error_with(span, "duplicate route")
                .help(format!("there is a {}[{name}] above", block.kind.word()));
        }
        let actions = self.list(&block.body);
        if let Some(route) = self.program.table_mut(block.kind).get_mut(index) {
            route.defined = true;
            route.actions.extend(actions);
        }
    }

    /// Compiles a list of statements.
    fn list(&mut self, body: &[Stmt]) -> Vec<Action> {
        body.iter()
            .filter_map(|stmt| self.statement(stmt))
            .collect()
    }

    fn statement(&mut self, stmt: &Stmt) -> Option<Action> {
        let line = self.line(stmt.span);
        let kind = match &stmt.kind {
            StmtKind::Call(call) => return self.call(call),
            StmtKind::If { arms, otherwise } => {
                let arms: Vec<_> = arms.iter().map(|arm| self.arm(arm)).collect();
                let otherwise = self.list(otherwise);
                let arms = arms.into_iter().collect::<Option<_>>()?;
                ActionKind::If { arms, otherwise }
            }
            StmtKind::AssignAvp { target, value } => self.assignment(target, value)?,
            StmtKind::Block(body) => ActionKind::Block(self.list(body)),
        };
        Some(Action { kind, line })
    }

    fn arm(&mut self, arm: &super::ast::Arm) -> Option<Arm> {
        let line = self.line(arm.span);
        let cond = arm.cond.as_ref().and_then(|cond| self.condition(cond));
        let body = self.list(&arm.body);
        Some(Arm {
            cond: cond?,
            body,
            line,
        })
    }

    /// The index of a route that is referred to; it exists, maybe empty, from now on.
    fn refer_to_route(&mut self, kind: RouteKind, name: &str, span: Span) -> usize {
        self.called.push((kind, name.to_owned(), span));
        self.program.table_mut(kind).index(name)
    }

    /// Ends the compilation: warns of calls that lead nowhere.
    pub fn finish(self) -> Program {
        for (kind, name, span) in &self.called {
            let table = self.program.table(*kind);
            let mut defined = table.iter().filter(|route| route.defined);
            if defined.any(|route| route.name == *name) {
                continue;
            }
            let message = format!("there is no {}[{name}]: the call does nothing", kind.word());
            let known = table.iter().filter(|route| route.defined);
            let known = known.map(|route| route.name.as_str());
            self.found.warning(*span, message).suggest(name, known);
        }
        self.program
    }
}

/// The keywords of the kinds of block that a mask allows.
fn words(mask: RouteMask) -> Vec<&'static str> {
    let allowed = RouteKind::ALL.into_iter().filter(|kind| mask.allows(*kind));
    allowed.map(RouteKind::word).collect()
}
