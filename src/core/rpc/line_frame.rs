//! Requests of the line protocol in a stream of bytes: where one ends, and one from its bytes to its reply.

use super::line::{LineContext, Request};
use super::{RpcRest, Sink};
use std::io;

/// Longest request.
pub const MAX_REQUEST: usize = 65_535;
/// Fewer bytes are no request.
const MIN_REQUEST: usize = 6;

/// Where the first request in `buf` ends: behind two line ends in a row (CR and LF count alike, but a CR LF
/// is one).
pub fn end_of_request(buf: &[u8]) -> Option<usize> {
    let mut line_ends = 0;
    let mut previous = 0;
    for (i, &byte) in buf.iter().enumerate() {
        match byte {
            b'\n' if previous == b'\r' => {}
            b'\n' | b'\r' => line_ends += 1,
            _ => line_ends = 0,
        }
        previous = byte;
        let whole = byte == b'\n' || buf.get(i + 1) != Some(&b'\n');
        if line_ends >= 2 && whole && i + 1 >= MIN_REQUEST {
            return Some(i + 1);
        }
    }
    None
}

/// Runs it; the reply goes to `sink`, or comes back where it is not there yet. A malformed command is logged and
/// answered with 400.
pub fn run(text: &[u8], sink: &mut dyn Sink) -> io::Result<Option<RpcRest>> {
    match Request::parse(&normal(text)) {
        Ok(request) => LineContext::run(request, sink),
        Err(why) => {
            log::error!("ERROR: rpc: {}: {}", why.0, String::from_utf8_lossy(text));
            sink.write(format!("400 {}\n", why.0).as_bytes())?;
            Ok(None)
        }
    }
}

/// With LF as the only line end.
pub(super) fn normal(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for (i, &byte) in text.iter().enumerate() {
        match byte {
            b'\r' if text.get(i + 1) == Some(&b'\n') => {}
            b'\r' => out.push(b'\n'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_with_an_empty_line_of_any_kind() {
        assert_eq!(end_of_request(b":uptime:\n\nmore"), Some(10));
        assert_eq!(end_of_request(b":uptime:\r\n\r\nmore"), Some(12));
        assert_eq!(end_of_request(b":uptime:\r\r"), Some(10));
        assert_eq!(end_of_request(b":uptime:\nx\n"), None);
        assert_eq!(end_of_request(b":a:\n\n"), None, "shorter than any request");
    }

    #[test]
    fn what_is_no_command_is_answered() {
        let mut out: Vec<u8> = Vec::new();
        assert!(run(b"hello\n\n", &mut out).unwrap().is_none());
        assert_eq!(out, b"400 Command must begin with :\n");
    }
}
