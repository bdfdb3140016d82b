//! References to attributes and selects as written, and the right side of an assignment.

use crate::core::config::ast::{AssignValue, Spanned};
use crate::core::config::scanner::{Scanner, parse_number};
use crate::core::script::select;

/// Longest index of an attribute with its brackets, `[-2147483648]`.
const MAX_INDEX: usize = 13;

impl Scanner<'_> {
    /// `$name`, `$class.name[n]` without its `$`; `None` after an error.
    pub(super) fn avp_text(&mut self) -> Option<Spanned<String>> {
        let start = self.start();
        let rest = self.rest(start + 1);
        let len = avp_length(rest);
        if len == 0 {
            self.advance(1);
            self.error_from(start, "invalid attribute")
                .help("the name of an attribute follows at once: $name");
            return None;
        }
        self.advance(1 + len);
        let node = String::from_utf8_lossy(&rest[..len]).into_owned();
        if self.raw(0) == Some(b'(') {
            self.error_from(start, format!("there are no pseudo-variables: ${node}(…)"))
                .help("an attribute is $name, what a message holds is a select: @ruri.user");
            return None;
        }
        let span = self.span_from(start);
        Some(Spanned { node, span })
    }

    /// `@select` without its `@`; `None` after an error.
    pub(super) fn select_text(&mut self) -> Option<Spanned<String>> {
        let start = self.start();
        let rest = self.rest(start + 1);
        let len = select::extent(rest);
        if len == 0 {
            self.advance(1);
            self.error_from(start, "malformed select")
                .help("a select is @part.part: @from.uri.user");
            return None;
        }
        self.advance(1 + len);
        let node = String::from_utf8_lossy(&rest[..len]).into_owned();
        let span = self.span_from(start);
        Some(Spanned { node, span })
    }

    /// The right side of `$attr =`; an error is reported and the statement skipped.
    pub(super) fn assigned_value(&mut self) -> Option<AssignValue> {
        let start = self.start();
        let value = match self.peek() {
            Some(b'"' | b'\'') => self.string().map(AssignValue::Str),
            Some(b'$' | b'%') => self.avp_text().map(AssignValue::Avp),
            Some(b'@') => self.select_text().map(AssignValue::Select),
            Some(b'(') => self.assigned_expression(),
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

    fn assigned_expression(&mut self) -> Option<AssignValue> {
        let start = self.start();
        self.advance(1);
        let expr = self.expression()?;
        if !self.eat(")") {
            self.missing_parenthesis(start);
            return None;
        }
        Some(AssignValue::Expr(Box::new(expr)))
    }
}

/// Length of `name`, `class.name`, either with an index.
fn avp_length(text: &[u8]) -> usize {
    let word = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'_';
    let mut len = text.iter().take_while(word).count();
    if len == 0 {
        return 0;
    }
    if text.get(len) == Some(&b'.') {
        let more = text[len + 1..].iter().take_while(word).count();
        if more > 0 {
            len += 1 + more;
        }
    }
    if text.get(len) == Some(&b'[') {
        let index = &text[len..text.len().min(len + MAX_INDEX)];
        len += index.iter().position(|&b| b == b']').map_or(0, |n| n + 1);
    }
    len
}
