//! The reply to an HTTP request.
//!
//! Invariant: a short reply leaves with its length; a long one is sent as it is made, chunked, or to a client of
//! HTTP/1.0 up to the end of the connection.

use super::request::{Refusal, Request};
use crate::core::net::clients::Out;
use std::io;

/// So much is kept until it is known how long the reply is.
const KEPT: usize = 64 * 1024;

/// A reply in the making.
#[derive(Debug)]
pub struct Reply<'o, 's> {
    out: &'o mut Out<'s>,
    state: State,
}

/// How far it is.
#[derive(Debug)]
pub(super) struct State {
    status: u16,
    kind: &'static str,
    kept: Vec<u8>,
    chunked: bool,
    keep_alive: bool,
    head_only: bool,
    /// The head has left.
    begun: bool,
    finished: bool,
    /// The rest is not there yet.
    late: bool,
}

impl<'o, 's> Reply<'o, 's> {
    pub(super) fn new(out: &'o mut Out<'s>, request: &Request) -> Reply<'o, 's> {
        let state = State {
            status: 200,
            kind: "text/plain; charset=utf-8",
            kept: Vec::new(),
            chunked: request.version > 0,
            keep_alive: request.keeps_alive(),
            head_only: request.method == "HEAD",
            begun: false,
            finished: false,
            late: false,
        };
        Reply { out, state }
    }

    /// Goes on with one that was not there yet.
    pub(super) fn resume(out: &'o mut Out<'s>, state: State) -> Reply<'o, 's> {
        let late = false;
        Reply {
            out,
            state: State { late, ..state },
        }
    }

    pub(super) fn into_state(self) -> State {
        self.state
    }

    pub(super) fn refuse(out: &mut Out<'_>, refusal: &Refusal) -> io::Result<()> {
        let mut reply = Reply::new(out, &Request::default());
        reply.state.keep_alive = false;
        reply.send(refusal.0, refusal.1)
    }

    /// Sets what kind of content follows, before anything is written.
    pub fn kind(&mut self, kind: &'static str) {
        self.state.kind = kind;
    }

    /// Takes a piece of the content.
    pub fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.state.kept.extend_from_slice(piece);
        if self.state.kept.len() < KEPT {
            return Ok(());
        }
        if !self.state.begun {
            self.state.keep_alive &= self.state.chunked;
            let framing = if self.state.chunked {
                "Transfer-Encoding: chunked\r\n"
            } else {
                ""
            };
            self.head(framing)?;
        }
        self.piece()
    }

    /// The reply is complete and leaves now.
    pub fn finish(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.state.finished, true) {
            return Ok(());
        }
        if self.state.begun {
            self.piece()?;
            if self.state.chunked && !self.state.head_only {
                self.out.write(b"0\r\n\r\n")?;
            }
            return Ok(());
        }
        self.whole("")
    }

    /// Sends what was kept, with its length; `more`: further lines of the head.
    fn whole(&mut self, more: &str) -> io::Result<()> {
        let framing = match self.state.status {
            204 => more.into(),
            _ => format!("{more}Content-Length: {}\r\n", self.state.kept.len()),
        };
        self.head(&framing)?;
        let kept = std::mem::take(&mut self.state.kept);
        if self.state.head_only {
            return Ok(());
        }
        self.out.write(&kept)
    }

    /// Sends it through, where the process may not come to do so later.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// A whole reply of one line.
    pub fn send(&mut self, status: u16, text: &str) -> io::Result<()> {
        self.state.status = status;
        self.state.kept = match status {
            204 => Vec::new(),
            _ => format!("{text}\n").into_bytes(),
        };
        self.finish()
    }

    /// The same for a method that is not allowed; `allowed` are those that are.
    pub fn refuse_method(&mut self, allowed: &str) -> io::Result<()> {
        self.state.status = 405;
        self.state.kept = b"Method Not Allowed\n".to_vec();
        self.state.finished = true;
        self.whole(&format!("Allow: {allowed}\r\n"))
    }

    /// What is missing is not there yet: [`Pages::late`](super::Pages::late) is asked for it.
    pub fn later(&mut self) {
        self.state.late = true;
    }

    fn head(&mut self, framing: &str) -> io::Result<()> {
        self.state.begun = true;
        let connection = if self.state.keep_alive {
            "keep-alive"
        } else {
            "close"
        };
        let kind = match self.state.status {
            204 => String::new(),
            _ => format!("Content-Type: {}\r\n", self.state.kind),
        };
        let head = format!(
            "HTTP/1.1 {} {}\r\n{kind}{framing}Connection: {connection}\r\n\r\n",
            self.state.status,
            phrase(self.state.status),
        );
        self.out.write(head.as_bytes())
    }

    fn piece(&mut self) -> io::Result<()> {
        let kept = std::mem::take(&mut self.state.kept);
        if self.state.head_only || kept.is_empty() {
            return Ok(());
        }
        if !self.state.chunked {
            return self.out.write(&kept);
        }
        self.out.write(format!("{:x}\r\n", kept.len()).as_bytes())?;
        self.out.write(&kept)?;
        self.out.write(b"\r\n")
    }
}

impl State {
    /// Whether all of it was given, and the connection goes on.
    pub(super) fn is_whole_and_goes_on(&self) -> bool {
        self.finished && self.keep_alive
    }

    /// Whether it is not there yet.
    pub(super) fn is_late(&self) -> bool {
        self.late
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Unknown",
    }
}
