//! Comparisons of addresses: with addresses, networks, names, and ourselves.

use super::super::{Select, SelectResult, action::Pattern};
use super::text::matches;
use super::{ERROR, truth};
use crate::core::dns;
use crate::core::msg::{AvpSpec, AvpValue, SipMsg};
use crate::core::net::{Proto, check_self, parse_ip};
use std::net::{IpAddr, SocketAddr};

/// Addresses that are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum IpOperand {
    Src,
    Dst,
    Snd,
    To,
}

/// The other side of an address comparison.
#[derive(Debug)]
#[allow(missing_docs)]
pub enum IpRight {
    Net(IpAddr, u8),
    Name(Box<str>),
    Myself,
    Pattern(Pattern),
    /// An address or name that only a message has.
    Avp(AvpSpec),
    Select(Select),
}

impl IpRight {
    /// Whether a name server may be asked.
    pub(super) fn may_be_name(&self) -> bool {
        matches!(
            self,
            IpRight::Name(_) | IpRight::Avp(_) | IpRight::Select(_)
        )
    }
}

pub(super) fn sides(msg: &SipMsg<'_>, operand: IpOperand) -> Option<SocketAddr> {
    match operand {
        IpOperand::Src => Some(msg.rcv.src),
        IpOperand::Dst => Some(msg.rcv.dst),
        IpOperand::Snd => msg.onsend.map(|o| o.socket.addr),
        IpOperand::To => msg.onsend.map(|o| o.to),
    }
}

pub(super) fn ip_of(msg: &SipMsg<'_>, operand: IpOperand) -> Option<IpAddr> {
    sides(msg, operand).map(|addr| addr.ip())
}

pub(super) fn compare_ip(
    msg: &mut SipMsg<'_>,
    ip: IpAddr,
    negate: bool,
    right: &'static IpRight,
) -> i32 {
    let same = match right {
        IpRight::Net(net, bits) => in_net(ip, *net, *bits),
        IpRight::Myself => {
            let text = bumpalo::format!(in msg.arena, "{}", ip);
            check_self(text.as_bytes(), 0, Proto::None)
        }
        IpRight::Name(name) => is_name_of(name.as_bytes(), ip),
        IpRight::Avp(spec) => match msg.avps.lookup(spec) {
            Some(AvpValue::Str(text)) => is_address(text, ip),
            Some(AvpValue::Int(_)) => return ERROR,
            None => return 0,
        },
        IpRight::Select(select) => match select.get(msg) {
            SelectResult::Value(text) => is_address(text, ip),
            SelectResult::Null => return 0,
            SelectResult::Error => return ERROR,
        },
        IpRight::Pattern(pattern) => {
            let text = bumpalo::format!(in msg.arena, "{}", ip);
            return matches(msg, text.as_bytes(), pattern);
        }
    };
    truth(same != negate)
}

/// Whether `text` is this address or a name that has it.
fn is_address(text: &[u8], ip: IpAddr) -> bool {
    match parse_ip(text) {
        Some(other) => other == ip,
        None => is_name_of(text, ip),
    }
}

/// Whether the name has this address, or the address this name. Waits for name servers.
fn is_name_of(name: &[u8], ip: IpAddr) -> bool {
    dns::name_has_address(name, ip) || dns::address_has_name(ip, name)
}

fn in_net(ip: IpAddr, net: IpAddr, bits: u8) -> bool {
    match (ip, net) {
        (IpAddr::V4(ip), IpAddr::V4(net)) => {
            let mask = u32::MAX
                .checked_shl(32 - u32::from(bits.min(32)))
                .unwrap_or(0);
            (u32::from(ip) ^ u32::from(net)) & mask == 0
        }
        (IpAddr::V6(ip), IpAddr::V6(net)) => {
            let mask = u128::MAX
                .checked_shl(128 - u32::from(bits.min(128)))
                .unwrap_or(0);
            (u128::from(ip) ^ u128::from(net)) & mask == 0
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}
