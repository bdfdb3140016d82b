//! Requests that the server makes itself: `tm.t_uac_*` and the API of module tm, seen by the phones that get
//! them.

mod common;

use common::sip::{Phone, first_line, header, reply};
use common::{Foreground, PATIENCE, Setup, load, wait_until};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// A server with tm and a process that serves RPC on a port of its own.
struct Server {
    setup: Setup,
    rpc: u16,
    _tree: Foreground,
}

impl Server {
    fn new(config: &str) -> Server {
        let rpc = common::free_port();
        let head = load(&["sl", "tm", "testmod"]);
        let text = format!(
            "{head}modparam(\"testmod\", \"rpc_port\", {rpc})\nmodparam(\"testmod\", \"tm\", 1)\n{config}\n"
        );
        let setup = Setup::with_config(&text);
        let tree = setup.foreground(&["-DD", "-E"]);
        let server = Server {
            setup,
            rpc,
            _tree: tree,
        };
        wait_until("RPC is served", || {
            let call = Pending::new(server.rpc, "core.version", &[]);
            call.within(Duration::from_millis(200)).is_some()
        });
        server
    }

    fn start(&self, method: &str, params: &[&str]) -> Pending {
        Pending::new(self.rpc, method, params)
    }

    /// Calls a method and waits for its answer: `code reason` and the values.
    fn call(&self, method: &str, params: &[&str]) -> Vec<String> {
        self.start(method, params).answer()
    }

    /// Where SIP is served.
    fn addr(&self) -> (&'static str, u16) {
        self.setup.addr()
    }

    /// Waits for a line in the log.
    fn told(&self, line: &str) {
        wait_until(line, || self.setup.read("err").contains(line));
    }

    /// How many such lines the log has.
    fn count(&self, line: &str) -> usize {
        self.setup.read("err").matches(line).count()
    }
}

/// A call that was sent.
struct Pending(UdpSocket);

impl Pending {
    fn new(port: u16, method: &str, params: &[&str]) -> Pending {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a socket");
        let parts = [&[method], params].concat();
        let to = SocketAddr::from(([127, 0, 0, 1], port));
        socket
            .send_to(parts.join("\0").as_bytes(), to)
            .expect("sent");
        Pending(socket)
    }

    fn within(&self, limit: Duration) -> Option<Vec<String>> {
        let mut buffer = vec![0; 65_535];
        self.0.set_read_timeout(Some(limit)).expect("a timeout");
        let length = self.0.recv(&mut buffer).ok()?;
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        Some(text.split('\0').map(str::to_owned).collect())
    }

    fn answer(&self) -> Vec<String> {
        self.within(PATIENCE).expect("an answer in time")
    }
}

/// The next request with that method; copies of others are passed over.
fn expect(phone: &Phone, method: &str) -> String {
    loop {
        let text = phone.recv();
        if text.starts_with(&format!("{method} ")) {
            return text;
        }
    }
}

fn uri(phone: &Phone) -> String {
    format!("sip:bob@127.0.0.1:{}", phone.port())
}

const BOTH: &str = "From: \"Alice\" <sip:alice@a.org>\r\nTo: sip:bob@b.org\r\n";

