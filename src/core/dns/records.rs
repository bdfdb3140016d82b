//! Record sets: the answers to one question, packed into bytes, so that one block of shared memory
//! holds them and readers take them apart under the lock of a bucket.
//!
//! Layout (numbers big-endian, texts behind a length byte): A 4 bytes, AAAA 16 bytes; SRV priority,
//! weight, port, target; NAPTR order, preference, flags, services, regexp, replacement; PTR a name.

use super::name::HostName;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

crate::shm_enum! {
    /// What is asked for; the numbers of DNS.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    #[repr(u16)]
    #[allow(missing_docs)]
    pub enum RecordType {
        A = 1,
        Ptr = 12,
        Aaaa = 28,
        Srv = 33,
        Naptr = 35,
    }
}

impl RecordType {
    /// `A`, `SRV` …
    pub fn name(self) -> &'static str {
        match self {
            RecordType::A => "A",
            RecordType::Ptr => "PTR",
            RecordType::Aaaa => "AAAA",
            RecordType::Srv => "SRV",
            RecordType::Naptr => "NAPTR",
        }
    }
}

/// One question.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Question {
    pub name: HostName,
    pub rtype: RecordType,
}

/// Most bytes that one set may have; what an answer holds beyond is left out.
pub(super) const MAX_SET: usize = 16 * 1024;

/// A server of a service (RFC 2782).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub struct Srv<'r> {
    pub priority: u16,
    pub weight: u16,
    pub port: u16,
    /// With its final dot; `.` alone: the service is not offered.
    pub target: &'r [u8],
}

/// A rule (RFC 3403 §4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub struct Naptr<'r> {
    pub order: u16,
    pub preference: u16,
    pub flags: &'r [u8],
    pub services: &'r [u8],
    pub regexp: &'r [u8],
    /// With its final dot.
    pub replacement: &'r [u8],
}

/// Appends records to a set; one that does not fit any more is refused.
#[derive(Debug, Default)]
pub(super) struct SetWriter {
    bytes: Vec<u8>,
}

impl SetWriter {
    /// The packed set.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub fn address(&mut self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(ip) => self.record(&[&ip.octets()], &[]),
            IpAddr::V6(ip) => self.record(&[&ip.octets()], &[]),
        }
    }

    pub fn srv(&mut self, srv: &Srv<'_>) -> bool {
        let numbers = [srv.priority, srv.weight, srv.port].map(u16::to_be_bytes);
        self.record(&[numbers.as_flattened()], &[srv.target])
    }

    pub fn naptr(&mut self, naptr: &Naptr<'_>) -> bool {
        let numbers = [naptr.order, naptr.preference].map(u16::to_be_bytes);
        let texts = [naptr.flags, naptr.services, naptr.regexp, naptr.replacement];
        self.record(&[numbers.as_flattened()], &texts)
    }

    pub fn name(&mut self, name: &[u8]) -> bool {
        self.record(&[], &[name])
    }

    fn record(&mut self, fixed: &[&[u8]], texts: &[&[u8]]) -> bool {
        let size = fixed.iter().map(|f| f.len()).sum::<usize>()
            + texts.iter().map(|t| t.len() + 1).sum::<usize>();
        if self.bytes.len() + size > MAX_SET || texts.iter().any(|t| t.len() > 255) {
            return false;
        }
        fixed.iter().for_each(|f| self.bytes.extend_from_slice(f));
        for text in texts {
            self.bytes.push(text.len() as u8);
            self.bytes.extend_from_slice(text);
        }
        true
    }
}

/// A packed set.
#[derive(Clone, Copy, Debug)]
pub struct RecordSet<'r> {
    rtype: RecordType,
    bytes: &'r [u8],
}

impl<'r> RecordSet<'r> {
    /// What [`SetWriter::finish`] gave.
    pub(super) fn new(rtype: RecordType, bytes: &'r [u8]) -> RecordSet<'r> {
        RecordSet { rtype, bytes }
    }

    /// As packed.
    pub(super) fn bytes(self) -> &'r [u8] {
        self.bytes
    }

