//! `/etc/hosts` (hosts(5)): names and addresses that this machine knows without asking.

use std::net::IpAddr;

/// The lines of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    /// Address, and its names in lower case; the first is the official one.
    lines: Vec<(IpAddr, Vec<String>)>,
}

impl Hosts {
    /// From the file's text; lines that make no sense are passed over, as everybody does.
    pub fn parse(text: &str) -> Hosts {
        let mut lines = Vec::new();
        for line in text.lines() {
            let mut words = line.split('#').next().unwrap_or("").split_whitespace();
            let ip = words.next().and_then(|w| w.parse().ok());
            let names: Vec<_> = words.map(str::to_ascii_lowercase).collect();
            if let Some(ip) = ip.filter(|_| !names.is_empty()) {
                lines.push((ip, names));
            }
        }
        Hosts { lines }
    }

    /// The addresses of a name (lower case) in one family, and its official name.
    pub fn addresses(&self, name: &str, v4: bool) -> Option<(Vec<IpAddr>, &str)> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let mut has = self
            .lines
            .iter()
            .filter(|(ip, names)| ip.is_ipv4() == v4 && names.iter().any(|n| n == name))
            .peekable();
        let official = has.peek()?.1.first()?;
        Some((has.map(|(ip, _)| *ip).collect(), official))
    }

    /// All names of an address.
    pub fn names(&self, ip: IpAddr) -> impl Iterator<Item = &str> {
        let lines = self.lines.iter().filter(move |(known, _)| *known == ip);
        lines.flat_map(|(_, names)| names.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "127.0.0.1\tlocalhost Loop # me\n::1 localhost\n\n# 192.0.2.9 no\nx y\n\
                        192.0.2.1 Sip.Example.org sip\n192.0.2.2 sip\n192.0.2.3\n";

    #[test]
    fn names_have_addresses_by_family_and_an_official_name() {
        let hosts = Hosts::parse(TEXT);
        let (all, official) = hosts.addresses("sip", true).unwrap();
        assert_eq!(all, [IpAddr::from([192, 0, 2, 1]), [192, 0, 2, 2].into()]);
        assert_eq!(official, "sip.example.org");
        let (all, _) = hosts.addresses("localhost.", false).unwrap();
        assert_eq!(all, ["::1".parse::<IpAddr>().unwrap()]);
        assert!(hosts.addresses("sip", false).is_none());
        assert!(hosts.addresses("no", true).is_none());
    }

    #[test]
    fn addresses_have_names() {
        let hosts = Hosts::parse(TEXT);
        let names: Vec<_> = hosts.names([127, 0, 0, 1].into()).collect();
        assert_eq!(names, ["localhost", "loop"]);
        assert_eq!(hosts.names([192, 0, 2, 3].into()).count(), 0);
    }
}
