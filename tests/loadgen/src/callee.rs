//! The called phone of the forward scenario: answers each request with 200 (RFC 3261 §8.2.6), back to where it
//! came from.

use crate::batch::{Inbox, Outbox};
use std::io;
use std::net::UdpSocket;

/// Socket and buffers.
pub struct Callee {
    socket: UdpSocket,
    inbox: Inbox,
    outbox: Outbox,
    /// Via headers that a request must have here: ours and the server's.
    vias: usize,
    /// Max-Forwards as it must arrive.
    max_forwards: &'static [u8],
    /// Requests that did not arrive as a proxy must send them.
    pub bad: u64,
}

impl Callee {
    /// `floor`: the requests come through the relay, unchanged.
    pub fn new(socket: UdpSocket, batch: usize, floor: bool) -> Callee {
        Callee {
            socket,
            inbox: Inbox::new(batch),
            outbox: Outbox::new(batch),
            vias: if floor { 1 } else { 2 },
            max_forwards: if floor {
                b"Max-Forwards: 70"
            } else {
                b"Max-Forwards: 69"
            },
            bad: 0,
        }
    }

    /// Answers what is there; the number of requests that came.
    pub fn serve(&mut self) -> io::Result<usize> {
        let got = self.inbox.receive(&self.socket, false)?;
        for (request, source) in self.inbox.iter() {
            let out = self.outbox.room(source);
            let seen = write_reply(request, self.max_forwards, out);
            if seen.vias != self.vias || !seen.max_forwards {
                self.bad += 1;
            }
        }
        self.outbox.flush(&self.socket)?;
        Ok(got)
    }
}

/// What a request had.
#[derive(Default)]
struct Seen {
    vias: usize,
    max_forwards: bool,
}

fn write_reply(request: &[u8], max_forwards: &[u8], out: &mut Vec<u8>) -> Seen {
    let mut seen = Seen::default();
    out.extend_from_slice(b"SIP/2.0 200 OK\r\n");
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', request) {
        let line = &request[start..=end];
        start = end + 1;
        if line.starts_with(b"Via:") {
            seen.vias += 1;
            out.extend_from_slice(line);
        } else if line.starts_with(b"To:") {
            out.extend_from_slice(line.strip_suffix(b"\r\n").unwrap_or(line));
            out.extend_from_slice(b";tag=b84lrtmgm\r\n");
        } else if line.starts_with(b"From:")
            || line.starts_with(b"Call-ID:")
            || line.starts_with(b"CSeq:")
        {
            out.extend_from_slice(line);
        } else {
            seen.max_forwards |= line.starts_with(max_forwards);
        }
    }
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_has_the_vias_in_order_and_a_tag() {
        let request = b"INVITE sip:b@h SIP/2.0\r\nVia: one\r\nVia: two\r\nMax-Forwards: 69\r\nFrom: f\r\nTo: t\r\n\
                        Call-ID: c\r\nCSeq: 1 INVITE\r\nContact: x\r\n\r\n";
        let mut out = Vec::new();
        let seen = write_reply(request, b"Max-Forwards: 69", &mut out);
        assert_eq!((seen.vias, seen.max_forwards), (2, true));
        let wanted = "SIP/2.0 200 OK\r\nVia: one\r\nVia: two\r\nFrom: f\r\nTo: t;tag=b84lrtmgm\r\nCall-ID: c\r\n\
                      CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }
}
