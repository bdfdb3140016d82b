//! JSON-RPC over a stream: each line is a request or batch, each reply a line.

use crate::call::{self, Answering, Progress};
use ser::core::net::clients::{Next, Out, Talk};
use ser::core::rpc::Sink;
use std::io;

/// With one client.
pub struct Lines {
    /// Longest line, in bytes.
    max: usize,
    /// What is being answered.
    answering: Option<Answering>,
}

impl Lines {
    /// With lines of at most `max` bytes.
    pub fn new(max: usize) -> Lines {
        Lines {
            max,
            answering: None,
        }
    }
}

impl Talk for Lines {
    fn talk(&mut self, input: &mut Vec<u8>, out: &mut Out<'_>) -> Next {
        let end = input.iter().position(|b| *b == b'\n');
        if end.unwrap_or(input.len()) > self.max {
            // The client may be gone already.
            let _ = out.write(call::TOO_LONG);
            return Next::Close;
        }
        let Some(end) = end else { return Next::More };
        let line: Vec<u8> = input.drain(..=end).collect();
        if line.trim_ascii().is_empty() {
            return Next::Again;
        }
        match Answering::new(&line, &mut Line(out)) {
            Ok(answering) => self.answering = Some(answering),
            Err(_) => return Next::Close,
        }
        self.late(out)
    }

    fn late(&mut self, out: &mut Out<'_>) -> Next {
        let Some(answering) = &mut self.answering else {
            return Next::Close;
        };
        let done = answering.go_on(&mut Line(out));
        match done {
            Ok(Progress::Late) => Next::Later,
            Ok(Progress::Silent) => Next::Again,
            Ok(Progress::Answered) if out.write(b"\n").is_ok() => Next::Again,
            Ok(Progress::Answered) | Err(_) => Next::Close,
        }
    }
}

struct Line<'o, 's>(&'o mut Out<'s>);

impl Sink for Line<'_, '_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.0.write(piece)
    }
    fn finish(&mut self) -> io::Result<()> {
        self.0.write(b"\n")?;
        self.0.flush()
    }
}
