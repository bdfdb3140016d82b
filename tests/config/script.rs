//! What a running script does: values and ends of routes, conditions, attributes, selects, the
//! Request-URI, flags. (`execution engine`, `expressions`, `attributes` of the language page.)

use crate::common::sip::{Phone, first_line, header, request};
use crate::common::wait_until;
use crate::server::{Cases, PROBE, SILENCE, Server};

/// Every case of a file in `cases/` has its result.
macro_rules! cases {
    ($($test:ident: $file:literal)*) => {$(
        #[test]
        fn $test() {
            Cases::parse(include_str!(concat!("cases/", $file, ".txt"))).run();
        }
    )*};
}

cases! {
    routes_end_with_values: "returns"
    functions_set_the_return_code_and_core_commands_do_not: "return_code"
    conditions_have_three_values: "conditions"
    messages_are_compared: "operands"
    attributes_are_kept_in_lists: "attributes"
    attributes_are_numbers_and_texts: "attribute_values"
    flags_are_per_message_and_attributes_have_theirs: "flags"
    the_request_uri_is_rewritten: "request_uri"
    selects_give_pieces_of_requests: "selects"
}

#[test]
fn the_value_of_the_main_route_decides() {
    let server = Server::start(&format!(
        "debug=1\nmodparam(\"testmod\", \"callbacks\", 1)\n{PROBE}\
         route {{ if (@ruri.user == \"negative\") drop(-1); if (@ruri.user == \"zero\") drop;\n\
         if (@ruri.user == \"one\") exit(1); if (@ruri.user == \"return\") return -1;\n\
         if (@ruri.user == \"last\") isflagset(1); }}\n"
    ));
    let errors = || server.log().matches("error while trying script").count();
    for (n, user) in ["negative", "return", "last"].into_iter().enumerate() {
        assert_eq!(server.ask(user, ""), SILENCE);
        assert_eq!(errors(), n + 1, "{user}");
    }
    let breaks = || server.log().matches("TEST: onbreak").count();
    // Each probe ends with drop, after its answer; of the cases only "zero" does.
    wait_until("three probes", || breaks() == 3);
    assert_eq!(server.ask("one", ""), SILENCE);
    wait_until("one more probe", || breaks() == 4);
    assert_eq!(server.ask("zero", ""), SILENCE);
    wait_until("a case and its probe", || breaks() == 6);
    assert_eq!(errors(), 3);
}

#[test]
fn nesting_ends_at_a_hundred_levels() {
    let text =
        "== recursion: 1\nroute(again); $r = 1;\n== blocks\nroute[again] { route(again); }\n";
    let server = Cases::parse(text).run();
    server.logs("too many recursive routing table lookups");
}

#[test]
fn log_and_error_and_exec_do_not_stop_the_script() {
    let text = "== log: 1\nlog(-3, \"LOGGED: alert\\n\"); log(\"never seen\\n\"); $r = 1;\n\
                == error: 1\n$r = error(\"500\", \"x\");\n== exec: 1\n$r = exec(\"exit 3\");\n";
    let server = Cases::parse(text).run();
    server.logs("LOGGED: alert");
    assert!(!server.log().contains("never seen"));
}

/// The message on the wire that `phone` gets when `route` forwards to it.
fn forwarded(route: &str, more: &str) -> (Server, Phone) {
    let phone = Phone::new();
    let to = format!("forward(127.0.0.1, {});", phone.port());
    let server = Server::start(&format!(
        "{PROBE}route {{ {} }}\n{more}",
        route.replace("FORWARD", &to)
    ));
    (server, phone)
}

#[test]
fn an_onsend_route_may_stop_a_request() {
    let (server, next) = forwarded(
        "FORWARD sl_send_reply(\"299\", \"went on\");",
        "onsend_route { if (to_ip != 127.0.0.1 || snd_ip != 127.0.0.1 || snd_proto != udp || msg:len < 100) exit;\n\
         if (@ruri.user == \"stopped\") drop; if (@ruri.user == \"returned\") return 0;\n\
         log(-3, \"SENT: yes\\n\"); }\n",
    );
    // The script that forwards goes on in any case.
    assert_eq!(server.ask("stopped", ""), "went on");
    assert_eq!(server.ask("returned", ""), "went on");
    assert_eq!(server.ask("sent", ""), "went on");
    let got = next.recv();
    assert!(first_line(&got).starts_with("OPTIONS sip:sent@"), "{got}");
    server.logs("SENT: yes");
    assert_eq!(server.log().matches("SENT: yes").count(), 1);
}

#[test]
fn an_onreply_route_sees_replies_and_may_drop_them() {
    let (server, next) = forwarded(
        "FORWARD",
        "onreply_route { if (status == \"404\" && @reason == \"Not Here\" && @code == \"404\" && method == \"SIP/2.0\")\n\
         drop; if (status =~ \"^2\") log(-3, \"OK: seen\\n\"); }\n",
    );
    for (phrase, passed) in [("404 Not Here", false), ("200 Fine", true)] {
        server.send("OPTIONS", "someone", "");
        let (got, from) = next.recv_from();
        let names = ["Via", "From", "To", "Call-ID", "CSeq"];
        let vias: Vec<_> = got.lines().filter(|l| l.starts_with("Via:")).collect();
        let rest = names[1..]
            .iter()
            .map(|name| format!("{name}: {}\r\n", header(&got, name).expect("a header")));
        let rest: String = rest.collect();
        let reply = format!(
            "SIP/2.0 {phrase}\r\n{}\r\n{rest}Content-Length: 0\r\n\r\n",
            vias.join("\r\n")
        );
        next.send(reply, from);
        server.send("OPTIONS", "probe", "");
        let answer = server.phone().recv();
        if passed {
            assert_eq!(first_line(&answer), "SIP/2.0 200 Fine");
            assert_eq!(first_line(&server.phone().recv()), "SIP/2.0 200 probe");
        } else {
            assert_eq!(first_line(&answer), "SIP/2.0 200 probe");
        }
    }
    server.logs("OK: seen");
}

#[test]
fn send_passes_the_message_on_as_it_came() {
    let phone = Phone::new();
    let server = Server::start(&format!(
        "{PROBE}route {{ rewriteuser(\"other\"); send(127.0.0.1, {}); }}\n",
        phone.port()
    ));
    let uri = format!("sip:someone@127.0.0.1:{}", server.port());
    let text = request("OPTIONS", &uri, &server.phone().addr().to_string(), "");
    server.phone().send(&text, ("127.0.0.1", server.port()));
    assert_eq!(phone.recv(), text);
}

#[test]
fn commands_change_how_a_message_leaves() {
    let (server, next) = forwarded(
        "set_advertised_address(\"sip.example.com\"); set_advertised_port(5099); force_rport(); FORWARD",
        "",
    );
    server.send("OPTIONS", "someone", "");
    let got = next.recv();
    let via = header(&got, "Via").expect("a Via");
    assert!(
        via.starts_with("SIP/2.0/UDP sip.example.com:5099;branch="),
        "{got}"
    );
    assert!(
        got.contains(&format!(";rport={}", server.phone().port())),
        "{got}"
    );
}

#[test]
fn what_must_be_a_socket_of_the_server_is_checked_at_the_start() {
    let setup =
        crate::common::Setup::with_config("route {\n\tforce_send_socket(udp:127.0.0.1:1);\n}\n");
    let output = setup.output(&["-D", "-D", "-E"]);
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(255));
    let why = "line 2: bad force_send_socket argument: 127.0.0.1:1 (ser doesn't listen on it)";
    assert!(err.contains(why), "{err}");
}
