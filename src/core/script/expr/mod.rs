//! Expressions: three-valued, 1 true, 0 false, -1 error. `!` keeps an error, `&&` and `||` stop at one.
//!
//! `text`, `address`, `number` and `attr` compare their kind of operand.

mod address;
mod attr;
mod number;
mod text;

pub use address::{IpOperand, IpRight};
pub use attr::AvpRight;
pub use number::{CmpOp, NumOperand, NumRight};
pub use text::{StrOperand, StrRight, status_text};

use super::action::{Pattern, fixup_all};
use super::run::Run;
use super::{Action, HostNames, Select, SelectResult};
use crate::core::msg::{AvpSpec, AvpValue, SipMsg};
use address::{compare_ip, ip_of};
use attr::{compare_avp, test_avp};
use number::compare_number;
use text::{compare_text, compare_with, is_myself, matches, text_of};

/// An expression.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Expr {
    /// `a && b && …`
    All(Vec<Expr>),
    /// `a || b || …`
    Any(Vec<Expr>),
    Not(Box<Expr>),
    Const(bool),
    Action(Box<Action>),
    Actions(Vec<Action>),
    Str {
        left: StrOperand,
        negate: bool,
        right: StrRight,
    },
    StrMatch {
        left: StrOperand,
        right: Pattern,
    },
    UriMyself {
        left: StrOperand,
        negate: bool,
    },
    Ip {
        left: IpOperand,
        negate: bool,
        right: IpRight,
    },
    Num {
        left: NumOperand,
        op: CmpOp,
        right: NumRight,
    },
    Avp {
        left: AvpSpec,
        op: CmpOp,
        right: AvpRight,
    },
    AvpMatch {
        left: AvpSpec,
        right: Pattern,
    },
    AvpTest(AvpSpec),
    AvpBits {
        spec: AvpSpec,
        and: bool,
        mask: i64,
    },
    Select {
        left: Select,
        negate: bool,
        right: StrRight,
    },
    SelectMatch {
        left: Select,
        right: Pattern,
    },
    SelectTest(Select),
}

const TRUE: i32 = 1;
const FALSE: i32 = 0;
const ERROR: i32 = -1;

fn truth(value: bool) -> i32 {
    i32::from(value)
}

/// Evaluates one after the other as long as they are `going`; the value of the last.
fn chain(all: &'static [Expr], going: i32, msg: &mut SipMsg<'_>, run: &mut Run) -> i32 {
    let mut value = going;
    for expr in all {
        value = expr.eval(msg, run);
        if value != going || run.is_ending() {
            break;
        }
    }
    value
}

impl Expr {
    /// Fixes up the actions inside.
    pub fn fixup(&mut self, names: &mut HostNames) -> Result<(), String> {
        match self {
            Expr::All(all) | Expr::Any(all) => all.iter_mut().try_for_each(|e| e.fixup(names)),
            Expr::Not(e) => e.fixup(names),
            Expr::Action(action) => action.fixup(names),
            Expr::Actions(actions) => fixup_all(actions, names),
            Expr::Ip { right, .. } => {
                if right.may_be_name() {
                    crate::core::dns::want_resolver();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Evaluates for this message. Check [`Run::is_ending`] afterwards: an action inside may end the
    /// route or the script.
    pub fn eval(&'static self, msg: &mut SipMsg<'_>, run: &mut Run) -> i32 {
        match self {
            Expr::All(all) => chain(all, TRUE, msg, run),
            Expr::Any(all) => chain(all, FALSE, msg, run),
            Expr::Not(e) => match e.eval(msg, run) {
                ERROR => ERROR,
                value => truth(value == 0),
            },
            Expr::Const(value) => truth(*value),
            Expr::Action(action) => truth(run.do_action(action, msg) > 0),
            Expr::Actions(actions) => truth(run.run_actions(actions, msg) > 0),
            test => {
                run.moves();
                test.compare(msg)
            }
        }
    }

    /// Evaluates one that holds no other.
    fn compare(&'static self, msg: &mut SipMsg<'_>) -> i32 {
        match self {
            Expr::All(_)
            | Expr::Any(_)
            | Expr::Not(_)
            | Expr::Const(_)
            | Expr::Action(_)
            | Expr::Actions(_) => ERROR,
            Expr::Str {
                left,
                negate,
                right,
            } => compare_text(msg, *left, *negate, right),
            Expr::StrMatch { left, right } => match text_of(msg, *left) {
                Some(text) => matches(msg, text, right),
                None => ERROR,
            },
            Expr::UriMyself { left, negate } => match text_of(msg, *left) {
                Some(uri) => is_myself(uri).map_or(ERROR, |yes| truth(yes != *negate)),
                None => ERROR,
            },
            Expr::Ip {
                left,
                negate,
                right,
            } => match ip_of(msg, *left) {
                Some(ip) => compare_ip(msg, ip, *negate, right),
                None => ERROR,
            },
            Expr::Num { left, op, right } => compare_number(msg, *left, *op, right),
            Expr::Avp { left, op, right } => compare_avp(msg, left, *op, right),
            Expr::AvpMatch { left, right } => match msg.avps.lookup(left) {
                Some(AvpValue::Str(text)) => matches(msg, text, right),
                Some(AvpValue::Int(_)) => ERROR,
                None => 0,
            },
            Expr::AvpTest(spec) => truth(test_avp(msg, spec)),
            Expr::AvpBits { spec, and, mask } => match msg.avps.lookup(spec) {
                Some(AvpValue::Int(n)) => {
                    let n = i64::from(n);
                    truth(if *and { n & mask != 0 } else { n | mask != 0 })
                }
                Some(AvpValue::Str(_)) => ERROR,
                None => 0,
            },
            Expr::Select {
                left,
                negate,
                right,
            } => match left.get(msg) {
                SelectResult::Value(text) => compare_with(msg, text, *negate, right),
                SelectResult::Null => 0,
                SelectResult::Error => ERROR,
            },
            Expr::SelectMatch { left, right } => match left.get(msg) {
                SelectResult::Value(text) => matches(msg, text, right),
                SelectResult::Null => 0,
                SelectResult::Error => ERROR,
            },
            Expr::SelectTest(select) => match select.get(msg) {
                SelectResult::Value(text) => truth(!text.is_empty()),
                SelectResult::Null => 0,
                SelectResult::Error => ERROR,
            },
        }
    }
}
