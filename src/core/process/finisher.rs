//! A process `finisher N`: another program has the sockets, and passes it the messages of what this one has begun.
//!
//! Invariant: what a message took from the arena is gone before the next one is read.

use super::signals::{idle, stop_if_told};
use super::udp_receiver::Worker;
use super::upgrade::read_head;
use parking_lot::RwLock;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;

/// What finishers that are forked from now on read from.
static PIPE: RwLock<Option<Arc<UnixDatagram>>> = RwLock::new(None);

/// Before they are forked.
pub(super) fn read_from(pipe: UnixDatagram) {
    *PIPE.write() = Some(Arc::new(pipe));
}

/// The work loop; returns only when there is no pipe.
pub(super) fn run() -> Result<(), String> {
    let pipe = PIPE.read().clone().ok_or("BUG: there is no pipe")?;
    let mut worker = Worker::new()?;
    loop {
        stop_if_told();
        let buffer = &mut worker.buffer;
        match idle(|| pipe.recv(buffer)) {
            Ok(length) => match read_head(&worker.buffer[..length]) {
                Some((socket, source, start)) => worker.process(socket, source, start..length),
                None => log::error!("BUG: a message without a head was passed"),
            },
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(format!("the pipe of finishers: {e}")),
        }
    }
}
