//! References to attributes and selects, and assignments to attributes.

use super::super::ast::{AssignValue as Written, Span, Spanned};
use super::super::{retired, suggest};
use super::Compiler;
use crate::core::module::Regex;
use crate::core::msg::{AvpIndex, AvpName, AvpSpec, RouteKind};
use crate::core::script::{
    Action, ActionKind, AssignValue, Pattern, Select, is_writable, parse_avp_spec, select,
};

impl Compiler<'_> {
    /// The attribute that `text` (without `$`) names.
    pub(super) fn avp(&mut self, text: &str, span: Span) -> Option<AvpSpec> {
        match parse_avp_spec(text.as_bytes()) {
            Ok(spec) => Some(spec),
            Err(why) => self.error(span, why),
        }
    }

    /// The select that `text` (without `@`) names.
    pub(super) fn select(&mut self, text: &str, span: Span) -> Option<Select> {
        match Select::compile(text) {
            Ok(select) => Some(select),
            Err(why) => self.no_select(&why, text, span, None),
        }
    }

    /// Reports a select (or what holds one) that cannot be compiled, unless its module is missing.
    pub(super) fn no_select<T>(
        &mut self,
        why: &str,
        text: &str,
        span: Span,
        usage: Option<String>,
    ) -> Option<T> {
        let first = text.split(['.', '[']).next().unwrap_or(text);
        let near = suggest::nearest(first, select::names());
        let gone = retired::select(text);
        if gone.is_none() && self.select_may_be_missing(text, near.is_some()) {
            return None;
        }
        let found = self.error_with(span, why);
        match near.filter(|near| *near != first) {
            _ if gone.is_some() => gone.into_iter().for_each(|instead| found.help(instead)),
            Some(near) => found.help(format!("did you mean `@{near}`?")),
            None => usage.into_iter().for_each(|usage| found.help(usage)),
        }
        None
    }

    /// A literal pattern of `=~`.
    pub(super) fn pattern(&mut self, text: &[u8], span: Span) -> Option<Pattern> {
        match Regex::script(text) {
            Ok(regex) => Some(Pattern::Fixed(regex)),
            Err(why) => self.error(span, format!("bad regular expression: {why}")),
        }
    }

    /// `$target = value`.
    pub(super) fn assignment(
        &mut self,
        target: &Spanned<String>,
        value: &Written,
    ) -> Option<ActionKind> {
        let spec = self.avp(&target.node, target.span);
        let value = self.assigned(value, target.span);
        let spec = spec?;
        self.check_writable(&spec, target.span)?;
        let append = spec.index == AvpIndex::All;
        Some(ActionKind::AssignAvp {
            target: spec,
            append,
            value: value?,
        })
    }

    fn check_writable(&mut self, spec: &AvpSpec, span: Span) -> Option<()> {
        if !is_writable(spec) {
            let text = "You cannot change domain attributes from the script, they are read-only";
            return self.error(span, text);
        }
        if matches!(spec.name, AvpName::Regex(_)) {
            return self.error(span, "a pattern cannot be assigned to");
        }
        if matches!(spec.index, AvpIndex::At(_)) {
            self.error_with(span, "a single value of an attribute cannot be assigned to")
                .help("$name = replaces all values, $name[] = adds one");
            return None;
        }
        Some(())
    }

    /// Attributes have 32 bits; with or without sign.
    pub(super) fn int32(&mut self, n: i64, span: Span) -> Option<i32> {
        if i32::try_from(n).is_ok() || u32::try_from(n).is_ok() {
            return Some(n as i32);
        }
        self.error(
            span,
            format!("{n} does not fit into an attribute's 32 bits"),
        )
    }

    fn assigned(&mut self, value: &Written, span: Span) -> Option<AssignValue> {
        Some(match value {
            Written::Int(n) => AssignValue::Int(self.int32(*n, span)?),
            Written::Str(text) => AssignValue::Str(text.as_slice().into()),
            Written::Avp(avp) => AssignValue::Avp(self.avp(&avp.node, avp.span)?),
            Written::Select(select) => AssignValue::Select(self.select(&select.node, select.span)?),
            Written::Call(call) if self.kind == RouteKind::OnSend => {
                let text = format!("command not allowed in onsend_route: {}", call.name.node);
                return self.error(call.name.span, text);
            }
            Written::Call(call) => AssignValue::Action(Box::new(self.call(call)?)),
            Written::Expr(expr) => AssignValue::Expr(self.condition(expr)?),
        })
    }

    /// An assignment that stands in a condition.
    pub(super) fn assignment_action(
        &mut self,
        target: &Spanned<String>,
        value: &Written,
    ) -> Option<Action> {
        let line = self.line(target.span);
        let kind = self.assignment(target, value)?;
        Some(Action { kind, line })
    }
}
