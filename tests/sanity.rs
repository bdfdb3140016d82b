//! Module `sanity`, seen from outside: which requests pass, and what the others are told.

mod common;

use common::{Foreground, PATIENCE, Setup, module};
use std::net::UdpSocket;

/// A request that passes every check.
const SANE: &str = "OPTIONS sip:bob@127.0.0.1 SIP/2.0\r\n\
    Via: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK-1\r\n\
    From: \"A\" <sip:alice@127.0.0.1>;tag=1\r\n\
    To: <sip:bob@127.0.0.1>\r\n\
    Call-ID: sanity-1\r\n\
    CSeq: 1 OPTIONS\r\n\
    Contact: <sip:alice@127.0.0.1>\r\n\
    Expires: 60\r\n\
    Content-Length: 4\r\n\
    \r\n\
    body";

/// What a script that goes on after the check says: 599 where the check gave -1.
const PASSED: &str = "SIP/2.0 200 sane";
const COULD_NOT_CHECK: &str = "SIP/2.0 599 not checked";

fn config(params: &str, arguments: &str) -> String {
    format!(
        "loadmodule \"{}\"\nloadmodule \"{}\"\n{params}\nroute {{\n\
         if (!sanity_check({arguments})) {{ sl_send_reply(\"599\", \"not checked\"); drop; }}\n\
         sl_send_reply(\"200\", \"sane\");\n}}\n",
        module("sl").display(),
        module("sanity").display()
    )
}

/// A server with one receiver, so that answers come in the order of the requests.
struct Server {
    socket: UdpSocket,
    _server: Foreground,
    _setup: Setup,
}

impl Server {
    fn new(params: &str, arguments: &str) -> Server {
        Server::start(Setup::with_config(&config(params, arguments)))
    }

    fn start(setup: Setup) -> Server {
        let server = setup.foreground(&["-D", "-D", "-E", "-n", "1"]);
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket
            .set_read_timeout(Some(PATIENCE))
            .expect("a time limit");
        socket
            .connect(("127.0.0.1", setup.port))
            .expect("connected");
        Server {
            socket,
            _server: server,
            _setup: setup,
        }
    }

    fn send(&self, request: &str) {
        self.socket.send(request.as_bytes()).expect("sent");
    }

    fn receive(&self) -> String {
        let mut buf = [0; 4096];
        let n = self.socket.recv(&mut buf).expect("an answer in time");
        String::from_utf8_lossy(&buf[..n]).into_owned()
    }

    fn answer(&self, request: &str) -> String {
        self.send(request);
        self.receive()
    }

    /// The first line of the answer.
    fn status(&self, request: &str) -> String {
        let answer = self.answer(request);
        answer.lines().next().unwrap_or_default().to_owned()
    }

    /// Asserts that a request gets no answer: that of the next request comes first.
    fn is_not_answered(&self, request: &str) {
        self.send(request);
        let next = SANE.replace("Call-ID: sanity-1", "Call-ID: the-next");
        let answer = self.answer(&next);
        assert!(answer.contains("Call-ID: the-next"), "{request}\n{answer}");
    }
}

/// `SANE` with one line (named by how it begins) replaced; an empty text removes the line.
fn with(begin: &str, text: &str) -> String {
    let (head, body) = SANE.split_once("\r\n\r\n").expect("a body");
    let lines = head.split("\r\n");
    let lines = lines.map(|l| if l.starts_with(begin) { text } else { l });
    let lines: Vec<&str> = lines.filter(|l| !l.is_empty()).collect();
    let request = format!("{}\r\n\r\n{body}", lines.join("\r\n"));
    assert_ne!(request, SANE, "{begin} names a line");
    request
}

/// `SANE` with one more header line.
fn and(line: &str) -> String {
    with(
        "Contact:",
        &format!("Contact: <sip:alice@127.0.0.1>\r\n{line}"),
    )
}

