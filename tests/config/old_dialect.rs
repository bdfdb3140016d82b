//! What configs of SER 0.8 and 0.9 (and the first ones, of 2002) are written with.

use crate::check::{accepted, silent, statements};

/// The config is accepted with exactly these words in its warnings, in this order.
fn warned(config: &str, words: &[&str]) {
    let warnings = accepted(config);
    assert_eq!(warnings.len(), words.len(), "{config}\n{warnings:?}");
    for (warning, word) in warnings.iter().zip(words) {
        assert!(warning.contains(word), "{warning} has no {word}");
    }
}

#[test]
fn an_equals_sign_may_be_missing() {
    silent("fork yes\nport 5080\nlog_stderror no\nroute { drop; }\n");
    silent("mpath \"/usr/lib/ser/modules\"\nroute { drop; }\n");
    silent("loadpath \"/usr/lib/ser/modules:/opt/ser\"\nroute { drop; }\n");
}

#[test]
fn fifo_and_unix_sock_and_their_relatives_are_accepted() {
    for name in [
        "fifo=\"/tmp/ser_fifo\"",
        "fifo=/tmp/ser_fifo",
        "fifo_mode=0666",
        "fifo_user=\"ser\"",
        "fifo_group=ser",
        "fifo_dir=\"/tmp\"",
        "unix_sock=\"/tmp/ser.sock\"",
        "unix_sock_mode=0660",
        "unix_sock_user=ser",
        "unix_sock_group=ser",
        "unix_tx_timeout=500",
        "sock_mode=0660",
        "sock_user=ser",
        "sock_group=ser",
    ] {
        silent(&format!("{name}\nroute {{ drop; }}\n"));
    }
}

#[test]
fn other_retired_parameters_name_what_replaces_them() {
    for (line, word) in [
        (
            "fifo_db_url=\"mysql://ser:heslo@localhost/ser\"",
            "no longer reaches the database",
        ),
        ("loop_checks=0", "mf_process_maxfwd_header"),
        ("phone2tel=no", "user=phone"),
        ("avp_db_url=\"mysql://a:b@c/d\"", "avp_db"),
        ("user_agent_header=\"x\"", "server_signature"),
        ("force_rport=yes", "force_rport()"),
        ("timer=yes", "module timer"),
        ("tls_method=TLSv1", "modparam(\"tls\""),
        ("tls_certificate=\"/etc/ser/cert.pem\"", "modparam(\"tls\""),
        ("stun_allow_stun=1", "stun"),
    ] {
        warned(&format!("{line}\nroute {{ drop; }}\n"), &[word]);
    }
}

#[test]
fn parameters_of_later_generations_are_accepted_with_a_warning() {
    for line in [
        "mlock_pages=yes",
        "shm_force_alloc=yes",
        "real_time=7",
        "udp_mtu=1300",
        "tcp_async=yes",
        "tcp_keepalive=yes",
    ] {
        warned(&format!("{line}\nroute {{ drop; }}\n"), &["no effect"]);
    }
}

#[test]
fn a_list_of_addresses_ends_where_an_unknown_parameter_begins() {
    warned(
        "listen=127.0.0.1\nmlock_pages=yes\nalias=a.com b.com\n\tc.com\nreal_time=7\nroute{drop;}",
        &["mlock_pages", "real_time"],
    );
}

#[test]
fn break_needs_no_value_and_semicolons_may_follow_blocks() {
    statements("if (method==\"INVITE\") { break; };\n;\nbreak;");
    statements("{ log(\"x\"); };");
    statements("if (method==\"INVITE\") { };");
}

#[test]
fn the_semicolon_before_an_else_may_be_missing() {
    warned(
        "route { if (method==\"INVITE\") log(\"a\")\n else log(\"b\"); }\n",
        &["missing ';' before else"],
    );
}

#[test]
fn conditions_need_no_parentheses() {
    statements("if method==\"INVITE\" drop;");
    statements("if ! method=~'^INV' drop;");
    statements("if src_ip==192.168.46.0/24 { drop; }");
    statements("if false drop; else if true log(\"x\");");
    statements("if { log(\"test\"); break; } log (\"x\");");
    statements("if if (method==\"ACK\") { log(\"x\"); } drop;");
}

#[test]
fn one_ampersand_or_bar_joins_conditions() {
    statements("if (uri=~\"a\" | uri=~\"b\" | method==\"X\") drop;");
    statements("if (!(src_ip==127.0.0.1) & !(uri==myself)) drop;");
    statements("if (method==\"A\" and uri==myself or not uri=~\"x\") drop;");
    statements("if (force_rport() | append_branch()) drop;");
}

#[test]
fn len_gt_compares_the_length() {
    statements("if (len_gt(max_len)) drop;");
    statements("if (len_gt( 2048 )) drop;");
    statements("if (msg:len >= max_len || msg:len>2048) drop;");
}

#[test]
fn sl_filter_ack_has_no_effect() {
    let why = ["sl_filter_ACK: module sl takes the ACKs"];
    warned("loadmodule \"sl\"\nroute { sl_filter_ACK(); }\n", &why);
    warned(
        "loadmodule \"sl\"\nroute { if (sl_filter_ACK()) drop; }\n",
        &why,
    );
}

