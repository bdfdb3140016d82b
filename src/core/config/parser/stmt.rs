//! Statements of a route block.

use crate::core::config::ast::{Arm, Span, Stmt, StmtKind};
use crate::core::config::commands;
use crate::core::config::scanner::Scanner;

impl Scanner<'_> {
    /// Statements up to the closing brace, which is taken. `head` is where the block began.
    pub(super) fn statements(&mut self, head: Span) -> Vec<Stmt> {
        let mut all = Vec::new();
        while !self.unclosed {
            match self.peek() {
                None => {
                    self.unclosed = true;
                    let text = "unexpected end of file: this block has no closing }";
                    self.diagnostics.error(head, text);
                }
                Some(b'}') => {
                    self.advance(1);
                    return all;
                }
                Some(b';') => self.advance(1),
                Some(_) if self.route_begins() => self.never_closed(head),
                Some(_) => {
                    let before = self.at;
                    all.extend(self.statement());
                    if self.at == before {
                        self.advance(1);
                    }
                }
            }
        }
        all
    }

    /// Whether a block of the top level begins here, inside of another.
    fn route_begins(&mut self) -> bool {
        let kind = matches!(
            self.peek_word(),
            "route" | "failure_route" | "onreply_route" | "branch_route" | "onsend_route"
        );
        kind && matches!(self.behind_word(), Some(b'{' | b'['))
    }

    /// A closing brace was forgotten: the blocks around this place end here.
    fn never_closed(&mut self, head: Span) {
        self.unclosed = true;
        let help = (!self.diagnostics.is_full()).then(|| {
            let line = self.line_of(self.at);
            format!("{} in line {line} stands inside of it", self.peek_word())
        });
        let text = "this block has no closing }";
        let found = self.diagnostics.error(head, text);
        help.into_iter().for_each(|help| found.help(help));
    }

    /// One statement with its semicolon.
    pub(super) fn statement(&mut self) -> Option<Stmt> {
        self.nested(Self::statement_here)
    }

    fn statement_here(&mut self) -> Option<Stmt> {
        let start = self.start();
        match self.peek()? {
            b'{' => {
                self.advance(1);
                let body = self.statements(self.span_from(start));
                Some(Stmt {
                    kind: StmtKind::Block(body),
                    span: self.span_from(start),
                })
            }
            b'$' | b'%' => self.assignment_statement(start),
            _ => match self.peek_word() {
                "if" => self.if_statement(start),
                "else" => {
                    self.advance(4);
                    self.error_from(start, "bad command: else without if")
                        .help("a { is missing behind the if, or a ; stands before the else");
                    None
                }
                "" => {
                    self.skip_statement();
                    self.error_at(start, "bad command: a statement is expected here");
                    None
                }
                word if self.raw(word.len()) != Some(b'(') && !commands::is_bare(word) => {
                    self.no_command(start)
                }
                _ => self.call_statement(start),
            },
        }
    }

    /// A word that no parentheses follow and that is no command which may stand without.
    fn no_command(&mut self, start: usize) -> Option<Stmt> {
        let word = self.word();
        let span = self.span_from(start);
        let next = self.peek();
        let core = commands::group(word).is_some();
        let foreign = commands::foreign(word);
        let alone = matches!(next, Some(b';' | b'}') | None) && !core && foreign.is_none();
        if next == Some(b'(') || alone {
            self.at = start;
            return self.call_statement(start);
        }
        let (message, help) = if let Some(why) = foreign {
            (no_such(word), Some(why.to_owned()))
        } else if matches!(word, "loadmodule" | "modparam" | "flags" | "avpflags") {
            let text = format!("bad command: {word} stands outside of route blocks");
            (text, Some("is a } missing above?".into()))
        } else if next == Some(b'=') {
            let text = format!("bad command: {word} cannot be assigned to");
            (text, Some("only attributes can: $name = value".into()))
        } else if core {
            (
                format!("bad {word} argument: missing"),
                Some(commands::usage(word)),
            )
        } else {
            (format!("bad command: {word}"), None)
        };
        let found = self.diagnostics.error(span, message);
        help.into_iter().for_each(|help| found.help(help));
        found.suggest(word, commands::names());
        if next != Some(b'}') {
            self.skip_statement();
        }
        None
    }

    fn call_statement(&mut self, start: usize) -> Option<Stmt> {
        let word = self.peek_word();
        if let Some(why) = commands::foreign(word) {
            self.advance(word.len());
            self.error_from(start, no_such(word)).help(why);
            self.skip_statement();
            return None;
        }
        let call = self.call(true)?;
        let span = self.span_from(start);
        self.semicolon();
        Some(Stmt {
            kind: StmtKind::Call(call),
            span,
        })
    }

    /// The `;` behind a statement. Before an `else` older generations did without.
    pub(super) fn semicolon(&mut self) {
        let end = self.last_end;
        if self.eat(";") || self.unclosed {
            return;
        }
        let next = self.peek_word();
        if next == "else" {
            self.diagnostics
                .warning(Self::point(end), "missing ';' before else");
            return;
        }
        self.error_at(end, "bad command: missing ';'?");
        // What follows on this line belongs to the mistake unless it begins a statement.
        if next.is_empty() && !matches!(self.peek(), Some(b'}' | b'{' | b'$')) {
            self.skip_statement();
        }
    }

    fn if_statement(&mut self, start: usize) -> Option<Stmt> {
        let mut arms = vec![self.arm(start)];
        let mut otherwise = Vec::new();
        while self.eat_word("else") {
            let start = self.start();
            if self.peek_word() == "if" {
                arms.push(self.arm(start));
            } else {
                otherwise = self.branch();
                break;
            }
        }
        Some(Stmt {
            span: arms[0].span,
            kind: StmtKind::If { arms, otherwise },
        })
    }

    /// `if condition` and what it executes. When the condition is broken, the block is still read.
    fn arm(&mut self, start: usize) -> Arm {
        self.advance(2);
        let cond = self.expression();
        let span = self.span_from(start);
        if cond.is_none() {
            self.skip_to_block();
        }
        let body = self.branch();
        Arm { cond, body, span }
    }

    fn skip_to_block(&mut self) {
        while let Some(b) = self.peek() {
            match b {
                b'{' | b';' | b'}' => return,
                b'"' | b'\'' => {
                    self.string();
                }
                _ => self.advance(1),
            }
        }
    }

    /// What an `if` or `else` executes.
    fn branch(&mut self) -> Vec<Stmt> {
        let start = self.start();
        if self.peek() == Some(b'{') {
            self.advance(1);
            return self.statements(self.span_from(start));
        }
        if self.eat(";") {
            return Vec::new();
        }
        if matches!(self.peek(), None | Some(b'}')) && !self.unclosed {
            self.error_at(start, "bad command: a statement or block is expected here");
        }
        self.statement().into_iter().collect()
    }

    fn assignment_statement(&mut self, start: usize) -> Option<Stmt> {
        let Some(target) = self.avp_text() else {
            self.skip_statement();
            return None;
        };
        let at = self.start();
        if self.text(at, at + 2) == b"==" || !self.eat("=") {
            let sum = self.text(at, at + 2) == b"+=";
            self.skip_statement();
            let found = self.error_at(at, "bad command: = is expected behind an attribute");
            if sum {
                found.help("$name[] = value adds a value; module eval calculates");
            }
            return None;
        }
        let value = self.assigned_value()?;
        let span = self.span_from(start);
        self.semicolon();
        Some(Stmt {
            kind: StmtKind::AssignAvp { target, value },
            span,
        })
    }
}

/// A statement of other languages.
fn no_such(word: &str) -> String {
    format!("bad command: there is no `{word}` in this language")
}
