//! Digest credentials have all that checking them needs (RFC 3261 §22.4).

use crate::check::Failure;
use ser::core::msg::SipMsg;
use ser::core::sip::{Credentials, HdrType};

/// All Authorization and Proxy-Authorization headers; credentials of another scheme than Digest
/// have nothing that could be missing.
pub fn complete(msg: &mut SipMsg<'_>) -> Result<(), Failure> {
    msg.sip.parse_all().map_err(Failure::Unreadable)?;
    for header in msg.sip.parsed_headers() {
        if !matches!(
            header.kind,
            HdrType::Authorization | HdrType::ProxyAuthorization
        ) {
            continue;
        }
        match Credentials::parse(header.body) {
            Ok(found) if found.digest && !found.is_complete() => {
                return Err(Failure::Silent("incomplete digest credentials"));
            }
            Ok(_) => {}
            Err(_) => return Err(Failure::Silent("unreadable credentials")),
        }
    }
    Ok(())
}
