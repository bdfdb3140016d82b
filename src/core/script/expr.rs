//! Expressions: three-valued, 1 true, 0 false, -1 error. `!` keeps an error, `&&` and `||` stop at one.

use super::action::Pattern;
use super::run::Run;
use super::{Action, Select, SelectResult};
use crate::core::msg::{AvpIndex, AvpSpec, AvpValue, SipMsg};
use crate::core::net::{Proto, check_self};
use crate::core::sip::{FirstLine, Uri};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

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

/// Text of the message that is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum StrOperand {
    Method,
    Uri,
    FromUri,
    ToUri,
}

/// The other side of a text comparison.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum StrRight {
    Lit(Box<[u8]>),
    Avp(AvpSpec),
    Select(Select),
}

/// Addresses that are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum IpOperand {
    Src,
    Dst,
    Snd,
    To,
}

/// The other side of an address comparison.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum IpRight {
    Net(IpAddr, u8),
    Name(Box<str>),
    Myself,
    Pattern(Pattern),
    /// An address or name that only a message has.
    Avp(AvpSpec),
    Select(Select),
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

/// The other side of a comparison of an attribute.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum AvpRight {
    Number(i64),
    Str(Box<[u8]>),
    Avp(AvpSpec),
    Select(Select),
}

/// An expression.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Expr {
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
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

const ERROR: i32 = -1;

fn truth(value: bool) -> i32 {
    i32::from(value)
}

impl Expr {
    /// Fixes up the actions inside.
    pub fn fixup(&mut self) -> Result<(), String> {
        match self {
            Expr::And(a, b) | Expr::Or(a, b) => {
                a.fixup()?;
                b.fixup()
            }
            Expr::Not(e) => e.fixup(),
            Expr::Action(action) => action.fixup(),
            Expr::Actions(actions) => actions.iter_mut().try_for_each(Action::fixup),
            _ => Ok(()),
        }
    }

    /// Evaluates for this message. Check `run.exiting` afterwards: an action inside may end the script.
    pub fn eval(&'static self, msg: &mut SipMsg<'_>, run: &mut Run) -> i32 {
        match self {
            Expr::And(a, b) => match a.eval(msg, run) {
                1 if !run.exiting => b.eval(msg, run),
                other => other,
            },
            Expr::Or(a, b) => match a.eval(msg, run) {
                0 if !run.exiting => b.eval(msg, run),
                other => other,
            },
            Expr::Not(e) => match e.eval(msg, run) {
                ERROR => ERROR,
                value => truth(value == 0),
            },
            Expr::Const(value) => truth(*value),
            Expr::Action(action) => truth(run.do_action(action, msg) > 0),
            Expr::Actions(actions) => truth(run.actions(actions, msg) > 0),
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

/// The text; in a reply `uri` is the status and `method` the version, as in SER's union.
fn text_of<'a>(msg: &mut SipMsg<'a>, operand: StrOperand) -> Option<&'a [u8]> {
    match (operand, *msg.sip.first()) {
        (StrOperand::Method, FirstLine::Request { method_name, .. }) => Some(method_name),
        (StrOperand::Method, FirstLine::Reply { version, .. }) => Some(version),
        (StrOperand::Uri, FirstLine::Request { .. }) => Some(msg.request_uri()),
        (StrOperand::Uri, FirstLine::Reply { code, .. }) => Some(status_text(msg, code)),
        (StrOperand::FromUri, _) => msg.sip.from().ok().map(|from| from.uri),
        (StrOperand::ToUri, _) => msg.sip.to().ok().map(|to| to.uri),
    }
}

/// The three digits of a status.
pub fn status_text<'a>(msg: &SipMsg<'a>, code: u16) -> &'a [u8] {
    let digits = [code / 100 % 10, code / 10 % 10, code % 10].map(|d| b'0' + d as u8);
    msg.store(&digits)
}

fn compare_text(
    msg: &mut SipMsg<'_>,
    left: StrOperand,
    negate: bool,
    right: &'static StrRight,
) -> i32 {
    match text_of(msg, left) {
        Some(text) => compare_with(msg, text, negate, right),
        None => ERROR,
    }
}

fn compare_with<'a>(
    msg: &mut SipMsg<'a>,
    text: &[u8],
    negate: bool,
    right: &'static StrRight,
) -> i32 {
    let other: &[u8] = match right {
        StrRight::Lit(lit) => lit,
        StrRight::Avp(spec) => match msg.avps.lookup(spec) {
            Some(AvpValue::Str(value)) => value,
            Some(AvpValue::Int(n)) => msg.store(n.to_string().as_bytes()),
            None => return 0,
        },
        StrRight::Select(select) => match select.get(msg) {
            SelectResult::Value(value) => value,
            SelectResult::Null => return 0,
            SelectResult::Error => return ERROR,
        },
    };
    truth(text.eq_ignore_ascii_case(other) != negate)
}

