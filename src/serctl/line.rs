//! The line protocol of SER's FIFO, from the client's side: `:METHOD:REPLY`, a line for each parameter, and an empty
//! one; the reply is `CODE REASON` and a line for each value (reference: rpc-core §4).
//!
//! Over the FIFO the reply comes through a pipe of our own, over a unix datagram socket as a datagram.

use crate::link::{OwnedDatagram, PATIENCE, own_name};
use crate::{Address, Failure, Value};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use ser::core::rpc::RpcValue;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// So many names are tried for a pipe.
const MAX_NAMES: u32 = 100;
/// Longest reply in a datagram.
const MAX_DATAGRAM: usize = 65_536;

/// A server that speaks lines.
#[derive(Clone, Debug)]
pub enum LineServer {
    /// Its named pipe, and the folder for pipes of replies.
    Fifo {
        /// The server reads it.
        pipe: PathBuf,
        /// `fifo_dir` of the server.
        replies: PathBuf,
    },
    /// Its datagram socket.
    Datagram(PathBuf),
}

impl LineServer {
    /// The one at that address, if lines are spoken there; `replies`: the folder for pipes of replies.
    pub fn of(address: &Address, replies: &Path) -> Option<LineServer> {
        match address {
            Address::Fifo(pipe) => Some(LineServer::Fifo {
                pipe: pipe.clone(),
                replies: replies.to_owned(),
            }),
            Address::LineDatagram(path) => Some(LineServer::Datagram(path.clone())),
            Address::Tcp(..)
            | Address::Udp(..)
            | Address::UnixStream(_)
            | Address::UnixDatagram(_) => None,
        }
    }

    /// Calls a method; a value for each line of the reply.
    pub fn call(&self, method: &str, params: &[RpcValue]) -> Result<Vec<Value>, Failure> {
        let params: Vec<String> = params.iter().map(parameter).collect();
        let mut reply = Vec::new();
        self.exchange(method, &params, &mut |piece| {
            reply.extend_from_slice(piece);
            Ok(())
        })?;
        let reply = String::from_utf8_lossy(&reply);
        let (status, values) = reply.split_once('\n').unwrap_or((&reply, ""));
        let (code, reason) = status.split_once(' ').unwrap_or((status, ""));
        match code.parse() {
            Ok(200..300) => Ok(values.lines().map(Value::of_line).collect()),
            Ok(code) => Err(Failure::Fault {
                code,
                reason: reason.into(),
            }),
            Err(_) => Err(Failure::Other(format!(
                "{method}: the reply cannot be read: {status}"
            ))),
        }
    }

    /// Sends a request whose parameters are escaped already; the reply comes piece by piece.
    pub fn exchange(
        &self,
        method: &str,
        params: &[String],
        take: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if params.iter().any(String::is_empty) {
            let text = "a parameter is empty: an empty line would end the request";
            return Err(Failure::other(text));
        }
        let lines: String = params.iter().map(|param| format!("{param}\n")).collect();
        match self {
            LineServer::Fifo { pipe, replies } => {
                let reply = ReplyPipe::make(replies)?;
                let request = format!(":{method}:{}\n{lines}\n", reply.name);
                write_to_fifo(pipe, &request)?;
                reply.read(take)
            }
            LineServer::Datagram(path) => {
                let request = format!(":{method}:\n{lines}\n");
                let lost = |why| Failure::Unreachable(format!("{}: {why}", path.display()));
                let link = OwnedDatagram::connect(path).map_err(lost)?;
                let mut buffer = vec![0; MAX_DATAGRAM];
                link.socket().send(request.as_bytes()).map_err(lost)?;
                let length = link.socket().recv(&mut buffer).map_err(lost)?;
                take(&buffer[..length])
            }
        }
    }
}

/// A value as the line of a parameter.
fn parameter(value: &RpcValue) -> String {
    match value {
        RpcValue::Int(n) | RpcValue::Time(n) => n.to_string(),
        RpcValue::Double(n) => n.to_string(),
        RpcValue::Bool(b) => u8::from(*b).to_string(),
        RpcValue::Str(text) => escaped(&String::from_utf8_lossy(text)),
        // No method takes them.
        RpcValue::Struct(_) | RpcValue::Array(_) => String::new(),
    }
}

