//! Version and Request-URI of the first line (RFC 3261 §7.1, §16.3 step 2).

use crate::check::Failure;
use ser::core::msg::SipMsg;
use ser::core::sip::{BadUri, FirstLine, ParseError};

/// The version is 2.0; that it begins with it, the core has seen to.
pub fn version(msg: &SipMsg<'_>) -> Result<(), Failure> {
    match msg.sip.first() {
        FirstLine::Request { version, .. } if !version.eq_ignore_ascii_case(b"SIP/2.0") => {
            Err(Failure::Answer(505, "Version Not Supported (R-URI)"))
        }
        FirstLine::Request { .. } | FirstLine::Reply { .. } => Ok(()),
    }
}

/// The scheme of the current Request-URI is one that the core can route by. What else may be wrong
/// with the URI is for the check of URIs to say.
pub fn scheme(msg: &mut SipMsg<'_>) -> Result<(), Failure> {
    match msg.parsed_uri() {
        Err(ParseError::Uri(BadUri::Scheme | BadUri::TooShort)) => Err(Failure::Answer(
            416,
            "Unsupported URI Scheme in Request URI",
        )),
        Ok(_) | Err(_) => Ok(()),
    }
}