#[test]
fn a_request_is_laid_out_in_the_original_s_order_and_its_reply_is_told() {
    let server = Server::new("route { drop; }");
    let phone = Phone::new();
    let headers = format!("{BOTH}X-Me: <sip:!!>\r\nContent-Type: text/plain\r\n");
    let params = ["MESSAGE", &uri(&phone), ".", ".", &headers, "hi there"];
    let call = server.start("tm.t_uac_dlg", &params);
    let (request, from) = phone.recv_from();
    let (host, port) = server.addr();
    assert_eq!(from, SocketAddr::from(([127, 0, 0, 1], port)));
    let call_id = header(&request, "Call-ID").expect("a Call-ID").to_owned();
    let (number, rest) = call_id.split_once('-').expect("number and pid");
    assert!(number.len() == 16 && number.chars().all(|c| c.is_ascii_hexdigit()));
    let (pid, at) = rest.split_once('@').expect("pid and address");
    assert!(pid.parse::<u32>().is_ok() && at == host, "{call_id}");
    let via = header(&request, "Via").expect("a Via").to_owned();
    assert!(
        via.starts_with(&format!("SIP/2.0/UDP {host}:{port};branch=z9hG4bK")),
        "{via}"
    );
    let from = header(&request, "From").expect("a From").to_owned();
    let tag = from
        .strip_prefix("\"Alice\" <sip:alice@a.org>;tag=")
        .expect("a tag");
    assert!(tag.len() == 37 && tag.as_bytes()[32] == b'-', "{tag}");
    let agent = header(&request, "User-Agent").expect("a User-Agent");
    assert!(agent.starts_with("Sip EXpress router("), "{agent}");
    assert_eq!(
        request,
        format!(
            "MESSAGE {} SIP/2.0\r\nVia: {via}\r\nTo: <sip:bob@b.org>\r\nFrom: {from}\r\nCSeq: 10 MESSAGE\r\n\
             Call-ID: {call_id}\r\nMax-Forwards: 70\r\nContent-Length: 8\r\nUser-Agent: {agent}\r\n\
             X-Me: <sip:{host}:{port}>\r\nContent-Type: text/plain\r\n\r\nhi there",
            uri(&phone)
        )
    );
    let answer = reply(&request, "404 Nobody here", "t", "Server: me\r\n");
    phone.send(&answer, server.addr());
    let (_, rest) = answer.split_once("\r\n").expect("a first line");
    let told = call.answer();
    assert_eq!(told, ["200 OK", "404", "Nobody here", "", "", "", rest]);
}

#[test]
fn of_a_2xx_target_next_hop_and_routes_are_told() {
    let server = Server::new("route { drop; }");
    let phone = Phone::new();
    for method in ["tm.t_uac_dlg", "tm.t_uac_wait"] {
        let call = server.start(method, &["OPTIONS", &uri(&phone), ".", ".", BOTH]);
        let request = phone.recv();
        let more = "Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\nContact: <sip:bob@h>\r\n";
        phone.send(reply(&request, "200 Fine", "t", more), server.addr());
        let told = call.answer();
        assert_eq!(
            told[..6],
            [
                "200 OK",
                "200",
                "Fine",
                "sip:bob@h",
                "sip:p1;lr",
                "Route: <sip:p1;lr>, <sip:p2;lr>"
            ]
        );
        assert!(told[6].contains("Contact: <sip:bob@h>\r\n"), "{told:?}");
    }
    let call = server.start(
        "tm.t_uac_wait_block",
        &["OPTIONS", &uri(&phone), ".", ".", BOTH],
    );
    phone.send(reply(&phone.recv(), "200 Fine", "t", ""), server.addr());
    assert_eq!(call.answer(), ["200 OK", "code=200,text=Fine"]);
}

#[test]
fn the_fifo_command_answers_with_the_status_of_the_reply() {
    let server = Server::new("route { drop; }");
    let phone = Phone::new();
    let params = ["OPTIONS", &uri(&phone), ".", ".", BOTH];
    let call = server.start("t_uac_dlg", &params);
    let request = phone.recv();
    phone.send(
        reply(&request, "200 Fine", "t", "Contact: <sip:bob@h>\r\n"),
        server.addr(),
    );
    let told = call.answer();
    assert_eq!(told[..4], ["200 OK", "sip:bob@h", "sip:bob@h", ""]);
    assert!(told[4].contains("Contact: <sip:bob@h>\r\n"), "{told:?}");
    let call = server.start("t_uac_dlg", &params);
    let request = phone.recv();
    phone.send(reply(&request, "486 Busy", "t", "X: y\r\n"), server.addr());
    let told = call.answer();
    assert_eq!(told[..4], ["486 Busy", "", "", ""]);
    assert!(told[4].contains("X: y\r\n"), "{told:?}");
}

