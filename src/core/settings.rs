//! The values of the core parameters (`reference: core parameters`), filled from ser.cfg and the
//! command line before the first fork and read everywhere. The table of names, types, ranges and
//! texts stands in [`super::config`]; this is plain data so that every floor can read it.

use std::sync::{LazyLock, OnceLock};

/// All core parameters with their defaults. Times are in the unit the name or comment says.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Settings {
    pub debug: i32,
    pub log_stderror: bool,
    pub log_facility: i32,
    pub fork: bool,
    pub children: u32,
    pub port: u16,
    pub check_via: bool,
    pub received_dns: u8,
    pub syn_branch: bool,
    pub maxbuffer: u32,
    pub memlog: i32,
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
    pub dns_try_ipv6: bool,
    /// `@sys.server_id`: which of several servers this is.
    pub server_id: u32,
    /// Everything parsed and stored for a later part (tcp_*, dns_*, tls_*, dst_blacklist_*): name → text.
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
            port: 5060,
            check_via: false,
            received_dns: 0,
            syn_branch: true,
            maxbuffer: 262_144,
            memlog: 4,
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
            dns_try_ipv6: true,
            server_id: 0,
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

static SETTINGS: OnceLock<Settings> = OnceLock::new();
static DEFAULTS: LazyLock<Settings> = LazyLock::new(Settings::default);

/// Fixes the values; later calls are ignored (a process has one configuration).
pub fn set(settings: Settings) {
    let _ = SETTINGS.set(settings);
}

/// The values in force; the defaults until [`set`] was called.
#[inline]
pub fn get() -> &'static Settings {
    SETTINGS.get().unwrap_or(&DEFAULTS)
}
