//! The process `dns resolver`: asks the name servers for everybody, fills the cache, and calls those who
//! wait for a name. What tm does with a request whose next hop is a name is done here when the name is
//! known, so its `child_init` gets the rank of the timer, in which tm also works without a message.

use super::signals::{idle, stop_if_told};
use crate::core::dns::Resolver;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::os::fd::AsFd;

/// The work loop; never returns.
pub(super) fn run(resolver: &mut Resolver) -> Result<(), String> {
    loop {
        // Ready or interrupted: look what there is.
        let _ = idle(|| {
            let mut fds = [PollFd::new(resolver.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, PollTimeout::NONE)
        });
        resolver.work();
        stop_if_told();
    }
}
