//! The grammar. This file: the top level of a ser.cfg, and what begins nothing known there.
//!
//! | file | what |
//! |---|---|
//! | `assign`, `socket` | core parameters, custom variables, addresses |
//! | `declare` | `flags`, `avpflags`, `loadmodule`, `modparam` |
//! | `route` | route blocks |
//! | `stmt`, `call`, `attr` | statements, commands with their arguments, attributes and selects |
//! | `expr`, `operand` | conditions |
//!
//! Every mistake is reported where it stands; the parser then goes on where the next thing begins.

mod assign;
mod attr;
mod call;
mod declare;
mod expr;
mod operand;
mod route;
mod socket;
mod stmt;

use super::ast::{File, Item, Spanned};
use super::diagnostics::Diagnostics;
use super::scanner::Scanner;
use super::{commands, params};
use crate::core::msg::RouteKind;

/// Words that begin a statement of their own at the top level.
const KEYWORDS: [&str; 10] = [
    "flags",
    "bool",
    "avpflags",
    "loadmodule",
    "modparam",
    "route",
    "failure_route",
    "onreply_route",
    "branch_route",
    "onsend_route",
];

/// Parses a file; the findings are syntax errors only.
pub fn parse(src: &[u8]) -> (File, Diagnostics) {
    let mut s = Scanner::new(src);
    let mut file = File::default();
    while s.peek().is_some() {
        s.unclosed = false;
        let before = s.at;
        if let Some(item) = s.item() {
            file.items.push(item);
        }
        if s.at == before {
            s.advance(1);
        }
    }
    (file, s.diagnostics)
}

impl Scanner<'_> {
    fn item(&mut self) -> Option<Item> {
        if self.eat(";") {
            return None;
        }
        let start = self.start();
        let word = self.word();
        match word {
            "" => {
                self.nothing_known(start);
                None
            }
            "flags" | "bool" => Some(Item::Flags(self.flags())),
            "avpflags" => Some(Item::AvpFlags(self.avp_flags())),
            "loadmodule" => self.load_module(),
            "modparam" => self.mod_param(),
            "route" => self.route(RouteKind::Request, start),
            "failure_route" => self.route(RouteKind::Failure, start),
            "onreply_route" => self.route(RouteKind::OnReply, start),
            "branch_route" => self.route(RouteKind::Branch, start),
            "onsend_route" => self.route(RouteKind::OnSend, start),
            "reply_route" => self.reply_route(start),
            name => self.assignment(name, start),
        }
    }

    /// Something that is no word.
    fn nothing_known(&mut self, start: usize) {
        match self.peek() {
            Some(b'}') => {
                self.advance(1);
                self.error_from(start, "syntax error: } without {")
                    .help("there is a } too many above, or a { is missing");
            }
            Some(b'{') => {
                self.skip_statement();
                self.error_at(start, "syntax error: a block without a name")
                    .help("the main block begins with: route {");
            }
            Some(b'"' | b'\'') => {
                self.string();
                let text = "syntax error: a parameter, module or route block is expected here";
                self.error_from(start, text);
            }
            _ => {
                self.skip_line();
                let text = "syntax error: a parameter, module or route block is expected here";
                self.error_from(start, text);
            }
        }
    }

    /// A word that begins nothing known.
    fn unknown_statement(&mut self, name: &Spanned<String>) {
        let word = name.node.as_str();
        let next = self.peek();
        let is_command = commands::group(word).is_some();
        let (message, help) = if matches!(word, "if" | "else") || is_command {
            let help = "is there a } too many above?";
            (
                format!("syntax error: {word} belongs into a route block"),
                Some(help.to_owned()),
            )
        } else if params::find(word).is_some() {
            (
                format!("{word} has no value"),
                Some(format!("{word} = VALUE")),
            )
        } else if next == Some(b'(') {
            let text =
                format!("syntax error: {word}() is a command and belongs into a route block");
            (text, None)
        } else if word.ends_with("route") && matches!(next, Some(b'{' | b'[')) {
            let help =
                "blocks are route, failure_route, onreply_route, branch_route and onsend_route";
            (
                format!("syntax error: there is no {word} block"),
                Some(help.to_owned()),
            )
        } else {
            (
                format!("syntax error: unknown config variable {word}"),
                None,
            )
        };
        let known = params::names().chain(KEYWORDS);
        let found = self.diagnostics.error(name.span, message);
        found.suggest(word, known);
        help.into_iter().for_each(|help| found.help(help));
        let block = matches!(next, Some(b'{' | b'[')) || word == "if" && self.line_has(b'{');
        if block {
            self.skip_statement();
        } else {
            self.skip_line();
        }
    }

    /// Whether a character stands in the rest of this line.
    fn line_has(&self, wanted: u8) -> bool {
        let rest = self.rest(self.at).split(|&b| b == b'\n').next();
        rest.is_some_and(|line| line.contains(&wanted))
    }
}
