//! Forwarding of replies by their second Via (RFC 3261 §16.7, SER's forward_reply).

use super::next_hop;
use super::request::transmit;
use super::socket::send_socket;
use crate::core::dns::{Destination, Query};
use crate::core::module::registry;
use crate::core::msg::{SerError, SipMsg};
use crate::core::net::{Proto, check_self};
use crate::core::settings;
use crate::core::sip::{HdrType, Via, ViaProto};
use crate::core::stats::{Counter, count};
use std::net::SocketAddr;

/// Hands the reply to the modules, then sends it on. 1: done or taken by a module; negative: dropped.
pub fn forward_reply(msg: &mut SipMsg<'_>) -> i32 {
    match try_forward(msg) {
        Ok(()) => 1,
        Err(error) => {
            count(Counter::DropReply);
            msg.error = error;
            error.0
        }
    }
}

fn try_forward(msg: &mut SipMsg<'_>) -> Result<(), SerError> {
    let via1 = *msg.sip.via1().ok_or(SerError::BAD_VIA)?;
    if settings::get().check_via && !is_ours(&via1) {
        crate::core::log::notice!(
            "ERROR: forward_reply: host in first via!=me : {}",
            via1.hostport.escape_ascii()
        );
        return Err(SerError::BAD_VIA);
    }
    if registry::run_response(msg) == 0 {
        return Ok(());
    }
    let via2 = msg.sip.via2().ok().flatten().ok_or_else(|| {
        log::info!("forward_reply: no 2nd via found in reply");
        SerError::BAD_VIA
    })?;
    let Destination { ip, port, proto } = destination(&via2)?;
    let to = SocketAddr::new(ip, port);
    remove_first_via(msg)?;
    let socket = send_socket(Some(msg), &to, proto).ok_or(SerError::NO_SOCKET)?;
    let buf = super::build::render(msg, socket);
    transmit(socket, buf, to)?;
    count(Counter::FwdReplies);
    Ok(())
}

fn is_ours(via: &Via<'_>) -> bool {
    let port = if via.port_no == 0 { 5060 } else { via.port_no };
    check_self(via.host, port, proto_of(via.proto))
}

fn proto_of(proto: ViaProto) -> Proto {
    Proto::of_via(proto).unwrap_or(Proto::Udp)
}

/// `received` else host; `rport`, else the Via's port (5060 where `received` stands alone).
fn destination(via: &Via<'_>) -> Result<Destination, SerError> {
    let proto = proto_of(via.proto);
    let host = via.received.filter(|r| !r.is_empty()).unwrap_or(via.host);
    let rport = via
        .rport
        .and_then(|r| std::str::from_utf8(r).ok()?.parse::<u16>().ok());
    let port = rport.filter(|p| *p != 0).unwrap_or(via.port_no);
    next_hop::first(Query::new(host, port, proto))
}

/// Queues the removal of the first Via: the header if it has one value, else that value alone.
pub fn remove_first_via(msg: &mut SipMsg<'_>) -> Result<(), SerError> {
    let header = msg
        .sip
        .header(HdrType::Via)
        .ok()
        .flatten()
        .ok_or(SerError::BAD_VIA)?;
    let via = *msg.sip.via1().ok_or(SerError::BAD_VIA)?;
    if via.more {
        let start = msg.sip.offset_of(via.raw);
        let header_end = msg.sip.offset_of(header.body) + header.body.len();
        let behind = &msg.buf()[start + via.raw.len()..header_end];
        let next = behind
            .iter()
            .position(|&b| b == b',')
            .map_or(0, |comma| comma + 1);
        let blanks = behind[next..]
            .iter()
            .take_while(|b| b.is_ascii_whitespace())
            .count();
        msg.lumps.del(start, via.raw.len() + next + blanks);
    } else {
        msg.lumps
            .del(msg.sip.offset_of(header.raw), header.raw.len());
    }
    Ok(())
}
