//! Expressions. Precedence from low to high: `||`, `&&`, `|`, `&`, `!`; comparisons do not associate; `!`
//! applies to the whole comparison that follows.

use crate::core::config::ast::{CmpOp, Expr, ExprKind, Operand, Right, Spanned};
use crate::core::config::scanner::Scanner;

impl Scanner<'_> {
    /// An expression; `None` after an error, which was reported.
    pub(super) fn expression(&mut self) -> Option<Expr> {
        let start = self.start();
        let mut all = vec![self.and_expr()?];
        while self.eat("||") || self.eat_word("or") {
            all.push(self.and_expr()?);
        }
        Some(self.chain(start, all, ExprKind::Any))
    }

    fn and_expr(&mut self) -> Option<Expr> {
        let start = self.start();
        let mut all = vec![self.bit_or_expr()?];
        while self.eat("&&") || self.eat_word("and") {
            all.push(self.bit_or_expr()?);
        }
        Some(self.chain(start, all, ExprKind::All))
    }

    /// `|`: bits of an attribute, in old configs a logical or.
    fn bit_or_expr(&mut self) -> Option<Expr> {
        let start = self.start();
        let mut all = vec![self.bit_and_expr()?];
        while self.peek() == Some(b'|') && self.raw(1) != Some(b'|') {
            self.advance(1);
            let right = self.bit_and_expr()?;
            self.bits_or_chain(&mut all, right, false);
        }
        Some(self.chain(start, all, ExprKind::Any))
    }

    fn bit_and_expr(&mut self) -> Option<Expr> {
        let start = self.start();
        let mut all = vec![self.not_expr()?];
        while self.peek() == Some(b'&') && self.raw(1) != Some(b'&') {
            self.advance(1);
            let right = self.not_expr()?;
            self.bits_or_chain(&mut all, right, true);
        }
        Some(self.chain(start, all, ExprKind::All))
    }

    /// One expression is itself.
    fn chain(&self, start: usize, mut all: Vec<Expr>, kind: fn(Vec<Expr>) -> ExprKind) -> Expr {
        match (all.len(), all.pop()) {
            (1, Some(only)) => only,
            (_, last) => {
                all.extend(last);
                self.joined(start, kind(all))
            }
        }
    }

    /// `$attr & NUMBER` tests bits; anything else is one more of the chain.
    fn bits_or_chain(&self, all: &mut Vec<Expr>, right: Expr, and: bool) {
        let bits = match (all.as_slice(), &right.kind) {
            (
                [
                    Expr {
                        kind: ExprKind::Test(Operand::Avp(attr)),
                        span,
                    },
                ],
                ExprKind::Test(Operand::Int(mask)),
            ) => Some(ExprKind::Bits {
                attr: Spanned {
                    node: attr.clone(),
                    span: *span,
                },
                and,
                mask: *mask,
            }),
            _ => None,
        };
        match bits {
            Some(bits) => all[0] = self.joined(all[0].span.start as usize, bits),
            None => all.push(right),
        }
    }

    fn joined(&self, start: usize, kind: ExprKind) -> Expr {
        Expr {
            kind,
            span: self.span_from(start),
        }
    }

    fn not_expr(&mut self) -> Option<Expr> {
        self.nested(|s| {
            let start = s.start();
            if s.peek() == Some(b'!') && s.raw(1) != Some(b'=') {
                s.advance(1);
            } else if !s.eat_word("not") {
                return s.primary();
            }
            let inner = s.not_expr()?;
            Some(s.joined(start, ExprKind::Not(Box::new(inner))))
        })
    }

    fn primary(&mut self) -> Option<Expr> {
        let start = self.start();
        match self.peek() {
            Some(b'(') => {
                self.advance(1);
                let inner = self.expression()?;
                if !self.eat(")") {
                    self.missing_parenthesis(start);
                    return None;
                }
                Some(inner)
            }
            Some(b'{') => {
                self.advance(1);
                let body = self.statements(self.span_from(start));
                Some(self.joined(start, ExprKind::Actions(body)))
            }
            Some(b'"' | b'\'') => {
                self.string();
                let compared = self.operator().is_some();
                let text = "syntax error: a string alone is neither true nor false";
                let found = self.error_from(start, text);
                if compared {
                    found.help("what is compared stands on the left: method == \"INVITE\"");
                }
                None
            }
            _ => self.comparison(start),
        }
    }

    pub(super) fn missing_parenthesis(&mut self, open: usize) {
        if self.unclosed {
            return;
        }
        let line = (!self.diagnostics.is_full()).then(|| self.line_of(open));
        let at = self.last_end;
        let found = self.error_at(at, "missing )");
        if let Some(line) = line {
            found.help(format!("the ( in line {line} needs its )"));
        }
    }

    fn comparison(&mut self, start: usize) -> Option<Expr> {
        let Some(left) = self.operand() else {
            return self.no_operand(start);
        };
        if let Operand::Avp(attr) = &left
            && self.peek() == Some(b'=')
            && !matches!(self.raw(1), Some(b'=' | b'~'))
        {
            let target = Spanned {
                node: attr.clone(),
                span: self.span_from(start),
            };
            self.advance(1);
            let value = Box::new(self.assigned_value()?);
            return Some(self.joined(start, ExprKind::AssignAvp { target, value }));
        }
        let left = Spanned {
            node: left,
            span: self.span_from(start),
        };
        let at = self.start();
        let Some(op) = self.operator() else {
            return self.alone(start, left.node);
        };
        let op = Spanned {
            node: op,
            span: self.span_from(at),
        };
        let right = self.compared_with()?;
        Some(self.joined(start, ExprKind::Compare { left, op, right }))
    }

    /// What begins with no operand: a command, an `if`, or a mistake.
    fn no_operand(&mut self, start: usize) -> Option<Expr> {
        let word = self.peek_word();
        if word.is_empty() {
            // The operand is there, and broken: that was said.
            if self.at == start {
                self.error_at(start, "syntax error: a condition is expected here");
            }
            return None;
        }
        if self.at != start {
            return None;
        }
        if word == "if" {
            let statement = self.statement()?;
            return Some(self.joined(start, ExprKind::Actions(vec![statement])));
        }
        let call = self.call(false)?;
        if !call.parens && self.operator().is_some() {
            let word = call.name.node.as_str();
            let text = format!("syntax error: {word} is nothing that can be compared");
            let known = super::operand::NAMES;
            self.diagnostics
                .error(call.name.span, text)
                .suggest(word, known);
            return None;
        }
        self.call_or_length(start, call)
    }

    /// `len_gt(n)` of SER 0.8 is `msg:len > n`.
    fn call_or_length(
        &mut self,
        start: usize,
        call: crate::core::config::ast::Call,
    ) -> Option<Expr> {
        use crate::core::config::ast::ArgValue;
        if call.name.node != "len_gt" {
            return Some(self.joined(start, ExprKind::Call(call)));
        }
        let limit = match call.args.as_slice() {
            [arg] => match &arg.node {
                ArgValue::Int(n) => Some(Right::Int(*n)),
                ArgValue::Id(word) if word == "max_len" => Some(Right::MaxLen),
                _ => None,
            },
            _ => None,
        };
        let Some(node) = limit else {
            let text = "bad len_gt argument: a number or max_len is expected";
            self.error_from(start, text);
            return None;
        };
        let span = self.span_from(start);
        let kind = ExprKind::Compare {
            left: Spanned {
                node: Operand::MsgLen,
                span,
            },
            op: Spanned {
                node: CmpOp::Gt,
                span,
            },
            right: Spanned { node, span },
        };
        Some(self.joined(start, kind))
    }

    /// An operand without a comparison: attributes, selects and numbers may stand alone.
    fn alone(&mut self, start: usize, left: Operand) -> Option<Expr> {
        if matches!(left, Operand::Avp(_) | Operand::Select(_) | Operand::Int(_)) {
            return Some(self.joined(start, ExprKind::Test(left)));
        }
        let at = self.start();
        let assigned = self.peek() == Some(b'=');
        let found = self.error_at(at, "invalid operator,== , !=, or =~ expected");
        if assigned {
            found.help("did you mean `==`?");
        }
        None
    }

    pub(super) fn operator(&mut self) -> Option<CmpOp> {
        const ALL: [(&str, CmpOp); 7] = [
            ("==", CmpOp::Eq),
            ("!=", CmpOp::Ne),
            ("=~", CmpOp::Match),
            ("<=", CmpOp::Le),
            (">=", CmpOp::Ge),
            ("<", CmpOp::Lt),
            (">", CmpOp::Gt),
        ];
        ALL.into_iter()
            .find(|(text, _)| self.eat(text))
            .map(|(_, op)| op)
    }
}
