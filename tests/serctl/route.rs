//! `serctl route`: the compiled program as text, kept in `snapshots/` (INSTA_UPDATE=always writes them anew). What it
//! writes is ser.cfg again: read once more it gives the same text.

use crate::common::{Setup, load, repository};
use crate::lab::{failed, serctl};
use insta::assert_snapshot;
use std::path::Path;

/// Compares with the snapshot that has the test's name.
macro_rules! same {
    ($text:expr) => {
        let mut settings = insta::Settings::clone_current();
        settings.set_omit_expression(true);
        let _guard = settings.bind_to_scope();
        assert_snapshot!($text);
    };
}

fn route(file: &Path) -> String {
    let output = serctl().arg("route").arg(file).output().unwrap();
    assert!(output.status.success(), "{file:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn program(config: &str) -> String {
    let setup = Setup::with_config(config);
    route(&setup.path("ser.cfg"))
}

/// Without the numbers of lines.
fn plain(shown: &str) -> String {
    let lines = shown.lines().map(|line| line.get(8..).unwrap_or(""));
    lines.collect::<Vec<_>>().join("\n")
}

/// What is shown is read again behind the lines of `config` that are not in routes.
fn reads_itself(head: &str, shown: &str) {
    let again = format!("{head}\n{}\n", plain(shown));
    let shown_again = program(&again);
    assert_eq!(plain(&shown_again), plain(shown), "{again}");
}

#[test]
fn the_shipped_config() {
    let shown = route(&repository("ser.cfg"));
    let text = std::fs::read_to_string(repository("ser.cfg")).unwrap();
    let head: String = text
        .lines()
        .take_while(|l| !l.starts_with("route"))
        .map(|l| format!("{l}\n"))
        .collect();
    reads_itself(&head, &shown);
    same!(shown);
}

const HEAD: &str = "flags acc:5, nat;\navpflags kept\nmy.limit = 5\nlisten=udp:127.0.0.1:5060\n";

const EVERYTHING: &str = r#"
route {
	log("plain"); log(1, "a \"quoted\" \\ word\n");
	setflag(acc); setflag(7); resetflag(nat);
	if (isflagset(acc) && !isflagset(7)) drop;
	forward(10.0.0.1, 5062); forward_tcp(10.0.0.1, 5060); forward(uri:host, uri:port); forward(uri:host, 5070);
	send(10.0.0.1, 5060); send_tcp(10.0.0.1, 5060);
	seturi("sip:a@b"); sethost("h"); sethostport("h:1"); setuser("u"); setuserpass("u:p"); setport("5");
	prefix("00"); strip(2); strip_tail(1); revert_uri();
	append_branch(); append_branch; append_branch("sip:a@b"); append_branch("sip:a@b", "0.5");
	force_rport(); force_tcp_alias(); force_tcp_alias(5060); set_advertised_address(host.x); set_advertised_port(99);
	force_send_socket(127.0.0.1:5060);
	error("500", "x"); exec("true");
	{ log("in a block"); {} }
	return -1;
}
route[COMPARE] {
	if (method == "INVITE" || method =~ "^(ACK|BYE)$" || uri == myself && !(from_uri != myself)) {
		exit(3);
	} else if (to_uri =~ "^sip:0") {
		break;
	} else {
		return $?;
	}
	if (src_ip == 10.0.0.0/8 || src_ip != 10.1.1.1 || dst_ip == myself || src_ip == ::1 || src_ip == example.org) drop;
	if (src_ip =~ "^10") drop;
	if (src_port == 5060 || dst_port >= 5061 && proto == UDP || af != INET6 || msg:len > 2000 || $? < 0) drop;
	if ($a == 5 || $fu.b != "x" || $c =~ "^x" || $d || $tr.e[] || $f1[1] == $g1 || $h & 4) drop;
	if (@from.uri.user == "a" || @to.tag || @ruri.host =~ "x$" || @from.uri.user != $a || $a == @to.uri) drop;
	if (!(1 && 0) || !!method == "X") drop;
	if (route(NOWHERE)) drop;
}
route[ASSIGN] {
	$a = 1; $fu.b = "text"; $c = $d; $e[] = @from.uri; $f1 = ($a == 1 && $b); $g1 = route(COMPARE);
	setavpflag($a, "kept"); resetavpflag($a, kept);
	if (isavpflagset($a, kept)) drop;
	if ($a = 2) { log("assigned"); }
}
failure_route[again] { append_branch("sip:b@c"); }
onreply_route { if (status =~ "2..") log("2xx"); }
onreply_route[one] { drop; }
branch_route[b] { setflag(acc); }
onsend_route { if (snd_ip == 10.0.0.1 || to_port == 5060 || snd_proto != TCP) { send(10.0.0.2, 5060); } }
"#;

#[test]
fn every_statement_and_condition_of_the_core() {
    let shown = program(&format!("{HEAD}{EVERYTHING}"));
    reads_itself(HEAD, &shown);
    same!(shown);
}

const OF_MODULES: &str = r#"
route {
	t_on_failure("again"); t_relay_to_udp("10.0.0.1", "5060");
	search("^x.y"); subst('/^From: (.*)a/From: \1b/i'); replace("a", "b");
	append_hf("P-x: $tu.uid\r\n"); xlog("L_INFO", "%rm %ru %$a\n");
	sl_send_reply("404", "Not @from.uri.user");
	save("location"); lookup("aliases");
	if (!t_newtran()) sl_reply_error();
}
failure_route[again] { t_reply("500", "x"); }
"#;

#[test]
fn arguments_of_modules() {
    let head = load(&["sl", "tm", "textops", "xlog", "usrloc", "registrar"]);
    let shown = program(&format!("{head}{OF_MODULES}"));
    reads_itself(&head, &shown);
    same!(shown);
}

#[test]
fn a_bad_file_has_no_program() {
    let setup = Setup::with_config("route { nosuch(); }\n");
    let (code, said) = failed(
        serctl()
            .arg("route")
            .arg(setup.path("ser.cfg"))
            .output()
            .unwrap(),
    );
    assert_eq!(code, Some(1));
    assert!(said.contains("nosuch"), "{said}");
    assert!(said.ends_with("ser.cfg: bad config file\n"), "{said}");
}