/// So that it stays one line and the server reads what was meant.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('\n', "\\n")
        .replace('\r', "\\r")
}

fn write_to_fifo(pipe: &Path, request: &str) -> Result<(), Failure> {
    let shown = pipe.display();
    // As the original says it.
    let missing = |why: &dyn std::fmt::Display| {
        Failure::Unreachable(format!(
            "Error opening ser's FIFO {shown}: {why}\n\
             Make sure you have line fifo={shown} in your config"
        ))
    };
    let mut options = OpenOptions::new();
    options.write(true).custom_flags(OFlag::O_NONBLOCK.bits());
    let mut fifo = options
        .open(pipe)
        .map_err(|why| match Errno::try_from(why) {
            Ok(Errno::ENXIO) => missing(&"no server reads it"),
            Ok(errno) => missing(&errno.desc()),
            Err(why) => missing(&why),
        })?;
    if !fifo.metadata()?.file_type().is_fifo() {
        return Err(missing(&"it is no pipe"));
    }
    fifo.write_all(request.as_bytes())
        .map_err(|why| Failure::Unreachable(format!("{shown}: {why}")))
}

/// The pipe that a reply comes through; it goes when it is dropped.
struct ReplyPipe {
    name: String,
    path: PathBuf,
    reader: File,
}

impl ReplyPipe {
    /// The server may run as somebody else, and must be able to write to it.
    fn make(dir: &Path) -> Result<ReplyPipe, Failure> {
        let (name, path) = ReplyPipe::name_free(dir)?;
        let mut options = OpenOptions::new();
        let opened = options
            .read(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(&path);
        let for_all = Permissions::from_mode(0o622);
        let opened = opened.and_then(|reader| {
            std::fs::set_permissions(&path, for_all)?;
            Ok(reader)
        });
        match opened {
            Ok(reader) => Ok(ReplyPipe { name, path, reader }),
            Err(why) => {
                // What was made goes again.
                let _ = std::fs::remove_file(&path);
                Err(ReplyPipe::failed(&path, &why))
            }
        }
    }

    /// Makes the pipe under a name that nobody has taken, by chance or on purpose.
    fn name_free(dir: &Path) -> Result<(String, PathBuf), Failure> {
        let mode = Mode::from_bits_truncate(0o600);
        for _ in 0..MAX_NAMES {
            let name = own_name();
            let path = dir.join(&name);
            match mkfifo(&path, mode) {
                Ok(()) => return Ok((name, path)),
                Err(Errno::EEXIST) => {}
                Err(why) => return Err(ReplyPipe::failed(&path, &why.into())),
            }
        }
        Err(ReplyPipe::failed(dir, &Errno::EEXIST.into()))
    }

    /// In the original's words, with its exit code.
    fn failed(path: &Path, why: &io::Error) -> Failure {
        eprintln!("error opening read fifo {}: {why}", path.display());
        Failure::Silent(3)
    }

    /// Until the server closes it.
    fn read(mut self, take: &mut dyn FnMut(&[u8]) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut piece = vec![0; 65_536];
        let limit = Instant::now() + PATIENCE;
        loop {
            let mut fds = [PollFd::new(self.reader.as_fd(), PollFlags::POLLIN)];
            let left = limit.saturating_duration_since(Instant::now());
            let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut fds, left) {
                Ok(0) => return Err(Failure::Unreachable("no answer from the server".into())),
                Err(Errno::EINTR) => continue,
                Ok(_) => {}
                Err(why) => return Err(Failure::Other(why.to_string())),
            }
            match self.reader.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(n) => take(&piece[..n])?,
                Err(why) if why.kind() == ErrorKind::WouldBlock => {}
                Err(why) => return Err(why.into()),
            }
        }
    }
}

impl Drop for ReplyPipe {
    fn drop(&mut self) {
        // Somebody may have been faster.
        let _ = std::fs::remove_file(&self.path);
    }
}
