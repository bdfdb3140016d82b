//! The socket that a message leaves from (SER's get_send_socket).

use crate::core::msg::SipMsg;
use crate::core::net::{Proto, SocketInfo, find_socket, listeners, send_socket_for, udp};
use crate::core::settings;
use std::net::SocketAddr;

/// The socket for sending to `to` by `proto`: forced, that of the best route (`mhomed`), the one the
/// message came in on, or the default of the family. `None`: there is none.
pub fn send_socket(
    msg: Option<&SipMsg<'_>>,
    to: &SocketAddr,
    proto: Proto,
) -> Option<&'static SocketInfo> {
    if let Some(forced) = msg.and_then(|m| m.force_send_socket) {
        if forced.proto == proto {
            return Some(forced);
        }
        if let Some(other) = find_socket(forced.ip(), forced.port(), proto) {
            return Some(other);
        }
        log::warn!(
            "get_send_socket: protocol/port mismatch of the forced socket {}",
            forced.name
        );
    }
    if settings::get().mhomed && proto == Proto::Udp {
        return best_route(to);
    }
    if proto == Proto::Tcp || proto == Proto::Tls {
        let all = listeners();
        let list = if proto == Proto::Tcp {
            &all.tcp
        } else {
            &all.tls
        };
        return list
            .iter()
            .copied()
            .find(|s| s.addr.is_ipv4() == to.is_ipv4());
    }
    let received = msg.and_then(|m| m.rcv.socket);
    let usable =
        |s: &&SocketInfo| s.proto == Proto::Udp && !s.mcast && s.addr.is_ipv4() == to.is_ipv4();
    received.filter(usable).or_else(|| send_socket_for(to))
}

/// Asks the kernel which address it would send from and finds our UDP socket with it.
fn best_route(to: &SocketAddr) -> Option<&'static SocketInfo> {
    let ip = match udp::local_address_towards(*to) {
        Ok(ip) => ip,
        Err(why) => {
            log::error!("ERROR: get_out_socket: no route to {to}: {why}");
            return None;
        }
    };
    let socket = find_socket(ip, 0, Proto::Udp);
    if socket.is_none() {
        log::error!("ERROR: get_out_socket: no socket found with the address {ip}");
    }
    socket
}
