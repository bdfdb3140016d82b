//! The table of core parameters: name, synonyms, type, range, and where the value goes (SER's cfg.y,
//! `core parameters` of the language page).

use super::{Action, Param, SetInt, SetStr, ValueType};

/// Largest number of a parameter without a range of its own.
pub(super) const MAX32: i64 = u32::MAX as i64;
/// Smallest number.
pub(super) const MIN_INT: i64 = i32::MIN as i64;
pub(super) const MAX_INT: i64 = i32::MAX as i64;

pub(super) const fn int(names: &'static [&'static str], min: i64, max: i64, set: SetInt) -> Param {
    of(names, Action::Int(min, max, set))
}
pub(super) const fn flag(names: &'static [&'static str], set: SetInt) -> Param {
    int(names, MIN_INT, MAX32, set)
}
pub(super) const fn string(names: &'static [&'static str], set: SetStr) -> Param {
    of(names, Action::Str(set))
}
const fn stored(names: &'static [&'static str]) -> Param {
    of(names, Action::Stored(ValueType::Int))
}
const fn warned(names: &'static [&'static str], text: &'static str) -> Param {
    of(names, Action::Warned(text))
}
const fn of(names: &'static [&'static str], action: Action) -> Param {
    Param {
        names,
        action,
        default: "",
        text: "",
    }
}

const IN_CORE_TLS: &str = "tls-in-core support not compiled in; the value has no effect, set it with modparam(\"tls\", …)";
const LATER: &str = "a parameter of later generations; the value has no effect";

/// How many receivers SER takes where a number makes no sense.
pub(super) const DEFAULT_CHILDREN: u32 = 8;
/// The most that can be asked for.
pub(super) const MOST_CHILDREN: i64 = 1000;

