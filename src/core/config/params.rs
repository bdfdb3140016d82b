//! The table of core parameters: name, synonyms, type, range, and where the value goes (SER's cfg.y,
//! `core parameters` of the language page).
//!
//! What needs a part of the server that is not there yet (tcp, tls, dns cache) is checked and kept in
//! [`Settings::stored`]; what newer generations dropped is accepted with a warning that says what
//! replaces it.

use super::ast::{ParamValue, SocketId, Spanned};
use super::diagnostics::Diagnostics;
use crate::core::net::Proto;
use crate::core::settings::Settings;

/// Names that `tcp_poll_method` and `-W` take, in any case.
pub const POLL_METHODS: [&str; 5] = ["poll", "epoll_lt", "epoll_et", "sigio_rt", "select"];
/// Known names of other systems.
pub const FOREIGN_POLL_METHODS: [&str; 2] = ["kqueue", "/dev/poll"];

/// What may stand behind the `=`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueType {
    /// Nothing is known of the parameter.
    Any,
    /// A number, `yes` and `no` among them.
    Int,
    /// A string or a word.
    Str,
    /// A list of sockets.
    Sockets,
}

/// Where values go.
#[derive(Debug, Default)]
pub struct Target {
    /// Plain values.
    pub settings: Settings,
    /// `listen`
    pub listen: Vec<SocketId>,
    /// `alias`
    pub aliases: Vec<SocketId>,
    /// `mpath`: folders of modules, separated by `:`.
    pub mpath: String,
}

type SetInt = fn(&mut Settings, i64);
type SetStr = fn(&mut Settings, String);

enum Action {
    /// Number in a range.
    Int(i64, i64, SetInt),
    Str(SetStr),
    Facility,
    PollMethod,
    Listen,
    Alias,
    ModulePath,
    /// Kept for a later part; number or text.
    Stored(ValueType),
    /// Accepted without effect; the warning.
    Warned(&'static str),
    /// Accepted without effect, as in SER.
    Ignored,
}

/// One core parameter.
pub struct Param {
    /// Its name and synonyms; values are stored under the first.
    names: &'static [&'static str],
    action: Action,
}

impl Param {
    /// What its value looks like.
    pub fn kind(&self) -> ValueType {
        match &self.action {
            Action::Int(..) => ValueType::Int,
            Action::Str(_) | Action::Facility | Action::PollMethod | Action::ModulePath => {
                ValueType::Str
            }
            Action::Listen | Action::Alias => ValueType::Sockets,
            Action::Stored(kind) => *kind,
            Action::Warned(_) | Action::Ignored => ValueType::Any,
        }
    }
}

const MAX32: i64 = u32::MAX as i64;
const MIN_INT: i64 = i32::MIN as i64;
const MAX_INT: i64 = i32::MAX as i64;

const fn int(names: &'static [&'static str], min: i64, max: i64, set: SetInt) -> Param {
    Param {
        names,
        action: Action::Int(min, max, set),
    }
}
const fn flag(names: &'static [&'static str], set: SetInt) -> Param {
    int(names, MIN_INT, MAX32, set)
}
const fn string(names: &'static [&'static str], set: SetStr) -> Param {
    Param {
        names,
        action: Action::Str(set),
    }
}
const fn stored(names: &'static [&'static str]) -> Param {
    Param {
        names,
        action: Action::Stored(ValueType::Int),
    }
}
const fn warned(names: &'static [&'static str], text: &'static str) -> Param {
    Param {
        names,
        action: Action::Warned(text),
    }
}
const fn of(names: &'static [&'static str], action: Action) -> Param {
    Param { names, action }
}

const IN_CORE_TLS: &str = "tls-in-core support not compiled in; the value has no effect, set it with modparam(\"tls\", …)";
const NO_STUN: &str = "stun support not compiled in; the value has no effect";
const NO_FIFO: &str =
    "there is no FIFO any more; the value has no effect. Load module ctl and use sercmd or serctl";
const NO_UNIX_SOCK: &str = "this socket exists no more; the value has no effect. Load module ctl: modparam(\"ctl\", \"binrpc\", \"unixs:…\")";

/// How many receivers SER takes where a number makes no sense.
const DEFAULT_CHILDREN: u32 = 8;

