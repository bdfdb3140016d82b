//! The work loop of a process that serves clients of stream sockets.

use super::{idle, stop_if_told};
use crate::core::net::clients::{Clients, Listener, Talk};
use nix::poll::poll;

/// Serves clients of `listeners`, at most `most` at once, for as long as the process lives. `make` gives what is
/// spoken with a client of the listener of that number.
pub fn serve_streams<T: Talk>(listeners: &[Listener], most: usize, make: impl Fn(usize) -> T) {
    let mut clients = Clients::new(most);
    loop {
        clients.turn(listeners, &make, |fds, look| {
            // An interrupted wait only means an early look.
            let _ = idle(|| poll(fds, look));
        });
        stop_if_told();
    }
}
