//! Comparisons of numbers: ports, protocol, address family, length, `$?`.

use super::address::{IpOperand, sides};
use super::{ERROR, truth};
use crate::core::msg::{AvpSpec, AvpValue, SipMsg};

/// Comparison operators.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum CmpOp {
    Eq,
    Ne,
    Lt,
    Gt,
    Le,
    Ge,
}

/// Numbers that are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum NumOperand {
    SrcPort,
    DstPort,
    SndPort,
    ToPort,
    Proto,
    SndProto,
    Af,
    SndAf,
    MsgLen,
    RetCode,
}

/// The other side of a comparison of numbers.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum NumRight {
    Number(i64),
    Avp(AvpSpec),
}

fn number_of(msg: &SipMsg<'_>, operand: NumOperand) -> Option<i64> {
    let port = |operand| sides(msg, operand).map(|addr| i64::from(addr.port()));
    let family = |operand| {
        let v4 = sides(msg, operand)?.is_ipv4();
        Some(i64::from(if v4 { libc::AF_INET } else { libc::AF_INET6 }))
    };
    match operand {
        NumOperand::SrcPort => port(IpOperand::Src),
        NumOperand::DstPort => port(IpOperand::Dst),
        NumOperand::SndPort => port(IpOperand::Snd),
        NumOperand::ToPort => port(IpOperand::To),
        NumOperand::Proto => Some(msg.rcv.proto as i64),
        NumOperand::SndProto => msg.onsend.map(|o| o.socket.proto as i64),
        NumOperand::Af => family(IpOperand::Src),
        NumOperand::SndAf => family(IpOperand::Snd),
        NumOperand::MsgLen => Some(msg.onsend.map_or(msg.buf().len(), |o| o.buf.len()) as i64),
        NumOperand::RetCode => Some(msg.retcode.into()),
    }
}

pub(super) fn compare_number(
    msg: &SipMsg<'_>,
    left: NumOperand,
    op: CmpOp,
    right: &NumRight,
) -> i32 {
    let Some(left) = number_of(msg, left) else {
        return ERROR;
    };
    let right = match right {
        NumRight::Number(n) => *n,
        NumRight::Avp(spec) => match msg.avps.lookup(spec) {
            Some(AvpValue::Int(n)) => n.into(),
            Some(AvpValue::Str(text)) => match unsigned(text) {
                Some(n) => n,
                None => return ERROR,
            },
            None => return 0,
        },
    };
    truth(ordered(left, op, right))
}

pub(super) fn ordered(left: i64, op: CmpOp, right: i64) -> bool {
    match op {
        CmpOp::Eq => left == right,
        CmpOp::Ne => left != right,
        CmpOp::Lt => left < right,
        CmpOp::Gt => left > right,
        CmpOp::Le => left <= right,
        CmpOp::Ge => left >= right,
    }
}

pub(super) fn unsigned(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse::<u32>().ok().map(i64::from)
}
