//! The line between the attendant in office and its successor: messages of a verb and a text.
//!
//! A message is a line with verb and length, then the text. Invariant: whoever sends does not wait for the other
//! longer than [`PATIENCE`]; the end of the line is the end of the other's part in it.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

/// What one tells the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    /// The successor: it can take over. The text says with which memory ([`Memory`]).
    Ready,
    /// The successor: it cannot go on with the segment, but could with one of its own. The text says why.
    Foreign,
    /// The successor: all processes are its own.
    Done,
    /// The successor: it gives up. The text says why.
    Failed,
    /// The attendant in office: it is in office no more. The text is the roll of processes.
    Yours,
    /// The old attendant: a process has died. The text says which and how.
    Died,
    /// The old attendant: nothing of it is left in the segment.
    Over,
}

const WORDS: [(Verb, &str); 7] = [
    (Verb::Ready, "ready"),
    (Verb::Foreign, "foreign"),
    (Verb::Done, "done"),
    (Verb::Failed, "failed"),
    (Verb::Yours, "yours"),
    (Verb::Died, "died"),
    (Verb::Over, "over"),
];

/// A message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    pub verb: Verb,
    pub text: String,
}

/// One end of the line.
#[derive(Debug)]
pub struct Link {
    stream: UnixStream,
    come: Vec<u8>,
    gone: bool,
}

impl Link {
    /// Both ends.
    pub fn pair() -> io::Result<(Link, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        Ok((Link::over(ours)?, theirs))
    }

    /// The end that was handed on.
    pub fn of(fd: OwnedFd) -> io::Result<Link> {
        Link::over(UnixStream::from(fd))
    }

    fn over(stream: UnixStream) -> io::Result<Link> {
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Link {
            stream,
            come: Vec::new(),
            gone: false,
        })
    }

    /// Whether the other has closed its end.
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// Sends a message.
    pub fn send(&mut self, verb: Verb, text: &str) -> io::Result<()> {
        let word = WORDS.iter().find(|(v, _)| *v == verb).map_or("", |w| w.1);
        let message = format!("{word} {}\n{text}", text.len());
        self.stream.write_all(message.as_bytes())
    }

    /// The next message that has come in whole, without waiting.
    pub fn receive(&mut self) -> Option<Message> {
        if let Some(message) = self.parse() {
            return Some(message);
        }
        let mut piece = [0; 16 * 1024];
        while !self.gone {
            let flags = rustix::net::RecvFlags::DONTWAIT;
            match rustix::net::recv(&self.stream, &mut piece[..], flags) {
                Ok((0, _)) => self.gone = true,
                Ok((n, _)) => self.come.extend_from_slice(&piece[..n]),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => break,
                Err(_) => self.gone = true,
            }
        }
        self.parse()
    }

    /// Waits for the next message, at most `patience` for each piece of it.
    pub fn wait(&mut self, patience: Duration) -> io::Result<Message> {
        self.stream.set_read_timeout(Some(patience))?;
        let mut piece = [0; 16 * 1024];
        loop {
            if let Some(message) = self.parse() {
                return Ok(message);
            }
            match self.stream.read(&mut piece) {
                Ok(0) => {
                    self.gone = true;
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                Ok(n) => self.come.extend_from_slice(&piece[..n]),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    fn parse(&mut self) -> Option<Message> {
        let end = memchr::memchr(b'\n', &self.come)?;
        let head = std::str::from_utf8(&self.come[..end]).ok()?;
        let (word, length) = head.split_once(' ')?;
        let length: usize = length.parse().ok()?;
        let verb = WORDS.iter().find(|(_, w)| *w == word)?.0;
        let text = self.come.get(end + 1..)?.get(..length)?;
        let text = String::from_utf8_lossy(text).into_owned();
        self.come.drain(..end + 1 + length);
        Some(Message { verb, text })
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_one_by_one_and_the_end_is_seen() {
        let (mut ours, theirs) = Link::pair().unwrap();
        let mut theirs = Link::of(theirs.into()).unwrap();
        assert_eq!(ours.receive(), None);
        theirs.send(Verb::Ready, "same").unwrap();
        let long = "x\n".repeat(20_000);
        theirs.send(Verb::Failed, &long).unwrap();
        let first = ours.wait(PATIENCE).unwrap();
        assert_eq!((first.verb, first.text.as_str()), (Verb::Ready, "same"));
        assert_eq!(ours.wait(PATIENCE).unwrap().text, long);
        drop(theirs);
        assert_eq!(ours.receive(), None);
        assert!(ours.is_gone() && ours.wait(PATIENCE).is_err());
    }
}
