//! The process `ctl handler`: one loop over all sockets, pipes and clients.

use crate::address::Protocol;
use crate::binrpc_call::{answer, bad_request, fault_packet};
use crate::connection::Connection;
use crate::endpoint::{Endpoint, Socket};
use crate::{endpoints, line_call, who};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ser::core::net::control::{reply_pipe, write_patiently};
use ser::core::process::{idle, stop_if_told};
use ser::core::rpc::binrpc::{Error, read_header};
use ser::core::rpc::line::{self, Request, Sink};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

/// Most clients at once; one more is turned away.
const MAX_CLIENTS: usize = 128;
/// Longest body of a reply in one datagram.
const MAX_DATAGRAM: usize = 65_000;
/// Where clients of a pipe make their reply pipes (ctl has no parameter for it).
const FIFO_DIR: &str = "/tmp/";
const REPLY_RETRIES: u32 = 4;
const REPLY_WAIT: Duration = Duration::from_millis(80);
/// How long a reply pipe may take nothing.
const PIPE_PATIENCE: Duration = Duration::from_millis(200);
/// Idle clients are looked for this often.
const LOOK: u16 = 5_000;

/// The work loop.
pub fn run() {
    let mut clients: Vec<Connection> = Vec::new();
    who::set_clients(&clients);
    let mut piped: Vec<Vec<u8>> = endpoints().iter().map(|_| Vec::new()).collect();
    loop {
        let ready = wait(&clients);
        let (of_endpoints, of_clients) = ready.split_at(endpoints().len());
        let mut at = 0;
        clients.retain_mut(|client| {
            let ready = of_clients.get(at).copied().unwrap_or(false);
            at += 1;
            if ready {
                client.serve()
            } else {
                !client.is_idle()
            }
        });
        for (i, endpoint) in endpoints().iter().enumerate() {
            if of_endpoints.get(i).copied().unwrap_or(false) {
                serve(endpoint, &mut clients, &mut piped[i]);
            }
        }
        who::set_clients(&clients);
        stop_if_told();
    }
}

/// Waits until something is to be done; which of endpoints and clients are ready.
fn wait(clients: &[Connection]) -> Vec<bool> {
    let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(endpoints().len() + clients.len());
    fds.extend(
        endpoints()
            .iter()
            .map(|e| PollFd::new(e.as_fd(), PollFlags::POLLIN)),
    );
    fds.extend(clients.iter().map(|c| {
        let wants = if c.wants_to_write() {
            PollFlags::POLLOUT
        } else {
            PollFlags::POLLIN
        };
        PollFd::new(c.as_fd(), wants)
    }));
    // An interrupted wait only means an early look.
    let _ = idle(|| poll(&mut fds, PollTimeout::from(LOOK)));
    let ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|r| !r.is_empty());
    fds.iter().map(ready).collect()
}

fn serve(endpoint: &Endpoint, clients: &mut Vec<Connection>, piped: &mut Vec<u8>) {
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
        Socket::Fifo(pipe) => serve_pipe(pipe, piped),
    }
}

fn accept(clients: &mut Vec<Connection>, mut next: impl FnMut() -> io::Result<Connection>) {
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
        let mut reply: Vec<u8> = Vec::new();
        if line_call::run(packet, &mut reply).is_ok() {
            reply.truncate(MAX_DATAGRAM);
            send(&reply);
        }
        return;
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

/// Reads what stands in a pipe and answers every whole request.
fn serve_pipe(mut pipe: &File, piped: &mut Vec<u8>) {
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = pipe.read(&mut buffer) {
        piped.extend_from_slice(&buffer[..n]);
        while let Some(end) = line_call::end_of_request(piped) {
            let request: Vec<u8> = piped.drain(..end).collect();
            answer_piped(&request);
        }
        if piped.len() > line_call::MAX_REQUEST {
            log::error!("ERROR: ctl: a request over the pipe is too long, it is thrown away");
            piped.clear();
        }
    }
}

fn answer_piped(text: &[u8]) {
    let request = match Request::parse(text) {
        Ok(request) => request,
        Err(why) => {
            log::error!("ERROR: ctl: {}: {}", why.0, String::from_utf8_lossy(text));
            return;
        }
    };
    let name = String::from_utf8_lossy(&request.reply).into_owned();
    let mut sink = PipeSink { pipe: None };
    if !name.is_empty() {
        match reply_pipe(&Path::new(FIFO_DIR).join(&name), REPLY_RETRIES, REPLY_WAIT) {
            Ok(pipe) => sink.pipe = Some(pipe),
            Err(why) => {
                log::error!("ERROR: ctl: reply pipe {name}: {why}");
                return;
            }
        }
    }
    if let Err(why) = line::LineContext::run(request, &mut sink) {
        log::error!("ERROR: ctl: reply pipe {name}: {why}");
    }
}

/// A reply pipe; without one the reply is not wanted.
struct PipeSink {
    pipe: Option<File>,
}

impl Sink for PipeSink {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        match &self.pipe {
            Some(pipe) => write_patiently(pipe, piece, PIPE_PATIENCE),
            None => Ok(()),
        }
    }
}
