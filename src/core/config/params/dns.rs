//! The core parameters of name resolution and of the destination blacklist (SER's and the names that
//! later generations gave).

use super::Param;
use super::table::{MAX_INT, MAX32, MIN_INT, flag, int, string};

pub(super) static DNS_PARAMS: &[Param] = &[
    // Both only switch on; -r and -R cannot be taken back.
    flag(&["dns"], |s, n| s.received_dns |= u8::from(n != 0)),
    flag(&["rev_dns"], |s, n| s.received_dns |= u8::from(n != 0) << 1),
    flag(&["dns_try_ipv6"], |s, n| s.dns_try_ipv6 = n != 0),
    flag(&["dns_try_naptr"], |s, n| s.dns_try_naptr = n != 0),
    flag(&["dns_naptr_ignore_rfc"], |s, n| {
        s.dns_naptr_ignore_rfc = n != 0
    }),
    int(
        &["dns_udp_pref", "dns_udp_preference"],
        MIN_INT,
        MAX_INT,
        |s, n| s.dns_udp_pref = n as i32,
    ),
    int(
        &["dns_tcp_pref", "dns_tcp_preference"],
        MIN_INT,
        MAX_INT,
        |s, n| s.dns_tcp_pref = n as i32,
    ),
    int(
        &["dns_tls_pref", "dns_tls_preference"],
        MIN_INT,
        MAX_INT,
        |s, n| s.dns_tls_pref = n as i32,
    ),
    int(
        &["dns_sctp_pref", "dns_sctp_preference"],
        MIN_INT,
        MAX_INT,
        |s, n| s.dns_sctp_pref = n as i32,
    ),
    flag(&["dns_srv_lb", "dns_srv_loadbalancing"], |s, n| {
        s.dns_srv_lb = n != 0
    }),
    int(&["dns_retr_time"], MIN_INT, 3600, |s, n| {
        s.dns_retr_time = n as i32
    }),
    int(&["dns_retr_no"], MIN_INT, 100, |s, n| {
        s.dns_retr_no = n as i32
    }),
    int(&["dns_servers_no"], MIN_INT, MAX_INT, |s, n| {
        s.dns_servers_no = n as i32
    }),
    int(&["dns_use_search_list"], MIN_INT, MAX_INT, |s, n| {
        s.dns_use_search_list = n as i32
    }),
    // An answer is taken only if it is to the name that was asked: always a full match.
    flag(&["dns_search_full_match"], |_, _| {}),
    string(&["dns_resolv_conf"], |s, v| s.dns_resolv_conf = Some(v)),
    string(&["dns_hosts_file"], |s, v| s.dns_hosts_file = Some(v)),
    flag(&["use_dns_cache"], |s, n| s.use_dns_cache = n != 0),
    // There is nothing to prepare that would be worth a switch: off is `use_dns_cache = no`.
    flag(&["dns_cache_init"], |s, n| s.use_dns_cache &= n != 0),
    flag(&["use_dns_failover"], |s, n| s.use_dns_failover = n != 0),
    int(&["dns_cache_flags"], 0, 7, |s, n| {
        s.dns_cache_flags = n as u32
    }),
    int(&["dns_cache_negative_ttl"], 0, MAX32, |s, n| {
        s.dns_cache_negative_ttl = n as u32
    }),
    int(&["dns_cache_min_ttl"], 0, MAX32, |s, n| {
        s.dns_cache_min_ttl = n as u32
    }),
    int(&["dns_cache_max_ttl"], 0, MAX32, |s, n| {
        s.dns_cache_max_ttl = n as u32
    }),
    int(&["dns_cache_mem"], 0, MAX32, |s, n| {
        s.dns_cache_mem = n as u32
    }),
    int(&["dns_cache_gc_interval"], 0, MAX32, |s, n| {
        s.dns_cache_gc_interval = n as u32
    }),
    flag(
        &["dns_cache_del_nonexp", "dns_cache_delete_nonexpired"],
        |s, n| s.dns_cache_del_nonexp = n != 0,
    ),
    flag(&["use_dst_blacklist"], |s, n| s.use_dst_blacklist = n != 0),
    flag(&["dst_blacklist_init"], |s, n| {
        s.use_dst_blacklist &= n != 0
    }),
    int(&["dst_blacklist_mem"], 0, MAX32, |s, n| {
        s.dst_blacklist_mem = n as u32
    }),
    int(
        &["dst_blacklist_expire", "dst_blacklist_ttl"],
        0,
        MAX32,
        |s, n| s.dst_blacklist_expire = n as u32,
    ),
    int(&["dst_blacklist_gc_interval"], 0, MAX32, |s, n| {
        s.dst_blacklist_gc_interval = n as u32
    }),
];
