//! The client's side of syslog (RFC 3164 §4.1 as local daemons take it): one datagram a message to
//! `/dev/log`, `<priority>ident[pid]: text`. The daemon adds the time.
//!
//! Invariant: sending never blocks; while the daemon is away it is looked for at most once a second.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

const IDENT: &str = "ser";
const RETRY: Duration = Duration::from_secs(1);
/// Longer messages are cut: daemons have limits of about this.
const LONGEST: usize = 8 * 1024;

/// A connection to the daemon, made when it is needed.
pub(super) struct Syslog {
    path: &'static str,
    socket: Option<UnixDatagram>,
    last_try: Option<Instant>,
    datagram: Vec<u8>,
}

impl Syslog {
    /// Not yet connected.
    pub(super) const fn new(path: &'static str) -> Self {
        Syslog {
            path,
            socket: None,
            last_try: None,
            datagram: Vec::new(),
        }
    }

    /// Connects unless that is done; a failure is tried again by a later message.
    pub(super) fn connect(&mut self) {
        let too_early = self.last_try.is_some_and(|t| t.elapsed() < RETRY);
        if self.socket.is_some() || too_early {
            return;
        }
        self.last_try = Some(Instant::now());
        self.socket = open(Path::new(self.path)).ok();
    }

    /// Sends one message; drops it when the daemon is away or does not keep up.
    pub(super) fn send(&mut self, priority: i32, pid: i32, text: &[u8]) {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        self.datagram.clear();
        let head = format!("<{priority}>{IDENT}[{pid}]: ");
        self.datagram.extend_from_slice(head.as_bytes());
        self.datagram
            .extend_from_slice(&text[..text.len().min(LONGEST)]);
        if !self.try_send() {
            // The daemon was restarted: its socket is another one now.
            self.socket = None;
            self.try_send();
        }
    }

    /// False when the connection is worth a second try.
    fn try_send(&mut self) -> bool {
        self.connect();
        let Some(socket) = &self.socket else {
            return true;
        };
        match socket.send(&self.datagram) {
            Ok(_) => true,
            Err(e) if e.kind() == ErrorKind::WouldBlock => true,
            Err(_) => {
                self.last_try = None;
                false
            }
        }
    }
}

fn open(path: &Path) -> std::io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daemon(dir: &tempfile::TempDir) -> (&'static str, UnixDatagram) {
        let path = dir.path().join("log").to_str().unwrap().to_owned();
        let path: &'static str = Box::leak(path.into_boxed_str());
        let socket = UnixDatagram::bind(path).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        (path, socket)
    }

    fn receive(socket: &UnixDatagram) -> Vec<u8> {
        let mut buf = vec![0; 16 * 1024];
        let n = socket.recv(&mut buf).unwrap();
        buf.truncate(n);
        buf
    }

    #[test]
    fn a_message_has_priority_ident_and_pid_and_no_line_end() {
        let dir = tempfile::tempdir().unwrap();
        let (path, socket) = daemon(&dir);
        let mut syslog = Syslog::new(path);
        syslog.send(libc::LOG_DAEMON | libc::LOG_ERR, 42, b"it broke\n");
        assert_eq!(receive(&socket), b"<27>ser[42]: it broke");
    }

    #[test]
    fn a_restarted_daemon_gets_the_next_message() {
        let dir = tempfile::tempdir().unwrap();
        let (path, socket) = daemon(&dir);
        let mut syslog = Syslog::new(path);
        syslog.send(30, 1, b"one");
        receive(&socket);
        drop(socket);
        std::fs::remove_file(path).unwrap();
        let socket = UnixDatagram::bind(path).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        syslog.send(30, 1, b"two");
        assert_eq!(receive(&socket), b"<30>ser[1]: two");
    }

    #[test]
    fn a_daemon_that_does_not_read_costs_messages_and_no_time() {
        let dir = tempfile::tempdir().unwrap();
        let (path, socket) = daemon(&dir);
        let mut syslog = Syslog::new(path);
        for _ in 0..10_000 {
            syslog.send(30, 1, b"flood");
        }
        assert_eq!(receive(&socket), b"<30>ser[1]: flood");
    }

    #[test]
    fn without_a_daemon_a_message_is_dropped() {
        let mut syslog = Syslog::new("/nonexistent/log");
        syslog.send(30, 1, b"nobody hears this");
        assert!(syslog.socket.is_none());
    }
}
