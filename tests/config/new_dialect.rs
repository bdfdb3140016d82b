//! What configs of SER 2.x are written with.

use crate::check::{silent, statements};

#[test]
fn flags_have_names() {
    silent(
        "flags FLAG_A, FLAG_B:7, \"FLAG_C\":9\nbool FLAG_D\navpflags dialog_cookie, \"other\"\n\
         route { setflag(FLAG_A); resetflag(FLAG_B); if (isflagset(FLAG_C)) drop; setflag(31);\n\
         setavpflag($x, dialog_cookie); resetavpflag(\"$x\", OTHER);\n\
         if (isavpflagset(\"f.x[]\", other)) drop; }\n",
    );
}

#[test]
fn routes_have_names() {
    silent(
        "route { route(ONE); route(\"two words\"); route(3); route(0x4); if (route(ONE)) drop; }\n\
         route[ONE] { return; }\nroute[\"two words\"] { return 1; }\nroute[3] { return(-1); }\n\
         route[4] { return $?; }\nroute { drop; }\n\
         failure_route[F] { append_branch(); }\nonreply_route { drop; }\nonreply_route[R] { drop; }\n\
         branch_route[B] { drop; }\nonsend_route { if (to_ip==10.0.0.1 && snd_port==5060) drop; }\n",
    );
}

#[test]
fn empty_blocks_are_accepted() {
    silent("route { }\nroute[1] {}\nfailure_route[1] { ; }\n");
}

#[test]
fn every_way_to_end_a_route() {
    statements(
        "drop; drop(); drop(1); drop 1; exit; exit(); exit(-1); exit -1; exit $?; drop($?);\n\
         return; return 1; return -1; return(0); return $retcode; break;",
    );
}

#[test]
fn attributes_are_assigned_and_compared() {
    statements(
        "$a = 1; $a = -1; $a = 0xffffffff; $f.b = \"text\"; $tu.c[] = 'x'; %fr.d = yes;\n\
         $a = $b; $a = $t.b[1]; $a[] = $b[]; $a = $b[-1]; $a = @from.uri.user; $a = (method==\"INVITE\");\n\
         $a = force_rport(); $a = route(0);\n\
         if ($a) drop; if (!$a) drop; if ($a[]) drop; if ($g.x) drop; if ($fd.did == \"x\") drop;\n\
         if ($a == 1 && $a != 2 && $a < 3 && $a > 4 && $a <= 5 && $a >= 6) drop;\n\
         if ($a == \"x\" || $a != \"x\" || $a =~ \"^x\" || $a == $b || $a == @to.tag || $a =~ @to.tag) drop;\n\
         if ($a & 4) drop; if ($a | 4) drop; if ($a = 5) drop;",
    );
}

#[test]
fn every_operand_is_compared_with_every_kind_of_value() {
    statements(
        "if (method==INVITE || method!=\"ACK\" || method=~\"^I\" || method==$a || method==@cseq.method) drop;\n\
         if (uri==\"sip:a@b\" || uri==example.com || uri!=myself || uri=~$a || uri==@from.uri) drop;\n\
         if (from_uri==myself || to_uri=~\"x\" || myself==uri || myself!=from_uri || myself==src_ip) drop;\n\
         if (status==\"200\" || status=~\"2..\") drop;\n\
         if (src_ip==10.0.0.1 || src_ip!=10.0.0.0/8 || src_ip==10.0.0.0/255.0.0.0 || src_ip==myself) drop;\n\
         if (src_ip==[::1] || src_ip==::1 || dst_ip==fe80::/10 || dst_ip==\"10.0.0.1\" || src_ip=~\"^10\") drop;\n\
         if (src_ip==\"localhost\" || src_ip==localhost || src_ip==$a || src_ip==@src.ip) drop;\n\
         if (src_port==5060 || dst_port!=5060 || src_port<$a || dst_port>1 || src_port<=2 || dst_port>=3) drop;\n\
         if (proto==udp || proto==UDP || proto!=tcp || proto==TLS || proto==1 || proto==$a) drop;\n\
         if (af==inet || af==INET6 || af!=$a) drop;\n\
         if (msg:len>100 || msg:len<$a || msg:len!=max_len) drop;\n\
         if ($?==1 || $?<0 || $retcode!=$a) drop;\n\
         if (@from.tag || @to.tag==\"\" || @ruri.user!=$a || @ruri.host=~\"x\" || @ruri==@request_uri) drop;\n\
         if (1 || 0 || yes) drop;\n\
         if (isflagset(1) && !isflagset(2) || (isflagset(3) && { log(\"x\"); })) drop;",
    );
}