#[test]
fn each_fault_has_its_answer() {
    let server = Server::new("", "4095, 15");
    let faults = [
        (
            "OPTIONS",
            "OPTIONS sip:bob@127.0.0.1 SIP/2.01",
            "505 Version Not Supported (R-URI)",
        ),
        (
            "OPTIONS",
            "OPTIONS http://127.0.0.1 SIP/2.0",
            "416 Unsupported URI Scheme in Request URI",
        ),
        (
            "OPTIONS",
            "OPTIONS sip: SIP/2.0",
            "416 Unsupported URI Scheme in Request URI",
        ),
        ("From:", "", "400 Missing Required Header in Request"),
        ("To:", "", "400 Missing Required Header in Request"),
        ("Call-ID:", "", "400 Missing Required Header in Request"),
        ("CSeq:", "", "400 Missing Required Header in Request"),
        (
            "CSeq:",
            "CSeq: 1 INVITE",
            "400 CSeq method does not match request method",
        ),
        (
            "CSeq:",
            "CSeq: 1 options",
            "400 CSeq method does not match request method",
        ),
        ("CSeq:", "CSeq: one OPTIONS", "400 CSeq number is illegal"),
        (
            "CSeq:",
            "CSeq: 4294967297 OPTIONS",
            "400 CSeq number is illegal",
        ),
        (
            "Content-Length:",
            "Content-Length: 3",
            "400 Content-Length mis-match",
        ),
        ("Content-Length:", "l: 5", "400 Content-Length mis-match"),
        (
            "Content-Length:",
            "l: 4\r\nContent-Length: 5",
            "400 Content-Length mis-match",
        ),
        (
            "Expires:",
            "Expires:",
            "400 Missing number in Expires header",
        ),
        ("Expires:", "Expires: soon", "400 Expires value is illegal"),
        (
            "Expires:",
            "Expires: 4294967297",
            "400 Expires value is illegal",
        ),
        (
            "OPTIONS",
            "OPTIONS sip:bob@127.0.0.1:99999 SIP/2.0",
            "400 Bad Request URI",
        ),
        (
            "From:",
            "From: \"A <sip:alice@127.0.0.1>;tag=1",
            "400 Bad From header",
        ),
        (
            "From:",
            "From: <mailto:alice@127.0.0.1>;tag=1",
            "400 Bad From URI",
        ),
        ("To:", "To: <isbn:2983792873>", "400 Bad To URI"),
        (
            "Contact:",
            "Contact: <sip:alice@127.0.0.1",
            "400 Bad Contact Header",
        ),
        (
            "Contact:",
            "m: <sip:a@127.0.0.1>, <name:John_Smith>",
            "400 Bad Contact URI",
        ),
        (
            "Contact:",
            "m: <sip:a@127.0.0.1>\r\nm: <sip:a@b@c>",
            "400 Bad Contact URI",
        ),
    ];
    for (line, text, answer) in faults {
        let status = server.status(&with(line, text));
        assert_eq!(status, format!("SIP/2.0 {answer}"), "{text}");
    }
}

#[test]
fn a_request_without_fault_goes_on_in_the_script() {
    let server = Server::new("", "4095, 15");
    let complete = "Proxy-Authorization: Digest username=\"alice\", realm=\"r\", nonce=\"n\", \
                    uri=\"sip:r\", qop=auth, nc=00000001, cnonce=\"c\", response=\"0\"";
    let sane = [
        SANE.to_owned(),
        with("Contact:", "Contact: *"),
        with("CSeq:", "CSeq: 4294967296 OPTIONS"),
        with("Content-Length:", ""),
        and(complete),
        and("Authorization: NoOneKnowsThisScheme opaque-data=here"),
        // What stands below the topmost Via is for others to understand.
        and("Via: SIP/2.0/UNKNOWN 127.0.0.2;branch=z9hG4bK-0"),
    ];
    for request in sane {
        assert_eq!(server.status(&request), PASSED, "{request}");
    }
}

#[test]
fn option_tags_that_nobody_configured_are_listed_in_unsupported() {
    let params = "modparam(\"sanity\", \"proxy_require\", \"privacy, sec-agree\")";
    let server = Server::new(params, "");
    let known = and("Proxy-Require: Privacy\r\nProxy-Require: sec-agree,privacy");
    assert_eq!(server.status(&known), PASSED);
    let unknown = and("Proxy-Require: privacy, foo\r\nProxy-Require: bar");
    let answer = server.answer(&unknown);
    assert!(
        answer.starts_with("SIP/2.0 420 Bad Extension\r\n"),
        "{answer}"
    );
    assert!(answer.contains("\r\nUnsupported: foo, bar\r\n"), "{answer}");
}

#[test]
fn unusable_digest_credentials_end_the_script_without_an_answer() {
    let server = Server::new("", "");
    for credentials in [
        "Digest username=\"alice\", realm=\"r\", nonce=\"n\", uri=\"sip:r\"",
        "Digest username=\"alice\", realm=\"r\", nonce=\"n\", uri=\"sip:r\", response=\"0\", qop=auth",
        "Digest username=\"alice",
    ] {
        for name in ["Authorization", "Proxy-Authorization"] {
            server.is_not_answered(&and(&format!("{name}: {credentials}")));
        }
    }
}

#[test]
fn an_ack_is_never_answered_and_ends_the_script_all_the_same() {
    let server = Server::new("", "");
    server.is_not_answered(&with("OPTIONS", "ACK sip:bob@127.0.0.1 SIP/2.0"));
    server.is_not_answered(&with("OPTIONS", "ACK http://127.0.0.1 SIP/2.0"));
}

#[test]
fn only_the_checks_and_uris_that_are_asked_for_are_made() {
    let server = Server::new("", "\"1024\", \"6\"");
    assert_eq!(server.status(&with("CSeq:", "CSeq: x INVITE")), PASSED);
    let bad_ruri = with("OPTIONS", "OPTIONS sip:bob@127.0.0.1:99999 SIP/2.0");
    assert_eq!(server.status(&bad_ruri), PASSED);
    assert_eq!(
        server.status(&with("From:", "")),
        "SIP/2.0 400 Missing From Header"
    );
    assert_eq!(
        server.status(&with("To:", "")),
        "SIP/2.0 400 Missing To Header"
    );
    // Version and protocol of Via have bits and nothing to check.
    assert_eq!(Server::new("", "24").status(&with("From:", "")), PASSED);
}

