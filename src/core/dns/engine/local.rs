//! The files of this machine that a resolver goes by: resolv.conf and hosts. Read at the start, and
//! again when they change.

use crate::core::dns::cache::Fact;
use crate::core::dns::hosts::Hosts;
use crate::core::dns::records::{Question, RecordType, SetWriter};
use crate::core::dns::resolv_conf::ResolvConf;
use crate::core::settings::Settings;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

const RESOLV_CONF: &str = "/etc/resolv.conf";
const HOSTS: &str = "/etc/hosts";
/// How often the files are looked at, and how long a name of the hosts file is good, in seconds.
const LOOK_AGAIN: u32 = 5;

/// Both files.
#[derive(Debug)]
pub(in crate::core::dns) struct Local {
    settings: Settings,
    resolv_conf: Watched,
    hosts_file: Watched,
    looked: Instant,
    pub conf: ResolvConf,
    pub hosts: Hosts,
}

#[derive(Debug)]
struct Watched {
    path: PathBuf,
    changed: Option<SystemTime>,
}

impl Watched {
    fn new(path: Option<&str>, default: &str) -> Watched {
        let path = Path::new(path.unwrap_or(default)).to_owned();
        Watched {
            changed: None,
            path,
        }
    }

    /// The file's text; `None`: it is the same as the last time, or not there (a chroot may hide it).
    fn read_if_new(&mut self) -> Option<String> {
        let metadata = std::fs::metadata(&self.path).ok()?;
        let changed = metadata.modified().ok();
        if changed.is_some() && changed == self.changed {
            return None;
        }
        let bytes = std::fs::read(&self.path).ok()?;
        self.changed = changed;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Local {
    /// Reads both.
    pub fn new(settings: &Settings) -> Local {
        let mut local = Local {
            settings: settings.clone(),
            resolv_conf: Watched::new(settings.dns_resolv_conf.as_deref(), RESOLV_CONF),
            hosts_file: Watched::new(settings.dns_hosts_file.as_deref(), HOSTS),
            looked: Instant::now(),
            conf: ResolvConf::new("", settings),
            hosts: Hosts::default(),
        };
        local.read();
        local
    }

    /// How long a task takes at most: NAPTR, SRV, addresses.
    pub fn longest(&self) -> Duration {
        self.conf.longest().saturating_mul(3)
    }

    fn read(&mut self) {
        if let Some(text) = self.resolv_conf.read_if_new() {
            self.conf = ResolvConf::new(&text, &self.settings);
        }
        if let Some(text) = self.hosts_file.read_if_new() {
            self.hosts = Hosts::parse(&text);
        }
    }

    /// Reads what has changed, if it is time to look.
    pub fn refresh(&mut self, now: Instant) {
        if now.duration_since(self.looked) >= Duration::from_secs(LOOK_AGAIN.into()) {
            self.looked = now;
            self.read();
        }
    }

    /// What the hosts file says about a question, and the official name.
    pub fn fact(&self, question: &Question) -> Option<(Fact, String)> {
        let name = question.name.as_str();
        let mut set = SetWriter::default();
        let official = match question.rtype {
            RecordType::A | RecordType::Aaaa => {
                let v4 = question.rtype == RecordType::A;
                let (all, official) = self.hosts.addresses(name, v4)?;
                let _all = all.into_iter().all(|ip| set.address(ip));
                official.to_owned()
            }
            RecordType::Ptr => {
                let mut names = self.hosts.names(address_of_reverse(name)?).peekable();
                let official = names.peek()?.to_string();
                let _all = names.all(|name| set.name(format!("{name}.").as_bytes()));
                official
            }
            RecordType::Srv | RecordType::Naptr => return None,
        };
        let (set, ttl) = (Ok(set.finish()), Some(LOOK_AGAIN));
        Some((Fact { set, ttl }, official))
    }
}

/// The address that a name of in-addr.arpa or ip6.arpa stands for.
fn address_of_reverse(name: &str) -> Option<IpAddr> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if let Some(octets) = name.strip_suffix(".in-addr.arpa") {
        let mut octets = octets.split('.').map(|o| o.parse::<u8>().ok());
        let mut next = || octets.next().flatten();
        let [d, c, b, a] = [next()?, next()?, next()?, next()?];
        return Some(Ipv4Addr::new(a, b, c, d).into());
    }
    let digits = name.strip_suffix(".ip6.arpa")?;
    let (mut bits, mut count) = (0u128, 0);
    for digit in digits.split('.') {
        let value = u8::from_str_radix(digit, 16).ok().filter(|v| *v < 16)?;
        bits = (bits >> 4) | (u128::from(value) << 124);
        count += 1;
    }
    (count == 32).then(|| Ipv6Addr::from(bits).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::dns::name::{HostName, reverse_name};
    use crate::core::dns::records::RecordSet;

    #[test]
    fn reverse_names_are_read_as_they_are_written() {
        for text in ["192.0.2.17", "2001:db8::12:34ff", "::1"] {
            let ip: IpAddr = text.parse().unwrap();
            let name = reverse_name(ip).unwrap();
            assert_eq!(address_of_reverse(name.as_str()), Some(ip));
        }
        for text in ["1.2.3.in-addr.arpa", "x.ip6.arpa", "1.2.ip6.arpa", "a.org"] {
            assert_eq!(address_of_reverse(text), None, "{text}");
        }
    }

    #[test]
    fn files_are_read_again_when_they_change() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hosts");
        std::fs::write(&path, "192.0.2.1 a.org b.org\n").unwrap();
        let settings = Settings {
            dns_hosts_file: Some(path.display().to_string()),
            ..Settings::default()
        };
        let mut local = Local::new(&settings);
        let question = |name: &str, rtype| Question {
            name: HostName::parse(name.as_bytes()).unwrap(),
            rtype,
        };
        let (fact, official) = local.fact(&question("B.org", RecordType::A)).unwrap();
        let set = fact.set.unwrap();
        let all: Vec<_> = RecordSet::new(RecordType::A, &set).addresses().collect();
        assert_eq!(
            (all, official.as_str()),
            (vec![[192, 0, 2, 1].into()], "a.org")
        );
        let ptr = Question {
            name: reverse_name([192, 0, 2, 1].into()).unwrap(),
            rtype: RecordType::Ptr,
        };
        assert_eq!(local.fact(&ptr).unwrap().1, "a.org");
        std::fs::write(&path, "192.0.2.2 c.org\n").unwrap();
        let later = std::fs::File::open(&path).unwrap();
        later
            .set_modified(SystemTime::now() + Duration::from_secs(9))
            .unwrap();
        local.refresh(Instant::now() + Duration::from_secs(60));
        assert!(local.fact(&question("b.org", RecordType::A)).is_none());
        assert!(local.fact(&question("c.org", RecordType::A)).is_some());
        std::fs::remove_file(&path).unwrap();
        local.refresh(Instant::now() + Duration::from_secs(120));
        assert!(local.fact(&question("c.org", RecordType::A)).is_some());
    }
}