#[test]
fn a_transport_that_cannot_answer_later_waits() {
    let server = Server::new("modparam(\"testmod\", \"rpc_later\", 0)\nroute { drop; }");
    let phone = Phone::new();
    let call = server.start("tm.t_uac_dlg", &["OPTIONS", &uri(&phone), ".", ".", BOTH]);
    phone.send(reply(&phone.recv(), "200 Fine", "t", ""), server.addr());
    assert_eq!(call.answer()[1..3], ["200", "Fine"]);
}

#[test]
fn a_request_is_repeated_and_times_out_with_408() {
    let server = Server::new(
        "modparam(\"tm\", \"fr_timer\", 1500)\nmodparam(\"tm\", \"retr_timer1\", 100)\nroute { drop; }",
    );
    let phone = Phone::new();
    let call = server.start("tm.t_uac_dlg", &["OPTIONS", &uri(&phone), ".", ".", BOTH]);
    let first = phone.recv();
    assert_eq!(phone.recv(), first);
    assert_eq!(phone.recv(), first);
    let told = call.answer();
    assert_eq!(told, ["200 OK", "408", "Request Timeout", "", "", "", ""]);
}

#[test]
fn a_request_without_waiting_is_only_sent() {
    let server = Server::new("route { drop; }");
    let phone = Phone::new();
    let told = server.call("tm.t_uac_start", &["OPTIONS", &uri(&phone), ".", ".", BOTH]);
    assert_eq!(told, ["200 OK"]);
    let request = phone.recv();
    assert!(request.starts_with("OPTIONS "));
    phone.send(reply(&request, "200 OK", "t", ""), server.addr());
    wait_until("the transaction is counted", || {
        let stats = server.call("tm.stats", &[]);
        stats[1].contains("total_local=1") && stats[1].contains("2xx=1")
    });
}

#[test]
fn ids_routes_next_hop_and_socket_may_be_given() {
    let server = Server::new("route { drop; }");
    let (phone, proxy) = (Phone::new(), Phone::new());
    let ids = "From: <sip:a@a.org>;tag=mine\r\nTo: <sip:b@b.org>;tag=theirs\r\nCall-ID: call-1\r\n";
    let headers = format!(
        "{ids}CSeq: 77 INFO\r\nRoute: <sip:127.0.0.1:{};lr>\r\n",
        proxy.port()
    );
    let socket = format!("udp:127.0.0.1:{}", server.addr().1);
    let target = "sip:bob@elsewhere.invalid";
    server.call("tm.t_uac_start", &["INFO", target, ".", &socket, &headers]);
    let request = proxy.recv();
    assert_eq!(first_line(&request), format!("INFO {target} SIP/2.0"));
    for (name, value) in [
        ("From", "<sip:a@a.org>;tag=mine"),
        ("To", "<sip:b@b.org>;tag=theirs"),
        ("Call-ID", "call-1"),
        ("CSeq", "77 INFO"),
        ("Route", &format!("<sip:127.0.0.1:{};lr>", proxy.port())),
    ] {
        assert_eq!(header(&request, name), Some(value), "{request}");
    }
    proxy.send(reply(&request, "200 OK", "", ""), server.addr());
    let hop = format!("sip:127.0.0.1:{}", phone.port());
    server.call("tm.t_uac_start", &["OPTIONS", target, &hop, ".", BOTH]);
    let request = phone.recv();
    assert_eq!(first_line(&request), format!("OPTIONS {target} SIP/2.0"));
}

#[test]
fn a_next_hop_may_be_a_name() {
    let server = Server::new("route { drop; }");
    let phone = Phone::new();
    let target = format!("sip:bob@localhost:{}", phone.port());
    let call = server.start("tm.t_uac_dlg", &["OPTIONS", &target, ".", ".", BOTH]);
    let request = phone.recv();
    assert_eq!(first_line(&request), format!("OPTIONS {target} SIP/2.0"));
    phone.send(reply(&request, "200 Fine", "t", ""), server.addr());
    assert_eq!(call.answer()[1..3], ["200", "Fine"]);
    let nowhere = ["OPTIONS", "sip:bob@nowhere.invalid", ".", ".", BOTH];
    let told = server.call("tm.t_uac_dlg", &nowhere);
    let told = told.join(" ");
    assert!(told.contains("478 Unresolvable destination"), "{told}");
}

