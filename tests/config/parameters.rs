//! Every core parameter with a value of its type; what the parameters do is tested where it is done.

use crate::check::{accepted, refused, silent};

/// Numbers, yes and no among them; with all their names.
const NUMBERS: &str = "debug fork log_stderror port dns rev_dns dns_try_ipv6 dns_retr_time dns_retr_no \
    dns_servers_no dns_use_search_list use_dns_cache use_dns_failover dns_cache_flags \
    dns_cache_negative_ttl dns_cache_min_ttl dns_cache_max_ttl dns_cache_mem dns_cache_gc_interval \
    use_dst_blacklist dst_blacklist_mem dst_blacklist_expire dst_blacklist_ttl dst_blacklist_gc_interval \
    maxbuffer children check_via syn_branch memlog mem_log memdbg mem_dbg sip_warning server_signature \
    reply_to_via mhomed disable_tcp tcp_children tcp_accept_aliases tcp_connect_timeout tcp_send_timeout \
    tcp_connection_lifetime tcp_max_connections disable_tls tls_disable enable_tls tls_enable tls_port_no \
    tlslog tls_log advertised_port disable_core_dump open_files_limit mcast_loopback mcast_ttl tos \
    exit_timeout ser_kill_timeout";

#[test]
fn numbers_are_taken_in_every_spelling() {
    for name in NUMBERS.split_whitespace() {
        for value in ["1", "0x1", "01", "1b", "yes", "on", "true", "enable"] {
            let listen = "listen=udp:127.0.0.1:5060\n";
            silent(&format!("{listen}{name}={value}\nroute {{ drop; }}\n"));
        }
        let errors = refused(&format!("{name}=\"1\"\nroute {{ drop; }}\n"));
        let wanted = match name {
            "children" => "number expected, or auto(MIN, MAX)",
            _ => "number expected (or yes, no)",
        };
        assert_eq!(errors, [wanted], "{name}");
    }
}

#[test]
fn negative_numbers_are_taken_where_they_mean_something() {
    for name in [
        "debug",
        "memlog",
        "mcast_ttl",
        "tcp_connect_timeout",
        "tcp_send_timeout",
        "tcp_connection_lifetime",
        "dns_retr_time",
        "open_files_limit",
        "children",
    ] {
        silent(&format!("{name}=-1\nroute {{ drop; }}\n"));
    }
    for name in [
        "port",
        "tos",
        "advertised_port",
        "exit_timeout",
        "tls_port_no",
    ] {
        let errors = refused(&format!("{name}=-1\nroute {{ drop; }}\n"));
        assert!(errors[0].starts_with("number out of range"), "{errors:?}");
    }
}

#[test]
fn texts_are_words_or_strings() {
    for (name, value) in [
        ("user", "root"),
        ("uid", "root"),
        ("group", "root"),
        ("gid", "root"),
        ("chroot", "/tmp"),
        ("workdir", "/tmp"),
        ("wdir", "/tmp"),
        ("log_facility", "LOG_LOCAL7"),
        ("log_facility", "log_daemon"),
        ("tcp_poll_method", "epoll_lt"),
        ("tcp_poll_method", "POLL"),
        ("advertised_address", "sip.example.com"),
        ("advertised_address", "192.0.2.1"),
        ("mpath", "/usr/lib/ser/modules"),
    ] {
        silent(&format!("{name}={value}\nroute {{ drop; }}\n"));
        silent(&format!("{name}=\"{value}\"\nroute {{ drop; }}\n"));
    }
    silent("statistics=\"/tmp/stats\"\nroute { drop; }\n");
    let warnings = accepted("tcp_poll_method=\"/dev/poll\"\nroute { drop; }\n");
    assert!(warnings[0].contains("epoll_lt is used"), "{warnings:?}");
}

#[test]
fn every_facility_of_syslog_is_known() {
    let names = "AUTH CRON DAEMON KERN LOCAL0 LOCAL1 LOCAL2 LOCAL3 LOCAL4 LOCAL5 LOCAL6 LOCAL7 LPR MAIL NEWS \
        USER UUCP AUTHPRIV FTP SYSLOG";
    for name in names.split_whitespace() {
        silent(&format!("log_facility=LOG_{name}\nroute {{ drop; }}\n"));
    }
}

#[test]
fn addresses_are_listed_with_or_without_protocol_and_port() {
    silent(
        "listen=127.0.0.1 udp:127.0.0.1:5070 tcp:127.0.0.2\n\t\"127.0.0.3\":5080 lo\n\
         listen=udp:[::1]:5060\nlisten = tcp: 127.0.0.1 : 5090\n\
         alias=example.com tcp:example.org:5065 *:\"1.com\":* , my-host.example.net:5062\n\
         route { drop; }\n",
    );
}

#[test]
fn several_assignments_may_share_a_line() {
    silent("debug=3 fork=no;children=4 port=5070\nroute{drop;}");
}