    /// The addresses of an A or AAAA set.
    pub fn addresses(self) -> impl Iterator<Item = IpAddr> + 'r {
        let size = match self.rtype {
            RecordType::A => 4,
            RecordType::Aaaa => 16,
            RecordType::Ptr | RecordType::Srv | RecordType::Naptr => usize::MAX,
        };
        let of = |raw: &[u8]| match raw.len() {
            4 => <[u8; 4]>::try_from(raw)
                .ok()
                .map(|o| Ipv4Addr::from(o).into()),
            _ => <[u8; 16]>::try_from(raw)
                .ok()
                .map(|o| Ipv6Addr::from(o).into()),
        };
        self.bytes.chunks_exact(size).filter_map(of)
    }

    /// The servers of an SRV set.
    pub fn srvs(self) -> impl Iterator<Item = Srv<'r>> {
        let mut rest = Cursor(self.of_type(RecordType::Srv));
        std::iter::from_fn(move || {
            Some(Srv {
                priority: rest.number()?,
                weight: rest.number()?,
                port: rest.number()?,
                target: rest.text()?,
            })
        })
    }

    /// The rules of a NAPTR set.
    pub fn naptrs(self) -> impl Iterator<Item = Naptr<'r>> {
        let mut rest = Cursor(self.of_type(RecordType::Naptr));
        std::iter::from_fn(move || {
            Some(Naptr {
                order: rest.number()?,
                preference: rest.number()?,
                flags: rest.text()?,
                services: rest.text()?,
                regexp: rest.text()?,
                replacement: rest.text()?,
            })
        })
    }

    /// The names of a PTR set, with their final dots.
    pub fn names(self) -> impl Iterator<Item = &'r [u8]> {
        let mut rest = Cursor(self.of_type(RecordType::Ptr));
        std::iter::from_fn(move || rest.text())
    }

    fn of_type(self, rtype: RecordType) -> &'r [u8] {
        if self.rtype == rtype { self.bytes } else { &[] }
    }
}

/// Takes a packed set apart; a set that is cut short just ends.
struct Cursor<'r>(&'r [u8]);

impl<'r> Cursor<'r> {
    fn number(&mut self) -> Option<u16> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*number))
    }

    fn text(&mut self) -> Option<&'r [u8]> {
        let (&len, rest) = self.0.split_first()?;
        let (text, rest) = rest.split_at_checked(len.into())?;
        self.0 = rest;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        let (one, two) = (
            Srv {
                priority: 1,
                weight: 65535,
                port: 5060,
                target: b"a.example.org.",
            },
            Srv {
                priority: 2,
                weight: 0,
                port: 5070,
                target: b".",
            },
        );
        let mut set = SetWriter::default();
        assert!(set.srv(&one) && set.srv(&two));
        let bytes = set.finish();
        let set = RecordSet::new(RecordType::Srv, &bytes);
        assert_eq!(set.srvs().collect::<Vec<_>>(), [one, two]);
        assert_eq!(set.addresses().count() + set.names().count(), 0);
        let naptr = Naptr {
            order: 10,
            preference: 20,
            flags: b"s",
            services: b"SIP+D2U",
            regexp: b"",
            replacement: b"_sip._udp.example.org.",
        };
        let mut set = SetWriter::default();
        assert!(set.naptr(&naptr));
        let bytes = set.finish();
        let all: Vec<_> = RecordSet::new(RecordType::Naptr, &bytes).naptrs().collect();
        assert_eq!(all, [naptr]);
    }

    #[test]
    fn addresses_of_both_families_and_names_come_out_again() {
        for (rtype, ip) in [
            (RecordType::A, IpAddr::from([192, 0, 2, 1])),
            (RecordType::Aaaa, "2001:db8::1".parse().unwrap()),
        ] {
            let mut set = SetWriter::default();
            assert!(set.address(ip) && set.address(ip));
            let bytes = set.finish();
            let all: Vec<_> = RecordSet::new(rtype, &bytes).addresses().collect();
            assert_eq!(all, [ip, ip]);
        }
        let mut set = SetWriter::default();
        assert!(set.name(b"a.b."));
        let bytes = set.finish();
        let all: Vec<_> = RecordSet::new(RecordType::Ptr, &bytes).names().collect();
        assert_eq!(all, [b"a.b."]);
    }

    #[test]
    fn a_set_has_an_end_and_a_broken_one_ends_early() {
        let mut set = SetWriter::default();
        let mut taken = 0;
        while set.address([1, 2, 3, 4].into()) {
            taken += 1;
        }
        assert_eq!(taken, MAX_SET / 4);
        let broken = RecordSet::new(RecordType::Srv, &[0, 1, 0, 1, 0, 1, 200, b'a']);
        assert_eq!(broken.srvs().count(), 0);
    }
}
