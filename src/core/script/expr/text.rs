//! Comparisons of text: method, URIs, selects; exact (any case) or by regular expression.

use super::super::{Select, SelectResult, action::Pattern};
use super::{ERROR, truth};
use crate::core::msg::{AvpSpec, AvpValue, SipMsg};
use crate::core::net::{Proto, check_self};
use crate::core::sip::{FirstLine, Uri};

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

/// The text; in a reply `uri` is the status and `method` the version, as in SER's union.
pub(super) fn text_of<'a>(msg: &mut SipMsg<'a>, operand: StrOperand) -> Option<&'a [u8]> {
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

pub(super) fn compare_text(
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

pub(super) fn compare_with<'a>(
    msg: &mut SipMsg<'a>,
    text: &[u8],
    negate: bool,
    right: &'static StrRight,
) -> i32 {
    let other: &[u8] = match right {
        StrRight::Lit(lit) => lit,
        StrRight::Avp(spec) => match msg.avps.lookup(spec) {
            Some(AvpValue::Str(value)) => value,
            Some(AvpValue::Int(n)) => bumpalo::format!(in msg.arena, "{}", n as u32)
                .into_bump_str()
                .as_bytes(),
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

pub(super) fn matches(msg: &mut SipMsg<'_>, text: &[u8], pattern: &'static Pattern) -> i32 {
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
pub(super) fn is_myself(uri: &[u8]) -> Option<bool> {
    let uri = Uri::parse(uri).ok()?;
    let port = if uri.port_no == 0 { 5060 } else { uri.port_no };
    Some(check_self(uri.host, port, Proto::None))
}
