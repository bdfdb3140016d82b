//! The values of the core parameters (`reference: core parameters`), filled from ser.cfg and the
//! command line, and read everywhere. The table of names, types, ranges and
//! texts stands in [`super::config`]; this is plain data so that every floor can read it.

use super::in_force::InForce;
use std::sync::LazyLock;

/// Numbers of receivers of a socket that come into question (`children = auto(MIN, MAX)`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Auto {
    /// The least.
    pub min: u32,
    /// The most.
    pub max: u32,
}

/// All core parameters with their defaults. Times are in the unit the name or comment says.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub struct Settings {
    pub debug: i32,
    pub log_stderror: bool,
    pub log_facility: i32,
    pub fork: bool,
    pub children: u32,
    /// The range in which their number follows the load; `None`: it is fixed.
    pub children_auto: Option<Auto>,
    pub port: u16,
    pub check_via: bool,
    pub received_dns: u8,
    pub syn_branch: bool,
    pub maxbuffer: u32,
    pub memlog: i32,
    /// Whether route blocks and commands are measured.
    pub script_stats: bool,
    pub memdbg: i32,
    pub sip_warning: bool,
    pub server_signature: bool,
    pub reply_to_via: bool,
    pub user: Option<String>,
    pub group: Option<String>,
    pub chroot: Option<String>,
    pub workdir: Option<String>,
    pub mhomed: bool,
    pub disable_tcp: bool,
    pub disable_tls: bool,
    pub tls_port_no: u16,
    pub advertised_address: Option<String>,
    pub advertised_port: u16,
    pub disable_core_dump: bool,
    pub open_files_limit: i64,
    pub mcast_loopback: bool,
    pub mcast_ttl: i32,
    pub tos: i32,
    /// Seconds.
    pub exit_timeout: u32,
    /// HUP makes the attendant read ser.cfg again.
    pub reload_on_hup: bool,
    /// Seconds.
    pub quarantine_expire: u32,
    /// Seconds.
    pub stuck_limit: u32,
    pub stuck_replace: bool,
    pub dns_try_ipv6: bool,
    /// `@sys.server_id`: which of several servers this is.
    pub server_id: u32,
    pub dns_try_naptr: bool,
    /// Ignore the order that a domain gives its NAPTR records, go by `dns_*_pref` alone.
    pub dns_naptr_ignore_rfc: bool,
    /// Higher is better, negative is never.
    pub dns_udp_pref: i32,
    pub dns_tcp_pref: i32,
    pub dns_tls_pref: i32,
    pub dns_sctp_pref: i32,
    /// Choose among SRV records of one priority at random by weight, instead of the heaviest first.
    pub dns_srv_lb: bool,
    /// Seconds; as the three below: negative is what resolv.conf says.
    pub dns_retr_time: i32,
    pub dns_retr_no: i32,
    pub dns_servers_no: i32,
    pub dns_use_search_list: i32,
    /// Instead of /etc/resolv.conf.
    pub dns_resolv_conf: Option<String>,
    /// Instead of /etc/hosts.
    pub dns_hosts_file: Option<String>,
    pub use_dns_cache: bool,
    pub use_dns_failover: bool,
    /// Bits: 1 IPv4 only, 2 IPv6 only, 4 IPv6 first.
    pub dns_cache_flags: u32,
    /// Seconds.
    pub dns_cache_negative_ttl: u32,
    /// Seconds.
    pub dns_cache_min_ttl: u32,
    /// Seconds.
    pub dns_cache_max_ttl: u32,
    /// KiB.
    pub dns_cache_mem: u32,
    /// Seconds.
    pub dns_cache_gc_interval: u32,
    /// When the cache is full, records that have not expired may go, too.
    pub dns_cache_del_nonexp: bool,
    pub use_dst_blacklist: bool,
    /// KiB.
    pub dst_blacklist_mem: u32,
    /// Seconds.
    pub dst_blacklist_expire: u32,
    /// Seconds.
    pub dst_blacklist_gc_interval: u32,
    /// Refuse new requests while receivers cannot keep up.
    pub overload_control: bool,
    /// Percent of a socket's receive queue from which on that is so.
    pub overload_queue: u32,
    /// Milliseconds in the queue from which on that is so; 0: any.
    pub overload_delay: u32,
    /// Seconds, the least that Retry-After says; 0: no Retry-After.
    pub overload_retry_after: u32,
    /// Everything parsed and stored for a later part (tcp_*, tls_*): name → text.
    pub stored: Vec<(String, String)>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            debug: 0,
            log_stderror: false,
            log_facility: libc::LOG_DAEMON,
            fork: true,
            children: 8,
            children_auto: None,
            port: 5060,
            check_via: false,
            received_dns: 0,
            syn_branch: true,
            maxbuffer: 262_144,
            memlog: 4,
            script_stats: true,
            memdbg: 5,
            sip_warning: true,
            server_signature: true,
            reply_to_via: false,
            user: None,
            group: None,
            chroot: None,
            workdir: None,
            mhomed: false,
            disable_tcp: false,
            disable_tls: true,
            tls_port_no: 5061,
            advertised_address: None,
            advertised_port: 0,
            disable_core_dump: false,
            open_files_limit: -1,
            mcast_loopback: false,
            mcast_ttl: -1,
            tos: 0x10,
            exit_timeout: 60,
            reload_on_hup: false,
            quarantine_expire: 300,
            stuck_limit: 10,
            stuck_replace: false,
            dns_try_ipv6: true,
            server_id: 0,
            dns_try_naptr: false,
            dns_naptr_ignore_rfc: true,
            dns_udp_pref: 30,
            dns_tcp_pref: 20,
            dns_tls_pref: 10,
            dns_sctp_pref: 20,
            dns_srv_lb: false,
            dns_retr_time: -1,
            dns_retr_no: -1,
            dns_servers_no: -1,
            dns_use_search_list: -1,
            dns_resolv_conf: None,
            dns_hosts_file: None,
            use_dns_cache: true,
            use_dns_failover: false,
            dns_cache_flags: 0,
            dns_cache_negative_ttl: 60,
            dns_cache_min_ttl: 0,
            dns_cache_max_ttl: u32::MAX,
            dns_cache_mem: 500,
            dns_cache_gc_interval: 120,
            dns_cache_del_nonexp: true,
            use_dst_blacklist: false,
            dst_blacklist_mem: 250,
            dst_blacklist_expire: 60,
            dst_blacklist_gc_interval: 60,
            overload_control: true,
            overload_queue: 50,
            overload_delay: 250,
            overload_retry_after: 10,
            stored: Vec::new(),
        }
    }
}

impl Settings {
    /// Keeps a value for a later part; it replaces an earlier one.
    pub fn store(&mut self, name: &str, value: String) {
        self.stored.retain(|(known, _)| known != name);
        self.stored.push((name.to_owned(), value));
    }

    /// The value kept for a later part; `None`: the default.
    pub fn stored(&self, name: &str) -> Option<&str> {
        let found = self.stored.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

static SETTINGS: InForce<Settings> = InForce::new();
static DEFAULTS: LazyLock<Settings> = LazyLock::new(Settings::default);

/// Puts values in force, for processes that are forked from now on.
pub fn set(settings: Settings) {
    SETTINGS.put(settings);
}

/// The values in force; the defaults until [`set`] was called.
#[inline]
pub fn get() -> &'static Settings {
    SETTINGS.get().unwrap_or(&DEFAULTS)
}

/// This process keeps the values that are in force now.
pub fn keep() {
    SETTINGS.keep();
}
