//! Clients of stream sockets, all served by one process that waits for all of them at once. What is spoken with
//! them is a [`Talk`].
//!
//! Invariants: while a reply waits to be taken or to come nothing more is read from that client, so one that reads
//! nothing holds one reply; a reply is made in bounded memory, and a client that does not take it in time is let go.

use super::patience::{has_gone, write_patiently};
use super::stream::Stream;
use crate::core::isolation;
use crate::core::stats::{Counter, count};
use nix::poll::{PollFd, PollFlags, PollTimeout};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

/// A client that neither asks nor reads is let go after this.
const IDLE: Duration = Duration::from_secs(120);
/// Where there are too many clients, or their process is retired, one that has been silent for so long makes room.
const YIELDS: Duration = Duration::from_secs(5);
/// So much of a reply is kept before it is waited for that the client takes some.
const KEPT: usize = 64 * 1024;
/// So long a client may take nothing of a reply that is longer.
const PATIENCE: Duration = Duration::from_secs(2);
/// And so long the whole of such a reply may take.
const MAX_REPLY_TIME: Duration = Duration::from_secs(30);
/// Idle clients are looked for this often, in milliseconds.
pub const LOOK: u16 = 5_000;
/// And replies that are not there yet this often.
pub const LATE_LOOK: u16 = 50;

/// What is listened on; it does not block.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    fn accept(&self) -> io::Result<Stream> {
        let stream = match self {
            Listener::Tcp(socket) => Stream::Tcp(socket.accept()?.0),
            Listener::Unix(socket) => Stream::Unix(socket.accept()?.0),
        };
        match &stream {
            Stream::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                socket.set_nodelay(true)?;
            }
            Stream::Unix(socket) => socket.set_nonblocking(true)?,
        }
        Ok(stream)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Listener::Tcp(socket) => socket.as_fd(),
            Listener::Unix(socket) => socket.as_fd(),
        }
    }
}

/// What is to be done with a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// There is no whole request.
    More,
    /// One was answered, another may be there.
    Again,
    /// The end, once the reply is out.
    Close,
    /// The reply is not there yet: [`Talk::late`] is asked for it, and nothing is read meanwhile.
    Later,
}

/// What is spoken with one client.
pub trait Talk {
    /// Takes one whole request off the front of `input` and answers it. It bounds the length of `input` by
    /// answering [`Next::Close`].
    fn talk(&mut self, input: &mut Vec<u8>, out: &mut Out<'_>) -> Next;

    /// Called some times a second after a [`Next::Later`]: sends the reply, or says so again.
    fn late(&mut self, _out: &mut Out<'_>) -> Next {
        Next::Close
    }

    /// Whether a client that sends no more has gone, so that it is not waited for a reply to it.
    fn is_gone_when_silent(&self) -> bool {
        false
    }
}

/// Where replies go.
#[derive(Debug)]
pub struct Out<'c> {
    stream: &'c Stream,
    waiting: &'c mut Vec<u8>,
    /// When a long reply has to be out.
    end: Option<Instant>,
}

impl Out<'_> {
    /// Takes a piece of a reply. An error: the client is gone, or too slow.
    pub fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.waiting.extend_from_slice(piece);
        if self.waiting.len() < KEPT {
            return Ok(());
        }
        self.flush()
    }

    /// Takes a whole reply and sends what is taken of it, without waiting; the rest is kept, however long it is.
    pub fn send(&mut self, reply: &[u8]) {
        let mut sent = 0;
        if self.waiting.is_empty() {
            // An error shows again when the rest is sent.
            sent = self.stream.write(reply).unwrap_or(0);
        }
        self.waiting.extend_from_slice(&reply[sent..]);
    }

    /// Sends what was written, now.
    pub fn flush(&mut self) -> io::Result<()> {
        let end = *self
            .end
            .get_or_insert_with(|| Instant::now() + MAX_REPLY_TIME);
        let waiting = std::mem::take(self.waiting);
        write_patiently(self.stream, &waiting, PATIENCE, end)
    }
}

/// One client.
#[derive(Debug)]
pub struct Client<T> {
    stream: Stream,
    /// What is spoken with it.
    pub talk: T,
    input: Vec<u8>,
    waiting: Vec<u8>,
    last: Instant,
    /// Nothing more is read: it is closed when the reply is out.
    closing: bool,
    /// Nothing more is read until a reply is there.
    late: bool,
}

impl<T: Talk> Client<T> {
    /// A client that has just connected; `stream` does not block.
    pub fn new(stream: Stream, talk: T) -> Client<T> {
        Client {
            stream,
            talk,
            input: Vec::new(),
            waiting: Vec::new(),
            last: Instant::now(),
            closing: false,
            late: false,
        }
    }

