//! Requests of the line protocol that come through a named pipe, each answered on the reply pipe that it names
//! (reference: rpc-core, §4).
//!
//! Invariant: whatever is written into the pipe, the next whole request behind it is answered: a request that is
//! too long is passed over up to its empty line, one that was never ended is given up when the next one comes.

use super::late::LateReplies;
use super::line::{LineContext, Request};
use super::line_frame::{MAX_REQUEST, end_of_request, normal};
use super::{RpcEnd, Sink};
use crate::core::net::control::reply_pipe;
use crate::core::net::patience::{has_gone, write_patiently};
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long a reply pipe may take nothing.
const PATIENCE: Duration = Duration::from_millis(200);
/// And how long it may take all of the reply.
const MAX_REPLY_TIME: Duration = Duration::from_secs(10);
/// A request that was begun and not ended is given up when nothing came for so long.
const UNFINISHED: Duration = Duration::from_secs(5);

/// Where clients make their reply pipes, and how patiently those are opened.
#[derive(Clone, Debug)]
pub struct ReplyPipes {
    /// Their folder (`fifo_dir`).
    pub dir: PathBuf,
    /// How often it is tried again to open one that nobody reads yet (`reply_retries`).
    pub retries: u32,
    /// Between two tries (`reply_wait`).
    pub wait: Duration,
}

/// SER's values.
impl Default for ReplyPipes {
    fn default() -> Self {
        ReplyPipes {
            dir: "/tmp/".into(),
            retries: 4,
            wait: Duration::from_micros(80_000),
        }
    }
}

/// What came through one pipe and is not answered yet.
#[derive(Default)]
pub struct PipeServer {
    input: Vec<u8>,
    last: Option<Instant>,
    /// The rest of a request that is too long is passed over.
    skipping: bool,
    late: LateReplies<PipeSink>,
}

impl PipeServer {
    /// Reads what stands in the pipe and answers every whole request.
    pub fn serve(&mut self, mut pipe: &File, replies: &ReplyPipes) {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = pipe.read(&mut buffer) {
            self.take(&buffer[..n]);
            while let Some(end) = end_of_request(&self.input) {
                let request: Vec<u8> = self.input.drain(..end).collect();
                if !std::mem::take(&mut self.skipping) {
                    self.answer(&request, replies);
                }
            }
            self.pass_over();
        }
    }

    /// Whether a request has come in part, or is not answered yet.
    pub fn is_busy(&self) -> bool {
        !self.late.is_empty() || (!self.input.is_empty() && !self.is_silent())
    }

    fn is_silent(&self) -> bool {
        self.last.is_some_and(|last| last.elapsed() > UNFINISHED)
    }

    fn take(&mut self, piece: &[u8]) {
        if self.is_silent() && (self.skipping || !self.input.is_empty()) {
            log::error!(
                "ERROR: rpc: a request over the pipe has no end, it is given up: {}",
                String::from_utf8_lossy(&self.input[..self.input.len().min(80)])
            );
            self.input.clear();
            self.skipping = false;
        }
        self.last = Some(Instant::now());
        self.input.extend_from_slice(piece);
    }

    /// Keeps of what is too long only what may be the beginning of its end.
    fn pass_over(&mut self) {
        if !self.skipping && self.input.len() > MAX_REQUEST {
            log::error!("ERROR: rpc: a request over the pipe is too long, it is passed over");
            self.skipping = true;
        }
        if self.skipping {
            let kept = self.input.len().min(8);
            self.input.drain(..self.input.len() - kept);
        }
    }

    fn answer(&mut self, text: &[u8], replies: &ReplyPipes) {
        let request = match Request::parse(&normal(text)) {
            Ok(request) => request,
            Err(why) => {
                let text = String::from_utf8_lossy(&text[..text.len().min(80)]);
                log::error!("ERROR: rpc: {}: {text}", why.0);
                return;
            }
        };
        let mut sink = match PipeSink::open(&request.reply, replies) {
            Ok(sink) => sink,
            Err(why) => {
                let name = String::from_utf8_lossy(&request.reply);
                log::error!("ERROR: rpc: reply pipe {name}: {why}");
                return;
            }
        };
        match LineContext::run(request, &mut sink) {
            Ok(None) => {}
            // Nobody wants to know.
            Ok(Some(_)) if sink.pipe.is_none() => {}
            Ok(Some(rest)) => {
                if let Err((mut sink, full)) = self.late.keep(rest, sink) {
                    sink.reply(full);
                }
            }
            Err(why) => sink.tell(&why),
        }
    }

