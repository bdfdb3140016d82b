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
    status: u16,
    kind: &'static str,
    kept: Vec<u8>,
    chunked: bool,
    keep_alive: bool,
    head_only: bool,
    /// The head has left.
    begun: bool,
    finished: bool,
}

impl<'o, 's> Reply<'o, 's> {
    pub(super) fn new(out: &'o mut Out<'s>, request: &Request) -> Reply<'o, 's> {
        Reply {
            out,
            status: 200,
            kind: "text/plain; charset=utf-8",
            kept: Vec::new(),
            chunked: request.version > 0,
            keep_alive: request.keeps_alive(),
            head_only: request.method == "HEAD",
            begun: false,
            finished: false,
        }
    }

    pub(super) fn refuse(out: &mut Out<'_>, refusal: &Refusal) -> io::Result<()> {
        let mut reply = Reply::new(out, &Request::default());
        reply.keep_alive = false;
        reply.send(refusal.0, refusal.1)
    }

    /// Sets what kind of content follows, before anything is written.
    pub fn kind(&mut self, kind: &'static str) {
        self.kind = kind;
    }

    /// Takes a piece of the content.
    pub fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.kept.extend_from_slice(piece);
        if self.kept.len() < KEPT {
            return Ok(());
        }
        if !self.begun {
            self.keep_alive &= self.chunked;
            let framing = if self.chunked {
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
        if std::mem::replace(&mut self.finished, true) {
            return Ok(());
        }
        if self.begun {
            self.piece()?;
            if self.chunked && !self.head_only {
                self.out.write(b"0\r\n\r\n")?;
            }
            return Ok(());
        }
        self.whole("")
    }

    /// Sends what was kept, with its length; `more`: further lines of the head.
    fn whole(&mut self, more: &str) -> io::Result<()> {
        let framing = match self.status {
            204 => more.into(),
            _ => format!("{more}Content-Length: {}\r\n", self.kept.len()),
        };
        self.head(&framing)?;
        let kept = std::mem::take(&mut self.kept);
        if self.head_only {
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
        self.status = status;
        self.kept = match status {
            204 => Vec::new(),
            _ => format!("{text}\n").into_bytes(),
        };
        self.finish()
    }

    /// The same for a method that is not allowed; `allowed` are those that are.
    pub fn refuse_method(&mut self, allowed: &str) -> io::Result<()> {
        self.status = 405;
        self.kept = b"Method Not Allowed\n".to_vec();
        self.finished = true;
        self.whole(&format!("Allow: {allowed}\r\n"))
    }

    /// Whether all of it was given.
    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Whether the connection goes on.
    pub(super) fn keeps_alive(&self) -> bool {
        self.keep_alive
    }

    fn head(&mut self, framing: &str) -> io::Result<()> {
        self.begun = true;
        let connection = if self.keep_alive {
            "keep-alive"
        } else {
            "close"
        };
        let kind = match self.status {
            204 => String::new(),
            _ => format!("Content-Type: {}\r\n", self.kind),
        };
        let head = format!(
            "HTTP/1.1 {} {}\r\n{kind}{framing}Connection: {connection}\r\n\r\n",
            self.status,
            phrase(self.status),
        );
        self.out.write(head.as_bytes())
    }

    fn piece(&mut self) -> io::Result<()> {
        let kept = std::mem::take(&mut self.kept);
        if self.head_only || kept.is_empty() {
            return Ok(());
        }
        if !self.chunked {
            return self.out.write(&kept);
        }
        self.out.write(format!("{:x}\r\n", kept.len()).as_bytes())?;
        self.out.write(&kept)?;
        self.out.write(b"\r\n")
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
