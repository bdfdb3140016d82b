//! The core parameters of name resolution and of the destination blacklist (SER's and the names that
//! later generations gave).

use super::Param;
use super::table::{MAX_INT, MAX32, MIN_INT, flag, int, string};

pub(super) static DNS_PARAMS: &[Param] = &[
    // Both only switch on; -r and -R cannot be taken back.
    flag(&["dns"], |s, n| s.received_dns |= u8::from(n != 0)).doc(
        "no",
        "compare the host of a Via with the sender's address by looking it up, before \
         \"received\" is added",
    ),
    flag(&["rev_dns"], |s, n| s.received_dns |= u8::from(n != 0) << 1)
        .doc("no", "the same by the name of the sender's address"),
    flag(&["dns_try_ipv6"], |s, n| s.dns_try_ipv6 = n != 0).doc(
        "yes",
        "look for IPv6 addresses where there are none of IPv4",
    ),
    flag(&["dns_try_naptr"], |s, n| s.dns_try_naptr = n != 0)
        .doc("no", "ask for NAPTR records first (RFC 3263)"),
    flag(&["dns_naptr_ignore_rfc"], |s, n| {
        s.dns_naptr_ignore_rfc = n != 0
    })
    .doc(
        "yes",
        "go by the preferences below alone, not by the order that a domain gives its \
         NAPTR records",
    ),
    int(
        &["dns_udp_pref", "dns_udp_preference"],
        MIN_INT,
        MAX_INT,
        |s, n| s.dns_udp_pref = n as i32,
    )
    .doc(
        "30",
        "preference of UDP among NAPTR records; higher is better, negative is never",
    ),
    int(
        &["dns_tcp_pref", "dns_tcp_preference"],
        MIN_INT,
        MAX_INT,
        |s, n| s.dns_tcp_pref = n as i32,
    )
    .doc("20", "preference of TCP"),
    int(
        &["dns_tls_pref", "dns_tls_preference"],
        MIN_INT,
        MAX_INT,
        |s, n| s.dns_tls_pref = n as i32,
    )
    .doc("10", "preference of TLS"),
    int(
        &["dns_sctp_pref", "dns_sctp_preference"],
        MIN_INT,
        MAX_INT,
        |s, n| s.dns_sctp_pref = n as i32,
    )
    .doc("20", "preference of SCTP"),
    flag(&["dns_srv_lb", "dns_srv_loadbalancing"], |s, n| {
        s.dns_srv_lb = n != 0
    })
    .doc(
        "no",
        "choose among SRV records of one priority at random by weight, instead of the \
         heaviest first",
    ),
    int(&["dns_retr_time"], MIN_INT, 3600, |s, n| {
        s.dns_retr_time = n as i32
    })
    .doc(
        "-1",
        "seconds until a name server is asked again; -1: as resolv.conf says",
    ),
    int(&["dns_retr_no"], MIN_INT, 100, |s, n| {
        s.dns_retr_no = n as i32
    })
    .doc("-1", "how often it is asked; -1: as resolv.conf says"),
    int(&["dns_servers_no"], MIN_INT, MAX_INT, |s, n| {
        s.dns_servers_no = n as i32
    })
    .doc(
        "-1",
        "how many name servers are asked; -1: as resolv.conf says",
    ),
    int(&["dns_use_search_list"], MIN_INT, MAX_INT, |s, n| {
        s.dns_use_search_list = n as i32
    })
    .doc(
        "-1",
        "add the domains that resolv.conf names to short names; -1: as resolv.conf says",
    ),
    // An answer is taken only if it is to the name that was asked: always a full match.
    flag(&["dns_search_full_match"], |_, _| {}).doc(
        "yes",
        "accepted; an answer has to be to the name that was asked for",
    ),
    string(&["dns_resolv_conf"], |s, v| s.dns_resolv_conf = Some(v))
        .doc("", "file to read instead of /etc/resolv.conf"),
    string(&["dns_hosts_file"], |s, v| s.dns_hosts_file = Some(v))
        .doc("", "file to read instead of /etc/hosts"),
    flag(&["use_dns_cache"], |s, n| s.use_dns_cache = n != 0)
        .doc("yes", "remember answers of name servers, for all processes"),
    // There is nothing to prepare that would be worth a switch: off is `use_dns_cache = no`.
    flag(&["dns_cache_init"], |s, n| s.use_dns_cache &= n != 0)
        .doc("yes", "no: as use_dns_cache = no"),
    flag(&["use_dns_failover"], |s, n| s.use_dns_failover = n != 0).doc(
        "no",
        "try the next address of a name when one does not answer",
    ),
    int(&["dns_cache_flags"], 0, 7, |s, n| {
        s.dns_cache_flags = n as u32
    })
    .doc("0", "sum of: 1 IPv4 only, 2 IPv6 only, 4 IPv6 first"),
    int(&["dns_cache_negative_ttl"], 0, MAX32, |s, n| {
        s.dns_cache_negative_ttl = n as u32
    })
    .doc(
        "60",
        "seconds that it is remembered that a name does not exist, at most",
    ),
    int(&["dns_cache_min_ttl"], 0, MAX32, |s, n| {
        s.dns_cache_min_ttl = n as u32
    })
    .doc("0", "seconds that an answer is remembered at least"),
    int(&["dns_cache_max_ttl"], 0, MAX32, |s, n| {
        s.dns_cache_max_ttl = n as u32
    })
    .doc("4294967295", "seconds that an answer is remembered at most"),
    int(&["dns_cache_mem"], 0, MAX32, |s, n| {
        s.dns_cache_mem = n as u32
    })
    .doc("500", "size of the cache, in KiB"),
    int(&["dns_cache_gc_interval"], 0, MAX32, |s, n| {
        s.dns_cache_gc_interval = n as u32
    })
    .doc("120", "seconds between two sweeps for what has expired"),
    flag(
        &["dns_cache_del_nonexp", "dns_cache_delete_nonexpired"],
        |s, n| s.dns_cache_del_nonexp = n != 0,
    )
    .doc(
        "yes",
        "when the cache is full, answers that have not expired may go too",
    ),
    flag(&["use_dst_blacklist"], |s, n| s.use_dst_blacklist = n != 0).doc(
        "no",
        "leave destinations out for a while that do not answer",
    ),
    flag(&["dst_blacklist_init"], |s, n| {
        s.use_dst_blacklist &= n != 0
    })
    .doc("yes", "no: as use_dst_blacklist = no"),
    int(&["dst_blacklist_mem"], 0, MAX32, |s, n| {
        s.dst_blacklist_mem = n as u32
    })
    .doc("250", "size of the blacklist, in KiB"),
    int(
        &["dst_blacklist_expire", "dst_blacklist_ttl"],
        0,
        MAX32,
        |s, n| s.dst_blacklist_expire = n as u32,
    )
    .doc("60", "seconds that a destination stays on it"),
    int(&["dst_blacklist_gc_interval"], 0, MAX32, |s, n| {
        s.dst_blacklist_gc_interval = n as u32
    })
    .doc("60", "seconds between two sweeps for what has expired"),
];
