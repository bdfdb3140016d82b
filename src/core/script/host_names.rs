//! The addresses of names that stand in the script itself: `forward`, `send`, `force_send_socket`. They are looked up
//! once, when the program is fixed up; a process that must not wait is told what another has found.

use crate::core::dns::{self, Failure, Query};
use crate::core::net::Proto;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Who knows them.
#[derive(Debug)]
pub enum HostNames {
    /// They are looked up; those that were found, in order.
    LookUp(Vec<SocketAddr>),
    /// Another process has found these, in the same order.
    Known(VecDeque<SocketAddr>),
}

impl HostNames {
    /// They are looked up.
    pub fn look_up() -> HostNames {
        HostNames::LookUp(Vec::new())
    }

    /// What was found, a line each.
    pub fn to_text(&self) -> String {
        let HostNames::LookUp(found) = self else {
            return String::new();
        };
        found.iter().map(|addr| format!("{addr}\n")).collect()
    }

    /// Knows what [`HostNames::to_text`] wrote.
    pub fn from_text(text: &str) -> Option<HostNames> {
        let known = text.lines().map(|line| line.parse().ok());
        Some(HostNames::Known(known.collect::<Option<_>>()?))
    }

    /// Where `host` is; a protocol that is known may lead to SRV records.
    pub(super) fn address(
        &mut self,
        host: &[u8],
        port: u16,
        proto: Proto,
    ) -> Result<SocketAddr, Failure> {
        match self {
            HostNames::LookUp(found) => {
                let addr = look_up(host, port, proto)?;
                found.push(addr);
                Ok(addr)
            }
            HostNames::Known(known) => known.pop_front().ok_or(Failure::NoAddress),
        }
    }
}

fn look_up(host: &[u8], port: u16, proto: Proto) -> Result<SocketAddr, Failure> {
    if proto == Proto::None {
        return Ok(SocketAddr::new(dns::resolve_host(host)?, port));
    }
    let found = dns::resolve_blocking(Query::new(host, port, proto))?;
    found.peek().map(|to| to.addr()).ok_or(Failure::NoAddress)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_known_to_another() {
        let mut here = HostNames::look_up();
        let found = here.address(b"127.0.0.7", 5060, Proto::None).unwrap();
        let mut there = HostNames::from_text(&here.to_text()).unwrap();
        assert_eq!(there.address(b"anything", 1, Proto::Udp), Ok(found));
        assert_eq!(
            there.address(b"more", 1, Proto::Udp),
            Err(Failure::NoAddress)
        );
    }
}
