//! Comparisons of attributes, which are numbers or strings.

use super::super::{Select, SelectResult};
use super::number::{CmpOp, ordered, unsigned};
use super::{ERROR, truth};
use crate::core::msg::{AvpIndex, AvpSpec, AvpValue, SipMsg};

/// The other side of a comparison of an attribute.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum AvpRight {
    Number(i64),
    Str(Box<[u8]>),
    Avp(AvpSpec),
    Select(Select),
}

/// An attribute that is missing makes every comparison false, `!=` too.
pub(super) fn compare_avp(
    msg: &mut SipMsg<'_>,
    left: &AvpSpec,
    op: CmpOp,
    right: &'static AvpRight,
) -> i32 {
    let Some(left) = msg.avps.lookup(left) else {
        return 0;
    };
    let right = match right {
        AvpRight::Number(n) => Right::Int(*n),
        AvpRight::Str(text) => Right::Str(text),
        AvpRight::Avp(spec) => match msg.avps.lookup(spec) {
            Some(AvpValue::Int(n)) => Right::Int(n.into()),
            Some(AvpValue::Str(text)) => Right::Str(text),
            None => return 0,
        },
        AvpRight::Select(select) => match select.get(msg) {
            SelectResult::Value(text) => Right::Str(text),
            SelectResult::Null => return 0,
            SelectResult::Error => return ERROR,
        },
    };
    match (left, right) {
        (AvpValue::Int(a), Right::Int(b)) => truth(ordered(a.into(), op, b)),
        (AvpValue::Int(a), Right::Str(b)) => match unsigned(b) {
            Some(b) => truth(ordered(i64::from(a as u32), op, b)),
            None => ERROR,
        },
        (AvpValue::Str(a), Right::Int(b)) => match unsigned(a) {
            Some(a) => truth(ordered(a, op, b)),
            None => ERROR,
        },
        (AvpValue::Str(a), Right::Str(b)) => match op {
            CmpOp::Eq => truth(a.eq_ignore_ascii_case(b)),
            CmpOp::Ne => truth(!a.eq_ignore_ascii_case(b)),
            CmpOp::Lt | CmpOp::Gt | CmpOp::Le | CmpOp::Ge => ERROR,
        },
    }
}

enum Right<'r> {
    Int(i64),
    Str(&'r [u8]),
}

pub(super) fn test_avp(msg: &SipMsg<'_>, spec: &AvpSpec) -> bool {
    if spec.index == AvpIndex::All {
        return msg.avps.any(spec);
    }
    match msg.avps.lookup(spec) {
        Some(AvpValue::Int(n)) => n != 0,
        Some(AvpValue::Str(text)) => !text.is_empty(),
        None => false,
    }
}
