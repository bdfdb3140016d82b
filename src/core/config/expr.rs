//! Expressions. Precedence from low to high: `||`, `&&`, `|`, `&`, `!`; comparisons do not associate; `!`
//! applies to the whole comparison that follows.

use super::ast::{CmpOp, Expr, ExprKind, Operand, Operand2, Span, Spanned};
use super::scanner::{Scanner, parse_number};
use super::stmt::Level;

impl Scanner<'_> {
    /// An expression; `None` after an error, which was reported.
    pub fn expression(&mut self) -> Option<Expr> {
        self.or_expr()
    }

    fn joined(&self, start: usize, kind: ExprKind) -> Expr {
        Expr {
            kind,
            span: self.span_from(start),
        }
    }

    fn or_expr(&mut self) -> Option<Expr> {
        let start = self.start();
        let mut left = self.and_expr()?;
        while self.eat("||") || self.eat_word("or") {
            let right = self.and_expr()?;
            left = self.joined(start, ExprKind::Or(Box::new(left), Box::new(right)));
        }
        Some(left)
    }

    fn and_expr(&mut self) -> Option<Expr> {
        let start = self.start();
        let mut left = self.single_or_expr()?;
        while self.eat("&&") || self.eat_word("and") {
            let right = self.single_or_expr()?;
            left = self.joined(start, ExprKind::And(Box::new(left), Box::new(right)));
        }
        Some(left)
    }

    /// `|`: bits of an attribute, in old configs a logical or.
    fn single_or_expr(&mut self) -> Option<Expr> {
        let start = self.start();
        let mut left = self.single_and_expr()?;
        while self.peek() == Some(b'|') && self.raw(1) != Some(b'|') {
            self.advance(1);
            let right = self.single_and_expr()?;
            left = self.bits_or(start, left, right, false);
        }
        Some(left)
    }

    fn single_and_expr(&mut self) -> Option<Expr> {
        let start = self.start();
        let mut left = self.not_expr()?;
        while self.peek() == Some(b'&') && self.raw(1) != Some(b'&') {
            self.advance(1);
            let right = self.not_expr()?;
            left = self.bits_or(start, left, right, true);
        }
        Some(left)
    }

    fn bits_or(&mut self, start: usize, left: Expr, right: Expr, and: bool) -> Expr {
        if let (ExprKind::Test(Operand::Avp(attr)), ExprKind::Test(Operand::Int(mask))) =
            (&left.kind, &right.kind)
        {
            let attr = Spanned {
                node: attr.clone(),
                span: left.span,
            };
            return self.joined(
                start,
                ExprKind::Bits {
                    attr,
                    and,
                    mask: *mask,
                },
            );
        }
        let (left, right) = (Box::new(left), Box::new(right));
        self.joined(
            start,
            if and {
                ExprKind::And(left, right)
            } else {
                ExprKind::Or(left, right)
            },
        )
    }

    fn not_expr(&mut self) -> Option<Expr> {
        let start = self.start();
        let Some(_level) = Level::enter() else {
            self.error_at(start, "too deeply nested");
            return None;
        };
        if self.peek() == Some(b'!') && self.raw(1) != Some(b'=') {
            self.advance(1);
        } else if !self.eat_word("not") {
            return self.primary();
        }
        let inner = self.not_expr()?;
        Some(self.joined(start, ExprKind::Not(Box::new(inner))))
    }

    fn primary(&mut self) -> Option<Expr> {
        let start = self.start();
        match self.peek() {
            Some(b'(') => {
                self.advance(1);
                let inner = self.expression()?;
                if !self.eat(")") {
                    let end = self.last_end as u32;
                    self.diagnostics
                        .error(
                            Span {
                                start: end,
                                end: end + 1,
                            },
                            "missing )",
                        )
                        .help("the parenthesis that is open here needs its )");
                    return None;
                }
                Some(inner)
            }
            Some(b'{') => {
                self.advance(1);
                let body = self.statements(Some(self.span_from(start)));
                Some(self.joined(start, ExprKind::Actions(body)))
            }
            Some(b'"' | b'\'') => {
                self.string();
                self.error_at(
                    start,
                    "syntax error: a string alone is neither true nor false",
                );
                None
            }
            _ => self.comparison(start),
        }
    }

    fn comparison(&mut self, start: usize) -> Option<Expr> {
        let Some(left) = self.operand() else {
            let word = self.peek_word();
            if word.is_empty() {
                let span = Span {
                    start: start as u32,
                    end: start as u32 + 1,
                };
                self.diagnostics
                    .error(span, "syntax error: a condition is expected here");
                return None;
            }
            if word == "if" {
                let statement = self.statement()?;
                return Some(self.joined(start, ExprKind::Actions(vec![statement])));
            }
            let call = self.call(false)?;
            return self.call_or_length(start, call);
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
        let Some(op) = self.operator() else {
            return self.alone(start, left);
        };
        let at = self.start();
        let Some(right) = self.right_side() else {
            let span = Span {
                start: at as u32,
                end: at as u32 + 1,
            };
            self.diagnostics
                .error(span, "a value to compare with is expected here");
            return None;
        };
        let right = Spanned {
            node: right,
            span: self.span_from(at),
        };
        Some(self.joined(start, ExprKind::Compare { left, op, right }))
    }

    /// `len_gt(n)` of SER 0.8 is `msg:len > n`.
    fn call_or_length(&mut self, start: usize, call: super::ast::Call) -> Option<Expr> {
        use super::ast::ArgValue;
        if call.name.node != "len_gt" {
            return Some(self.joined(start, ExprKind::Call(call)));
        }
        let right = match call.args.as_slice() {
            [
                Spanned {
                    node: ArgValue::Int(n),
                    ..
                },
            ] => Operand2::Int(*n),
            [
                Spanned {
                    node: ArgValue::Id(word),
                    ..
                },
            ] if word == "max_len" => Operand2::MaxLen,
            _ => {
                self.error_at(
                    start,
                    "bad len_gt argument: a number or max_len is expected",
                );
                return None;
            }
        };
        let right = Spanned {
            node: right,
            span: self.span_from(start),
        };
        Some(self.joined(
            start,
            ExprKind::Compare {
                left: Operand::MsgLen,
                op: CmpOp::Gt,
                right,
            },
        ))
    }

    /// An operand without a comparison: attributes, selects and numbers may stand alone.
    fn alone(&mut self, start: usize, left: Operand) -> Option<Expr> {
        match left {
            Operand::Avp(_) | Operand::Select(_) | Operand::Int(_) => {
                Some(self.joined(start, ExprKind::Test(left)))
            }
            _ => {
                let end = self.last_end as u32;
                self.diagnostics.error(
                    Span {
                        start: end,
                        end: end + 1,
                    },
                    "invalid operator,== , !=, or =~ expected",
                );
                None
            }
        }
    }

    fn operator(&mut self) -> Option<CmpOp> {
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

    fn operand(&mut self) -> Option<Operand> {
        match self.peek()? {
            b'$' if self.raw(1) == Some(b'?') => {
                self.advance(2);
                return Some(Operand::RetCode);
            }
            b'$' | b'%' => {
                let avp = self.avp_text()?.node;
                return Some(if avp == "retcode" {
                    Operand::RetCode
                } else {
                    Operand::Avp(avp)
                });
            }
            b'@' => return self.select_text().map(|s| Operand::Select(s.node)),
            _ => {}
        }
        let run = self.peek_run();
        if let Some(n) = parse_number(run) {
            self.advance(run.len());
            return Some(Operand::Int(n));
        }
        let word = self.peek_word();
        if word == "msg" && self.text(self.at, self.at + 7) == b"msg:len" {
            self.advance(7);
            return Some(Operand::MsgLen);
        }
        let operand = operand_named(word)?;
        self.advance(word.len());
        Some(operand)
    }

    fn right_side(&mut self) -> Option<Operand2> {
        match self.peek()? {
            b'"' | b'\'' => return self.string().map(Operand2::Str),
            b'$' if self.raw(1) != Some(b'?') => {
                return self.avp_text().map(|a| Operand2::Avp(a.node));
            }
            b'%' => return self.avp_text().map(|a| Operand2::Avp(a.node)),
            b'@' => return self.select_text().map(|s| Operand2::Select(s.node)),
            _ => {}
        }
        let run = self.peek_run();
        if run.is_empty() {
            return None;
        }
        self.advance(run.len());
        if run == "myself" {
            return Some(Operand2::Myself);
        }
        if run == "max_len" {
            return Some(Operand2::MaxLen);
        }
        if let Some(operand) = operand_named(run) {
            return Some(Operand2::Operand(operand));
        }
        if let Some(n) = parse_number(run) {
            return Some(Operand2::Int(n));
        }
        if let Ok(ip) = run.trim_start_matches('[').trim_end_matches(']').parse() {
            return Some(Operand2::Ip(ip));
        }
        if let Some((net, mask)) = run.split_once('/') {
            return network(net, mask);
        }
        Some(if run.contains(['.', '-']) {
            Operand2::Host(run.to_owned())
        } else {
            Operand2::Id(run.to_owned())
        })
    }
}

fn operand_named(word: &str) -> Option<Operand> {
    Some(match word {
        "method" => Operand::Method,
        "uri" | "status" => Operand::Uri,
        "from_uri" => Operand::FromUri,
        "to_uri" => Operand::ToUri,
        "src_ip" => Operand::SrcIp,
        "dst_ip" => Operand::DstIp,
        "snd_ip" => Operand::SndIp,
        "to_ip" => Operand::ToIp,
        "src_port" => Operand::SrcPort,
        "dst_port" => Operand::DstPort,
        "snd_port" => Operand::SndPort,
        "to_port" => Operand::ToPort,
        "proto" => Operand::Proto,
        "snd_proto" | "to_proto" => Operand::SndProto,
        "af" => Operand::Af,
        "snd_af" | "to_af" => Operand::SndAf,
        "myself" => Operand::Myself,
        _ => return None,
    })
}

/// `ip/bits` or `ip/mask`; a mask with holes is refused.
fn network(net: &str, mask: &str) -> Option<Operand2> {
    use std::net::IpAddr;
    let ip: IpAddr = net
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()?;
    let most = if ip.is_ipv4() { 32 } else { 128 };
    let bits = match mask.parse::<u8>() {
        Ok(bits) => bits,
        Err(_) => match mask
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>()
            .ok()?
        {
            IpAddr::V4(mask) => {
                let mask = u32::from(mask);
                (mask.leading_ones() == mask.count_ones()).then_some(mask.count_ones() as u8)?
            }
            IpAddr::V6(mask) => {
                let mask = u128::from(mask);
                (mask.leading_ones() == mask.count_ones()).then_some(mask.count_ones() as u8)?
            }
        },
    };
    (bits <= most).then_some(Operand2::Net(ip, bits))
}
