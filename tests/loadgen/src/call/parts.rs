//! The lines of a message that a phone in a call looks at (RFC 3261 §7, §12.1).

use crate::request::{CALL_ID, DIGITS};

/// Most Record-Route headers that are kept.
const RECORDED: usize = 4;

/// A message, its lines with their line ends.
#[derive(Clone, Copy, Default, Debug)]
pub struct Parts<'a> {
    /// Request line or status line, without its end.
    pub first: &'a [u8],
    /// Number of Via headers.
    pub vias: usize,
    /// Number of Route headers.
    pub routes: usize,
    /// The Max-Forwards line.
    pub max_forwards: &'a [u8],
    /// The To line.
    pub to: &'a [u8],
    /// The CSeq line.
    pub cseq: &'a [u8],
    /// The Contact line.
    pub contact: &'a [u8],
    recorded: [&'a [u8]; RECORDED],
    recorded_len: usize,
    call_id: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Reads a message up to its empty line, or to its end when it was cut.
    pub fn of(message: &'a [u8]) -> Parts<'a> {
        let mut lines = lines(message);
        let mut parts = Parts {
            first: lines.next().unwrap_or_default().trim_ascii_end(),
            ..Parts::default()
        };
        for line in lines.take_while(|line| *line != b"\r\n") {
            parts.add(line);
        }
        parts
    }

    fn add(&mut self, line: &'a [u8]) {
        let end = line.iter().position(|&c| c == b':').unwrap_or(line.len());
        match &line[..end] {
            b"Via" => self.vias += 1,
            b"Route" => self.routes += 1,
            b"Max-Forwards" => self.max_forwards = line,
            b"To" => self.to = line,
            b"CSeq" => self.cseq = line,
            b"Contact" => self.contact = line,
            b"Call-ID" => self.call_id = line,
            b"Record-Route" if self.recorded_len < RECORDED => {
                self.recorded[self.recorded_len] = line;
                self.recorded_len += 1;
            }
            _ => {}
        }
    }

    /// The Record-Route lines, topmost first.
    pub fn recorded(&self) -> &[&'a [u8]] {
        &self.recorded[..self.recorded_len]
    }

    /// The number of the call; `None` when it is none of ours.
    pub fn call(&self) -> Option<u64> {
        let mark = CALL_ID.trim_start().as_bytes();
        let digits = self.call_id.strip_prefix(mark)?.get(..DIGITS)?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// The status, of a reply.
    pub fn status(&self) -> Option<&'a [u8]> {
        self.first.strip_prefix(b"SIP/2.0 ")?.get(..3)
    }

    /// The URI of a request line.
    pub fn uri(&self) -> &'a [u8] {
        let mut words = self.first.split(|&c| c == b' ');
        words.nth(1).unwrap_or_default()
    }

    /// Whether CSeq has this method.
    pub fn is_of(&self, method: &str) -> bool {
        self.cseq.trim_ascii_end().ends_with(method.as_bytes())
    }

    /// The URI in Contact; empty without one.
    pub fn target(&self) -> &'a [u8] {
        let mut words = self.contact.split(|&c| matches!(c, b'<' | b'>'));
        words.nth(1).unwrap_or_default()
    }
}

/// The lines of a message with their ends.
pub fn lines(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    message.split_inclusive(|&c| c == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_read_up_to_its_body() {
        let text = b"SIP/2.0 200 OK\r\nVia: a\r\nRecord-Route: <b;lr>\r\nRecord-Route: <c;lr>\r\nTo: <d>;tag=1\r\n\
                     Call-ID: load-0000000034@h\r\nCSeq: 1 INVITE\r\nContact: <sip:e@f>\r\n\r\nVia: body\r\n";
        let parts = Parts::of(text);
        assert_eq!(parts.status(), Some(&b"200"[..]));
        assert_eq!((parts.vias, parts.routes, parts.call()), (1, 0, Some(34)));
        let recorded = [
            &b"Record-Route: <b;lr>\r\n"[..],
            b"Record-Route: <c;lr>\r\n",
        ];
        assert_eq!(parts.recorded(), recorded);
        assert!(parts.is_of("INVITE") && !parts.is_of("BYE"));
        assert_eq!(parts.target(), b"sip:e@f");
    }

    #[test]
    fn a_request_has_a_uri_and_what_is_missing_is_empty() {
        let parts =
            Parts::of(b"BYE sip:x@y SIP/2.0\r\nMax-Forwards: 69\r\nCall-ID: other\r\nVia: cut he");
        assert_eq!((parts.uri(), parts.status()), (&b"sip:x@y"[..], None));
        assert_eq!((parts.call(), parts.target()), (None, &b""[..]));
        assert_eq!(
            (parts.max_forwards, parts.vias),
            (&b"Max-Forwards: 69\r\n"[..], 1)
        );
        assert_eq!(Parts::of(b"").uri(), b"");
    }
}
