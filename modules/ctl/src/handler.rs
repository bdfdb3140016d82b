//! The process `ctl handler`: one loop over all sockets, pipes and clients.

use crate::address::Protocol;
use crate::binrpc_call::{answer, bad_request, fault_packet};
use crate::connection::Connection;
use crate::endpoint::{Endpoint, Socket};
use crate::{endpoints, who};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ser::core::net::clients::Client;
use ser::core::process::{idle, stop_if_told};
use ser::core::rpc::binrpc::{Error, read_header};
use ser::core::rpc::line_frame::{self, MAX_DATAGRAM};
use ser::core::rpc::pipe::{PipeServer, ReplyPipes};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd;

/// Most clients at once; one more is turned away.
const MAX_CLIENTS: usize = 128;
/// Idle clients are looked for this often.
const LOOK: u16 = 5_000;
/// And replies that are not there yet this often.
const LATE_LOOK: u16 = 50;

/// The work loop.
pub fn run() {
    let mut clients: Vec<Client<Connection>> = Vec::new();
    who::set_clients(&clients);
    // ctl has no parameters for the reply pipes.
    let replies = ReplyPipes::default();
    let mut pipes: Vec<PipeServer> = endpoints().iter().map(|_| PipeServer::default()).collect();
    loop {
        let late = pipes.iter_mut().map(PipeServer::answer_late);
        let waiting = late.fold(false, |any, one| any | one);
        let ready = wait(&clients, waiting);
        let (of_endpoints, of_clients) = ready.split_at(endpoints().len());
        let mut of_clients = of_clients.iter();
        clients.retain_mut(|client| client.go_on(of_clients.next() == Some(&true)));
        for (i, endpoint) in endpoints().iter().enumerate() {
            if of_endpoints.get(i).copied().unwrap_or(false) {
                match &endpoint.socket {
                    Socket::Fifo(pipe) => pipes[i].serve(pipe, &replies),
                    _ => serve(endpoint, &mut clients),
                }
            }
        }
        who::set_clients(&clients);
        stop_if_told();
    }
}

/// Waits until something is to be done; which of endpoints and clients are ready.
fn wait(clients: &[Client<Connection>], late: bool) -> Vec<bool> {
    let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(endpoints().len() + clients.len());
    fds.extend(
        endpoints()
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

fn serve(endpoint: &Endpoint, clients: &mut Vec<Client<Connection>>) {
    match &endpoint.socket {
        Socket::Tcp(socket) => accept(clients, || Connection::tcp(socket.accept()?.0, endpoint)),
        Socket::UnixStream(socket) => {
            accept(clients, || Connection::unix(socket.accept()?.0, endpoint))
        }
        Socket::Udp(socket) => {
            let mut buffer = vec![0; 65_536];
            while let Ok((n, from)) = socket.recv_from(&mut buffer) {
                answer_datagram(endpoint, &buffer[..n], &mut |reply| {
                    report(socket.send_to(reply, from));
                });
            }
        }
        Socket::UnixDatagram(socket) => {
            let mut buffer = vec![0; 65_536];
            while let Ok((n, from)) = socket.recv_from(&mut buffer) {
                answer_datagram(endpoint, &buffer[..n], &mut |reply| {
                    if let Some(path) = from.as_pathname() {
                        report(socket.send_to(reply, path));
                    }
                });
            }
        }
        // The work loop knows it.
        Socket::Fifo(_) => {}
    }
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

fn report(sent: io::Result<usize>) {
    if let Err(why) = sent {
        log::error!("ERROR: ctl: reply not sent: {why}");
    }
}

fn answer_datagram(endpoint: &Endpoint, packet: &[u8], send: &mut dyn FnMut(&[u8])) {
    if endpoint.protocol() == Protocol::Line {
        return send(&line_frame::answer_datagram(packet));
    }
    let header = match read_header(packet) {
        Ok(header) if header.header_len + header.len == packet.len() => header,
        Ok(header) => return send(&fault_packet(header.cookie, &bad_request(Error::BadPacket))),
        Err(why) => return send(&fault_packet(0, &bad_request(why))),
    };
    answer(
        &header,
        &packet[header.header_len..],
        MAX_DATAGRAM,
        &mut |reply| send(&reply),
    );
}
