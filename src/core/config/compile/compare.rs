//! Comparisons: which operand goes with which operator and which value (`expressions` of the language
//! page).

use super::super::ast::{CmpOp as Op, Operand, Right, Span, Spanned};
use super::super::scanner::parse_number;
use super::Compiler;
use crate::core::msg::RouteKind;
use crate::core::net::Proto;
use crate::core::script::{
    AvpRight, CmpOp, Expr, IpOperand, IpRight, NumOperand, NumRight, Pattern, StrOperand, StrRight,
};
use std::net::IpAddr;

/// `max_len`: the largest datagram.
const MAX_LEN: i64 = 65535;

impl Compiler<'_> {
    pub(super) fn comparison(
        &mut self,
        left: &Spanned<Operand>,
        op: &Spanned<Op>,
        right: &Spanned<Right>,
    ) -> Option<Expr> {
        self.check_block(&left.node, left.span)?;
        if let Some(operand) = str_operand(&left.node) {
            return self.compare_text(operand, op, right);
        }
        if let Some(operand) = ip_operand(&left.node) {
            return self.compare_ip(operand, op, right);
        }
        if let Some(operand) = num_operand(&left.node) {
            return self.compare_number(operand, op, right);
        }
        match &left.node {
            Operand::Avp(name) => self.compare_avp(name, left.span, op, right),
            Operand::Select(name) => self.compare_select(name, left.span, op, right),
            Operand::Myself => self.compare_myself(left.span, op, right),
            _ => self.error(left.span, "a number has nothing to be compared with"),
        }
    }

    fn check_block(&mut self, left: &Operand, span: Span) -> Option<()> {
        let onsend = match left {
            Operand::SndIp => "snd_ip",
            Operand::ToIp => "to_ip",
            Operand::SndPort => "snd_port",
            Operand::ToPort => "to_port",
            Operand::SndProto => "snd_proto",
            Operand::SndAf => "snd_af",
            _ => return Some(()),
        };
        if self.kind == RouteKind::OnSend {
            return Some(());
        }
        self.error(span, format!("{onsend} allowed only in onsend_routes"))
    }

    /// `==` and `!=`: whether it is negated.
    fn equality(&mut self, op: &Spanned<Op>) -> Option<bool> {
        match op.node {
            Op::Eq => Some(false),
            Op::Ne => Some(true),
            _ => self.error(op.span, "invalid operator,== , !=, or =~ expected"),
        }
    }

    fn str_right(&mut self, right: &Spanned<Right>) -> Option<StrRight> {
        Some(match &right.node {
            Right::Str(text) => StrRight::Lit(text.as_slice().into()),
            Right::Id(text) | Right::Host(text) => StrRight::Lit(text.as_bytes().into()),
            Right::Avp(name) => StrRight::Avp(self.avp(name, right.span)?),
            Right::Select(name) => StrRight::Select(self.select(name, right.span)?),
            _ => return self.no_string(right),
        })
    }

    fn no_string<T>(&mut self, right: &Spanned<Right>) -> Option<T> {
        let found = self.error_with(right.span, "string expected");
        if let Right::Int(n) = right.node {
            found.help(format!("write it in quotes: \"{n}\""));
        }
        None
    }

    fn no_number<T>(&mut self, right: &Spanned<Right>) -> Option<T> {
        let found = self.error_with(right.span, "number expected");
        if let Right::Str(text) = &right.node
            && let Ok(text) = std::str::from_utf8(text)
            && parse_number(text).is_some()
        {
            found.help(format!("write it without quotes: {text}"));
        }
        None
    }

    fn pattern_right(&mut self, right: &Spanned<Right>) -> Option<Pattern> {
        match &right.node {
            Right::Str(text) => self.pattern(text, right.span),
            Right::Id(text) | Right::Host(text) => self.pattern(text.as_bytes(), right.span),
            Right::Avp(name) => self.avp(name, right.span).map(Pattern::Avp),
            Right::Select(name) => self.select(name, right.span).map(Pattern::Select),
            _ => self.no_string(right),
        }
    }

    fn compare_text(
        &mut self,
        left: StrOperand,
        op: &Spanned<Op>,
        right: &Spanned<Right>,
    ) -> Option<Expr> {
        if op.node == Op::Match {
            return Some(Expr::StrMatch {
                left,
                right: self.pattern_right(right)?,
            });
        }
        let negate = self.equality(op)?;
        if right.node == Right::Myself {
            if left == StrOperand::Method {
                return self.error(right.span, "string expected");
            }
            return Some(Expr::UriMyself { left, negate });
        }
        Some(Expr::Str {
            left,
            negate,
            right: self.str_right(right)?,
        })
    }

    fn compare_ip(
        &mut self,
        left: IpOperand,
        op: &Spanned<Op>,
        right: &Spanned<Right>,
    ) -> Option<Expr> {
        if op.node == Op::Match {
            let pattern = match &right.node {
                Right::Str(_) | Right::Id(_) | Right::Host(_) => self.pattern_right(right)?,
                _ => return self.error(right.span, "string expected"),
            };
            return Some(Expr::Ip {
                left,
                negate: false,
                right: IpRight::Pattern(pattern),
            });
        }
        let negate = self.equality(op)?;
        let right = match &right.node {
            Right::Ip(ip) => single(*ip),
            Right::Net(ip, bits) => IpRight::Net(*ip, *bits),
            Right::Myself => IpRight::Myself,
            Right::Str(text) => named(&String::from_utf8_lossy(text)),
            Right::Id(text) | Right::Host(text) => named(text),
            Right::Avp(name) => IpRight::Avp(self.avp(name, right.span)?),
            Right::Select(name) => IpRight::Select(self.select(name, right.span)?),
            _ => {
                return self.error(
                    right.span,
                    "an address, network, name or myself is expected",
                );
            }
        };
        Some(Expr::Ip {
            left,
            negate,
            right,
        })
    }

    fn compare_number(
        &mut self,
        left: NumOperand,
        op: &Spanned<Op>,
        right: &Spanned<Right>,
    ) -> Option<Expr> {
        let Some(op) = ordering(op.node) else {
            return self.error(
                op.span,
                "invalid operator: numbers know ==, !=, <, >, <=, >=",
            );
        };
        let is_proto = matches!(left, NumOperand::Proto | NumOperand::SndProto);
        let right = match &right.node {
            Right::Int(n) => NumRight::Number(*n),
            Right::MaxLen if left == NumOperand::MsgLen => NumRight::Number(MAX_LEN),
            Right::Avp(name) => NumRight::Avp(self.avp(name, right.span)?),
            Right::Id(name) if is_proto => match Proto::parse(name) {
                Some(proto) => NumRight::Number(proto as i64),
                None => return self.error(right.span, "udp, tcp, tls, sctp, ws or wss expected"),
            },
            _ => return self.no_number(right),
        };
        Some(Expr::Num { left, op, right })
    }

    fn compare_avp(
        &mut self,
        name: &str,
        span: Span,
        op: &Spanned<Op>,
        right: &Spanned<Right>,
    ) -> Option<Expr> {
        let left = self.avp(name, span)?;
        let Some(order) = ordering(op.node) else {
            return Some(Expr::AvpMatch {
                left,
                right: self.pattern_right(right)?,
            });
        };
        let right_side = match &right.node {
            // As it is stored: 0xffffffff is -1.
            Right::Int(n) => AvpRight::Number(self.int32(*n, right.span)?.into()),
            Right::Str(text) => AvpRight::Str(text.as_slice().into()),
            Right::Avp(name) => AvpRight::Avp(self.avp(name, right.span)?),
            Right::Select(name) => AvpRight::Select(self.select(name, right.span)?),
            _ => return self.error(right.span, "string or number expected"),
        };
        let numeric = matches!(right_side, AvpRight::Number(_));
        if !numeric && !matches!(order, CmpOp::Eq | CmpOp::Ne) {
            return self.error(op.span, "invalid operator,== , !=, or =~ expected");
        }
        Some(Expr::Avp {
            left,
            op: order,
            right: right_side,
        })
    }

    fn compare_select(
        &mut self,
        name: &str,
        span: Span,
        op: &Spanned<Op>,
        right: &Spanned<Right>,
    ) -> Option<Expr> {
        let left = self.select(name, span)?;
        if matches!(right.node, Right::Id(_) | Right::Host(_)) {
            return self.error(right.span, "string expected");
        }
        if op.node == Op::Match {
            return Some(Expr::SelectMatch {
                left,
                right: self.pattern_right(right)?,
            });
        }
        let negate = self.equality(op)?;
        Some(Expr::Select {
            left,
            negate,
            right: self.str_right(right)?,
        })
    }

    /// `myself == uri` is `uri == myself`.
    fn compare_myself(
        &mut self,
        span: Span,
        op: &Spanned<Op>,
        right: &Spanned<Right>,
    ) -> Option<Expr> {
        let myself = Spanned {
            node: Right::Myself,
            span,
        };
        let operand = match &right.node {
            Right::Operand(operand)
                if str_operand(operand).is_some() || ip_operand(operand).is_some() =>
            {
                operand.clone()
            }
            _ => {
                let text = "uri, from_uri, to_uri, src_ip or dst_ip expected";
                return self.error(right.span, text);
            }
        };
        let operand = Spanned {
            node: operand,
            span: right.span,
        };
        self.comparison(&operand, op, &myself)
    }
}

