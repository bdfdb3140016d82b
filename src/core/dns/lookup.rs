//! Plain look-ups beside the way to destinations: the records of a name, does a name have this address,
//! does an address have this name. All of them wait for what is not in the cache.

use super::name::{HostName, reverse_name};
use super::policy::Policy;
use super::records::{Question, RecordSet, RecordType};
use super::task::Task;
use super::walk::{Facts, Known};
use super::{Cached, Failure, Query, resolve_blocking, service};
use crate::core::net::{Proto, parse_ip};
use crate::core::time::get_ticks_raw;
use std::net::IpAddr;

/// A set of records.
#[derive(Clone, Debug)]
pub struct Records {
    rtype: RecordType,
    bytes: Vec<u8>,
}

impl Records {
    pub(super) fn new(rtype: RecordType, bytes: Vec<u8>) -> Records {
        Records { rtype, bytes }
    }

    /// The records.
    pub fn set(&self) -> RecordSet<'_> {
        RecordSet::new(self.rtype, &self.bytes)
    }
}

/// The records of a name. A name with a final dot is taken as it is, others may be completed by the
/// search list.
pub fn records(name: &[u8], rtype: RecordType) -> Result<Records, Failure> {
    let name = HostName::parse(name)?;
    of_question(&Question { name, rtype })
}

fn of_question(question: &Question) -> Result<Records, Failure> {
    let bytes = match cached(question) {
        Some(known) => known?,
        None => service::wait(&Task::of_question(question)).records()?,
    };
    let rtype = question.rtype;
    Ok(Records::new(rtype, bytes))
}

fn cached(question: &Question) -> Option<Result<Vec<u8>, Failure>> {
    let cache = service::shared()?.cache.as_ref()?;
    let now = get_ticks_raw();
    let mut result = None;
    Cached { cache, now }.look(question, &mut |known| {
        result = Some(match known {
            Known::Records(set) => Ok(set.bytes().to_vec()),
            Known::Nothing(why) => Err(why),
        });
    });
    result
}

/// The first usable address of a name, SRV records left aside; an address is its own.
pub fn resolve_host(host: &[u8]) -> Result<IpAddr, Failure> {
    // A port keeps SRV out.
    let mut found = resolve_blocking(Query::new(host, 1, Proto::Udp))?;
    found.next().map(|to| to.ip).ok_or(Failure::NoAddress)
}

/// Whether `host` has the address `ip`.
pub fn name_has_address(host: &[u8], ip: IpAddr) -> bool {
    if let Some(literal) = parse_ip(host) {
        return literal == ip;
    }
    let (rtype, asked) = match ip {
        IpAddr::V4(_) => (RecordType::A, true),
        IpAddr::V6(_) => (RecordType::Aaaa, Policy::get().ipv6),
    };
    asked && records(host, rtype).is_ok_and(|all| all.set().addresses().any(|a| a == ip))
}

/// Whether one of the names of `ip` is `host`.
pub fn address_has_name(ip: IpAddr, host: &[u8]) -> bool {
    let bare = |name: &[u8]| name.strip_suffix(b".").unwrap_or(name).len();
    let same = |name: &[u8]| name[..bare(name)].eq_ignore_ascii_case(&host[..bare(host)]);
    names(ip).is_ok_and(|all| all.set().names().any(same))
}

fn names(ip: IpAddr) -> Result<Records, Failure> {
    let name = reverse_name(ip)?;
    let rtype = RecordType::Ptr;
    of_question(&Question { name, rtype })
}