#[test]
fn functions_under_their_old_names_are_those_of_today() {
    let modules = "loadmodule \"sl\"\nloadmodule \"rr\"\nloadmodule \"tm\"\nloadmodule \"usrloc\"\n\
                   loadmodule \"registrar\"\n";
    for (old, new) in [
        ("addRecordRoute()", "record_route"),
        ("rewriteFromRoute()", "loose_route"),
        ("save_contact(\"location\")", "save"),
        ("lookup_contact(\"location\")", "lookup"),
        ("t_add_transaction()", "t_newtran"),
        ("t_send_reply(\"404\", \"x\")", "t_reply"),
    ] {
        let route = format!("{modules}failure_route[1] {{ drop; }}\nroute {{ {old}; }}\n");
        warned(&route, &[&format!("is called {new} now")]);
        let condition =
            format!("{modules}failure_route[1] {{ drop; }}\nroute {{ if (!{old}) drop; }}\n");
        warned(&condition, &[&format!("is called {new} now")]);
    }
}

#[test]
fn save_and_lookup_are_those_of_2_x_too() {
    silent(
        "loadmodule \"sl\"\nloadmodule \"usrloc\"\nloadmodule \"registrar\"\nroute {\n\
         if (method==\"REGISTER\") { save(\"location\"); break; };\n\
         if (!lookup(\"location\")) { sl_send_reply(\"404\", \"Not Found\"); break; };\n\
         save_contacts(\"location\"); lookup_contacts(\"location\"); }\n",
    );
}

#[test]
fn reply_route_with_a_name_is_a_failure_route() {
    warned(
        "loadmodule \"tm\"\nroute { t_on_failure(\"1\"); }\nreply_route[1] { append_branch(); }\n",
        &["reply_route is called failure_route now"],
    );
    warned(
        "route { drop; }\nreply_route { drop; }\n",
        &["reply_route is called onreply_route now"],
    );
}

#[test]
fn module_parameters_under_their_old_names_are_those_of_today() {
    warned(
        "loadmodule \"usrloc\"\n\
         modparam(\"usrloc\", \"use_database\", 0)\n\
         modparam(\"usrloc\", \"flush_interval\", 60)\n\
         modparam(\"usrloc\", \"table\", \"location\")\n\
         route { drop; }\n",
        &[
            "called db_mode now",
            "called timer_interval now",
            "no effect",
        ],
    );
}

#[test]
fn commands_have_short_and_long_names() {
    statements(
        "rewritehost(\"a\"); sethost(\"a\"); seth(\"a\");\n\
         rewritehostport(\"a:1\"); sethostport(\"a:1\"); sethp(\"a:1\");\n\
         rewriteuser(\"a\"); setuser(\"a\"); setu(\"a\");\n\
         rewriteuserpass(\"a:b\"); setuserpass(\"a:b\"); setup(\"a:b\");\n\
         rewriteport(\"1\"); setport(\"1\"); setp(\"1\");\n\
         rewriteuri(\"sip:a@b\"); seturi(\"sip:a@b\");\n\
         prefix(\"0\"); strip(1); strip_tail(2); revert_uri(); revert_uri;\n\
         append_branch; append_branch(); append_branch(\"sip:a@b\"); append_branch(\"sip:a@b\", \"0.5\");\n\
         force_rport(); force_rport; add_rport(); add_rport;\n\
         force_tcp_alias(); force_tcp_alias; add_tcp_alias(5060);",
    );
}

#[test]
fn destinations_are_hosts_strings_or_addresses() {
    statements(
        "forward(uri:host, uri:port); forward(uri:host, 5060); forward(uri:host);\n\
         forward(localhost, 5060); forward(\"localhost\"); forward(127.0.0.1, 5060); forward([::1]);\n\
         forward_udp(127.0.0.1); forward_tcp(uri:host, uri:port); forward_tls(my-host.example.com, 5061);\n\
         send(127.0.0.1, 5060); send(\"localhost\"); send_tcp(localhost, 5060);\n\
         set_advertised_address(127.0.0.1); set_advertised_address(\"a.b\"); set_advertised_address(a.b);\n\
         set_advertised_port(5080);\n\
         force_send_socket(127.0.0.1); force_send_socket(udp:127.0.0.1:5060); force_send_socket(tcp:[::1]);",
    );
}

#[test]
fn strings_may_be_single_quoted_and_span_lines() {
    statements("log('a \\n raw\n text'); log(\"two\nlines \\\"quoted\\\" \\x41\\101\");");
}

#[test]
fn names_of_modules_are_patterns() {
    silent(
        "loadmodule \"usrloc\"\nloadmodule \"sl\"\nloadmodule \"registrar\"\n\
         modparam(\"usrloc|nothing\", \"db_mode\", 0)\nroute { drop; }\n",
    );
}

#[test]
fn characters_without_meaning_are_ignored() {
    warned("~ route { drop; }\n", &["means nothing"]);
}
