//! Which requests may be refused (RFC 5390 §5 "reserve for what is under way"; RFC 7339 §5.10.1).

use crate::core::sip::{FirstLine, Glance, Method, RequestLine};

/// How hard it is to refuse a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// It would begin a dialog, a subscription or other new work.
    New,
    /// REGISTER and OPTIONS outside of a dialog: cheap to serve, and refusing them makes phones and balancers come
    /// back sooner. They are refused when refusing all others is not enough.
    Light,
    /// An ACK, which may be that of a refusal.
    Ack,
}

/// What the request line tells; `None`: it always goes on.
pub(super) fn of_line(line: &RequestLine<'_>) -> Option<Class> {
    let FirstLine::Request {
        method,
        method_name,
        uri,
        ..
    } = line.line
    else {
        return None;
    };
    match method {
        Method::Ack => Some(Class::Ack),
        Method::Cancel | Method::Bye => None,
        _ if method_name.eq_ignore_ascii_case(b"PRACK") || is_emergency(uri) => None,
        Method::Register => Some(Class::Light),
        Method::Other if method_name.eq_ignore_ascii_case(b"OPTIONS") => Some(Class::Light),
        _ => Some(Class::New),
    }
}

/// Whether the request is part of something that is under way.
pub(super) fn is_within_dialog(glance: &Glance<'_>) -> bool {
    glance.to_tag.is_some()
}

/// `urn:service:sos` and its sub-services, in any case (RFC 5031 §4.2).
fn is_emergency(uri: &[u8]) -> bool {
    const SOS: &[u8] = b"urn:service:sos";
    uri.split_at_checked(SOS.len()).is_some_and(|(urn, rest)| {
        urn.eq_ignore_ascii_case(SOS) && matches!(rest.first(), None | Some(b'.' | b';' | b'?'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::sip::request_line;

    fn of(method: &str, uri: &str) -> Option<Class> {
        let text = format!("{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n");
        of_line(&request_line(text.as_bytes()).unwrap())
    }

    #[test]
    fn what_begins_something_may_be_refused_and_what_ends_or_acknowledges_goes_on() {
        for method in [
            "INVITE",
            "SUBSCRIBE",
            "REFER",
            "MESSAGE",
            "PUBLISH",
            "NOTIFY",
            "x",
        ] {
            assert_eq!(of(method, "sip:b@h"), Some(Class::New), "{method}");
        }
        for method in ["REGISTER", "OPTIONS", "options"] {
            assert_eq!(of(method, "sip:h"), Some(Class::Light), "{method}");
        }
        for method in ["BYE", "CANCEL", "PRACK"] {
            assert_eq!(of(method, "sip:b@h"), None, "{method}");
        }
        assert_eq!(of("ACK", "sip:b@h"), Some(Class::Ack));
    }

    #[test]
    fn emergency_calls_go_on_whatever_the_service() {
        for uri in [
            "urn:service:sos",
            "URN:Service:SOS.police",
            "urn:service:sos.animal-control",
        ] {
            assert_eq!(of("INVITE", uri), None, "{uri}");
        }
        for uri in [
            "urn:service:sossy",
            "urn:service:counseling",
            "sip:urn:service:sos@h",
        ] {
            assert_eq!(of("INVITE", uri), Some(Class::New), "{uri}");
        }
    }
}
