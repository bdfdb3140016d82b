//! The right sides of comparisons, and literals.

use super::condition::equality;
use crate::core::net::Proto;
use crate::core::script::{AvpRight, IpRight, NumOperand, NumRight, Pattern, StrRight};
use std::fmt::Display;
use std::net::IpAddr;

/// As ser.cfg writes a string. Bytes that are no text are replaced.
pub(super) fn quoted(text: &[u8]) -> String {
    let mut out = String::from("\"");
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

pub(super) fn number(n: impl Display) -> String {
    n.to_string()
}

pub(super) fn str_right(right: &StrRight) -> String {
    match right {
        StrRight::Lit(text) => quoted(text),
        StrRight::Avp(spec) => spec.to_string(),
        StrRight::Select(select) => format!("{select:?}"),
    }
}

pub(super) fn avp_right(right: &AvpRight) -> String {
    match right {
        AvpRight::Number(n) => number(n),
        AvpRight::Str(text) => quoted(text),
        AvpRight::Avp(spec) => spec.to_string(),
        AvpRight::Select(select) => format!("{select:?}"),
    }
}

/// Protocols and address families by their names.
pub(super) fn number_right(left: NumOperand, right: &NumRight) -> String {
    let n = match right {
        NumRight::Number(n) => *n,
        NumRight::Avp(spec) => return spec.to_string(),
    };
    let protocols = [Proto::Udp, Proto::Tcp, Proto::Tls];
    let families = [(libc::AF_INET, "INET"), (libc::AF_INET6, "INET6")];
    let name = match left {
        NumOperand::Proto | NumOperand::SndProto => {
            let known = protocols.iter().find(|proto| **proto as i64 == n);
            known.map(|proto| proto.name().to_ascii_uppercase())
        }
        NumOperand::Af | NumOperand::SndAf => {
            let known = families.iter().find(|(family, _)| i64::from(*family) == n);
            known.map(|(_, name)| (*name).to_owned())
        }
        NumOperand::SrcPort
        | NumOperand::DstPort
        | NumOperand::SndPort
        | NumOperand::ToPort
        | NumOperand::MsgLen
        | NumOperand::RetCode => None,
    };
    name.unwrap_or_else(|| number(n))
}

/// With its operator.
pub(super) fn ip_right(negate: bool, right: &IpRight) -> String {
    let right = match right {
        IpRight::Net(ip, bits) => network(*ip, *bits),
        IpRight::Name(name) => quoted(name.as_bytes()),
        IpRight::Myself => "myself".into(),
        IpRight::Pattern(regex) => return format!("=~ {}", pattern(regex)),
        IpRight::Avp(spec) => spec.to_string(),
        IpRight::Select(select) => format!("{select:?}"),
    };
    format!("{} {right}", equality(negate))
}

/// A single address without the length of its mask.
fn network(ip: IpAddr, bits: u8) -> String {
    let (shown, all) = match ip {
        IpAddr::V4(ip) => (ip.to_string(), 32),
        IpAddr::V6(ip) => (format!("[{ip}]"), 128),
    };
    match bits == all {
        true => shown,
        false => format!("{shown}/{bits}"),
    }
}

pub(super) fn pattern(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Fixed(regex) => quoted(regex.source()),
        Pattern::Avp(spec) => spec.to_string(),
        Pattern::Select(select) => format!("{select:?}"),
    }
}
