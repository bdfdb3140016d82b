//! Host names as they are asked for: lower case, checked, in a buffer of fixed size, so that the
//! message path needs no heap.
//!
//! A name with a final dot is complete; others may be tried with the domains of the search list. The
//! dot stays in the text: both are different questions. Names that come out of DNS have it.

use super::Failure;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Longest name in text form, the final dot included (RFC 1035 §2.3.4: 255 bytes on the wire).
pub(super) const MAX_NAME: usize = 254;
const MAX_LABEL: usize = 63;

/// A checked name.
#[derive(Clone, Copy)]
pub(super) struct HostName {
    bytes: [u8; MAX_NAME],
    len: u8,
}

impl HostName {
    /// Checks and lower-cases `text`: letters, digits, `-` and `_` in labels of 1 to 63 bytes.
    pub fn parse(text: &[u8]) -> Result<HostName, Failure> {
        HostName::join(b"", text)
    }

    /// `prefix` and `text` as one name (`_sip._udp.` before a domain).
    pub fn join(prefix: &[u8], text: &[u8]) -> Result<HostName, Failure> {
        let len = prefix.len() + text.len();
        if text.is_empty() || len > MAX_NAME {
            return Err(Failure::BadName);
        }
        let mut bytes = [0; MAX_NAME];
        bytes[..prefix.len()].copy_from_slice(prefix);
        bytes[prefix.len()..len].copy_from_slice(text);
        bytes[..len].make_ascii_lowercase();
        let name = HostName {
            bytes,
            len: len as u8,
        };
        name.is_good().then_some(name).ok_or(Failure::BadName)
    }

    fn is_good(&self) -> bool {
        let text = self.as_bytes();
        let whole = text.strip_suffix(b".").unwrap_or(text);
        // Without the final dot there is one byte less.
        whole.len() < MAX_NAME && whole.split(|&b| b == b'.').all(is_label)
    }

    /// The text.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// The text; ASCII by construction.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// Ends with a dot: nothing may be appended.
    pub fn is_complete(&self) -> bool {
        self.as_bytes().ends_with(b".")
    }

    /// Dots inside.
    pub fn dots(&self) -> usize {
        self.as_bytes().iter().filter(|&&b| b == b'.').count()
    }

    /// The same with the final dot.
    pub fn complete(&self) -> Result<HostName, Failure> {
        if self.is_complete() {
            return Ok(*self);
        }
        self.append(b"")
    }

    /// This name within `domain`, complete.
    pub fn append(&self, domain: &[u8]) -> Result<HostName, Failure> {
        let domain = domain.strip_suffix(b".").unwrap_or(domain);
        let mut text = Vec::with_capacity(MAX_NAME);
        text.extend_from_slice(self.as_bytes());
        if !domain.is_empty() {
            text.push(b'.');
            text.extend_from_slice(domain);
        }
        text.push(b'.');
        HostName::parse(&text)
    }

    /// The labels in the form of the wire (RFC 1035 §3.1).
    pub fn to_wire(self) -> Vec<u8> {
        let text = self.as_bytes();
        let whole = text.strip_suffix(b".").unwrap_or(text);
        let mut wire = Vec::with_capacity(whole.len() + 2);
        for label in whole.split(|&b| b == b'.') {
            wire.push(label.len() as u8);
            wire.extend_from_slice(label);
        }
        wire.push(0);
        wire
    }
}

fn is_label(label: &[u8]) -> bool {
    let good = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (1..=MAX_LABEL).contains(&label.len()) && label.iter().all(good)
}

impl PartialEq for HostName {
    fn eq(&self, other: &HostName) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for HostName {}

impl Hash for HostName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name under which the names of an address are found (RFC 1035 §3.5, RFC 3596 §2.5).
pub(super) fn reverse_name(ip: std::net::IpAddr) -> Result<HostName, Failure> {
    use std::fmt::Write;
    let mut text = String::with_capacity(80);
    let written = match ip {
        std::net::IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            write!(text, "{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        std::net::IpAddr::V6(ip) => {
            for byte in ip.octets().iter().rev() {
                let _ = write!(text, "{:x}.{:x}.", byte & 15, byte >> 4);
            }
            text.write_str("ip6.arpa.")
        }
    };
    written.map_err(|_| Failure::BadName)?;
    HostName::parse(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<HostName, Failure> {
        HostName::parse(text.as_bytes())
    }

    #[test]
    fn names_are_lower_cased_and_checked() {
        assert_eq!(
            parse("SIP.Example.ORG").unwrap().as_str(),
            "sip.example.org"
        );
        assert!(parse("example.org.").unwrap().is_complete());
        let bad = [
            "", ".", "a..b", ".a", "a b", "a\0", "ü.org", "a.b..", "exa%mple",
        ];
        for text in bad {
            assert_eq!(parse(text), Err(Failure::BadName), "{text:?}");
        }
    }

    #[test]
    fn labels_and_names_have_the_lengths_of_the_protocol() {
        assert!(parse(&"a".repeat(63)).is_ok());
        assert!(parse(&"a".repeat(64)).is_err());
        let long = format!("{0}.{0}.{0}.{1}", "a".repeat(63), "a".repeat(61));
        assert_eq!(long.len(), 253);
        assert_eq!(parse(&long).unwrap().to_wire().len(), 255);
        assert!(parse(&format!("{long}.")).is_ok());
        assert!(parse(&format!("{long}a")).is_err());
        assert!(HostName::join(b"_sip._udp.", long.as_bytes()).is_err());
    }

    #[test]
    fn a_domain_is_appended_once_and_completes_the_name() {
        let name = parse("proxy").unwrap();
        assert_eq!(
            name.append(b"Example.org.").unwrap().as_str(),
            "proxy.example.org."
        );
        assert_eq!(name.complete().unwrap().as_str(), "proxy.");
        assert_eq!(parse("a.b").unwrap().to_wire(), b"\x01a\x01b\0");
    }

    #[test]
    fn addresses_are_turned_round() {
        let name = reverse_name([192, 0, 2, 17].into()).unwrap();
        assert_eq!(name.as_str(), "17.2.0.192.in-addr.arpa.");
        let name = reverse_name("2001:db8::1f".parse().unwrap()).unwrap();
        assert!(name.as_str().starts_with("f.1.0.0."));
        assert!(name.as_str().ends_with("8.b.d.0.1.0.0.2.ip6.arpa."));
    }
}
