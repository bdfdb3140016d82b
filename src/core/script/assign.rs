//! Assignments to attributes.

use super::SelectResult;
use super::action::AssignValue;
use super::run::Run;
use crate::core::msg::{AvpIndex, AvpSpec, AvpValue, SerError, SipMsg};

impl Run {
    /// `$target = value`: 1, or negative when there is no value.
    pub(super) fn assign(
        &mut self,
        msg: &mut SipMsg<'_>,
        target: &'static AvpSpec,
        append: bool,
        value: &'static AssignValue,
    ) -> i32 {
        let result = match value {
            AssignValue::Int(n) => AvpValue::Int(*n),
            AssignValue::Str(text) => AvpValue::Str(text),
            AssignValue::Avp(source) if source.index == AvpIndex::All => {
                return copy_all(msg, target, append, source);
            }
            AssignValue::Avp(source) => match msg.avps.lookup(source) {
                Some(value) => value,
                None => return SerError::UNSPEC.0,
            },
            AssignValue::Select(select) => match select.get(msg) {
                SelectResult::Value(text) => AvpValue::Str(text),
                SelectResult::Null => AvpValue::Str(b""),
                SelectResult::Error => return SerError::UNSPEC.0,
            },
            AssignValue::Action(action) => AvpValue::Int(self.do_action(action, msg)),
            AssignValue::Expr(expr) => AvpValue::Int(expr.eval(msg, self).max(0)),
        };
        if let Some(last) = self.ended() {
            return last;
        }
        msg.avps.assign(target, append, result);
        1
    }
}

/// `$target = $source[]`
fn copy_all(msg: &mut SipMsg<'_>, target: &'static AvpSpec, append: bool, source: &AvpSpec) -> i32 {
    let values = msg.avps.all(source, msg.arena);
    if !append {
        msg.avps.remove(target);
    }
    for value in values {
        msg.avps.assign(target, true, value);
    }
    1
}
