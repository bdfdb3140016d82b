//! The requests: templates whose numbers are written over.
//!
//! Every request has its number in the branch of its Via; Call-ID has the number too, except in REGISTER, where it
//! and CSeq say which address of record is refreshed (RFC 3261 §10.2: one Call-ID, growing CSeq). Numbers have ten
//! digits, so a request has the same length for each number.

use crate::args::{Load, Scenario};
use crate::call::{FLOOR_RECORD_ROUTE, FLOOR_VIA};
use std::net::SocketAddrV4;

/// Digits of a number.
pub const DIGITS: usize = 10;
/// Each branch begins with this.
pub const BRANCH: &str = "branch=z9hG4bK-load-";
/// Each Call-ID begins with this.
pub const CALL_ID: &str = "\r\nCall-ID: load-";
/// The caller's tag.
pub const FROM_TAG: &str = "a73kszlfl";
/// What a phone offers or accepts.
pub const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n";
/// Added to the number in CSeq, so that it has ten digits and no leading zero.
const FIRST_CSEQ: u64 = 1_000_000_000;
/// Stands where a number goes.
const HOLE: &str = "##########";

/// Where the numbers are.
#[derive(Debug)]
pub struct Template {
    text: Vec<u8>,
    /// Offsets of the request's number.
    number: Vec<usize>,
    /// Offsets of the number of the address of record.
    user: Vec<usize>,
    /// Offset of CSeq's number, of REGISTER.
    cseq: Option<usize>,
    aors: u64,
}

impl Template {
    /// A template for requests from `from`; `callee` is the target of forwarded ones.
    pub fn new(load: &Load, from: SocketAddrV4, callee: SocketAddrV4) -> Template {
        let (to, aors) = (load.to, load.aors);
        match load.scenario {
            Scenario::Options => Template::parse(&options(from, to), false, aors),
            Scenario::Forward => Template::parse(&invite(from, callee), false, aors),
            Scenario::Register => Template::parse(&register(from, to), true, aors),
            Scenario::Call | Scenario::Ring => {
                let target = if load.floor { callee } else { to };
                Template::parse(&call(from, to, target, load.floor), false, aors)
            }
        }
    }

    /// In the text `N` and `U` before a hole say what is written there; they go.
    fn parse(text: &str, register: bool, aors: u64) -> Template {
        let mut template = Template {
            text: Vec::with_capacity(text.len()),
            number: Vec::new(),
            user: Vec::new(),
            cseq: None,
            aors,
        };
        let mut rest = text;
        while let Some(hole) = rest.find(HOLE) {
            let (before, behind) = rest.split_at(hole);
            let (before, kind) = before.split_at(before.len() - 1);
            template.text.extend_from_slice(before.as_bytes());
            let at = template.text.len();
            match kind {
                "U" => template.user.push(at),
                "C" if register => template.cseq = Some(at),
                _ => template.number.push(at),
            }
            template.text.extend_from_slice(HOLE.as_bytes());
            rest = &behind[HOLE.len()..];
        }
        template.text.extend_from_slice(rest.as_bytes());
        template
    }

    /// What stands in Call-ID of request `number`.
    pub fn call(&self, number: u64) -> u64 {
        if self.cseq.is_some() {
            number % self.aors
        } else {
            number
        }
    }

    /// Writes request `number` to an empty buffer.
    pub fn write(&self, number: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.text);
        for &at in &self.number {
            write_digits(&mut out[at..at + DIGITS], number);
        }
        for &at in &self.user {
            write_digits(&mut out[at..at + DIGITS], number % self.aors);
        }
        if let Some(at) = self.cseq {
            write_digits(&mut out[at..at + DIGITS], FIRST_CSEQ + number);
        }
    }
}

