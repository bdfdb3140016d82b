//! No-fork mode (`-D`, `fork=no`): the main process is the receiver of the first UDP socket.
//!
//! The attendant's loop asks this receiver whenever its socket is readable, so signals and messages
//! are dealt with one after the other; so are the answers of name servers. `child_init` gets rank 1, PROC_MAIN is never called.

use super::udp_receiver::Receiver;
use crate::core::dns::{self, Resolver};
use crate::core::module::registry;
use crate::core::net::SocketInfo;
use std::os::fd::{AsFd, BorrowedFd};

/// The rank of the main process in this mode.
const RANK: i32 = 1;

/// The receiver inside the main process.
#[derive(Debug)]
pub struct OwnReceiver {
    socket: &'static SocketInfo,
    receiver: Receiver,
    /// Names are looked up in this process, too.
    resolver: Option<Resolver>,
}

impl OwnReceiver {
    /// Of one bound socket.
    pub fn new(socket: &'static SocketInfo) -> Result<Self, String> {
        let receiver = Receiver::new(socket)?;
        Ok(OwnReceiver {
            socket,
            receiver,
            resolver: None,
        })
    }

    /// Initialises the modules for it.
    pub(super) fn start(&mut self) -> Result<(), String> {
        super::child::keep_configuration();
        if dns::is_resolver_wanted() {
            self.resolver = Some(Resolver::start()?);
        }
        registry::init_child(RANK)
    }

    /// The answers of name servers have come, or their time is over.
    pub(super) fn work_for_names(&mut self) {
        if let Some(resolver) = &mut self.resolver {
            resolver.work();
        }
    }

    /// The resolver, which wants to be polled.
    pub(super) fn resolver(&self) -> Option<&Resolver> {
        self.resolver.as_ref()
    }

    /// Its description in the process table.
    pub(super) fn desc(&self) -> String {
        format!(
            "stand-alone receiver @ {}:{}",
            self.socket.name,
            self.socket.port()
        )
    }

    /// Takes one datagram, which poll has announced.
    pub(super) fn serve(&mut self) {
        self.receiver.serve_announced();
    }
}

impl AsFd for OwnReceiver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.receiver.as_fd()
    }
}
