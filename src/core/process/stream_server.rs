//! The work loop of a process that serves clients of stream sockets.

use super::{idle, is_retiring, stop_unless_busy};
use crate::core::net::clients::{Clients, Listener, Talk};
use nix::poll::poll;

/// Serves clients of `listeners`, at most `most` at once, for as long as the process lives. `make` gives what is
/// spoken with a client of the listener of that number. When the process is retired, new clients are left to its
/// successor, and it ends when its own have gone or are silent.
pub fn serve_streams<T: Talk>(listeners: &[Listener], most: usize, make: impl Fn(usize) -> T) {
    let mut clients = Clients::new(most);
    loop {
        let listeners = if is_retiring() { &[] } else { listeners };
        clients.turn(listeners, &make, |fds, look| {
            // An interrupted wait only means an early look.
            let _ = idle(|| poll(fds, look));
        });
        if is_retiring() {
            clients.let_silent_go();
        }
        stop_unless_busy(!clients.is_empty());
    }
}
