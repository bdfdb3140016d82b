//! The process `ctl handler`: one loop over all sockets, pipes and clients.

use crate::connection::Connection;
use crate::datagrams::Datagrams;
use crate::endpoint::{Endpoint, Socket};
use crate::{endpoints, who};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ser::core::net::clients::{Client, LATE_LOOK, LOOK};
use ser::core::process::{idle, is_retiring, stop_unless_busy};
use ser::core::rpc::pipe::{PipeServer, ReplyPipes};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;

/// Most clients at once; one more is turned away.
const MAX_CLIENTS: usize = 128;

/// The work loop.
pub fn run() {
    let mut clients: Vec<Client<Connection>> = Vec::new();
    who::set_clients(&clients);
    // ctl has no parameters for the reply pipes.
    let replies = ReplyPipes::default();
    let mut pipes: Vec<PipeServer> = endpoints().iter().map(|_| PipeServer::default()).collect();
    let mut datagrams = Datagrams::default();
    loop {
        let mut late = datagrams.answer_late();
        for pipe in &mut pipes {
            late |= pipe.answer_late();
        }
        // Who is retired leaves what is new to its successor.
        let endpoints = if is_retiring() { &[] } else { endpoints() };
        let ready = wait(endpoints, &clients, late);
        let (of_endpoints, of_clients) = ready.split_at(endpoints.len());
        let mut of_clients = of_clients.iter();
        clients.retain_mut(|client| client.go_on(of_clients.next() == Some(&true)));
        for (i, endpoint) in endpoints.iter().enumerate() {
            if of_endpoints.get(i).copied().unwrap_or(false) {
                match &endpoint.socket {
                    Socket::Fifo(pipe) => pipes[i].serve(pipe, &replies),
                    Socket::Udp(_) | Socket::UnixDatagram(_) => datagrams.serve(endpoint),
                    Socket::Tcp(socket) => {
                        accept(&mut clients, || {
                            Connection::tcp(socket.accept()?.0, endpoint)
                        });
                    }
                    Socket::UnixStream(socket) => {
                        accept(&mut clients, || {
                            Connection::unix(socket.accept()?.0, endpoint)
                        });
                    }
                }
            }
        }
        if is_retiring() {
            clients.retain(|client| !client.is_silent());
        }
        who::set_clients(&clients);
        let answering = late || pipes.iter().any(PipeServer::is_busy);
        stop_unless_busy(answering || !clients.is_empty());
    }
}

/// Waits until something is to be done; which of endpoints and clients are ready. `late`: replies of those without
/// a connection are not there yet.
fn wait(endpoints: &[Endpoint], clients: &[Client<Connection>], late: bool) -> Vec<bool> {
    let late = late || clients.iter().any(Client::is_late);
    let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(endpoints.len() + clients.len());
    fds.extend(
        endpoints
            .iter()
            .map(|e| PollFd::new(e.as_fd(), PollFlags::POLLIN)),
    );
    fds.extend(clients.iter().map(Client::poll_fd));
    let look = if late { LATE_LOOK } else { LOOK };
    // An interrupted wait only means an early look.
    let _ = idle(|| poll(&mut fds, PollTimeout::from(look)));
    let ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|r| !r.is_empty());
    fds.iter().map(ready).collect()
}

fn accept(
    clients: &mut Vec<Client<Connection>>,
    mut next: impl FnMut() -> io::Result<Client<Connection>>,
) {
    loop {
        match next() {
            Ok(client) if clients.len() < MAX_CLIENTS => clients.push(client),
            Ok(_) => log::error!("ERROR: ctl: too many open connections: one more is closed"),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return,
            Err(e) => {
                log::error!("ERROR: ctl: accept: {e}");
                return;
            }
        }
    }
}