static PARAMS: &[Param] = &[
    int(&["debug"], MIN_INT, MAX_INT, |s, n| s.debug = n as i32),
    flag(&["fork"], |s, n| s.fork = n != 0),
    flag(&["log_stderror"], |s, n| s.log_stderror = n != 0),
    of(&["log_facility"], Action::Facility),
    of(&["listen"], Action::Listen),
    of(&["alias"], Action::Alias),
    int(&["port"], 0, 65535, |s, n| {
        s.port = if n == 0 { 5060 } else { n as u16 }
    }),
    // Both only switch on; -r and -R cannot be taken back.
    flag(&["dns"], |s, n| s.received_dns |= u8::from(n != 0)),
    flag(&["rev_dns"], |s, n| s.received_dns |= u8::from(n != 0) << 1),
    flag(&["dns_try_ipv6"], |s, n| s.dns_try_ipv6 = n != 0),
    stored(&["dns_retr_time"]),
    stored(&["dns_retr_no"]),
    stored(&["dns_servers_no"]),
    stored(&["dns_use_search_list"]),
    stored(&["use_dns_cache"]),
    stored(&["use_dns_failover"]),
    stored(&["dns_cache_flags"]),
    stored(&["dns_cache_negative_ttl"]),
    stored(&["dns_cache_min_ttl"]),
    stored(&["dns_cache_max_ttl"]),
    stored(&["dns_cache_mem"]),
    stored(&["dns_cache_gc_interval"]),
    stored(&["use_dst_blacklist"]),
    stored(&["dst_blacklist_mem"]),
    stored(&["dst_blacklist_expire", "dst_blacklist_ttl"]),
    stored(&["dst_blacklist_gc_interval"]),
    int(&["maxbuffer"], 0, MAX_INT, |s, n| s.maxbuffer = n as u32),
    int(&["children"], MIN_INT, 1000, |s, n| {
        s.children = u32::try_from(n)
            .ok()
            .filter(|n| *n > 0)
            .unwrap_or(DEFAULT_CHILDREN);
    }),
    flag(&["check_via"], |s, n| s.check_via = n != 0),
    flag(&["syn_branch"], |s, n| s.syn_branch = n != 0),
    int(&["memlog", "mem_log"], MIN_INT, MAX_INT, |s, n| {
        s.memlog = n as i32
    }),
    int(&["memdbg", "mem_dbg"], MIN_INT, MAX_INT, |s, n| {
        s.memdbg = n as i32
    }),
    flag(&["sip_warning"], |s, n| s.sip_warning = n != 0),
    flag(&["server_signature"], |s, n| s.server_signature = n != 0),
    flag(&["reply_to_via"], |s, n| s.reply_to_via = n != 0),
    string(&["user", "uid"], |s, v| s.user = Some(v)),
    string(&["group", "gid"], |s, v| s.group = Some(v)),
    string(&["chroot"], |s, v| s.chroot = Some(v)),
    string(&["workdir", "wdir"], |s, v| s.workdir = Some(v)),
    flag(&["mhomed"], |s, n| s.mhomed = n != 0),
    flag(&["disable_tcp"], |s, n| s.disable_tcp = n != 0),
    stored(&["tcp_children"]),
    stored(&["tcp_accept_aliases"]),
    stored(&["tcp_connect_timeout"]),
    stored(&["tcp_send_timeout"]),
    stored(&["tcp_connection_lifetime"]),
    of(&["tcp_poll_method"], Action::PollMethod),
    stored(&["tcp_max_connections"]),
    flag(&["disable_tls", "tls_disable"], |s, n| {
        s.disable_tls = n != 0
    }),
    flag(&["enable_tls", "tls_enable"], |s, n| s.disable_tls = n == 0),
    int(&["tls_port_no"], 0, 65535, |s, n| s.tls_port_no = n as u16),
    stored(&["tlslog", "tls_log"]),
    warned(&["tls_method"], IN_CORE_TLS),
    warned(&["tls_verify"], IN_CORE_TLS),
    warned(&["tls_require_certificate"], IN_CORE_TLS),
    warned(&["tls_certificate"], IN_CORE_TLS),
    warned(&["tls_private_key"], IN_CORE_TLS),
    warned(&["tls_ca_list"], IN_CORE_TLS),
    warned(&["tls_handshake_timeout"], IN_CORE_TLS),
    warned(&["tls_send_timeout"], IN_CORE_TLS),
    string(&["advertised_address"], |s, v| {
        s.advertised_address = Some(v)
    }),
    int(&["advertised_port"], 0, 65535, |s, n| {
        s.advertised_port = n as u16
    }),
    flag(&["disable_core_dump"], |s, n| s.disable_core_dump = n != 0),
    int(&["open_files_limit"], MIN_INT, MAX_INT, |s, n| {
        s.open_files_limit = n
    }),
    flag(&["mcast_loopback"], |s, n| s.mcast_loopback = n != 0),
    int(&["mcast_ttl"], -1, 255, |s, n| s.mcast_ttl = n as i32),
    int(&["tos"], 0, 255, |s, n| s.tos = n as i32),
    int(&["exit_timeout", "ser_kill_timeout"], 0, MAX_INT, |s, n| {
        s.exit_timeout = n as u32
    }),
    of(&["statistics"], Action::Ignored),
    warned(&["stun_refresh_interval"], NO_STUN),
    warned(&["stun_allow_stun"], NO_STUN),
    warned(&["stun_allow_fp"], NO_STUN),
    // Older generations.
    of(&["mpath", "loadpath"], Action::ModulePath),
    warned(&["fifo"], NO_FIFO),
    warned(&["fifo_mode"], NO_FIFO),
    warned(&["fifo_user"], NO_FIFO),
    warned(&["fifo_group"], NO_FIFO),
    warned(&["fifo_dir"], NO_FIFO),
    warned(&["fifo_db_url"], NO_FIFO),
    warned(&["unix_sock"], NO_UNIX_SOCK),
    warned(&["unix_sock_mode"], NO_UNIX_SOCK),
    warned(&["unix_sock_user"], NO_UNIX_SOCK),
    warned(&["unix_sock_group"], NO_UNIX_SOCK),
    warned(&["unix_tx_timeout"], NO_UNIX_SOCK),
    warned(&["sock_mode"], NO_UNIX_SOCK),
    warned(&["sock_user"], NO_UNIX_SOCK),
    warned(&["sock_group"], NO_UNIX_SOCK),
    warned(
        &["loop_checks"],
        "loops are no longer looked for with it; use mf_process_maxfwd_header() of module maxfwd",
    ),
    warned(
        &["phone2tel"],
        "sip: URIs with user=phone are always taken as telephone numbers; the value has no effect",
    ),
    warned(
        &["avp_db_url"],
        "the value has no effect; attributes are loaded by module avp_db: modparam(\"avp_db\", \"db_url\", …)",
    ),
    warned(
        &["user_agent_header", "server_header"],
        "the value has no effect; server_signature switches the header on and off",
    ),
];

