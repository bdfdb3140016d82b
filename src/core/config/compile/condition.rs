//! Conditions: how they are joined, and what may stand alone.

use super::super::ast::{Call, Expr as Written, ExprKind, Operand, Span};
use super::super::retired::{self, Fate};
use super::Compiler;
use crate::core::script::Expr;

impl Compiler<'_> {
    /// Compiles an expression; `None` after an error.
    pub(super) fn condition(&mut self, expr: &Written) -> Option<Expr> {
        Some(match &expr.kind {
            ExprKind::All(all) => Expr::All(self.conditions(all)?),
            ExprKind::Any(all) => Expr::Any(self.conditions(all)?),
            ExprKind::Not(e) => Expr::Not(Box::new(self.condition(e)?)),
            ExprKind::Compare { left, op, right } => self.comparison(left, op, right)?,
            ExprKind::Test(operand) => self.test(operand, expr.span)?,
            ExprKind::Bits { attr, and, mask } => {
                let spec = self.avp(&attr.node, attr.span)?;
                Expr::AvpBits {
                    spec,
                    and: *and,
                    mask: *mask,
                }
            }
            ExprKind::Call(call) => self.call_condition(call)?,
            ExprKind::AssignAvp { target, value } => {
                Expr::Action(Box::new(self.assignment_action(target, value)?))
            }
            ExprKind::Actions(body) => Expr::Actions(self.list(body)),
        })
    }

    /// Compiles all, so that every mistake is reported.
    fn conditions(&mut self, all: &[Written]) -> Option<Vec<Expr>> {
        let all: Vec<_> = all.iter().map(|one| self.condition(one)).collect();
        all.into_iter().collect()
    }

    /// What a retired function looked for is not there.
    fn call_condition(&mut self, call: &Call) -> Option<Expr> {
        let action = self.call(call)?;
        let gone = retired::function(&call.name.node);
        if matches!(gone, Some(Fate::NoEffect(_))) {
            return Some(Expr::Const(false));
        }
        Some(Expr::Action(Box::new(action)))
    }

    fn test(&mut self, operand: &Operand, span: Span) -> Option<Expr> {
        match operand {
            Operand::Avp(name) => self.avp(name, span).map(Expr::AvpTest),
            Operand::Select(name) => self.select(name, span).map(Expr::SelectTest),
            Operand::Int(n) => Some(Expr::Const(*n != 0)),
            _ => self.error(span, "invalid operator,== , !=, or =~ expected"),
        }
    }
}