#[test]
fn header_lines_may_come_one_a_parameter() {
    let server = Server::new("route { drop; }");
    let phone = Phone::new();
    let target = uri(&phone);
    let lines = [
        "From: <sip:a@a.org>",
        "To: <sip:b@b.org>",
        "Content-Type: text/plain",
        ".",
    ];
    let head = ["MESSAGE", &target, ".", "."];
    let params = [&head[..], &lines, &["one", "two", "."]].concat();
    server.call("t_uac_start", &params);
    server.call("tm.t_uac_start", &params);
    let request = phone.recv();
    assert!(
        request.ends_with("Content-Type: text/plain\r\n\r\none\r\ntwo\r\n"),
        "{request}"
    );
    assert_eq!(header(&request, "Content-Length"), Some("10"));
}

#[test]
fn wrong_parameters_are_faults_and_nothing_is_sent() {
    let server = Server::new("route { drop; }");
    let phone = Phone::new();
    let target = uri(&phone);
    let with = |more: &str| format!("{BOTH}{more}");
    let text = with("Content-Type: text/plain\r\n");
    let cases: [(&[&str], &str); 14] = [
        (&["OPTIONS"], "400 too few parameters (1/5)"),
        (&["", &target, ".", ".", BOTH], "400 Invalid method"),
        (
            &["OPTIONS", "foo", ".", ".", BOTH],
            "400 Invalid request uri \"foo\"",
        ),
        (
            &["OPTIONS", &target, "foo", ".", BOTH],
            "400 Invalid next-hop uri \"foo\"",
        ),
        (
            &["OPTIONS", &target, ".", "udp:192.0.2.1:99", BOTH],
            "400 No local socket for \"udp:192.0.2.1:99\"",
        ),
        (
            &["OPTIONS", &target, ".", ".", &with("foo\r\n")],
            "400 Invalid headers",
        ),
        (
            &["MESSAGE", &target, ".", ".", BOTH, "body"],
            "400 Content-Type missing",
        ),
        (
            &[
                "MESSAGE",
                &target,
                ".",
                ".",
                &with("Content-Type: a/b\r\nContent-Length: 4\r\n"),
                "body",
            ],
            "400 Content-Length disallowed",
        ),
        (
            &["OPTIONS", &target, ".", ".", "To: sip:b@b.org\r\nX: y\r\n"],
            "400 From missing",
        ),
        (
            &[
                "OPTIONS",
                &target,
                ".",
                ".",
                "From: sip:b@b.org\r\nX: y\r\n",
            ],
            "400 To missing",
        ),
        (
            &["OPTIONS", &target, ".", ".", "From: <<\r\nTo: sip:b@c\r\n"],
            "400 Error in From",
        ),
        (
            &["OPTIONS", &target, ".", ".", &with("CSeq: 1 INVITE\r\n")],
            "400 CSeq method mismatch",
        ),
        (
            &[
                "OPTIONS",
                &target,
                ".",
                ".",
                &with("Via: SIP/2.0/UDP x\r\n"),
            ],
            "500 I'm terribly sorry, server error occurred (14/RPC/UAC)",
        ),
        (
            &["CANCEL", &target, ".", ".", &text, "x"],
            "500 I'm terribly sorry, server error occurred (14/RPC/UAC)",
        ),
    ];
    for (params, fault) in cases {
        for method in ["tm.t_uac_dlg", "tm.t_uac_start"] {
            assert_eq!(server.call(method, params), [fault], "{params:?}");
        }
    }
    let none = server.call("tm.t_uac_cancel", &["a", "1"]);
    assert_eq!(none, ["481 No such transaction"]);
    let none = server.call("t_uac_cancel", &["a"]);
    assert_eq!(none, ["400 Callid and CSeq expected as parameters"]);
    server.call(
        "tm.t_uac_start",
        &["OPTIONS", &target, ".", ".", &with("X: last\r\n")],
    );
    assert_eq!(header(&phone.recv(), "X"), Some("last"));
}

