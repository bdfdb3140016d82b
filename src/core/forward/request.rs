//! Stateless forwarding of requests: `forward()` and `send()` (SER's forward_request).

use super::branch::stateless_branch;
use super::build::build_request;
use super::next_hop;
use super::socket::send_socket;
use crate::core::msg::{OnSend, SerError, SipMsg};
use crate::core::net::{Proto, SocketInfo, udp};
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
        Ok(()) => 1,
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
    let (to, proto) = destination(msg, target, proto)?;
    let socket = send_socket(Some(msg), &to, proto).ok_or_else(|| {
        log::error!(
            "ERROR: forward_req: cannot forward to {to}, no corresponding listening socket"
        );
        SerError::NO_SOCKET
    })?;
    let branch = stateless_branch(msg).map_err(|_| SerError::BAD_REQ)?;
    let buf = build_request(msg, socket, branch)?;
    ask_onsend(msg, buf, to, socket)?;
    transmit(socket, buf, to)?;
    count(Counter::FwdRequests);
    Ok(())
}

/// Address and protocol of the next step.
fn destination(
    msg: &SipMsg<'_>,
    target: &Target,
    proto: Option<Proto>,
) -> Result<(SocketAddr, Proto), SerError> {
    match target {
        Target::Fixed(addr) => {
            let proto = proto.unwrap_or(msg.rcv.proto);
            let port = if addr.port() == 0 { 5060 } else { addr.port() };
            Ok((SocketAddr::new(addr.ip(), port), proto))
        }
        Target::NextHop { port } => {
            let mut found = next_hop::of_request(msg.next_hop(), *port, proto)?;
            let to = found.next().ok_or(SerError::BAD_ADDRESS)?;
            Ok((to.addr(), to.proto))
        }
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
    udp::send_to(socket, buf, to).map_err(|why| {
        count(Counter::SendErrors);
        log::error!("ERROR: udp_send: sendto({} bytes, {to}): {why}", buf.len());
        SerError::SEND
    })
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
