//! The processes `unixsock server`: answer the text protocol over a unix datagram socket, that of the core parameter
//! `unix_sock` or that of module unixsock.
//!
//! Invariant: the socket is opened before the first fork; all its processes read from it.

use super::{ProcessSpec, idle, rank, register_process, stop_unless_busy};
use crate::core::net::clients::LATE_LOOK;
use crate::core::net::control::{self, Access, Made};
use crate::core::rpc::datagram::{Answer, MAX_DATAGRAM, answer, reply};
use crate::core::rpc::late::LateReplies;
use crate::core::settings;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketAddrAny, SocketAddrUnix, recvfrom, sendto};
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

/// A socket that is wanted.
#[derive(Clone, Debug)]
pub struct UnixSockSpec {
    /// Where it is made.
    pub path: PathBuf,
    /// Who may write to it.
    pub access: Access,
    /// How many processes serve it.
    pub children: u32,
    /// How long a client may leave its reply untaken.
    pub send_timeout: Duration,
}

#[derive(Debug)]
struct Served {
    path: PathBuf,
    socket: UnixDatagram,
    made: Made,
}

static SERVED: OnceLock<Served> = OnceLock::new();

/// Opens the socket and asks for its processes; before the first fork. There is one in a server.
pub fn serve_unixsock(spec: UnixSockSpec) -> Result<(), String> {
    let path = spec.path;
    if let Some(other) = SERVED.get() {
        return Err(format!(
            "cannot open the socket {}: {} is open already, and there is one",
            path.display(),
            other.path.display()
        ));
    }
    let opened = control::unix_datagram(&path, &spec.access).and_then(|(socket, made)| {
        socket.set_nonblocking(false)?;
        socket.set_write_timeout(Some(spec.send_timeout))?;
        Ok((socket, made))
    });
    let (socket, made) =
        opened.map_err(|why| format!("cannot open the socket {}: {why}", path.display()))?;
    let _ = SERVED.set(Served { path, socket, made });
    register_process(ProcessSpec {
        desc: "unixsock server".into(),
        rank: rank::PROC_UNIXSOCK,
        count: spec.children,
        run,
    })
}

/// Opens the socket of the core parameters `unix_sock`, `unix_sock_children`, `unix_tx_timeout`, `sock_mode`, `sock_user`,
/// `sock_group`, if they ask for one.
pub(in crate::core) fn serve_core_unixsock() -> Result<(), String> {
    let settings = settings::get();
    let Some(path) = settings.stored("unix_sock").filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let text = |name| settings.stored(name).unwrap_or("").as_bytes();
    let number = |name, default: u32| match settings.stored(name) {
        Some(text) => text
            .parse()
            .map_err(|_| format!("{name}: not a number that fits")),
        None => Ok(default),
    };
    let access = Access::look_up(
        number("sock_mode", 0o660)?,
        text("sock_user"),
        text("sock_group"),
    )
    .map_err(|why| format!("sock_user, sock_group: {why}"))?;
    serve_unixsock(UnixSockSpec {
        path: path.into(),
        access,
        children: number("unix_sock_children", 1)?,
        send_timeout: Duration::from_millis(number("unix_tx_timeout", 2_000)?.into()),
    })
}

/// Removes the socket, at the end of the server.
pub(in crate::core) fn remove_unixsock() {
    if let Some(served) = SERVED.get() {
        served.made.remove();
    }
}

/// The work loop.
fn run() {
    let Some(served) = SERVED.get() else { return };
    let mut late = LateReplies::default();
    let mut buffer = vec![0; MAX_DATAGRAM + 1];
    loop {
        stop_unless_busy(!late.is_empty());
        late.send(|_| false, |to, end| send(served, to, &reply(end)));
        match receive(&served.socket, &mut buffer, !late.is_empty()) {
            Ok((length, from)) => match answer(&buffer[..length]) {
                Answer::Now(reply) => send(served, &from, &reply),
                Answer::Later(rest) => {
                    if let Err((to, full)) = late.keep(rest, from) {
                        send(served, &to, &reply(full));
                    }
                }
            },
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(e) => {
                log::error!("ERROR: unixsock: {e}");
                return;
            }
        }
    }
}

/// The next request and who sent it; `shortly`: it is not waited for long. (Other processes read from the socket, too:
/// what the wait saw may be gone.)
fn receive(
    socket: &UnixDatagram,
    buffer: &mut [u8],
    shortly: bool,
) -> rustix::io::Result<(usize, Option<SocketAddrAny>)> {
    let mut flags = RecvFlags::empty();
    if shortly {
        let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        // An interrupted wait only means an early look.
        let _ = idle(|| poll(&mut fds, PollTimeout::from(LATE_LOOK)));
        flags = RecvFlags::DONTWAIT;
    }
    idle(|| recvfrom(socket, buffer, flags)).map(|(_, length, from)| (length, from))
}

fn send(served: &Served, to: &Option<SocketAddrAny>, reply: &[u8]) {
    // Who has no address wants no reply.
    let Some(to) = to.clone().and_then(|to| SocketAddrUnix::try_from(to).ok()) else {
        return;
    };
    if to.is_unnamed() {
        return;
    }
    if let Err(why) = sendto(&served.socket, reply, SendFlags::empty(), &to) {
        log::error!("ERROR: unixsock: reply not sent: {why}");
    }
}