/// What a callee that is reached over `proxy` adds to its 2xx.
fn answered_over(proxy: &Phone, phone: &Phone) -> String {
    format!(
        "Record-Route: <sip:127.0.0.1:{};lr>\r\nContact: <{}>\r\n",
        proxy.port(),
        uri(phone)
    )
}

#[test]
fn every_2xx_is_acknowledged_and_dialogs_that_nobody_wants_are_ended() {
    let server = Server::new("route { drop; }");
    let (phone, proxy) = (Phone::new(), Phone::new());
    let headers = format!("{BOTH}Proxy-Authorization: Digest realm=\"x\"\r\n");
    let call = server.start(
        "tm.t_uac_dlg",
        &["INVITE", &uri(&phone), ".", ".", &headers],
    );
    let invite = expect(&phone, "INVITE");
    let more = answered_over(&proxy, &phone);
    let ok = reply(&invite, "200 OK", "one", &more);
    phone.send(&ok, server.addr());
    let ack = proxy.recv();
    assert_eq!(first_line(&ack), format!("ACK {} SIP/2.0", uri(&phone)));
    let same = |name| assert_eq!(header(&ack, name), header(&invite, name), "{ack}");
    same("From");
    same("Call-ID");
    same("Proxy-Authorization");
    assert_eq!(header(&ack, "To"), Some("<sip:bob@b.org>;tag=one"));
    assert_eq!(header(&ack, "CSeq"), Some("10 ACK"));
    assert_eq!(header(&ack, "Max-Forwards"), Some("70"));
    let route = format!("<sip:127.0.0.1:{};lr>", proxy.port());
    assert_eq!(header(&ack, "Route"), Some(&route[..]));
    assert_ne!(
        header(&ack, "Via"),
        header(&invite, "Via"),
        "the ACK is a transaction of its own"
    );
    assert_eq!(call.answer()[1..3], ["200", "OK"]);
    // A copy is acknowledged by the same ACK.
    phone.send(&ok, server.addr());
    assert_eq!(proxy.recv(), ack);
    // Somebody else has answered too.
    phone.send(reply(&invite, "200 OK", "two", &more), server.addr());
    let ack = proxy.recv();
    assert_eq!(header(&ack, "To"), Some("<sip:bob@b.org>;tag=two"));
    let bye = proxy.recv();
    assert_eq!(first_line(&bye), format!("BYE {} SIP/2.0", uri(&phone)));
    assert_eq!(header(&bye, "To"), Some("<sip:bob@b.org>;tag=two"));
    assert_eq!(header(&bye, "CSeq"), Some("11 BYE"));
    assert_eq!(header(&bye, "Route"), Some(&route[..]));
    proxy.send(reply(&bye, "200 OK", "", ""), server.addr());
}

#[test]
fn an_ack_finds_a_contact_that_is_a_name() {
    let server = Server::new("route { drop; }");
    let phone = Phone::new();
    let call = server.start("tm.t_uac_dlg", &["INVITE", &uri(&phone), ".", ".", BOTH]);
    let invite = expect(&phone, "INVITE");
    let contact = format!("Contact: <sip:bob@localhost:{}>\r\n", phone.port());
    phone.send(reply(&invite, "200 OK", "t", &contact), server.addr());
    let ack = expect(&phone, "ACK");
    assert_eq!(
        first_line(&ack),
        format!("ACK sip:bob@localhost:{} SIP/2.0", phone.port())
    );
    assert_eq!(call.answer()[1], "200");
}