#[test]
fn a_call_without_arguments_makes_the_checks_of_the_parameters() {
    let by_default = Server::new("", "");
    let bad_from = with("From:", "From: <mailto:alice@127.0.0.1>;tag=1");
    assert_eq!(by_default.status(&bad_from), PASSED);
    let bad_number = with("CSeq:", "CSeq: x OPTIONS");
    let illegal = "SIP/2.0 400 CSeq number is illegal";
    assert_eq!(by_default.status(&bad_number), illegal);

    let params = "modparam(\"sanity\", \"default_checks\", 1024)\n\
                  modparam(\"sanity\", \"uri_checks\", 8)";
    let contact_alone = Server::new(params, "");
    assert_eq!(contact_alone.status(&bad_from), PASSED);
    assert_eq!(contact_alone.status(&bad_number), PASSED);
    let bad_contact = with("Contact:", "Contact: <sip:alice@127.0.0.1");
    let refused = "SIP/2.0 400 Bad Contact Header";
    assert_eq!(contact_alone.status(&bad_contact), refused);
}

#[test]
fn a_check_of_a_header_that_is_not_there_gives_minus_one() {
    let server = Server::new("", "96");
    assert_eq!(server.status(&with("CSeq:", "")), COULD_NOT_CHECK);
    assert_eq!(server.status(SANE), PASSED);
}

#[test]
fn what_is_out_of_range_fails_the_start_and_is_named() {
    let cases = [
        (
            "",
            "4096",
            "sanity_check: checks 4096: it is a sum of bits from 1 to 4095",
        ),
        ("", "0", "sanity_check: checks 0: it is"),
        (
            "",
            "1024, 16",
            "sanity_check: uri_checks 16: it is a sum of bits from 1 to 15",
        ),
        (
            "modparam(\"sanity\", \"default_checks\", 0)",
            "",
            "default_checks 0: it is",
        ),
        (
            "modparam(\"sanity\", \"uri_checks\", 16)",
            "",
            "uri_checks 16: it is",
        ),
        (
            "modparam(\"sanity\", \"proxy_require\", \"a b\")",
            "",
            "\"a b\" is no option tag",
        ),
    ];
    for (params, arguments, why) in cases {
        let setup = Setup::with_config(&config(params, arguments));
        refuses(&setup, why);
    }
}

/// With module tm, behind `sanity` as well as before it.
#[test]
fn a_request_that_has_a_transaction_is_answered_by_it() {
    for order in [["sl", "tm", "sanity"], ["sl", "sanity", "tm"]] {
        let setup = Setup::with_config(&format!(
            "{}route {{\n\
             if (method == \"INVITE\") t_newtran();\n\
             if (!sanity_check(\"512\")) {{ drop; }}\n\
             sl_send_reply(\"200\", \"sane\");\n}}\n",
            common::load(&order)
        ));
        let server = Server::start(setup);
        let insane = SANE.replace("Expires: 60", "Proxy-Require: a, b");
        let invite = insane.replace("OPTIONS", "INVITE");
        let first = server.answer(&invite);
        assert!(first.starts_with("SIP/2.0 420 Bad Extension"), "{first}");
        assert!(first.contains("\r\nUnsupported: a, b\r\n"), "{first}");
        let tag = |text: &str| {
            text.split("To: ")
                .nth(1)
                .map(|to| to.lines().next().map(str::to_owned))
        };
        // A transaction repeats its reply by itself, until the ACK.
        assert_eq!(server.receive(), first);
        let ack = SANE.replace("OPTIONS", "ACK").replace(
            "<sip:bob@127.0.0.1>\r\n",
            &format!("{}\r\n", tag(&first).flatten().unwrap()),
        );
        server.send(&ack);
        let stateless = server.answer(&insane);
        assert!(
            stateless.starts_with("SIP/2.0 420 Bad Extension"),
            "{stateless}"
        );
        // Tags of tm have a dash, those of sl a dot.
        assert!(tag(&first).flatten().is_some_and(|to| to.contains('-')));
        assert!(
            tag(&stateless)
                .flatten()
                .is_some_and(|to| !to.contains('-'))
        );
    }
}

#[test]
fn without_module_sl_the_start_fails() {
    let text = config("", "").replacen("loadmodule", "# loadmodule", 1);
    let text = text.replace("sl_send_reply(\"599\", \"not checked\");", "");
    let setup = Setup::with_config(&text.replace("sl_send_reply(\"200\", \"sane\");", "drop;"));
    refuses(&setup, "module sl must be loaded before sanity");
}

fn refuses(setup: &Setup, why: &str) {
    let output = setup.output(&["-D", "-D", "-E"]);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && err.contains(why),
        "{why}\n{err}"
    );
}