/// All parameters.
pub(super) static PARAMS: &[Param] = &[
    int(&["debug"], MIN_INT, MAX_INT, |s, n| s.debug = n as i32).doc(
        "0",
        "what is logged, this level and those below it: -3 alerts, -2 critical, -1 \
         errors, 1 warnings, 2 notices, 3 information, 4 everything",
    ),
    flag(&["fork"], |s, n| s.fork = n != 0).doc(
        "yes",
        "no: one process receives, in the foreground, as with option -D",
    ),
    flag(&["log_stderror"], |s, n| s.log_stderror = n != 0)
        .doc("no", "log to stderr instead of syslog"),
    of(&["log_facility"], Action::Facility).doc("LOG_DAEMON", "facility of syslog(3)"),
    of(&["listen"], Action::Listen).doc(
        "",
        "addresses to receive on, [proto:]name[:port]; an interface's name stands for \
         its addresses; without one all addresses of the machine",
    ),
    of(&["alias"], Action::Alias).doc(
        "",
        "further names of this server, [proto:]name[:port], which are \"myself\" too",
    ),
    int(&["port"], 0, 65535, |s, n| {
        s.port = if n == 0 { 5060 } else { n as u16 }
    })
    .doc("5060", "port of the addresses that name none"),
    int(&["maxbuffer"], 0, MAX_INT, |s, n| s.maxbuffer = n as u32).doc(
        "262144",
        "largest receive buffer that a UDP socket asks the kernel for, in bytes",
    ),
    of(&["children"], Action::Children).doc(
        "8",
        "receivers for each UDP socket; auto(MIN, MAX): as many as the load needs, between these numbers",
    ),
    flag(&["check_via"], |s, n| s.check_via = n != 0).doc(
        "no",
        "drop replies whose topmost Via does not name this server",
    ),
    flag(&["syn_branch"], |s, n| s.syn_branch = n != 0)
        .doc("yes", "make branches quickly; no: by MD5 of the message"),
    int(&["memlog", "mem_log"], MIN_INT, MAX_INT, |s, n| {
        s.memlog = n as i32
    })
    .doc("4", "level at which summaries of memory are logged"),
    int(&["memdbg", "mem_dbg"], MIN_INT, MAX_INT, |s, n| {
        s.memdbg = n as i32
    })
    .doc("5", "accepted; allocations are not logged one by one"),
    flag(&["sip_warning"], |s, n| s.sip_warning = n != 0).doc("yes", "add Warning to own replies"),
    flag(&["server_signature"], |s, n| s.server_signature = n != 0).doc(
        "yes",
        "add Server to own replies and User-Agent to own requests",
    ),
    flag(&["reply_to_via"], |s, n| s.reply_to_via = n != 0).doc(
        "no",
        "send own replies where the topmost Via says instead of where the request came \
         from",
    ),
    string(&["user", "uid"], |s, v| s.user = Some(v)).doc(
        "",
        "user to become once the sockets are bound, by name or number",
    ),
    string(&["group", "gid"], |s, v| s.group = Some(v)).doc(
        "",
        "group to become, by name or number; without it that of the user",
    ),
    string(&["chroot"], |s, v| s.chroot = Some(v)).doc("", "folder that becomes the root"),
    string(&["workdir", "wdir"], |s, v| s.workdir = Some(v))
        .doc("", "folder to run in, where core files go; without it /"),
    flag(&["mhomed"], |s, n| s.mhomed = n != 0).doc(
        "no",
        "choose the socket to send from by the way to the destination, for hosts in \
         several networks",
    ),
    flag(&["disable_tcp"], |s, n| s.disable_tcp = n != 0).doc("no", "do not listen on TCP"),
    stored(&["tcp_children"]).doc(
        "",
        "receivers for TCP; without it as many as children; kept, TCP is not served yet",
    ),
    stored(&["tcp_accept_aliases"]).doc(
        "no",
        "heed the Via parameter alias (RFC 5923); kept, TCP is not served yet",
    ),
    stored(&["tcp_connect_timeout"]).doc("10", "seconds; kept, TCP is not served yet"),
    stored(&["tcp_send_timeout"]).doc("10", "seconds; kept, TCP is not served yet"),
    stored(&["tcp_connection_lifetime"]).doc(
        "120",
        "seconds that an idle connection is kept; kept, TCP is not served yet",
    ),
    of(&["tcp_poll_method"], Action::PollMethod).doc(
        "",
        "how to wait for connections: poll, epoll_lt, epoll_et, sigio_rt or select; \
         kept, TCP is not served yet",
    ),
    stored(&["tcp_max_connections"]).doc(
        "2048",
        "most connections at a time; kept, TCP is not served yet",
    ),
    flag(&["disable_tls", "tls_disable"], |s, n| {
        s.disable_tls = n != 0
    })
    .doc("yes", "do not listen on TLS"),
    flag(&["enable_tls", "tls_enable"], |s, n| s.disable_tls = n == 0)
        .doc("no", "listen on TLS; the opposite of disable_tls"),
    int(&["tls_port_no"], 0, 65535, |s, n| s.tls_port_no = n as u16)
        .doc("5061", "port of the TLS addresses that name none"),
    stored(&["tlslog", "tls_log"]).doc(
        "",
        "level at which TLS is logged; kept, TLS is not served yet",
    ),
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
    })
    .doc(
        "",
        "what Via and Record-Route call this server, instead of the socket's address",
    ),
    int(&["advertised_port"], 0, 65535, |s, n| {
        s.advertised_port = n as u16
    })
    .doc("0", "the port beside it; 0: the socket's"),
    flag(&["disable_core_dump", "disable_core"], |s, n| {
        s.disable_core_dump = n != 0
    })
    .doc("no", "leave no core files"),
    int(&["open_files_limit"], MIN_INT, MAX_INT, |s, n| {
        s.open_files_limit = n
    })
    .doc(
        "-1",
        "most open files of a process; -1: as the system has it",
    ),
    flag(&["mcast_loopback"], |s, n| s.mcast_loopback = n != 0)
        .doc("no", "hear multicast datagrams of our own"),
    int(&["mcast_ttl"], -1, 255, |s, n| s.mcast_ttl = n as i32).doc(
        "-1",
        "routers that multicast datagrams pass; -1: as the system has it",
    ),
    int(&["tos"], 0, 255, |s, n| s.tos = n as i32).doc("0x10", "type of service of what is sent"),
    int(&["exit_timeout", "ser_kill_timeout"], 0, MAX_INT, |s, n| {
        s.exit_timeout = n as u32
    })
    .doc(
        "60",
        "seconds that a stop may take until what is left is killed; 0: as long as it \
         takes",
    ),
    flag(&["reload_on_hup"], |s, n| s.reload_on_hup = n != 0).doc(
        "no",
        "SIGHUP makes the server read ser.cfg again, as core.reload does; without it the signal is ignored",
    ),
    of(&["statistics"], Action::Ignored).doc("", "accepted, without effect as in SER"),
    flag(&["script_stats"], |s, n| s.script_stats = n != 0).doc(
        "yes",
        "measure route blocks and commands: how often they run, and how long",
    ),
    int(&["server_id"], 0, MAX_INT, |s, n| s.server_id = n as u32)
        .doc("0", "which of several servers this is: @sys.server_id"),
    warned(
        &["stun_refresh_interval", "stun_allow_stun", "stun_allow_fp"],
        "stun support not compiled in; the value has no effect",
    ),
    // Older generations.
    of(&["mpath", "loadpath"], Action::ModulePath).doc(
        "",
        "folders to look for modules in that are named without a path, separated by \
         colons",
    ),
    of(&["fifo"], Action::Stored(ValueType::Str)).doc(
        "",
        "path of a named pipe for the commands of SER 0.8 and 0.9, see module fifo",
    ),
    int(&["fifo_mode"], 0, 0o7777, |s, n| {
        s.store("fifo_mode", n.to_string());
    })
    .doc("0660", "its permissions"),
    of(&["fifo_user"], Action::Stored(ValueType::Any)).doc("", "its owner, by name or number"),
    of(&["fifo_group"], Action::Stored(ValueType::Any)).doc("", "its group, by name or number"),
    of(&["fifo_dir"], Action::Stored(ValueType::Str))
        .doc("/tmp/", "folder of the pipes that replies go to"),
    warned(
        &["fifo_db_url"],
        "the FIFO no longer reaches the database; the value has no effect",
    ),
    of(&["unix_sock"], Action::Stored(ValueType::Str)).doc(
        "",
        "path of a unix datagram socket for the same commands, see module unixsock",
    ),
    int(&["unix_sock_children"], 1, 64, |s, n| {
        s.store("unix_sock_children", n.to_string());
    })
    .doc("1", "processes that serve it"),
    // Milliseconds.
    int(&["unix_tx_timeout"], 1, 60_000, |s, n| {
        s.store("unix_tx_timeout", n.to_string());
    })
    .doc("2000", "milliseconds that a reply may take to leave"),
    int(&["sock_mode", "unix_sock_mode"], 0, 0o7777, |s, n| {
        s.store("sock_mode", n.to_string());
    })
    .doc("0660", "permissions of that socket"),
    of(
        &["sock_user", "unix_sock_user"],
        Action::Stored(ValueType::Any),
    )
    .doc("", "its owner, by name or number"),
    of(
        &["sock_group", "unix_sock_group"],
        Action::Stored(ValueType::Any),
    )
    .doc("", "its group, by name or number"),
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
