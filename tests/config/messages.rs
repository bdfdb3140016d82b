//! The texts of messages, kept in `snapshots/`: INSTA_UPDATE=always writes them anew.

use crate::check::check;
use insta::assert_snapshot;

/// Compares with the snapshot that has the test's name.
macro_rules! same {
    ($text:expr) => {
        let mut settings = insta::Settings::clone_current();
        settings.set_omit_expression(true);
        let _guard = settings.bind_to_scope();
        assert_snapshot!($text);
    };
}

/// All that `ser -c` says about a config.
fn said(config: &str) -> String {
    check(config).text
}

#[test]
fn ten_mistakes_get_ten_messages_in_one_run() {
    let text = said(
        r#"
debg = 3
children = many
loadmodule "sl"
loadmodule "registrat"
modparam("sl", "default_cod", 500)
route {
	if (method = "INVITE") {
		sl_send_replay("404", "Not Found");
	}
	if (src_ip == 10.0.0.0/255.0.255.0) drop;
	sl_send_reply("404" "Not Found");
	rewriteport(5060);
	if (uri =~ "sip:(") { drop; }
}
"#,
    );
    assert!(
        text.ends_with("ERROR: bad config file (10 errors)\n"),
        "{text}"
    );
    same!(text);
}

#[test]
fn parameters() {
    same!(said(
        r#"
debug =
fork = 08
port = 70000
port = "5060"
user = 5
log_facility = LOG_LOCAL8
tcp_poll_method = wait
statistics = 1
listen = udp:127.0.0.1:70000
listen = sctp:127.0.0.1
mlok_pages = yes
foo = "text that
spans lines" 
fifo_db_url = "sql://x"
children
advertised_port = 99999999999999999999
"#
    ));
}

#[test]
fn a_range_of_children() {
    assert!(said("children = auto(2, 24)\nroute { drop; }\n").contains("config file ok"));
    same!(said(
        "children = auto(9, 2)\nchildren = auto(0, 4)\nchildren = auto(2)\nchildren = auto\n\
         children = auto(2, 2000)\ntcp_children = auto(2, 4)\nport = auto(1, 2)\nroute { drop; }\n"
    ));
}

#[test]
fn declarations() {
    same!(said(
        r#"
flags A, A, B:32, C:x, D:1
flags E:1
avpflags
flags ;
loadmodule sl
loadmodule "sl"
loadmodule "sl"
loadmodule "/no/such/folder/sl.so"
loadmodule "extcmd"
modparam("sl" "default_code", 1)
modparam("sl", "default_code", "500")
modparam("sl", "default_reason", 1)
modparam("tm", "fr_timer", 1)
modparam("registrat", "default_expires", 1)
modparam("sl(", "x", 1)
group.name = 1
group.name = 2
group.other = foo
group. = 1
"#
    ));
}

#[test]
fn what_stands_at_the_top() {
    same!(said(
        r#"
if (method=="INVITE") {
	drop;
}
} else {
	drop;
}
sl_send_reply("404", "Not Found");
forward(uri:host, uri:port);
event_route[tm:local] {
	drop;
}
rout {
	drop;
}
route[a b] { drop; }
route[my-route] { drop; }
route[] { drop; }
route[1] drop;
{ drop; }
+
"x"
#!define WITH_AUTH
"#
    ));
}