fn str_operand(operand: &Operand) -> Option<StrOperand> {
    Some(match operand {
        Operand::Method => StrOperand::Method,
        Operand::Uri => StrOperand::Uri,
        Operand::FromUri => StrOperand::FromUri,
        Operand::ToUri => StrOperand::ToUri,
        _ => return None,
    })
}

fn ip_operand(operand: &Operand) -> Option<IpOperand> {
    Some(match operand {
        Operand::SrcIp => IpOperand::Src,
        Operand::DstIp => IpOperand::Dst,
        Operand::SndIp => IpOperand::Snd,
        Operand::ToIp => IpOperand::To,
        _ => return None,
    })
}

fn num_operand(operand: &Operand) -> Option<NumOperand> {
    Some(match operand {
        Operand::SrcPort => NumOperand::SrcPort,
        Operand::DstPort => NumOperand::DstPort,
        Operand::SndPort => NumOperand::SndPort,
        Operand::ToPort => NumOperand::ToPort,
        Operand::Proto => NumOperand::Proto,
        Operand::SndProto => NumOperand::SndProto,
        Operand::Af => NumOperand::Af,
        Operand::SndAf => NumOperand::SndAf,
        Operand::MsgLen => NumOperand::MsgLen,
        Operand::RetCode => NumOperand::RetCode,
        _ => return None,
    })
}

fn ordering(op: Op) -> Option<CmpOp> {
    Some(match op {
        Op::Eq => CmpOp::Eq,
        Op::Ne => CmpOp::Ne,
        Op::Lt => CmpOp::Lt,
        Op::Gt => CmpOp::Gt,
        Op::Le => CmpOp::Le,
        Op::Ge => CmpOp::Ge,
        Op::Match => return None,
    })
}

fn single(ip: IpAddr) -> IpRight {
    IpRight::Net(ip, if ip.is_ipv4() { 32 } else { 128 })
}

/// An address in quotes is an address.
fn named(text: &str) -> IpRight {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse()
        .map_or_else(|_| IpRight::Name(text.into()), single)
}