    /// The descriptor and what to wait for. (That the client has gone shows also where nothing is waited for.)
    pub fn poll_fd(&self) -> PollFd<'_> {
        let wants = match (self.waiting.is_empty(), self.late) {
            (false, _) => PollFlags::POLLOUT,
            (true, false) => PollFlags::POLLIN,
            (true, true) => PollFlags::empty(),
        };
        PollFd::new(self.stream.as_fd(), wants)
    }

    /// Whether a reply to it is not there yet.
    pub fn is_late(&self) -> bool {
        self.late
    }

    /// Goes on with it, which the wait found `ready` or not; false: it has gone, or is let go.
    pub fn go_on(&mut self, ready: bool) -> bool {
        let for_reply = self.late && self.waiting.is_empty();
        match ready || for_reply {
            true => self.serve(),
            false => self.last.elapsed() <= IDLE,
        }
    }

    /// Whether nothing is under way with it, and has not been for a while.
    pub fn is_silent(&self) -> bool {
        !self.late && self.waiting.is_empty() && self.last.elapsed() > YIELDS
    }

    /// Does what can be done now; false: the client has gone.
    fn serve(&mut self) -> bool {
        if !self.waiting.is_empty() {
            // Requests that came meanwhile are there already.
            return self.flush() && self.talk_on();
        }
        if self.late {
            let gone = has_gone(&self.stream, self.talk.is_gone_when_silent());
            return !gone && self.talk_on();
        }
        let mut buffer = [0; 16 * 1024];
        match (&self.stream).read(&mut buffer) {
            Ok(0) => return false,
            Ok(n) => self.input.extend_from_slice(&buffer[..n]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => return false,
        }
        self.last = Instant::now();
        self.talk_on()
    }

    /// Answers what is there as long as the replies are taken.
    fn talk_on(&mut self) -> bool {
        while !self.closing && self.waiting.is_empty() {
            let next = self.step();
            if !self.flush() {
                return false;
            }
            if matches!(next, Next::More | Next::Later) {
                break;
            }
        }
        !(self.closing && self.waiting.is_empty())
    }

    /// One request, or the rest of one.
    fn step(&mut self) -> Next {
        let mut out = Out {
            stream: &self.stream,
            waiting: &mut self.waiting,
            end: None,
        };
        let next = match self.late {
            true => self.talk.late(&mut out),
            false => self.talk.talk(&mut self.input, &mut out),
        };
        if self.late && next != Next::Later {
            // It was not silent, but waited.
            self.last = Instant::now();
        }
        self.late = next == Next::Later;
        self.closing = next == Next::Close;
        next
    }

    /// Sends what is taken now; false: the client has gone.
    fn flush(&mut self) -> bool {
        while !self.waiting.is_empty() {
            match (&self.stream).write(&self.waiting) {
                Ok(0) => return false,
                Ok(n) => {
                    self.waiting.drain(..n);
                    self.last = Instant::now();
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return true,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }
}

/// Goes on with a client; one with whom that panics is let go.
fn serve<T: Talk>(client: &mut Client<T>, ready: bool) -> bool {
    let stays = isolation::catch(|| client.go_on(ready));
    if stays.is_none() {
        count(Counter::TaskPanics);
        log::error!("ERROR: panic while a client of remote control was served: it is let go");
    }
    stays.unwrap_or(false)
}

/// All clients of a process.
pub struct Clients<T> {
    all: Vec<Client<T>>,
    most: usize,
}

impl<T: Talk> Clients<T> {
    /// At most `most` at once.
    pub fn new(most: usize) -> Clients<T> {
        Clients {
            all: Vec::new(),
            most,
        }
    }

    /// Waits, by `wait`, until something is to be done, and does it. `make` gives what is spoken with a client of
    /// the listener of that number.
    pub fn turn(
        &mut self,
        listeners: &[Listener],
        make: impl Fn(usize) -> T,
        wait: impl FnOnce(&mut [PollFd<'_>], PollTimeout),
    ) {
        let ready = self.wait(listeners, wait);
        let (of_listeners, of_clients) = ready.split_at(listeners.len());
        let mut of_clients = of_clients.iter();
        self.all
            .retain_mut(|client| serve(client, of_clients.next() == Some(&true)));
        for (number, listener) in listeners.iter().enumerate() {
            if of_listeners[number] {
                self.accept(listener, || make(number));
            }
        }
    }

    /// Lets those go with whom nothing is under way.
    pub fn let_silent_go(&mut self) {
        self.all.retain(|client| !client.is_silent());
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn wait(
        &self,
        listeners: &[Listener],
        wait: impl FnOnce(&mut [PollFd<'_>], PollTimeout),
    ) -> Vec<bool> {
        let listening = listeners.iter();
        let mut fds: Vec<PollFd<'_>> = listening
            .map(|l| PollFd::new(l.as_fd(), PollFlags::POLLIN))
            .collect();
        fds.extend(self.all.iter().map(Client::poll_fd));
        let late = self.all.iter().any(Client::is_late);
        wait(
            &mut fds,
            PollTimeout::from(if late { LATE_LOOK } else { LOOK }),
        );
        let ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|r| !r.is_empty());
        fds.iter().map(ready).collect()
    }

    fn accept(&mut self, listener: &Listener, make: impl Fn() -> T) {
        loop {
            match listener.accept() {
                Ok(stream) => self.add(stream, make()),
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) => {
                    log::error!("ERROR: accept: {e}");
                    return;
                }
            }
        }
    }

    fn add(&mut self, stream: Stream, talk: T) {
        if self.all.len() >= self.most && !self.make_room() {
            log::error!("ERROR: too many open connections: one more is closed");
            return;
        }
        self.all.push(Client::new(stream, talk));
    }

    fn make_room(&mut self) -> bool {
        let silent = self.all.iter().enumerate().filter(|(_, c)| !c.late);
        let silent = silent.min_by_key(|(_, c)| c.last);
        match silent {
            Some((number, client)) if client.last.elapsed() > YIELDS => {
                self.all.swap_remove(number);
                true
            }
            _ => false,
        }
    }
}