#[test]
fn a_refused_invite_is_acknowledged_on_its_hop() {
    let server = Server::new("route { drop; }");
    let phone = Phone::new();
    let call = server.start("tm.t_uac_dlg", &["INVITE", &uri(&phone), ".", ".", BOTH]);
    let invite = expect(&phone, "INVITE");
    phone.send(reply(&invite, "180 Ringing", "t", ""), server.addr());
    let busy = reply(&invite, "486 Busy", "t", "");
    phone.send(&busy, server.addr());
    let ack = expect(&phone, "ACK");
    assert_eq!(header(&ack, "Via"), header(&invite, "Via"));
    assert_eq!(call.answer()[1..3], ["486", "Busy"]);
    phone.send(&busy, server.addr());
    assert_eq!(expect(&phone, "ACK"), ack);
}

#[test]
fn a_ringing_invite_is_cancelled() {
    let server = Server::new("route { drop; }");
    let phone = Phone::new();
    let headers = format!("{BOTH}Call-ID: to-cancel\r\nCSeq: 3 INVITE\r\n");
    let call = server.start(
        "tm.t_uac_dlg",
        &["INVITE", &uri(&phone), ".", ".", &headers],
    );
    let invite = expect(&phone, "INVITE");
    phone.send(reply(&invite, "180 Ringing", "t", ""), server.addr());
    let cancel = loop {
        // The 180 may not have been taken in yet.
        let told = server.call("tm.t_uac_cancel", &["to-cancel", "3"]);
        assert_eq!(told[1..], ["1", "branches remaining (waiting for timeout)"]);
        let next = phone.try_recv(Duration::from_secs(1));
        let next = next.map(|(text, _)| String::from_utf8_lossy(&text).into_owned());
        match next.filter(|text| text.starts_with("CANCEL ")) {
            Some(cancel) => break cancel,
            None => continue,
        }
    };
    assert_eq!(header(&cancel, "CSeq"), Some("3 CANCEL"));
    assert_eq!(header(&cancel, "Via"), header(&invite, "Via"));
    phone.send(reply(&cancel, "200 OK", "t", ""), server.addr());
    phone.send(reply(&invite, "487 Terminated", "t", ""), server.addr());
    expect(&phone, "ACK");
    assert_eq!(call.answer()[1..3], ["487", "Terminated"]);
}

#[test]
fn a_2xx_that_comes_too_late_is_ended() {
    let server = Server::new("modparam(\"tm\", \"fr_timer\", 500)\nroute { drop; }");
    let phone = Phone::new();
    let call = server.start("tm.t_uac_dlg", &["INVITE", &uri(&phone), ".", ".", BOTH]);
    let invite = expect(&phone, "INVITE");
    assert_eq!(call.answer()[1], "408");
    let contact = format!("Contact: <{}>\r\n", uri(&phone));
    phone.send(reply(&invite, "200 OK", "t", &contact), server.addr());
    let ack = expect(&phone, "ACK");
    assert_eq!(header(&ack, "To"), Some("<sip:bob@b.org>;tag=t"));
    let bye = expect(&phone, "BYE");
    phone.send(reply(&bye, "200 OK", "", ""), server.addr());
}