const FACILITIES: [(&str, i32); 20] = [
    ("LOG_AUTH", libc::LOG_AUTH),
    ("LOG_CRON", libc::LOG_CRON),
    ("LOG_DAEMON", libc::LOG_DAEMON),
    ("LOG_KERN", libc::LOG_KERN),
    ("LOG_LOCAL0", libc::LOG_LOCAL0),
    ("LOG_LOCAL1", libc::LOG_LOCAL1),
    ("LOG_LOCAL2", libc::LOG_LOCAL2),
    ("LOG_LOCAL3", libc::LOG_LOCAL3),
    ("LOG_LOCAL4", libc::LOG_LOCAL4),
    ("LOG_LOCAL5", libc::LOG_LOCAL5),
    ("LOG_LOCAL6", libc::LOG_LOCAL6),
    ("LOG_LOCAL7", libc::LOG_LOCAL7),
    ("LOG_LPR", libc::LOG_LPR),
    ("LOG_MAIL", libc::LOG_MAIL),
    ("LOG_NEWS", libc::LOG_NEWS),
    ("LOG_USER", libc::LOG_USER),
    ("LOG_UUCP", libc::LOG_UUCP),
    ("LOG_AUTHPRIV", libc::LOG_AUTHPRIV),
    ("LOG_FTP", libc::LOG_FTP),
    ("LOG_SYSLOG", libc::LOG_SYSLOG),
];

/// The parameter of that exact name.
pub fn find(name: &str) -> Option<&'static Param> {
    PARAMS.iter().find(|p| p.names.contains(&name))
}

/// All names, for suggestions.
pub fn names() -> impl Iterator<Item = &'static str> {
    PARAMS.iter().flat_map(|p| p.names.iter().copied())
}

/// Carries `name = values` out, or says what is wrong with it.
pub fn assign(
    name: &Spanned<String>,
    values: &[Spanned<ParamValue>],
    target: &mut Target,
    found: &mut Diagnostics,
) {
    let Some(param) = find(&name.node) else {
        let message = format!("syntax error: unknown config variable {}", name.node);
        found.error(name.span, message).suggest(&name.node, names());
        return;
    };
    let Some(value) = values.first() else { return };
    let result = match &param.action {
        Action::Int(min, max, set) => {
            number(value, *min, *max).map(|n| set(&mut target.settings, n))
        }
        Action::Str(set) => text(value).map(|v| set(&mut target.settings, v)),
        Action::Facility => facility(value).map(|f| target.settings.log_facility = f),
        Action::PollMethod => poll_method(value, found).map(|m| store(target, param, m)),
        Action::Listen => sockets(values, &mut target.listen),
        Action::Alias => sockets(values, &mut target.aliases),
        Action::ModulePath => text(value).map(|v| target.mpath = v),
        Action::Stored(ValueType::Int) => {
            number(value, MIN_INT, MAX32).map(|n| store(target, param, n.to_string()))
        }
        Action::Stored(_) => text(value).map(|v| store(target, param, v)),
        Action::Warned(why) => {
            found.warning(name.span, format!("{}: {why}", name.node));
            Ok(())
        }
        Action::Ignored => text(value).map(drop),
    };
    if let Err(message) = result {
        found.error(value.span, message);
    }
}