    /// Sends the replies that have become ready; whether some are waited for still.
    pub fn answer_late(&mut self) -> bool {
        self.late.send(PipeSink::has_gone, PipeSink::reply);
        !self.late.is_empty()
    }
}

/// A reply pipe; without one the reply is not wanted.
struct PipeSink {
    name: String,
    pipe: Option<File>,
    /// When the reply has to be out, once its first piece was written.
    end: Option<Instant>,
}

impl PipeSink {
    fn open(name: &[u8], replies: &ReplyPipes) -> io::Result<PipeSink> {
        let name = String::from_utf8_lossy(name).into_owned();
        let pipe = match name.as_str() {
            "" => None,
            name => {
                let path = replies.dir.join(name);
                Some(reply_pipe(&path, replies.retries, replies.wait)?)
            }
        };
        Ok(PipeSink {
            name,
            pipe,
            end: None,
        })
    }

    /// Whether nobody has it open for reading any more.
    fn has_gone(&self) -> bool {
        self.pipe.as_ref().is_some_and(|pipe| has_gone(pipe, false))
    }

    fn reply(&mut self, end: RpcEnd) {
        if let Err(why) = LineContext::reply(end, self) {
            self.tell(&why);
        }
    }

    fn tell(&self, why: &io::Error) {
        log::error!("ERROR: rpc: reply pipe {}: {why}", self.name);
    }
}

impl Sink for PipeSink {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let Some(pipe) = &self.pipe else {
            return Ok(());
        };
        let end = *self
            .end
            .get_or_insert_with(|| Instant::now() + MAX_REPLY_TIME);
        write_patiently(pipe, piece, PATIENCE, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::net::control::{Access, Made, fifo};
    use std::io::Write;

    struct Place {
        dir: tempfile::TempDir,
        pipe: File,
        reply: File,
        _made: [Made; 2],
    }

    impl Place {
        fn new() -> Place {
            let access = Access {
                mode: 0o600,
                user: None,
                group: None,
            };
            let dir = tempfile::tempdir().unwrap();
            let (pipe, made) = fifo(&dir.path().join("fifo"), &access).unwrap();
            let (reply, made2) = fifo(&dir.path().join("reply"), &access).unwrap();
            Place {
                dir,
                pipe,
                reply,
                _made: [made, made2],
            }
        }

        fn write(&self, server: &mut PipeServer, text: &[u8]) {
            let replies = ReplyPipes {
                dir: self.dir.path().into(),
                retries: 0,
                wait: Duration::ZERO,
            };
            for piece in text.chunks(30_000) {
                (&self.pipe).write_all(piece).unwrap();
                server.serve(&self.pipe, &replies);
            }
        }

        fn replied(&self) -> String {
            let mut buffer = [0; 4096];
            let n = (&self.reply).read(&mut buffer).unwrap_or(0);
            String::from_utf8_lossy(&buffer[..n]).into_owned()
        }
    }

    #[test]
    fn what_is_too_long_is_passed_over_up_to_its_end() {
        let (place, mut server) = (Place::new(), PipeServer::default());
        let long = format!(":core.prints:reply\n{}\nrest\n", "x".repeat(100_000));
        place.write(&mut server, long.as_bytes());
        place.write(&mut server, b"more\n\n:core.prints:reply\nhere\n\n");
        assert_eq!(place.replied(), "200 OK\nhere\n");
    }

    #[test]
    fn what_was_never_ended_does_not_swallow_the_next_request() {
        let (place, mut server) = (Place::new(), PipeServer::default());
        place.write(&mut server, b":core.prints:reply\n");
        server.last = Instant::now().checked_sub(UNFINISHED * 2);
        place.write(&mut server, b":core.prints:reply\nhere\n\n");
        assert_eq!(place.replied(), "200 OK\nhere\n");
    }

    #[test]
    fn a_request_without_a_reply_pipe_is_carried_out() {
        let (place, mut server) = (Place::new(), PipeServer::default());
        place.write(
            &mut server,
            b":core.prints:\nx\n\n:core.prints:reply\ny\n\n",
        );
        assert_eq!(place.replied(), "200 OK\ny\n");
    }
}