#[test]
fn a_module_is_told_what_becomes_of_its_requests_and_keeps_the_dialog() {
    let (phone, trigger) = (Phone::new(), Phone::new());
    let server = Server::new(&format!(
        "modparam(\"tm\", \"wt_timer\", 300)\nmodparam(\"tm\", \"pass_provisional_replies\", 1)\n\
         modparam(\"tm\", \"retr_timer1\", 100)\n\
         route {{ if (method == \"INFO\") {{ test_within(\"INFO\"); test_within(\"BYE\"); }} \
         else test_request(\"INVITE\", \"{}\"); drop; }}",
        uri(&phone)
    ));
    trigger.send(trigger.request("OPTIONS", "sip:x@y"), server.addr());
    let invite = expect(&phone, "INVITE");
    assert!(
        header(&invite, "From")
            .is_some_and(|f| f.starts_with("\"Test\" <sip:test@localhost>;tag="))
    );
    server.told("TEST: sent, transaction: true");
    for status in ["100 Trying", "180 Ringing", "183 Progress"] {
        phone.send(reply(&invite, status, "t", ""), server.addr());
    }
    for code in [180, 183] {
        server.told(&format!(
            "TEST: LocalResponseOut {code} reply param 7 to {}",
            uri(&phone)
        ));
    }
    let proxy = Phone::new();
    let ok = reply(&invite, "200 OK", "t", &answered_over(&proxy, &phone));
    phone.send(&ok, server.addr());
    let ack = expect(&proxy, "ACK");
    let completed = format!("TEST: LocalCompleted 200 reply param 7 to {}", uri(&phone));
    server.told(&completed);
    phone.send(&ok, server.addr());
    assert_eq!(expect(&proxy, "ACK"), ack);
    trigger.send(trigger.request("INFO", "sip:x@y"), server.addr());
    for (method, cseq) in [("INFO", "11 INFO"), ("BYE", "12 BYE")] {
        let request = expect(&proxy, method);
        assert_eq!(
            first_line(&request),
            format!("{method} {} SIP/2.0", uri(&phone))
        );
        assert_eq!(header(&request, "CSeq"), Some(cseq));
        assert_eq!(header(&request, "Call-ID"), header(&invite, "Call-ID"));
        assert_eq!(header(&request, "From"), header(&invite, "From"));
        assert_eq!(header(&request, "To"), header(&ack, "To"));
        proxy.send(reply(&request, "200 OK", "", ""), server.addr());
    }
    server.told("TEST: Destroyed 0 none param 7");
    assert_eq!(server.count(&completed), 1);
    assert_eq!(server.count("TEST: LocalResponseOut 100"), 0);
}

#[test]
fn a_request_may_be_sent_by_the_timer_process() {
    let phone = Phone::new();
    let server = Server::new(&format!(
        "modparam(\"testmod\", \"timer_uri\", \"{}\")\nroute {{ drop; }}",
        uri(&phone)
    ));
    let request = expect(&phone, "MESSAGE");
    phone.send(reply(&request, "480 Away", "t", ""), server.addr());
    server.told("TEST: LocalCompleted 480 reply param 9");
}

#[test]
fn a_call_that_was_answered_here_is_a_dialog_both_ways() {
    let phone = Phone::new();
    let server = Server::new(
        "route { if (method == \"INVITE\") test_answer(); else if (method == \"ACK\") test_within(\"BYE\"); drop; }",
    );
    let via = phone.addr().to_string();
    let more = format!(
        "Contact: <sip:alice@{via}>\r\nRecord-Route: <sip:{via};lr;n=1>, <sip:{via};lr;n=2>\r\n"
    );
    let invite = common::sip::request("INVITE", "sip:bob@localhost", &via, &more);
    let ok = phone.ask(&invite, server.addr());
    assert_eq!(first_line(&ok), "SIP/2.0 200 OK");
    assert_eq!(header(&ok, "To"), Some("<sip:bob@localhost>;tag=test-uas"));
    let ack = invite.replace("INVITE", "ACK").replace(
        "To: <sip:bob@localhost>",
        "To: <sip:bob@localhost>;tag=test-uas",
    );
    phone.send(&ack, server.addr());
    let bye = expect(&phone, "BYE");
    assert_eq!(first_line(&bye), format!("BYE sip:alice@{via} SIP/2.0"));
    assert_eq!(
        header(&bye, "From"),
        Some("<sip:bob@localhost>;tag=test-uas")
    );
    assert_eq!(header(&bye, "To"), header(&invite, "From"));
    assert_eq!(header(&bye, "CSeq"), Some("1 BYE"));
    let routes = format!("<sip:{via};lr;n=1>, <sip:{via};lr;n=2>");
    assert_eq!(header(&bye, "Route"), Some(&routes[..]));
    phone.send(reply(&bye, "200 OK", "", ""), server.addr());
    server.told("TEST: LocalCompleted 200 reply param 8");
}
