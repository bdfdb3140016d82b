//! Statements of a route block.

use super::ast::{ArgValue, AssignValue, Call, Span, Spanned, Stmt, StmtKind};
use super::scanner::{Scanner, parse_number};
use crate::core::net::Proto;
use crate::core::script::select;

/// Deepest nesting of blocks and expressions that the parser follows.
pub const MAX_NESTING: u32 = 200;

thread_local! {
    static NESTING: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
}

/// Counts one level of nesting while it lives.
pub struct Level;

impl Level {
    /// One level deeper; `None` when that is too deep.
    pub fn enter() -> Option<Level> {
        let depth = NESTING.get() + 1;
        (depth <= MAX_NESTING).then(|| {
            NESTING.set(depth);
            Level
        })
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        NESTING.set(NESTING.get() - 1);
    }
}

impl Scanner<'_> {
    /// Statements up to the closing brace, which is taken. `head` is where the block began.
    pub fn statements(&mut self, head: Option<Span>) -> Vec<Stmt> {
        let mut all = Vec::new();
        loop {
            match self.peek() {
                None => {
                    let span = head.unwrap_or(self.span_from(self.last_end));
                    self.diagnostics
                        .error(span, "unexpected end of file: this block has no closing }");
                    return all;
                }
                Some(b'}') => {
                    self.advance(1);
                    return all;
                }
                Some(b';') => self.advance(1),
                Some(_) => {
                    let before = self.at;
                    all.extend(self.statement());
                    if self.at == before {
                        self.advance(1);
                    }
                }
            }
        }
    }

    /// One statement with its semicolon.
    pub fn statement(&mut self) -> Option<Stmt> {
        let start = self.start();
        let Some(_level) = Level::enter() else {
            self.skip_statement();
            self.error_at(start, "too deeply nested");
            return None;
        };
        match self.peek()? {
            b'{' => {
                self.advance(1);
                let body = self.statements(Some(self.span_from(start)));
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
                    self.error_at(start, "bad command: else without if");
                    None
                }
                "" => {
                    self.skip_statement();
                    let span = Span {
                        start: start as u32,
                        end: start as u32 + 1,
                    };
                    self.diagnostics
                        .error(span, "bad command: a statement is expected here");
                    None
                }
                _ => self.call_statement(start),
            },
        }
    }

    fn call_statement(&mut self, start: usize) -> Option<Stmt> {
        let call = self.call(true)?;
        let span = self.span_from(start);
        self.semicolon();
        Some(Stmt {
            kind: StmtKind::Call(call),
            span,
        })
    }

    /// The `;` behind a statement. Before an `else` older generations did without.
    fn semicolon(&mut self) {
        let end = self.last_end;
        if self.eat(";") {
            return;
        }
        let span = Span {
            start: end as u32,
            end: end as u32 + 1,
        };
        let next = self.peek_word();
        if next == "else" {
            self.diagnostics.warning(span, "missing ';' before else");
            return;
        }
        self.diagnostics.error(span, "bad command: missing ';'?");
        // What follows on this line belongs to the mistake unless it begins a statement.
        if next.is_empty() && !matches!(self.peek(), Some(b'}' | b'{' | b'$')) {
            self.skip_statement();
        }
    }

    fn if_statement(&mut self, start: usize) -> Option<Stmt> {
        self.advance(2);
        let Some(cond) = self.expression() else {
            // The condition is broken, the blocks are still worth reading.
            self.skip_to_block();
            self.branch();
            if self.eat_word("else") {
                self.branch();
            }
            return None;
        };
        let head = self.span_from(start);
        let then = self.branch();
        let otherwise = if self.eat_word("else") {
            self.branch()
        } else {
            Vec::new()
        };
        Some(Stmt {
            kind: StmtKind::If {
                cond,
                then,
                otherwise,
            },
            span: head,
        })
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
        if self.peek() == Some(b'{') {
            let start = self.start();
            self.advance(1);
            return self.statements(Some(self.span_from(start)));
        }
        if self.eat(";") {
            return Vec::new();
        }
        self.statement().into_iter().collect()
    }

    fn assignment_statement(&mut self, start: usize) -> Option<Stmt> {
        let Some(target) = self.avp_text() else {
            self.skip_statement();
            self.error_at(start, "invalid attribute");
            return None;
        };
        let at = self.start();
        if self.text(at, at + 2) == b"==" || !self.eat("=") {
            self.skip_statement();
            self.error_at(start, "bad command: = is expected behind an attribute");
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

    /// The right side of `$attr =`; an error is reported and the statement skipped.
    pub fn assigned_value(&mut self) -> Option<AssignValue> {
        let start = self.start();
        let value = match self.peek() {
            Some(b'"' | b'\'') => self.string().map(AssignValue::Str),
            Some(b'$' | b'%') => self.avp_text().map(AssignValue::Avp),
            Some(b'@') => self.select_text().map(AssignValue::Select),
            Some(b'(') => {
                self.advance(1);
                let expr = self.expression()?;
                if !self.eat(")") {
                    self.error_at(start, "missing )");
                }
                Some(AssignValue::Expr(Box::new(expr)))
            }
            _ => {
                let run = self.peek_run();
                match parse_number(run) {
                    Some(n) => {
                        self.advance(run.len());
                        Some(AssignValue::Int(n))
                    }
                    None if self.peek_word().is_empty() => None,
                    None => return self.call(false).map(AssignValue::Call),
                }
            }
        };
        if value.is_none() {
            self.skip_statement();
            self.error_at(
                start,
                "a number, string, attribute, select, command or (expression) is expected",
            );
        }
        value
    }

    /// `$name`, `$class.name[n]` without its `$`.
    pub fn avp_text(&mut self) -> Option<Spanned<String>> {
        let start = self.start();
        let rest = self.text(start + 1, usize::MAX);
        let word = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'_';
        let mut len = rest.iter().take_while(word).count();
        if len == 0 {
            return None;
        }
        if rest.get(len) == Some(&b'.') {
            let more = rest[len + 1..].iter().take_while(word).count();
            if more > 0 {
                len += 1 + more;
            }
        }
        if rest.get(len) == Some(&b'[') {
            len += rest[len..].iter().position(|&b| b == b']')? + 1;
        }
        self.advance(1 + len);
        let node = String::from_utf8_lossy(&rest[..len]).into_owned();
        Some(Spanned {
            node,
            span: self.span_from(start),
        })
    }

    /// `@select` without its `@`.
    pub fn select_text(&mut self) -> Option<Spanned<String>> {
        let start = self.start();
        let rest = self.text(start + 1, usize::MAX);
        let len = select::extent(rest);
        if len == 0 {
            return None;
        }
        self.advance(1 + len);
        let node = String::from_utf8_lossy(&rest[..len]).into_owned();
        Some(Spanned {
            node,
            span: self.span_from(start),
        })
    }

    /// A command with its arguments. As a statement, drop, exit and return may have a bare argument.
    pub fn call(&mut self, statement: bool) -> Option<Call> {
        let start = self.start();
        let name = self.word().to_owned();
        let name = Spanned {
            node: name,
            span: self.span_from(start),
        };
        let steering = matches!(name.node.as_str(), "drop" | "exit" | "return" | "break");
        if self.peek() != Some(b'(') {
            let mut args = Vec::new();
            if steering && statement && !matches!(self.peek(), Some(b';' | b'}') | None) {
                args.extend(self.argument());
            }
            return Some(Call {
                name,
                args,
                parens: false,
            });
        }
        self.advance(1);
        let mut args = Vec::new();
        if !self.eat(")") {
            loop {
                let at = self.start();
                let Some(arg) = self.argument() else {
                    self.skip_statement();
                    let span = Span {
                        start: at as u32,
                        end: at as u32 + 1,
                    };
                    self.diagnostics
                        .error(span, format!("bad {} argument", name.node));
                    return None;
                };
                args.push(arg);
                if self.eat(",") {
                    continue;
                }
                if self.eat(")") {
                    break;
                }
                let at = self.last_end;
                let span = Span {
                    start: at as u32,
                    end: at as u32 + 1,
                };
                self.diagnostics.error(span, "missing '(' or ')' ?");
                self.skip_statement();
                return None;
            }
        }
        Some(Call {
            name,
            args,
            parens: true,
        })
    }

    fn argument(&mut self) -> Option<Spanned<ArgValue>> {
        let start = self.start();
        let value = self.argument_value()?;
        Some(Spanned {
            node: value,
            span: self.span_from(start),
        })
    }

    fn argument_value(&mut self) -> Option<ArgValue> {
        match self.peek()? {
            b'"' | b'\'' => return self.string().map(ArgValue::Str),
            b'@' => return self.select_text().map(|s| ArgValue::Select(s.node)),
            b'$' if self.raw(1) == Some(b'?') => {
                self.advance(2);
                return Some(ArgValue::RetCode);
            }
            b'$' | b'%' => {
                let avp = self.avp_text()?.node;
                return Some(if avp == "retcode" {
                    ArgValue::RetCode
                } else {
                    ArgValue::Avp(avp)
                });
            }
            _ => {}
        }
        let run = self.peek_run();
        if run.is_empty() {
            return None;
        }
        match run {
            "uri:host" => {
                self.advance(run.len());
                return Some(ArgValue::UriHost);
            }
            "uri:port" => {
                self.advance(run.len());
                return Some(ArgValue::UriPort);
            }
            _ => {}
        }
        if let Some(n) = parse_number(run) {
            self.advance(run.len());
            return Some(ArgValue::Int(n));
        }
        if let Ok(ip) = run.trim_start_matches('[').trim_end_matches(']').parse() {
            self.advance(run.len());
            return Some(ArgValue::Ip(ip));
        }
        let socket = run
            .split_once(':')
            .is_some_and(|(p, _)| p == "*" || Proto::parse(p).is_some());
        if socket || run.contains(':') {
            return self.socket().map(ArgValue::Socket);
        }
        self.advance(run.len());
        Some(if run.contains(['.', '-']) {
            ArgValue::Host(run.to_owned())
        } else {
            ArgValue::Id(run.to_owned())
        })
    }
}
