//! The floor: moves datagrams with `recvmmsg` and `sendmmsg` and does not look at them. `echo` sends each back;
//! `relay` sends what comes from one peer to the other, as often as a proxy does.

use crate::args::Floor;
use crate::batch::{Inbox, Outbox, send_on, socket};
use nix::sys::socket::SockaddrIn;
use std::error::Error;

/// Serves until it is killed.
pub fn serve(floor: &Floor) -> Result<(), Box<dyn Error>> {
    let socket = socket(floor.listen)?;
    let (mut inbox, mut outbox) = (Inbox::new(floor.batch), Outbox::new(floor.batch));
    let between = floor
        .between
        .map(|(one, other)| (SockaddrIn::from(one), SockaddrIn::from(other)));
    loop {
        inbox.receive(&socket, true)?;
        send_on(&mut outbox, &socket, &inbox, |from| route(between, from))?;
    }
}

fn route(between: Option<(SockaddrIn, SockaddrIn)>, from: SockaddrIn) -> SockaddrIn {
    match between {
        Some((one, other)) if from == one => other,
        Some((one, _)) => one,
        None => from,
    }
}