fn matches(msg: &mut SipMsg<'_>, text: &[u8], pattern: &'static Pattern) -> i32 {
    let source = match pattern {
        Pattern::Fixed(re) => return truth(re.is_match(text)),
        Pattern::Avp(spec) => match msg.avps.lookup(spec) {
            Some(AvpValue::Str(source)) => source,
            Some(AvpValue::Int(_)) => return ERROR,
            None => return 0,
        },
        Pattern::Select(select) => match select.get(msg) {
            SelectResult::Value(source) => source,
            SelectResult::Null => return 0,
            SelectResult::Error => return ERROR,
        },
    };
    match crate::core::module::Regex::script(source) {
        Ok(re) => truth(re.is_match(text)),
        Err(why) => {
            log::error!(
                "ERROR: bad regular expression {}: {why}",
                String::from_utf8_lossy(source)
            );
            ERROR
        }
    }
}

/// Whether a URI's host and port (5060 if it has none) are ours, by any protocol.
fn is_myself(uri: &[u8]) -> Option<bool> {
    let uri = Uri::parse(uri).ok()?;
    let port = if uri.port_no == 0 { 5060 } else { uri.port_no };
    Some(check_self(uri.host, port, Proto::None))
}

fn sides(msg: &SipMsg<'_>, operand: IpOperand) -> Option<SocketAddr> {
    match operand {
        IpOperand::Src => Some(msg.rcv.src),
        IpOperand::Dst => Some(msg.rcv.dst),
        IpOperand::Snd => msg.onsend.map(|o| o.socket.addr),
        IpOperand::To => msg.onsend.map(|o| o.to),
    }
}

fn ip_of(msg: &SipMsg<'_>, operand: IpOperand) -> Option<IpAddr> {
    sides(msg, operand).map(|addr| addr.ip())
}

fn compare_ip(msg: &mut SipMsg<'_>, ip: IpAddr, negate: bool, right: &'static IpRight) -> i32 {
    let same = match right {
        IpRight::Net(net, bits) => in_net(ip, *net, *bits),
        IpRight::Myself => check_self(ip.to_string().as_bytes(), 0, Proto::None),
        IpRight::Name(name) => has_address(name, ip),
        IpRight::Avp(spec) => match msg.avps.lookup(spec) {
            Some(AvpValue::Str(text)) => is_address(text, ip),
            Some(AvpValue::Int(_)) => return ERROR,
            None => return 0,
        },
        IpRight::Select(select) => match select.get(msg) {
            SelectResult::Value(text) => is_address(text, ip),
            SelectResult::Null => return 0,
            SelectResult::Error => return ERROR,
        },
        IpRight::Pattern(pattern) => {
            return matches(msg, ip.to_string().as_bytes(), pattern);
        }
    };
    truth(same != negate)
}

/// Whether `text` is this address or a name that has it.
fn is_address(text: &[u8], ip: IpAddr) -> bool {
    let text = String::from_utf8_lossy(text);
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(other) => other == ip,
        Err(_) => has_address(&text, ip),
    }
}

/// Whether the name resolves to this address.
fn has_address(name: &str, ip: IpAddr) -> bool {
    let found = (name, 0).to_socket_addrs();
    found.is_ok_and(|mut found| found.any(|addr| addr.ip() == ip))
}

fn in_net(ip: IpAddr, net: IpAddr, bits: u8) -> bool {
    match (ip, net) {
        (IpAddr::V4(ip), IpAddr::V4(net)) => {
            let mask = u32::MAX
                .checked_shl(32 - u32::from(bits.min(32)))
                .unwrap_or(0);
            (u32::from(ip) ^ u32::from(net)) & mask == 0
        }
        (IpAddr::V6(ip), IpAddr::V6(net)) => {
            let mask = u128::MAX
                .checked_shl(128 - u32::from(bits.min(128)))
                .unwrap_or(0);
            (u128::from(ip) ^ u128::from(net)) & mask == 0
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
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

fn compare_number(msg: &SipMsg<'_>, left: NumOperand, op: CmpOp, right: &NumRight) -> i32 {
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

fn ordered(left: i64, op: CmpOp, right: i64) -> bool {
    match op {
        CmpOp::Eq => left == right,
        CmpOp::Ne => left != right,
        CmpOp::Lt => left < right,
        CmpOp::Gt => left > right,
        CmpOp::Le => left <= right,
        CmpOp::Ge => left >= right,
    }
}

fn unsigned(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse::<u32>().ok().map(i64::from)
}

/// An attribute that is missing makes every comparison false, `!=` too.
fn compare_avp(msg: &mut SipMsg<'_>, left: &AvpSpec, op: CmpOp, right: &'static AvpRight) -> i32 {
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

fn test_avp(msg: &SipMsg<'_>, spec: &AvpSpec) -> bool {
    if spec.index == AvpIndex::All {
        return msg.avps.any(spec);
    }
    match msg.avps.lookup(spec) {
        Some(AvpValue::Int(n)) => n != 0,
        Some(AvpValue::Str(text)) => !text.is_empty(),
        None => false,
    }
}
