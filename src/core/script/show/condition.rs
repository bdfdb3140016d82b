//! Expressions, with no more parentheses than they need.

use super::operand::{avp_right, ip_right, number, number_right, pattern, str_right};
use super::{Within, action};
use crate::core::msg::RouteKind;
use crate::core::script::{CmpOp, Expr, IpOperand, NumOperand, StrOperand};

/// An expression in a line.
pub(super) fn show(within: Within<'_>, expr: &Expr) -> String {
    match expr {
        Expr::All(all) => joined(within, all, " && "),
        Expr::Any(all) => joined(within, all, " || "),
        Expr::Not(inner) => format!("!{}", operand(within, inner)),
        Expr::Const(true) => "1".into(),
        Expr::Const(false) => "0".into(),
        Expr::Action(inner) => action::show(within, inner),
        Expr::Actions(actions) => action::show_all(within, actions),
        Expr::Str {
            left,
            negate,
            right,
        } => format!(
            "{} {} {}",
            text(within, *left),
            equality(*negate),
            str_right(right)
        ),
        Expr::StrMatch { left, right } => format!("{} =~ {}", text(within, *left), pattern(right)),
        Expr::UriMyself { left, negate } => {
            format!("{} {} myself", text(within, *left), equality(*negate))
        }
        Expr::Ip {
            left,
            negate,
            right,
        } => format!("{} {}", address(*left), ip_right(*negate, right)),
        Expr::Num { left, op, right } => {
            let right = number_right(*left, right);
            format!("{} {} {right}", number_name(*left), operator(*op))
        }
        Expr::Avp { left, op, right } => {
            format!("{left} {} {}", operator(*op), avp_right(right))
        }
        Expr::AvpMatch { left, right } => format!("{left} =~ {}", pattern(right)),
        Expr::AvpTest(spec) => spec.to_string(),
        Expr::AvpBits { spec, and, mask } => {
            let op = if *and { "&" } else { "|" };
            format!("{spec} {op} {}", number(mask))
        }
        Expr::Select {
            left,
            negate,
            right,
        } => format!("{left:?} {} {}", equality(*negate), str_right(right)),
        Expr::SelectMatch { left, right } => format!("{left:?} =~ {}", pattern(right)),
        Expr::SelectTest(select) => format!("{select:?}"),
    }
}

fn joined(within: Within<'_>, all: &[Expr], word: &str) -> String {
    let all: Vec<String> = all.iter().map(|one| operand(within, one)).collect();
    all.join(word)
}

/// In parentheses where what is around could be read into it.
fn operand(within: Within<'_>, expr: &Expr) -> String {
    let shown = show(within, expr);
    match expr {
        Expr::Not(_)
        | Expr::Const(_)
        | Expr::Action(_)
        | Expr::Actions(_)
        | Expr::AvpTest(_)
        | Expr::SelectTest(_) => shown,
        _ => format!("({shown})"),
    }
}

pub(super) fn equality(negate: bool) -> &'static str {
    if negate { "!=" } else { "==" }
}

fn operator(op: CmpOp) -> &'static str {
    match op {
        CmpOp::Eq => "==",
        CmpOp::Ne => "!=",
        CmpOp::Lt => "<",
        CmpOp::Gt => ">",
        CmpOp::Le => "<=",
        CmpOp::Ge => ">=",
    }
}

/// Of a reply `uri` is the status (see `expr::text`).
fn text(within: Within<'_>, operand: StrOperand) -> &'static str {
    match (operand, within.kind) {
        (StrOperand::Method, _) => "method",
        (StrOperand::Uri, RouteKind::OnReply) => "status",
        (StrOperand::Uri, _) => "uri",
        (StrOperand::FromUri, _) => "from_uri",
        (StrOperand::ToUri, _) => "to_uri",
    }
}

fn address(operand: IpOperand) -> &'static str {
    match operand {
        IpOperand::Src => "src_ip",
        IpOperand::Dst => "dst_ip",
        IpOperand::Snd => "snd_ip",
        IpOperand::To => "to_ip",
    }
}

fn number_name(operand: NumOperand) -> &'static str {
    match operand {
        NumOperand::SrcPort => "src_port",
        NumOperand::DstPort => "dst_port",
        NumOperand::SndPort => "snd_port",
        NumOperand::ToPort => "to_port",
        NumOperand::Proto => "proto",
        NumOperand::SndProto => "snd_proto",
        NumOperand::Af => "af",
        NumOperand::SndAf => "snd_af",
        NumOperand::MsgLen => "msg:len",
        NumOperand::RetCode => "$?",
    }
}
