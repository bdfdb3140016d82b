//! JSON-RPC over a stream: each line is a request or batch, each reply a line.

use crate::call;
use ser::core::net::clients::{Next, Out, Talk};
use ser::core::rpc::line::Sink;
use std::io;

/// With one client.
#[derive(Debug)]
pub struct Lines {
    /// Longest line, in bytes.
    pub max: usize,
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
        let done = call::answer(&line, &mut Line(out)).and_then(|any| match any {
            true => out.write(b"\n"),
            false => Ok(()),
        });
        match done {
            Ok(()) => Next::Again,
            Err(_) => Next::Close,
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
