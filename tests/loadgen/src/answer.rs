//! Reads an answer as far as it must be checked: status, branch of the topmost Via, Call-ID.

use crate::request::{BRANCH, CALL_ID, DIGITS};
use memchr::memmem::Finder;

/// What came back for a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Answer {
    /// Number in the branch.
    pub number: u64,
    /// Number in Call-ID.
    pub call: u64,
    /// Status code; `None` when it is no reply.
    pub status: Option<u16>,
}

/// Reads answers.
pub struct Reader {
    branch: Finder<'static>,
    call_id: Finder<'static>,
}

impl Reader {
    /// Prepares the searches.
    pub fn new() -> Reader {
        Reader {
            branch: Finder::new(BRANCH),
            call_id: Finder::new(CALL_ID),
        }
    }

    /// The first branch and the Call-ID of ours in the datagram; `None` when one is missing.
    pub fn read(&self, datagram: &[u8]) -> Option<Answer> {
        Some(Answer {
            number: number_behind(datagram, &self.branch)?,
            call: number_behind(datagram, &self.call_id)?,
            status: status(datagram),
        })
    }
}

fn number_behind(datagram: &[u8], mark: &Finder<'_>) -> Option<u64> {
    let start = mark.find(datagram)? + mark.needle().len();
    let digits = datagram.get(start..start + DIGITS)?;
    number(digits)
}

fn status(datagram: &[u8]) -> Option<u16> {
    let digits = datagram.strip_prefix(b"SIP/2.0 ")?.get(..3)?;
    u16::try_from(number(digits)?).ok()
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |sum, &digit| {
        digit
            .is_ascii_digit()
            .then(|| sum * 10 + u64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_branch_and_call_are_read() {
        let text = "SIP/2.0 404 Not Found\r\nVia: SIP/2.0/UDP 127.0.0.1:1;branch=z9hG4bK-load-0000000012;rport=1\r\n\
                    Call-ID: load-0000000034@127.0.0.1\r\n\r\n";
        let answer = Answer {
            number: 12,
            call: 34,
            status: Some(404),
        };
        assert_eq!(Reader::new().read(text.as_bytes()), Some(answer));
    }

    #[test]
    fn a_request_has_no_status_and_a_cut_datagram_is_no_answer() {
        let text = b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK-load-0000000012\r\nCall-ID: load-0000000034\r\n";
        let reader = Reader::new();
        assert_eq!(reader.read(text).map(|a| a.status), Some(None));
        assert_eq!(reader.read(&text[..text.len() - 5]), None);
        assert_eq!(reader.read(b""), None);
    }
}
