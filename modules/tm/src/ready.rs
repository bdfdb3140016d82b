//! The request of a branch, built for one destination: socket, Via, message; and how it is sent.

use crate::callbacks::{self, Event};
use crate::client::ClientState;
use crate::outbox;
use crate::table::{self, TxId};
use crate::transaction::{Branch, Dest, Repeater};
use crate::{branch_id, params, tick};
use ser::core::dns::blacklist::{self, reason};
use ser::core::dns::{Destination, Destinations};
use ser::core::forward::{ask_onsend, build_request, send_socket};
use ser::core::msg::{SerError, SipMsg};
use ser::core::net::SocketInfo;
use ser::ipc::{ShmFull, ShmStr};

/// A built request.
#[derive(Clone, Copy, Debug)]
pub struct Ready<'a> {
    pub dest: Dest,
    socket: &'static SocketInfo,
    pub buf: &'a [u8],
}

/// Builds it for the first destination that we have a socket for.
pub fn choose<'a>(
    msg: &mut SipMsg<'a>,
    id: TxId,
    md5: &[u8],
    number: usize,
    all: &mut Destinations,
) -> Result<Ready<'a>, SerError> {
    let mut error = SerError::BAD_ADDRESS;
    for to in all {
        match build(msg, id, md5, number, to) {
            Ok(ready) => return Ok(ready),
            Err(why) => error = why,
        }
    }
    Err(error)
}

fn build<'a>(
    msg: &mut SipMsg<'a>,
    id: TxId,
    md5: &[u8],
    number: usize,
    to: Destination,
) -> Result<Ready<'a>, SerError> {
    let addr = to.addr();
    if blacklist::is_blacklisted(&to) {
        log::debug!("tm: {addr} is blacklisted");
        return Err(SerError::BLACKLISTED);
    }
    let socket = send_socket(Some(msg), &addr, to.proto).ok_or_else(|| {
        log::error!("ERROR: t_forward_nonack: no listening socket for {addr}");
        SerError::NO_SOCKET
    })?;
    callbacks::run(id, Event::RequestFwded, Some(msg), None, 0);
    let branch = branch_id::write(id, md5, number, msg.arena);
    let buf = build_request(msg, socket, branch)?;
    Ok(Ready {
        dest: Dest::new(addr, socket, 0),
        socket,
        buf,
    })
}

/// Puts a destination on the blacklist, if there is one.
pub fn avoid(dest: &Dest, why: u8) {
    if let Some(socket) = dest.socket() {
        let to = Destination {
            ip: dest.to.ip(),
            proto: socket.proto,
            port: dest.to.port(),
        };
        blacklist::add(&to, why);
    }
}

impl<'a> Ready<'a> {
    /// One that was built elsewhere.
    pub fn new(dest: Dest, socket: &'static SocketInfo, buf: &'a [u8]) -> Ready<'a> {
        Ready { dest, socket, buf }
    }

    /// The branch as it is kept, its timers set; `fr` in ticks.
    pub fn branch(&self, fr: u32, now: u32) -> Result<Branch, ShmFull> {
        let mut branch = Branch::new(ClientState::Calling, self.dest);
        branch.request = ShmStr::try_new_in(self.buf, table::tag())?;
        if branch.to.is_unreliable() {
            branch.repeat = Repeater::start(now, params::get().retr1);
        }
        branch.fr_at = tick::after(now, fr);
        Ok(branch)
    }

    /// Asks the onsend_route and sends it.
    pub fn send(&self, msg: &mut SipMsg<'a>) -> Result<(), SerError> {
        ask_onsend(msg, self.buf, self.dest.to, self.socket)?;
        outbox::send(&self.dest, self.buf).inspect_err(|_| avoid(&self.dest, reason::ERR_SEND))
    }
}
