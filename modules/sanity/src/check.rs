//! The checks, their bits and the order they run in; what a check can say.

use crate::{credentials, extensions, headers, request_line, uris};
use ser::core::msg::SipMsg;
use ser::core::sip::ParseError;

/// Why a request is not sane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// Answered with this code and reason.
    Answer(u16, &'static str),
    /// Not answered; why, for the log.
    Silent(&'static str),
    /// A header cannot be read, and with it no answer can be made (RFC 3261 §16.3 step 1).
    Unreadable(ParseError),
    /// The header that the check is about is not there: the check says nothing, the script gets -1.
    NotThere(&'static str),
}

/// One check; it gets the bits of the URIs to look at.
pub struct Check {
    pub bit: u32,
    /// For the log.
    pub name: &'static str,
    pub run: for<'a> fn(&mut SipMsg<'a>, u32) -> Result<(), Failure>,
}

const fn check(
    bit: u32,
    name: &'static str,
    run: for<'a> fn(&mut SipMsg<'a>, u32) -> Result<(), Failure>,
) -> Check {
    Check { bit, name, run }
}

/// Largest sum of check bits. 8 and 16, version and protocol of Via, have no check of their own, as in
/// SER: the parser refuses a Via that does not say `SIP/2.0`, and any transport is good in a Via.
pub const ALL_CHECKS: u32 = 4095;

/// The checks in SER's order, which decides what a request with several faults is told.
pub static CHECKS: [Check; 10] = [
    check(1, "ruri_sip_version", |msg, _| request_line::version(msg)),
    check(2, "ruri_scheme", |msg, _| request_line::scheme(msg)),
    check(4, "required_headers", |msg, _| headers::required(msg)),
    check(32, "cseq_method", |msg, _| headers::cseq_method(msg)),
    check(64, "cseq_value", |msg, _| headers::cseq_number(msg)),
    check(128, "cl", |msg, _| headers::content_length(msg)),
    check(256, "expires_value", |msg, _| headers::expires(msg)),
    check(512, "proxy_require", |msg, _| extensions::supported(msg)),
    check(1024, "parse_uris", uris::readable),
    check(2048, "digest", |msg, _| credentials::complete(msg)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_those_of_ser_each_once_in_rising_order() {
        let sum = CHECKS.iter().fold(0, |sum, c| {
            assert!(c.bit.is_power_of_two() && c.bit > sum, "{}", c.name);
            sum | c.bit
        });
        assert_eq!(sum | 8 | 16, ALL_CHECKS);
    }
}
