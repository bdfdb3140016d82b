//! The floor: moves datagrams with `recvmmsg` and `sendmmsg` and does not read them. `echo` sends each back;
//! `relay` sends what comes from one peer to the other, as often as a proxy does; with `--trying` an INVITE's
//! beginning goes back as well, where a stateful proxy sends 100.

use crate::args::Floor;
use crate::batch::{Inbox, Outbox, send_on, socket};
use nix::sys::socket::SockaddrIn;
use std::error::Error;

/// Bytes of a 100 to our INVITE.
const TRYING: usize = 360;

/// Serves until it is killed.
pub fn serve(floor: &Floor) -> Result<(), Box<dyn Error>> {
    let socket = socket(floor.listen)?;
    let mut inbox = Inbox::new(floor.batch);
    let mut outbox = Outbox::new(2 * floor.batch);
    let back = if floor.trying { TRYING } else { 0 };
    let between = floor
        .between
        .map(|(one, other)| (SockaddrIn::from(one), SockaddrIn::from(other)));
    loop {
        inbox.receive(&socket, true)?;
        send_on(
            &mut outbox,
            &socket,
            inbox
                .iter()
                .flat_map(|(d, from)| trying(d, from, back).chain([(d, route(between, from))])),
        )?;
    }
}

/// The beginning of an INVITE and where it came from; nothing for other datagrams, and when `back` is 0.
fn trying(
    datagram: &[u8],
    from: SockaddrIn,
    back: usize,
) -> impl Iterator<Item = (&[u8], SockaddrIn)> {
    let sent = back > 0 && datagram.starts_with(b"INVITE ");
    sent.then(|| (&datagram[..back.min(datagram.len())], from))
        .into_iter()
}

fn route(between: Option<(SockaddrIn, SockaddrIn)>, from: SockaddrIn) -> SockaddrIn {
    match between {
        Some((one, other)) if from == one => other,
        Some((one, _)) => one,
        None => from,
    }
}
