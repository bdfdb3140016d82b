//! The message as environment variables of a command: `SIP_HF_NAME` for each header, and what is known beside.
//!
//! Invariant: a value is the text of the message; a byte that no variable can hold (NUL) ends it.

use ser::core::forward::branch::identity;
use ser::core::msg::SipMsg;
use ser::core::sip::Uri;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

/// Sets them all.
pub fn set(msg: &mut SipMsg<'_>, command: &mut Command) {
    headers(msg, command);
    let mut set = |name: &str, value: &[u8]| {
        command.env(name, text(value));
    };
    set("SIP_SRCIP", msg.rcv.src.ip().to_string().as_bytes());
    set("SIP_RURI", msg.request_uri());
    set("SIP_USER", user(msg.request_uri()));
    // Spelt as in SER.
    set("SIP_ORUI", msg.original_uri());
    set("SIP_OUSER", user(msg.original_uri()));
    let id = identity(msg).map(|id| id.iter().map(|b| format!("{b:02x}")).collect::<String>());
    set("SIP_TID", id.unwrap_or_default().as_bytes());
    let tag = msg.sip.to().ok().and_then(|to| to.tag);
    set("SIP_DID", tag.unwrap_or_default());
}

/// Headers of one name stand in one variable, in their order, with commas between them.
fn headers(msg: &mut SipMsg<'_>, command: &mut Command) {
    // What cannot be parsed is behind what can, and that is there.
    if let Err(why) = msg.sip.parse_all() {
        log::debug!("DEBUG: exec: not all headers are set: {why:?}");
    }
    let mut all: Vec<(String, Vec<u8>)> = Vec::new();
    for header in msg.sip.parsed_headers() {
        let name = variable(header.name);
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, value)) => {
                value.push(b',');
                value.extend_from_slice(header.body);
            }
            None => all.push((name, header.body.to_vec())),
        }
    }
    for (name, value) in &all {
        command.env(name, text(value));
    }
}

/// `Content-Type` and `c` → `SIP_HF_CONTENT_TYPE`.
fn variable(header: &[u8]) -> String {
    let long: &[u8] = match header.to_ascii_lowercase().as_slice() {
        b"v" => b"VIA",
        b"c" => b"CONTENT_TYPE",
        b"f" => b"FROM",
        b"i" => b"CALLID",
        b"k" => b"SUPPORTED",
        b"l" => b"CONTENT_LENGTH",
        b"m" => b"CONTACT",
        b"t" => b"TO",
        b"o" => b"EVENT",
        _ => header,
    };
    let mut name = String::from("SIP_HF_");
    name.extend(long.iter().map(|&b| match b.is_ascii_alphanumeric() {
        true => char::from(b.to_ascii_uppercase()),
        false => '_',
    }));
    name
}

fn user(uri: &[u8]) -> &[u8] {
    Uri::parse(uri).map_or(b"", |uri| uri.user)
}

fn text(value: &[u8]) -> &OsStr {
    OsStr::from_bytes(value.split(|&b| b == 0).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_the_long_name_in_capitals() {
        assert_eq!(variable(b"c"), "SIP_HF_CONTENT_TYPE");
        assert_eq!(variable(b"X-My.Header"), "SIP_HF_X_MY_HEADER");
        assert_eq!(variable(b"Call-ID"), "SIP_HF_CALL_ID");
        assert_eq!(variable(b"i"), "SIP_HF_CALLID");
    }

    #[test]
    fn a_value_ends_before_a_nul() {
        assert_eq!(text(b"a\0b"), "a");
    }
}
