//! The table of core parameters: name, synonyms, type, range, and where the value goes (SER's cfg.y,
//! `core parameters` of the language page).

use super::{Action, Param, SetInt, SetStr, ValueType};

/// Largest number of a parameter without a range of its own.
pub(super) const MAX32: i64 = u32::MAX as i64;
/// Smallest number.
pub(super) const MIN_INT: i64 = i32::MIN as i64;
pub(super) const MAX_INT: i64 = i32::MAX as i64;

pub(super) const fn int(names: &'static [&'static str], min: i64, max: i64, set: SetInt) -> Param {
    Param {
        names,
        action: Action::Int(min, max, set),
    }
}
pub(super) const fn flag(names: &'static [&'static str], set: SetInt) -> Param {
    int(names, MIN_INT, MAX32, set)
}
pub(super) const fn string(names: &'static [&'static str], set: SetStr) -> Param {
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
const LATER: &str = "a parameter of later generations; the value has no effect";

/// How many receivers SER takes where a number makes no sense.
const DEFAULT_CHILDREN: u32 = 8;

/// All parameters.
pub(super) static PARAMS: &[Param] = &[
    int(&["debug"], MIN_INT, MAX_INT, |s, n| s.debug = n as i32),
    flag(&["fork"], |s, n| s.fork = n != 0),
    flag(&["log_stderror"], |s, n| s.log_stderror = n != 0),
    of(&["log_facility"], Action::Facility),
    of(&["listen"], Action::Listen),
    of(&["alias"], Action::Alias),
    int(&["port"], 0, 65535, |s, n| {
        s.port = if n == 0 { 5060 } else { n as u16 }
    }),
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
    warned(
        &[
            "tls_method",
            "tls_verify",
            "tls_require_certificate",
            "tls_certificate",
            "tls_private_key",
            "tls_ca_list",
            "tls_handshake_timeout",
            "tls_send_timeout",
        ],
        IN_CORE_TLS,
    ),
    string(&["advertised_address"], |s, v| {
        s.advertised_address = Some(v)
    }),
    int(&["advertised_port"], 0, 65535, |s, n| {
        s.advertised_port = n as u16
    }),
    flag(&["disable_core_dump", "disable_core"], |s, n| {
        s.disable_core_dump = n != 0
    }),
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
    int(&["server_id"], 0, MAX_INT, |s, n| s.server_id = n as u32),
    warned(
        &["stun_refresh_interval", "stun_allow_stun", "stun_allow_fp"],
        "stun support not compiled in; the value has no effect",
    ),
    // Older generations.
    of(&["mpath", "loadpath"], Action::ModulePath),
    of(&["fifo"], Action::Stored(ValueType::Str)),
    int(&["fifo_mode"], 0, 0o7777, |s, n| {
        s.store("fifo_mode", n.to_string());
    }),
    of(&["fifo_user"], Action::Stored(ValueType::Any)),
    of(&["fifo_group"], Action::Stored(ValueType::Any)),
    of(&["fifo_dir"], Action::Stored(ValueType::Str)),
    warned(
        &["fifo_db_url"],
        "the FIFO no longer reaches the database; the value has no effect",
    ),
    of(&["unix_sock"], Action::Stored(ValueType::Str)),
    int(&["unix_sock_children"], 1, 64, |s, n| {
        s.store("unix_sock_children", n.to_string());
    }),
    // Milliseconds.
    int(&["unix_tx_timeout"], 1, 60_000, |s, n| {
        s.store("unix_tx_timeout", n.to_string());
    }),
    int(&["sock_mode", "unix_sock_mode"], 0, 0o7777, |s, n| {
        s.store("sock_mode", n.to_string());
    }),
    of(
        &["sock_user", "unix_sock_user"],
        Action::Stored(ValueType::Any),
    ),
    of(
        &["sock_group", "unix_sock_group"],
        Action::Stored(ValueType::Any),
    ),
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
        "the value has no effect; attributes are loaded by module avp_db: \
         modparam(\"avp_db\", \"db_url\", …)",
    ),
    warned(
        &["user_agent_header", "server_header"],
        "the value has no effect; server_signature switches the header on and off",
    ),
    warned(
        &["force_rport"],
        "the value has no effect; call force_rport() in the route block",
    ),
    warned(
        &["timer"],
        "the value has no effect; module timer runs routes at intervals",
    ),
    // Later generations.
    warned(
        &["mlock_pages", "shm_force_alloc", "real_time"],
        "the value has no effect: memory is taken when it is touched, processes run at their usual \
         priority",
    ),
    warned(
        &["udp_mtu", "udp_mtu_try_proto", "pmtu_discovery"],
        "the value has no effect: datagrams are sent whatever their size",
    ),
    warned(
        &[
            "tcp_async",
            "tcp_buf_write",
            "tcp_conn_wq_max",
            "tcp_crlf_ping",
            "tcp_defer_accept",
            "tcp_delayed_ack",
            "tcp_fd_cache",
            "tcp_keepalive",
            "tcp_keepcnt",
            "tcp_keepidle",
            "tcp_keepintvl",
            "tcp_linger2",
            "tcp_no_connect",
            "tcp_rd_buf_size",
            "tcp_source_ipv4",
            "tcp_source_ipv6",
            "tcp_syncnt",
            "tcp_wq_blk_size",
            "tcp_wq_max",
        ],
        LATER,
    ),
];
