//! `/etc/resolv.conf` (resolv.conf(5)): whom to ask, how long, and what to append.
//!
//! Beyond the manual a name server may have a port: `127.0.0.1:5353`, `[::1]:5353`. Parameters of
//! ser.cfg go before the file; the environment (RES_OPTIONS, LOCALDOMAIN) goes before the file too.

use crate::core::settings::Settings;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

const PORT: u16 = 53;
/// The C library asks no more than three; so many are plenty.
const MAX_SERVERS: usize = 8;
const MAX_SEARCH: usize = 6;
const MAX_NDOTS: usize = 15;
const MAX_TIMEOUT: u64 = 30;
const MAX_ATTEMPTS: u32 = 5;

/// What the file and the parameters come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ResolvConf {
    /// At least one.
    pub servers: Vec<SocketAddr>,
    /// Domains to append.
    pub search: Vec<String>,
    /// A name with so many dots is tried as it is first.
    pub ndots: usize,
    /// How long the first server gets.
    pub timeout: Duration,
    /// Rounds over all servers, at least one.
    pub attempts: u32,
    /// Begin with another server each time.
    pub rotate: bool,
    /// TCP only.
    pub use_vc: bool,
}

impl Default for ResolvConf {
    fn default() -> Self {
        ResolvConf {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            rotate: false,
            use_vc: false,
        }
    }
}

impl ResolvConf {
    /// The file's text with what goes before it.
    pub fn new(text: &str, settings: &Settings) -> ResolvConf {
        let mut conf = ResolvConf::parse(text);
        if let Ok(domains) = std::env::var("LOCALDOMAIN") {
            conf.set_search(&domains);
        }
        if let Ok(options) = std::env::var("RES_OPTIONS") {
            options.split_whitespace().for_each(|o| conf.option(o));
        }
        conf.overrule(settings);
        conf
    }

    fn parse(text: &str) -> ResolvConf {
        let mut conf = ResolvConf::default();
        for line in text.lines() {
            // A comment begins in the first column only, but nobody has a `#` in a name either.
            let line = line.split(['#', ';']).next().unwrap_or("");
            let Some((keyword, rest)) = line.trim_end().split_once([' ', '\t']) else {
                continue;
            };
            match keyword {
                "nameserver" => conf.server(rest.trim()),
                "search" | "domain" => conf.set_search(rest),
                "options" => rest.split_whitespace().for_each(|o| conf.option(o)),
                // sortlist and whatever else there may be.
                _ => {}
            }
        }
        conf
    }

    fn server(&mut self, text: &str) {
        match server_address(text) {
            Some(server) if self.servers.len() < MAX_SERVERS => self.servers.push(server),
            Some(_) => {}
            None => log::warn!("WARNING: bad name server in resolv.conf: {text}"),
        }
    }

    fn set_search(&mut self, domains: &str) {
        let domains = domains.split_whitespace().map(str::to_owned);
        self.search = domains.take(MAX_SEARCH).collect();
    }

    fn option(&mut self, option: &str) {
        let (name, value) = option.split_once(':').unwrap_or((option, ""));
        match (name, value.parse::<u32>()) {
            ("ndots", Ok(n)) => self.ndots = (n as usize).min(MAX_NDOTS),
            ("timeout", Ok(n)) => {
                self.timeout = Duration::from_secs(u64::from(n).clamp(1, MAX_TIMEOUT));
            }
            ("attempts", Ok(n)) => self.attempts = n.clamp(1, MAX_ATTEMPTS),
            ("rotate", _) => self.rotate = true,
            ("use-vc", _) => self.use_vc = true,
            // What concerns other libraries.
            _ => {}
        }
    }

    fn overrule(&mut self, settings: &Settings) {
        if let Ok(seconds) = u64::try_from(settings.dns_retr_time) {
            self.timeout = Duration::from_secs(seconds.max(1));
        }
        if let Ok(rounds) = u32::try_from(settings.dns_retr_no) {
            self.attempts = rounds.max(1);
        }
        if let Ok(servers @ 1..) = usize::try_from(settings.dns_servers_no) {
            self.servers.truncate(servers);
        }
        if settings.dns_use_search_list == 0 {
            self.search.clear();
        } else if self.search.is_empty() {
            self.search.extend(own_domain());
        }
        if self.servers.is_empty() {
            let here = (IpAddr::from(Ipv4Addr::LOCALHOST), PORT);
            self.servers.push(here.into());
        }
    }