#[test]
fn onsend_routes_see_where_a_request_goes() {
    silent(
        "onsend_route {\n\
         if (snd_ip==10.0.0.1 || to_ip==10.0.0.0/8 || snd_ip==myself || myself==to_ip) return 0;\n\
         if (snd_port==5060 || to_port>1024 || snd_proto==udp || to_proto==tcp) return 0;\n\
         if (snd_af==inet || to_af==inet6 || msg:len>1000) return 0;\n\
         log(\"x\"); setflag(1); resetflag(1); if (isflagset(1)) drop; send(127.0.0.1, 5060); $x = 1; exit; break; }\n\
         route { drop; }\n",
    );
}

#[test]
fn every_select_of_the_core_is_resolved() {
    let selects = "ruri request_uri dst_uri next_hop ruri.user ruri.params.transport next_hop.hostport \
        from f to t refer_to remote_party_id rpid from.uri.user from.tag to.name from.params.x \
        contact m contact.uri.host contact.name contact.q contact.expires contact.method contact.received \
        contact.instance contact.params.x via[1] v[2] via[1].name via[1].version via[1].transport via[1].host \
        via[1].port via[1].comment via[1].branch via[-1].received via[1].rport via[1].i via[1].alias \
        via[1].params.x ruri.type ruri.pwd ruri.host ruri.port ruri.params ruri.hostport event record_route \
        rr rr.uri.host rr.name rr.params.lr cseq cseq.num cseq.method msg message msg.first_line msg.flags \
        msg.len msg.id msg.id.hex msg.type msg.header.subject msg.h.x_foo[2] msg.header[\"X-Foo\"] \
        msg.h[\"X-Foo\"][-1] msg.h.contact.nameaddr.uri.user msg.h.contact.params.q msg.h.x.uri.host \
        msg.body msg.content msg.request msg.req msg.request.method msg.request.uri msg.request.uri.user \
        msg.request.version msg.response msg.res.version msg.response.status msg.response.code \
        msg.response.reason method version status code reason authorization[\"r\"] \
        proxy_authorization[\"r\"].username authorization[\"r\"].username.user \
        authorization[\"r\"].username.domain authorization[\"r\"].realm authorization[\"r\"].nonce \
        authorization[\"r\"].uri authorization[\"r\"].cnonce authorization[\"r\"].nc \
        authorization[\"r\"].response authorization[\"r\"].opaque authorization[\"r\"].algorithm \
        authorization[\"r\"].qop src.ip src.port src.ip_port dst.ip dst.port dst.ip_port received.proto \
        received.ip received.port received.ip_port received.proto_ip_port call_id expires max_forwards \
        content_type content_length subject organization priority session_expires min_se user_agent \
        sip_if_match sys.pid sys.unique sys.now sys.now.local sys.now.gmt sys.now.utc[\"%Y\"] sys.server_id \
        branch.count branch.uri branch.uri[0] branch.dst_uri[1] branch.uriq[0] branch.q[0] FROM.URI.USER";
    let tests = selects.split_whitespace();
    let tests: Vec<_> = tests
        .map(|select| format!("if (@{select}) drop;"))
        .collect();
    statements(&tests.join("\n"));
}

#[test]
fn variables_can_be_invented() {
    silent(
        "timer.default = \"1800\" desc \"default interval\"\ntimer.min_se = 90\nserver_id = 3\n\
         route { if (@cfg_get.timer.min_se != \"90\") drop; $x = @cfg_get.timer.default; }\n",
    );
}

#[test]
fn comments_are_of_three_kinds() {
    silent("# one\n/* two /* nested */ */ route { drop; # three\n}\n# at the end");
    silent("\u{feff}debug=1 /* behind a number */ fork=no/**/\nroute{drop;}");
}

#[test]
fn a_hundred_thousand_conditions_and_else_ifs_are_no_trouble() {
    let any = vec!["method==\"A\""; 100_000].join(" || ");
    statements(&format!("if ({any}) drop;"));
    let chain = vec!["if (uri==\"x\") drop;"; 20_000].join(" else ");
    statements(&chain);
}