#[test]
fn a_block_that_is_never_closed() {
    same!(said(
        r#"
route {
	if (method=="INVITE") {
		drop;
	log("x");
}
route[1] {
	log(1, "x"
}
failure_route[2] {
	if (uri==myself) {
		drop;
"#
    ));
}

#[test]
fn a_string_that_is_never_closed() {
    same!(said(
        "route {\n\tlog(\"x);\n\tdrop;\n}\nroute[1] { drop; }\n"
    ));
}

#[test]
fn a_comment_that_is_never_closed() {
    same!(said("/* one /* two */\nroute { drop; }\n"));
}

#[test]
fn statements() {
    same!(said(
        r#"
loadmodule "sl"
flags FLAG_A
route {
	else drop;
	switch ($x) { case 1: drop; break; default: exit; }
	while ($x < 3) { drop; }
	goto 5;
	uri = "sip:a@b";
	$ru = "sip:a@b";
	$x = $var(y);
	$x += 1;
	$x == 1;
	$ = 1;
	$x = ;
	$x = 99999999999;
	$fd.x = 1;
	$f = 1;
	$x[1] = 1;
	loadmodule "tm";
	log;
	drop
	exit
}
route[2] {
	+;
	"x";
	@ruri;
	if method=="INVITE"
}
"#
    ));
}

#[test]
fn conditions() {
    same!(said(
        r#"
route {
	if (method) drop;
	if (method = "INVITE") drop;
	if ("INVITE" == method) drop;
	if ("INVITE") drop;
	if (metod == "INVITE") drop;
	if (method == 5) drop;
	if (method < "A") drop;
	if (method == myself) drop;
	if (uri =~ "(") drop;
	if (src_ip == 10.0.0.0/33) drop;
	if (src_ip > 10.0.0.1) drop;
	if (src_port =~ "5060") drop;
	if (src_port == "5060") drop;
	if (proto == sip) drop;
	if (af == "inet") drop;
	if (snd_ip == 10.0.0.1) drop;
	if (myself == method) drop;
	if (@form.uri == "x") drop;
	if (@from.nosuch == "x") drop;
	if (@from.tag == 5) drop;
	if (@from.tag == x) drop;
	if ($x < "y") drop;
	if ($x == y) drop;
	if ($f == 1) drop;
	if ($x[0]) drop;
	if (5 == 5) drop;
	if (len_gt("x")) drop;
	if (method == "INVITE" && ) drop;
	if ((method == "INVITE") drop;
	if () drop;
}
"#
    ));
}

#[test]
fn core_commands() {
    same!(said(
        r#"
flags FLAG_A:5
avpflags AVP_A
route {
	forward(uri:host, "5060");
	forward(uri:port);
	forward(host, 70000);
	send(uri:host, uri:port);
	drop("x");
	break(1);
	return("x");
	log("a", "b");
	log(@ruri);
	setflag(32);
	setflag("FLAG_A");
	setflag(FLAG_B);
	setflag(5);
	setavpflag($x, AVP_B);
	setavpflag(x, AVP_A);
	route(1, 2);
	route(TO_PSTM);
	rewriteport(5060);
	rewritehost(example.com);
	strip("1");
	strip(-1);
	append_branch("sip:a@b", "2.5");
	append_branch(1);
	force_rport(1);
	set_advertised_port("5060");
	force_send_socket(1);
	force_send_socket(udp:127.0.0.1:x);
	rewritehots("x");
}
route[TO_PSTN] { drop; }
onsend_route {
	forward(uri:host, uri:port);
	route(TO_PSTN);
	$x = force_rport();
}
"#
    ));
}

#[test]
fn module_functions() {
    same!(said(
        r#"
loadmodule "sl"
loadmodule "textops"
route {
	sl_send_reply("404");
	sl_send_reply("404", "Not Found", "x");
	sl_send_reply("404", @form.uri);
	sl_send_reply("404", $f);
	sl_send_reply(404, reason);
	sl_send_replay("404", "Not Found");
	sl_reply_error;
	search("(");
	subst("/a/b");
	append_hf("%@form.uri");
	t_relay();
	t_relai();
	addRecordRoute();
	is_in_group("voicemail");
	no_such_function();
	dispatch_rpc();
	xmlrpc_reply("404", @xmlrpc.method);
	create_via();
	t_relay_cancel();
	if (@xmlrpc.method == "core.ps") drop;
}
onreply_route {
	sl_send_reply("404", "Not Found");
}
route { drop; }
route[0] { drop; }
"#
    ));
}

#[test]
fn what_follows_from_a_missing_module_is_no_error() {
    same!(said(
        r#"
loadmodule "eval"
loadmodule "cpl"
loadmodule "their_own"
modparam("eval", "xlbuf_size", 1)
modparam("cpl", "cpl_flag", "FLAG_CPL")
modparam("their_own|eval", "x", "y")
loadmodule "sl"
route {
	eval_push("x:%@eval.uuid");
	if (@eval.pop[-1] == "0" && @their.select == "x") drop;
	if (!cpl_run_script("incoming", "x")) drop;
	their_function($x, 5);
	setflag(FLAG_CPL);
	sl_send_replay("404", "Not Found");
	if (@form.uri == "x") drop;
}
"#
    ));
}