fn write_digits(room: &mut [u8], mut number: u64) {
    for digit in room.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn options(from: SocketAddrV4, to: SocketAddrV4) -> String {
    format!(
        "OPTIONS sip:{to} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {from};{BRANCH}N{HOLE};rport\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:alice@{from}>;tag={FROM_TAG}\r\n\
         To: <sip:{to}>{CALL_ID}N{HOLE}@127.0.0.1\r\n\
         CSeq: 1 OPTIONS\r\n\
         Contact: <sip:alice@{from}>\r\n\
         Accept: application/sdp\r\n\
         User-Agent: loadgen\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

fn invite(from: SocketAddrV4, callee: SocketAddrV4) -> String {
    format!(
        "INVITE sip:bob@{callee} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {from};{BRANCH}N{HOLE};rport\r\n\
         Max-Forwards: 70\r\n\
         From: \"Alice\" <sip:alice@{from}>;tag={FROM_TAG}\r\n\
         To: <sip:bob@{callee}>{CALL_ID}N{HOLE}@127.0.0.1\r\n\
         CSeq: 1 INVITE\r\n\
         Contact: <sip:alice@{from}>\r\n\
         User-Agent: loadgen\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

fn register(from: SocketAddrV4, to: SocketAddrV4) -> String {
    format!(
        "REGISTER sip:{to} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {from};{BRANCH}N{HOLE};rport\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:uU{HOLE}@{to}>;tag={FROM_TAG}\r\n\
         To: <sip:uU{HOLE}@{to}>{CALL_ID}U{HOLE}@127.0.0.1\r\n\
         CSeq: C{HOLE} REGISTER\r\n\
         Contact: <sip:uU{HOLE}@{from}>;expires=3600\r\n\
         User-Agent: loadgen\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

/// `target`: the host of the Request-URI. Through the floor INVITE has what a proxy would add to it, behind
/// the headers that a 100 has.
fn call(from: SocketAddrV4, to: SocketAddrV4, target: SocketAddrV4, floor: bool) -> String {
    let (hops, record_route, via) = if floor {
        (69, FLOOR_RECORD_ROUTE, FLOOR_VIA)
    } else {
        (70, "", "")
    };
    format!(
        "INVITE sip:uU{HOLE}@{target} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {from};{BRANCH}N{HOLE};rport\r\n\
         Max-Forwards: {hops}\r\n\
         From: \"Alice\" <sip:alice@{from}>;tag={FROM_TAG}\r\n\
         To: <sip:uU{HOLE}@{to}>{CALL_ID}N{HOLE}@127.0.0.1\r\n\
         CSeq: 1 INVITE\r\n{via}{record_route}\
         Contact: <sip:alice@{from}>\r\n\
         User-Agent: loadgen\r\n\
         Content-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(scenario: Scenario, number: u64) -> String {
        let [from, to, callee] =
            ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"].map(|a| a.parse().unwrap());
        let load = Load {
            aors: 100,
            ..Load::new(scenario, to)
        };
        let template = Template::new(&load, from, callee);
        let mut out = Vec::new();
        template.write(number, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn no_hole_is_left_open() {
        use Scenario::{Call, Forward, Options, Register, Ring};
        for scenario in [Options, Forward, Register, Call, Ring] {
            let text = text(scenario, 42);
            assert!(!text.contains('#'), "{text}");
            assert!(text.contains("branch=z9hG4bK-load-0000000042;"), "{text}");
            let body = text.split_once("\r\n\r\n").map(|(_, body)| body);
            let length = body.map(|body| format!("\r\nContent-Length: {}\r\n", body.len()));
            assert!(text.contains(&length.expect("an empty line")), "{text}");
        }
    }

    #[test]
    fn a_register_refreshes_one_address_of_record_after_the_other() {
        let text = text(Scenario::Register, 1_042);
        assert!(
            text.contains("To: <sip:u0000000042@127.0.0.1:2>\r\n"),
            "{text}"
        );
        assert!(text.contains("Call-ID: load-0000000042@"), "{text}");
        assert!(text.contains("CSeq: 1000001042 REGISTER\r\n"), "{text}");
        assert!(text.contains("Contact: <sip:u0000000042@127.0.0.1:1>;expires=3600\r\n"));
    }
}
