//! Stateless forwarding of requests: `forward()` and `send()` (SER's forward_request).

use super::branch::stateless_branch;
use super::build::build_request;
use super::next_hop;
use super::sent;
use super::socket::send_socket;
use crate::core::dns::blacklist::{self, reason};
use crate::core::dns::{Destination, Destinations};
use crate::core::msg::{OnSend, SerError, SipMsg};
use crate::core::net::{Proto, SocketInfo, udp};
use crate::core::settings;
use crate::core::stats::{Counter, count};
use std::net::SocketAddr;
use std::sync::OnceLock;

/// Where a request goes.
#[derive(Clone, Debug)]
pub enum Target {
    /// The host of the next hop (`dst_uri` or Request-URI), its port unless another is given.
    NextHop {
        /// Port to use instead.
        port: Option<u16>,
    },
    /// An address resolved when the server started; port 0 means the default.
    Fixed(SocketAddr),
}

/// Judges a finished request; 0: do not send. `None`: there is no onsend_route.
pub type OnSendHook = for<'a> fn(&mut SipMsg<'a>) -> Option<i32>;
static ONSEND: OnceLock<OnSendHook> = OnceLock::new();

/// Gives this floor the script's onsend_route.
pub fn set_onsend_hook(hook: OnSendHook) {
    let _ = ONSEND.set(hook);
}

/// Forwards the request statelessly. `proto`: fixed by the command, else that of the next hop's URI,
/// or for a fixed target the one the request came by. 1, or a negative error, also left in the message.
pub fn forward(msg: &mut SipMsg<'_>, target: &Target, proto: Option<Proto>) -> i32 {
    match try_forward(msg, target, proto) {
        Ok(()) => {
            msg.settled = true;
            1
        }
        Err(error) => {
            msg.error = error;
            error.0
        }
    }
}

fn try_forward(
    msg: &mut SipMsg<'_>,
    target: &Target,
    proto: Option<Proto>,
) -> Result<(), SerError> {
    let all = destinations(msg, target, proto)?;
    let branch = stateless_branch(msg).map_err(|_| SerError::BAD_REQ)?;
    let mut last = SerError::BAD_ADDRESS;
    let mut built = None;
    for to in all {
        match forward_to(msg, to, branch, &mut built) {
            Ok(()) => {
                count(Counter::FwdRequests);
                return Ok(());
            }
            Err(error) => last = error,
        }
        if !settings::get().use_dns_failover {
            break;
        }
    }
    Err(last)
}

/// A request as it leaves from a socket; built again only for another one.
type Built<'a> = Option<(&'static SocketInfo, &'a [u8])>;

fn forward_to<'a>(
    msg: &mut SipMsg<'a>,
    to: Destination,
    branch: &[u8],
    built: &mut Built<'a>,
) -> Result<(), SerError> {
    let addr = to.addr();
    let socket = send_socket(Some(msg), &addr, to.proto).ok_or_else(|| {
        log::error!(
            "ERROR: forward_req: cannot forward to {addr}, no corresponding listening socket"
        );
        SerError::NO_SOCKET
    })?;
    let buf = match *built {
        Some((of, buf)) if std::ptr::eq(of, socket) => buf,
        _ => build_request(msg, socket, branch)?,
    };
    *built = Some((socket, buf));
    ask_onsend(msg, buf, addr, socket)?;
    if blacklist::is_blacklisted(&to) {
        log::debug!("forward_request: {addr} is blacklisted");
        return Err(SerError::SEND);
    }
    transmit(socket, buf, addr).inspect_err(|_| blacklist::add(&to, reason::ERR_SEND))
}

/// Addresses and protocol of the next step, in the order to try.
fn destinations(
    msg: &SipMsg<'_>,
    target: &Target,
    proto: Option<Proto>,
) -> Result<Destinations, SerError> {
    match target {
        Target::Fixed(addr) => Ok(Destinations::one(Destination {
            ip: addr.ip(),
            proto: proto.unwrap_or(msg.rcv.proto),
            port: if addr.port() == 0 { 5060 } else { addr.port() },
        })),
        Target::NextHop { port } => next_hop::of_request(msg.next_hop(), *port, proto),
    }
}

/// Runs the onsend_route, if there is one, on a request that is about to leave; an error: do not send it.
pub fn ask_onsend<'a>(
    msg: &mut SipMsg<'a>,
    buf: &'a [u8],
    to: SocketAddr,
    socket: &'static SocketInfo,
) -> Result<(), SerError> {
    let Some(hook) = ONSEND.get() else {
        return Ok(());
    };
    msg.onsend = Some(OnSend { buf, to, socket });
    let verdict = hook(msg);
    msg.onsend = None;
    if verdict == Some(0) {
        log::info!("INFO: forward_request: request dropped (onsend_route)");
        return Err(SerError::ADM_PROHIBITED);
    }
    Ok(())
}

/// Sends a finished datagram; an error is logged where it happens.
pub fn transmit(socket: &'static SocketInfo, buf: &[u8], to: SocketAddr) -> Result<(), SerError> {
    if socket.proto != Proto::Udp {
        log::error!(
            "ERROR: msg_send: {} is not served by this version",
            socket.proto.name()
        );
        return Err(SerError::SEND);
    }
    match udp::send_to(socket, buf, to) {
        Ok(()) => {
            sent::count_sent(buf);
            Ok(())
        }
        Err(why) => {
            count(Counter::SendErrors);
            log::error!("ERROR: udp_send: sendto({} bytes, {to}): {why}", buf.len());
            Err(SerError::SEND)
        }
    }
}

/// Sends the received bytes as they came (in an onsend_route: the outgoing ones). 1 or negative.
pub fn send(msg: &mut SipMsg<'_>, to: SocketAddr, proto: Proto) -> i32 {
    let buf = msg.onsend.map_or(msg.buf(), |o| o.buf);
    let to = SocketAddr::new(to.ip(), if to.port() == 0 { 5060 } else { to.port() });
    let result = match send_socket(Some(msg), &to, proto) {
        Some(socket) => transmit(socket, buf, to),
        None => Err(SerError::NO_SOCKET),
    };
    match result {
        Ok(()) => 1,
        Err(error) => {
            msg.error = error;
            error.0
        }
    }
}
