//! Rewrites the Request-URI: user, password, host, port, prefix, strip. The rest of the URI is kept; as
//! in SER the result is a `sip:` URI whatever it was before.

use super::UriOp;
use crate::core::msg::{BumpVec, SerError, SipMsg};
use crate::core::sip::Uri;

struct Parts<'p> {
    user: &'p [u8],
    passwd: &'p [u8],
    host: &'p [u8],
    port: &'p [u8],
}

/// Carries the change out; -1 (and `bad uri`) when the current Request-URI cannot be parsed.
pub fn apply(msg: &mut SipMsg<'_>, op: &'static UriOp) -> i32 {
    if let UriOp::Uri(uri) = op {
        msg.set_uri(uri);
        return 1;
    }
    let Ok(uri) = msg.parsed_uri() else {
        log::error!(
            "ERROR: do_action: bad uri <{}>",
            msg.request_uri().escape_ascii()
        );
        msg.error = SerError::BAD_URI;
        return -1;
    };
    let mut parts = Parts {
        user: uri.user,
        passwd: uri.passwd,
        host: uri.host,
        port: uri.port,
    };
    let mut prefix: &[u8] = b"";
    match op {
        UriOp::Host(host) => parts.host = host,
        UriOp::HostPort(host_port) => {
            parts.host = host_port;
            parts.port = b"";
        }
        UriOp::User(user) => parts.user = user,
        UriOp::UserPass(user_pass) => {
            parts.user = user_pass;
            parts.passwd = b"";
        }
        UriOp::Port(port) => parts.port = port,
        UriOp::Prefix(text) => prefix = text,
        UriOp::Strip(n) => parts.user = strip(parts.user, *n, |user, n| &user[n..]),
        UriOp::StripTail(n) => {
            parts.user = strip(parts.user, *n, |user, n| &user[..user.len() - n])
        }
        UriOp::Uri(_) => {}
    }
    let text = compose(msg, &uri, prefix, &parts);
    msg.set_uri(text);
    1
}

/// Replaces the user part and keeps the password; -1 when the current Request-URI cannot be parsed.
pub fn set_user<'a>(msg: &mut SipMsg<'a>, user: &'a [u8]) -> i32 {
    let Ok(uri) = msg.parsed_uri() else { return -1 };
    let parts = Parts {
        user,
        passwd: uri.passwd,
        host: uri.host,
        port: uri.port,
    };
    let text = compose(msg, &uri, b"", &parts);
    msg.set_uri(text);
    1
}

fn strip<'u>(user: &'u [u8], n: usize, cut: impl Fn(&'u [u8], usize) -> &'u [u8]) -> &'u [u8] {
    if n > user.len() {
        log::warn!(
            "WARNING: do_action: strip: more than the user part has ({n} of {})",
            user.len()
        );
        return b"";
    }
    cut(user, n)
}

fn compose<'a>(msg: &SipMsg<'a>, uri: &Uri<'a>, prefix: &[u8], parts: &Parts<'_>) -> &'a [u8] {
    let mut out = BumpVec::with_capacity_in(uri.text.len() + prefix.len() + 32, msg.arena);
    out.extend_from_slice_copy(b"sip:");
    if !prefix.is_empty() || !parts.user.is_empty() {
        out.extend_from_slice_copy(prefix);
        out.extend_from_slice_copy(parts.user);
        if !parts.passwd.is_empty() {
            out.push(b':');
            out.extend_from_slice_copy(parts.passwd);
        }
        out.push(b'@');
    }
    out.extend_from_slice_copy(parts.host);
    if !parts.port.is_empty() {
        out.push(b':');
        out.extend_from_slice_copy(parts.port);
    }
    if !uri.params.0.is_empty() {
        out.push(b';');
        out.extend_from_slice_copy(uri.params.0);
    }
    if !uri.headers.is_empty() {
        out.push(b'?');
        out.extend_from_slice_copy(uri.headers);
    }
    out.into_bump_slice()
}