    /// How many times a question is sent at most.
    pub fn tries(&self) -> u32 {
        self.attempts.saturating_mul(self.servers.len() as u32)
    }

    /// How long try `n` (from 0) waits: later servers get more time, shared out among them, as in the
    /// C library.
    pub fn patience(&self, n: u32) -> Duration {
        let servers = self.servers.len().max(1) as u32;
        let index = (n % servers).min(8);
        let time = self.timeout.saturating_mul(1 << index);
        let time = if index > 0 { time / servers } else { time };
        time.clamp(Duration::from_secs(1), Duration::from_secs(3600))
    }

    /// How long a question takes at most that nobody answers.
    pub fn longest(&self) -> Duration {
        (0..self.tries()).map(|n| self.patience(n)).sum()
    }
}

/// `address`, `address:port`, `[address]:port`; the scope of a link-local address is kept.
fn server_address(text: &str) -> Option<SocketAddr> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some((ip, PORT).into());
    }
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(address);
    }
    let (_, scope) = text.split_once('%')?;
    let numeric = scope.parse::<u32>().is_ok();
    let scope = match nix::net::if_::if_nametoindex(scope) {
        Ok(index) if !numeric => index,
        Ok(_) | Err(_) => scope.parse().ok()?,
    };
    let (ip, _) = text.split_once('%')?;
    let v6 = std::net::SocketAddrV6::new(ip.parse().ok()?, PORT, 0, scope);
    Some(v6.into())
}

/// What stands behind the first dot of this machine's name.
fn own_domain() -> Option<String> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
    let (_, domain) = name.split_once('.')?;
    (!domain.is_empty()).then(|| domain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, change: impl FnOnce(&mut Settings)) -> ResolvConf {
        let mut settings = Settings::default();
        change(&mut settings);
        let mut conf = ResolvConf::parse(text);
        conf.overrule(&settings);
        conf
    }

    #[test]
    fn the_file_is_read_as_the_manual_says() {
        let conf = with(
            "# a comment\n; another\nnameserver 192.0.2.1\nnameserver  2001:db8::1 # two\n\
             nameserver nonsense\ndomain a.org\nsearch b.org  c.org\n\
             options ndots:2 timeout:3 attempts:9 rotate edns0\nsortlist 1.2.3.4\n",
            |_| {},
        );
        let servers = ["192.0.2.1:53", "[2001:db8::1]:53"].map(|s| s.parse().unwrap());
        assert_eq!(conf.servers, servers);
        assert_eq!(conf.search, ["b.org", "c.org"]);
        assert_eq!((conf.ndots, conf.attempts), (2, 5));
        assert_eq!(conf.timeout, Duration::from_secs(3));
        assert!(conf.rotate && !conf.use_vc);
    }

    #[test]
    fn a_name_server_may_have_a_port() {
        let conf = with("nameserver [::1]:5353\nnameserver 127.0.0.1:5354\n", |_| {});
        let servers = ["[::1]:5353", "127.0.0.1:5354"].map(|s| s.parse().unwrap());
        assert_eq!(conf.servers, servers);
    }

    #[test]
    fn parameters_go_before_the_file() {
        let text = "nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch a.org\n";
        let conf = with(text, |s| {
            s.dns_retr_time = 2;
            s.dns_retr_no = 7;
            s.dns_servers_no = 1;
            s.dns_use_search_list = 0;
        });
        assert_eq!(conf.servers.len(), 1);
        assert_eq!((conf.timeout.as_secs(), conf.attempts), (2, 7));
        assert!(conf.search.is_empty());
        assert_eq!(conf.longest(), Duration::from_secs(14));
    }

    #[test]
    fn an_empty_file_means_the_server_on_this_machine() {
        let conf = with("", |_| {});
        assert_eq!(conf.servers, ["127.0.0.1:53".parse().unwrap()]);
        assert_eq!(conf.longest(), Duration::from_secs(10));
    }

    #[test]
    fn time_is_shared_out_among_the_servers() {
        let text = "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n";
        let conf = with(text, |_| {});
        let waits: Vec<_> = (0..4).map(|n| conf.patience(n).as_millis()).collect();
        assert_eq!(waits, [5000, 3333, 6666, 5000]);
        let quick = with(text, |s| s.dns_retr_time = 1);
        assert_eq!(quick.patience(1), Duration::from_secs(1));
    }
}
