//! Writing to stderr without ever waiting long for whoever reads it.
//!
//! A pipe or terminal is opened a second time for non-blocking writes (the flag belongs to the open
//! file, and the first one is shared with the shell); a socket is written with MSG_DONTWAIT; a plain
//! file cannot block. When the reader does not keep up a process waits once, for [`PATIENCE`]; while
//! the reader stays stuck its lines are counted and dropped, and the count is told when it reads again.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};
use parking_lot::Mutex;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// How long a line waits for a reader that does not keep up, in milliseconds.
const PATIENCE: u16 = 250;
const STDERR: i32 = 2;

enum Sink {
    /// A file, /dev/null, or what could not be opened again: written as it is.
    Plain,
    NonBlocking(File),
    Socket,
}

struct Stderr {
    sink: Sink,
    terminal: bool,
}

static TARGET: Mutex<Option<Stderr>> = Mutex::new(None);
static STUCK: AtomicBool = AtomicBool::new(false);
static LOST: AtomicU64 = AtomicU64::new(0);

/// Looks at what stderr is. Early, because a changed user or root may not be allowed to open it again.
pub(super) fn prepare() {
    TARGET.lock().get_or_insert_with(find);
}

/// Forgets what stderr was: it was redirected.
pub(super) fn forget() {
    *TARGET.lock() = None;
    STUCK.store(false, Ordering::Relaxed);
    LOST.store(0, Ordering::Relaxed);
}

/// Whether stderr is a terminal.
pub(super) fn is_terminal() -> bool {
    TARGET.lock().get_or_insert_with(find).terminal
}

fn find() -> Stderr {
    Stderr {
        sink: find_sink(),
        terminal: io::stderr().is_terminal(),
    }
}

fn find_sink() -> Sink {
    let path = "/proc/self/fd/2";
    let Ok(meta) = std::fs::metadata(path) else {
        return Sink::Plain;
    };
    let kind = meta.file_type();
    if kind.is_socket() {
        return Sink::Socket;
    }
    if !kind.is_fifo() && !kind.is_char_device() {
        return Sink::Plain;
    }
    OpenOptions::new()
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_or(Sink::Plain, Sink::NonBlocking)
}

/// Writes a whole line, or as much as the reader takes within its patience. Errors are dropped.
pub(super) fn write(line: &[u8]) {
    let lost = LOST.load(Ordering::Relaxed);
    if lost > 0 {
        let note = format!("WARNING: {lost} log lines lost, stderr was not read\n");
        if put(note.as_bytes()) {
            LOST.fetch_sub(lost, Ordering::Relaxed);
        }
    }
    if !put(line) {
        LOST.fetch_add(1, Ordering::Relaxed);
    }
}

/// False when the reader took less than all of it.
fn put(mut bytes: &[u8]) -> bool {
    let mut waited = STUCK.load(Ordering::Relaxed);
    while !bytes.is_empty() {
        match write_some(bytes) {
            Ok(n) => bytes = &bytes[n.min(bytes.len())..],
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                if waited || !wait_writable() {
                    STUCK.store(true, Ordering::Relaxed);
                    return false;
                }
                waited = true;
            }
            // Closed or broken: there is nobody to tell.
            Err(_) => return true,
        }
    }
    STUCK.store(false, Ordering::Relaxed);
    true
}

fn write_some(bytes: &[u8]) -> io::Result<usize> {
    match &TARGET.lock().get_or_insert_with(find).sink {
        Sink::Plain => io::stderr().write(bytes),
        Sink::NonBlocking(file) => (&*file).write(bytes),
        Sink::Socket => {
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
            Ok(send(STDERR, bytes, flags)?)
        }
    }
}

fn wait_writable() -> bool {
    let stderr = io::stderr();
    let mut fds = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
    poll(&mut fds, PollTimeout::from(PATIENCE)).is_ok_and(|n| n > 0)
}
