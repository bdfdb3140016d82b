//! Where a message can be sent: address, port and protocol, and the list of them that failover walks.

use crate::core::net::Proto;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

crate::shm_struct! {
    /// One place to send to; 20 bytes, and may be stored in shared memory.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Destination {
        /// Address.
        pub ip: IpAddr,
        /// Protocol, never [`Proto::None`].
        pub proto: Proto,
        /// Port, never 0.
        pub port: u16,
    }
}

impl Destination {
    /// Address and port.
    #[inline]
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }
}

/// Bytes that a packed destination takes.
const PACKED: usize = 19;

impl Destination {
    /// As bytes: port, protocol, address in 16 bytes (IPv4 mapped).
    pub fn pack(&self) -> [u8; PACKED] {
        let ip = match self.ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let mut bytes = [0; PACKED];
        bytes[..2].copy_from_slice(&self.port.to_be_bytes());
        bytes[2] = self.proto as u8;
        bytes[3..].copy_from_slice(&ip.octets());
        bytes
    }

    /// Those that were packed, one behind the other.
    pub fn unpack_all(bytes: &[u8]) -> impl Iterator<Item = Destination> {
        let (all, _) = bytes.as_chunks::<PACKED>();
        all.iter().map(|[high, low, proto, ip @ ..]| Destination {
            ip: IpAddr::from(*ip).to_canonical(),
            proto: Proto::from_number(*proto).unwrap_or(Proto::Udp),
            port: u16::from_be_bytes([*high, *low]),
        })
    }
}

/// Most destinations that one name leads to; what a domain lists beyond is never tried.
pub const MAX_DESTINATIONS: usize = 16;

const NOWHERE: Destination = Destination {
    ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    proto: Proto::None,
    port: 0,
};

crate::shm_struct! {
    /// The destinations of a name in the order to try them: an iterator that keeps its own place, so
    /// it *is* the state of failover. Plain numbers, 322 bytes: may be copied and stored in shared
    /// memory (a branch of tm keeps it if [`Destinations::more`] is true, else nothing). There is
    /// always at least one to begin with.
    #[derive(Clone, Debug)]
    pub struct Destinations {
        list: [Destination; MAX_DESTINATIONS],
        len: u8,
        at: u8,
    }
}

impl Destinations {
    /// A single one.
    #[inline]
    pub const fn one(only: Destination) -> Destinations {
        let mut list = [NOWHERE; MAX_DESTINATIONS];
        list[0] = only;
        Destinations {
            list,
            len: 1,
            at: 0,
        }
    }

    /// From the first [`MAX_DESTINATIONS`] of `all`; `None` if there is none.
    pub fn of(all: impl IntoIterator<Item = Destination>) -> Option<Destinations> {
        let mut all = all.into_iter();
        let mut found = Destinations::one(all.next()?);
        all.take_while(|d| found.push(*d)).for_each(drop);
        Some(found)
    }

    /// Appends one; false if there is no more room.
    pub(super) fn push(&mut self, one: Destination) -> bool {
        let Some(place) = self.list.get_mut(usize::from(self.len)) else {
            return false;
        };
        *place = one;
        self.len += 1;
        true
    }

    /// The ones that were not taken yet, in order.
    #[inline]
    pub fn rest(&self) -> &[Destination] {
        let end = usize::from(self.len).min(MAX_DESTINATIONS);
        self.list.get(usize::from(self.at)..end).unwrap_or_default()
    }

    /// The one that `next` will give.
    #[inline]
    pub fn peek(&self) -> Option<Destination> {
        self.rest().first().copied()
    }

    /// Whether there is one left to fail over to.
    #[inline]
    pub fn more(&self) -> bool {
        !self.rest().is_empty()
    }
}

impl Iterator for Destinations {
    type Item = Destination;
    /// Takes the next one.
    #[inline]
    fn next(&mut self) -> Option<Destination> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(port: u16) -> Destination {
        Destination {
            ip: [192, 0, 2, 1].into(),
            proto: Proto::Udp,
            port,
        }
    }

    #[test]
    fn each_destination_is_taken_once_in_order_and_the_place_is_kept_by_a_copy() {
        let mut all = Destinations::of((1..=3).map(to)).unwrap();
        assert_eq!(all.next(), Some(to(1)));
        let copy = all.clone();
        assert!(all.more());
        assert_eq!(all.peek(), Some(to(2)));
        assert_eq!(all.by_ref().collect::<Vec<_>>(), [to(2), to(3)]);
        assert!(!all.more());
        assert_eq!(all.next(), None);
        assert_eq!(copy.rest(), [to(2), to(3)]);
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        let v6 = Destination {
            ip: [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into(),
            proto: Proto::Tls,
            port: 5061,
        };
        let bytes = [to(5060).pack(), v6.pack()].concat();
        let all: Vec<_> = Destination::unpack_all(&bytes).collect();
        assert_eq!(all, [to(5060), v6]);
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let all = Destinations::of((1..=100).map(to)).unwrap();
        assert_eq!(all.rest().len(), MAX_DESTINATIONS);
        assert!(Destinations::of([]).is_none());
    }

    #[test]
    fn a_destination_is_small() {
        assert_eq!(size_of::<Destination>(), 20);
        assert_eq!(size_of::<Destinations>(), 322);
    }
}