fn store(target: &mut Target, param: &Param, value: String) {
    let name = param.names[0];
    target.settings.stored.retain(|(known, _)| known != name);
    target.settings.stored.push((name.to_owned(), value));
}

fn number(value: &Spanned<ParamValue>, min: i64, max: i64) -> Result<i64, String> {
    match &value.node {
        ParamValue::Int(n) if (min..=max).contains(n) => Ok(*n),
        ParamValue::Int(_) => Err(format!("number out of range: it is {min} to {max}")),
        _ => Err("number expected (or yes, no)".into()),
    }
}

fn text(value: &Spanned<ParamValue>) -> Result<String, String> {
    match &value.node {
        ParamValue::Str(text) => Ok(String::from_utf8_lossy(text).into_owned()),
        ParamValue::Id(text) => Ok(text.clone()),
        ParamValue::Ip(ip) if ip.is_ipv6() => Ok(format!("[{ip}]")),
        ParamValue::Ip(ip) => Ok(ip.to_string()),
        ParamValue::Int(_) | ParamValue::Socket(_) => Err("string expected".into()),
    }
}

fn facility(value: &Spanned<ParamValue>) -> Result<i32, String> {
    let name = text(value)?;
    FACILITIES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(&name))
        .map(|(_, number)| *number)
        .ok_or_else(|| "bad facility (see syslog(3) man page)".into())
}

fn poll_method(value: &Spanned<ParamValue>, found: &mut Diagnostics) -> Result<String, String> {
    let name = text(value)?.to_ascii_lowercase();
    if POLL_METHODS.contains(&name.as_str()) {
        return Ok(name);
    }
    if FOREIGN_POLL_METHODS.contains(&name.as_str()) {
        let why = format!("{name} is not supported on this system, epoll_lt is used");
        found.warning(value.span, why);
        return Ok("epoll_lt".into());
    }
    Err(format!(
        "bad tcp_poll_method value: it is one of {}",
        POLL_METHODS.join(", ")
    ))
}

fn sockets(values: &[Spanned<ParamValue>], to: &mut Vec<SocketId>) -> Result<(), String> {
    for value in values {
        match &value.node {
            ParamValue::Socket(id) => match id.proto {
                None | Some(Proto::Udp | Proto::Tcp | Proto::Tls) => to.push(id.clone()),
                Some(other) => return Err(format!("{} is no protocol to listen on", other.name())),
            },
            _ => return Err("[proto:]host[:port] expected".into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::config::ast::Span;

    fn set(name: &str, value: ParamValue) -> (Target, Diagnostics) {
        let span = Span::default();
        let mut target = Target::default();
        let mut found = Diagnostics::default();
        let name = Spanned {
            node: name.to_owned(),
            span,
        };
        assign(
            &name,
            &[Spanned { node: value, span }],
            &mut target,
            &mut found,
        );
        (target, found)
    }

    #[test]
    fn no_name_stands_twice() {
        let mut all: Vec<_> = names().collect();
        all.sort_unstable();
        let before = all.len();
        all.dedup();
        assert_eq!(all.len(), before);
    }

    #[test]
    fn synonyms_set_the_same_value() {
        assert_eq!(
            set("uid", ParamValue::Id("ser".into()))
                .0
                .settings
                .user
                .as_deref(),
            Some("ser")
        );
        assert_eq!(
            set("ser_kill_timeout", ParamValue::Int(5))
                .0
                .settings
                .exit_timeout,
            5
        );
        let stored = set("dst_blacklist_ttl", ParamValue::Int(9))
            .0
            .settings
            .stored;
        assert_eq!(
            stored,
            [("dst_blacklist_expire".to_owned(), "9".to_owned())]
        );
    }

    #[test]
    fn wrong_types_and_ranges_are_refused() {
        for (name, value) in [
            ("children", ParamValue::Str(b"8".to_vec())),
            ("port", ParamValue::Int(70000)),
            ("user", ParamValue::Int(5)),
            ("log_facility", ParamValue::Id("LOG_MOON".into())),
            ("tcp_poll_method", ParamValue::Id("wait".into())),
        ] {
            assert_eq!(set(name, value).1.errors(), 1, "{name}");
        }
    }

    #[test]
    fn retired_parameters_only_warn() {
        let found = set("fifo", ParamValue::Str(b"/tmp/ser_fifo".to_vec())).1;
        assert_eq!((found.errors(), found.warnings()), (0, 1));
    }
}
