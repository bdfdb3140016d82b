//! Which call a message belongs to, and which of its requests it is or answers: Call-ID and number of CSeq (RFC 3261 §8.1.1.4, §8.1.1.5),
//! read without the rest. A Via need not be there.

use super::header_line;
use super::{CSeq, FirstLine, HdrType};

/// Call-ID and number of CSeq; `None`: one of them is missing or cannot be read.
pub fn call_of(buf: &[u8]) -> Option<(&[u8], u32)> {
    let (_, mut at) = FirstLine::parse(buf).ok()?;
    let (mut call_id, mut number) = (None, None);
    while let Some(left) = header_line::starts(buf, at) {
        let (kind, field) = header_line::plain(left).or_else(|| header_line::loose(left))?;
        match kind {
            HdrType::CallId if call_id.is_none() => call_id = Some(&left[field.body.clone()]),
            HdrType::CSeq if number.is_none() => {
                number = CSeq::parse(&left[field.body.clone()]).ok()?.value();
            }
            _ => {}
        }
        if let (Some(call_id), Some(number)) = (call_id, number) {
            return Some((call_id, number));
        }
        at += field.end;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_replies_tell_their_call_in_any_order_and_form() {
        let request =
            b"INVITE sip:a@b SIP/2.0\r\ni: x@y\r\nTo: <sip:a@b>\r\nCSeq:  7\r\n INVITE\r\n\r\n";
        assert_eq!(call_of(request), Some((&b"x@y"[..], 7)));
        let reply =
            b"SIP/2.0 200 OK\r\nCSeq: 7 INVITE\r\nVia: SIP/2.0/UDP h\r\nCall-ID: x@y\r\n\r\n";
        assert_eq!(call_of(reply), Some((&b"x@y"[..], 7)));
    }

    #[test]
    fn what_has_no_call_is_none() {
        for text in [
            &b"nonsense"[..],
            b"INVITE sip:a@b SIP/2.0\r\nCall-ID: x\r\n\r\n",
            b"INVITE sip:a@b SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\nCall-ID: x\r\n",
            b"INVITE sip:a@b SIP/2.0\r\nCall-ID: x\r\nCSeq: none\r\n\r\n",
        ] {
            assert_eq!(call_of(text), None);
        }
    }
}
