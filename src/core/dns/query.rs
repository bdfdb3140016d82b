//! What is asked: the host of a URI or Via, with port and protocol as far as they are given
//! (RFC 3263 §4).

use super::{Destination, Destinations};
use crate::core::msg::SerError;
use crate::core::net::{Proto, parse_ip};
use crate::core::sip::{Uri, UriType};

/// A question about where to send to. `port` 0: none is given (SRV decides); `proto`
/// [`Proto::None`]: none is given (NAPTR decides if `dns_try_naptr` is on, else UDP, for sips TLS).
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Query<'q> {
    pub host: &'q [u8],
    pub port: u16,
    pub proto: Proto,
    /// Only TLS will do.
    pub sips: bool,
}

/// Default port of a protocol.
#[inline]
pub fn default_port(proto: Proto) -> u16 {
    match proto {
        Proto::Tls | Proto::Wss => 5061,
        Proto::None | Proto::Udp | Proto::Tcp | Proto::Sctp | Proto::Ws => 5060,
    }
}

impl<'q> Query<'q> {
    /// Of a host, a port (0: none given) and a protocol that is known.
    #[inline]
    pub fn new(host: &'q [u8], port: u16, proto: Proto) -> Query<'q> {
        Query {
            host,
            port,
            proto,
            sips: false,
        }
    }

    /// Of the next hop's URI: its host, port and `transport`; sips means TLS.
    pub fn of_uri(uri: &Uri<'q>) -> Result<Query<'q>, SerError> {
        let asked = match uri.proto() {
            None => Proto::None,
            Some(proto) => Proto::of_via(proto).ok_or(SerError::BAD_PROTO)?,
        };
        let sips = uri.kind == UriType::Sips;
        let proto = match (sips, asked) {
            (true, Proto::Udp) => {
                log::error!("ERROR: sips uri with transport udp");
                return Err(SerError::BAD_URI);
            }
            (true, Proto::None | Proto::Tcp | Proto::Sctp) => Proto::Tls,
            (true, Proto::Ws) => Proto::Wss,
            (_, proto) => proto,
        };
        Ok(Query {
            host: uri.host,
            port: uri.port_no,
            proto,
            sips,
        })
    }

    /// The protocol if no NAPTR record decides.
    #[inline]
    pub fn plain_proto(&self) -> Proto {
        match self.proto {
            Proto::None if self.sips => Proto::Tls,
            Proto::None => Proto::Udp,
            proto => proto,
        }
    }

    /// The answer if the host is an address: nothing is looked up, locked or allocated.
    #[inline]
    pub fn literal(&self) -> Option<Destination> {
        let ip = parse_ip(self.host)?;
        let proto = self.plain_proto();
        let port = match self.port {
            0 => default_port(proto),
            port => port,
        };
        Some(Destination { ip, proto, port })
    }

    /// As [`Query::literal`], as a list of one.
    #[inline]
    pub fn literal_list(&self) -> Option<Destinations> {
        self.literal().map(Destinations::one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(uri: &str) -> Result<Query<'_>, SerError> {
        Query::of_uri(&Uri::parse(uri.as_bytes()).unwrap())
    }

    #[test]
    fn a_uri_tells_host_port_and_protocol() {
        let q = query("sip:a@[2001:db8::1]:5070;transport=tcp").unwrap();
        assert_eq!((q.port, q.proto, q.sips), (5070, Proto::Tcp, false));
        let to = q.literal().unwrap();
        assert_eq!(to.addr(), "[2001:db8::1]:5070".parse().unwrap());
        let q = query("sip:example.org").unwrap();
        assert_eq!((q.port, q.proto), (0, Proto::None));
        assert!(q.literal().is_none());
    }

    #[test]
    fn sips_is_tls_and_never_udp() {
        let to = query("sips:192.0.2.1").unwrap().literal().unwrap();
        assert_eq!((to.proto, to.port), (Proto::Tls, 5061));
        assert_eq!(query("sips:a;transport=tcp").unwrap().proto, Proto::Tls);
        let refused = query("sips:a@b.c;transport=udp").unwrap_err();
        assert_eq!(refused, SerError::BAD_URI);
    }
}
