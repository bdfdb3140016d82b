//! Requests that are handed to an application (`t_write_unix`, `t_write_req`), which answers by RPC.

use crate::common::sip::{Phone, header};
use crate::common::wait_until;
use crate::kit::{Proxy, Talks, ack, cancel, reply, uri};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// A folder with a socket in it.
struct Application {
    dir: tempfile::TempDir,
    socket: UnixDatagram,
}

impl Application {
    fn new() -> Application {
        let dir = tempfile::tempdir().expect("a folder");
        let socket = UnixDatagram::bind(dir.path().join("socket")).expect("a socket");
        socket
            .set_read_timeout(Some(crate::common::PATIENCE))
            .expect("a time limit");
        Application { dir, socket }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("socket")
    }

    /// The lines of the next request.
    fn receive(&self) -> Vec<String> {
        let mut buf = [0; 65_536];
        let n = self.socket.recv(&mut buf).expect("a request in time");
        lines(&buf[..n])
    }
}

fn lines(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    text.split('\n').map(str::to_owned).collect()
}

/// Calls `function` for every request.
fn proxy(more: &str, function: &str, to: &Path) -> Proxy {
    Proxy::new(&format!(
        "modparam(\"tm\", \"wt_timer\", 300)\n{more}\
         route {{ $code = \"17\"; $word = \"x\"; setflag(1); setflag(4);\n\
         if (!t_newtran()) drop;\n\
         if (!{function}(\"{}\", \"vm/extra\")) {{ t_reply(\"500\", \"no application\"); }} }}\n",
        to.display()
    ))
}

const EXTRA: &str = "modparam(\"tm\", \"tw_append\", \"extra: avp[$code]; Word=avp[word];none=avp[$nothing];hdr[Subject];Agent=hdr[User-Agent]\")\n";

#[test]
fn an_application_gets_the_request_as_twenty_lines_and_answers_for_it() {
    let caller = Phone::new();
    let application = Application::new();
    let proxy = proxy(EXTRA, "t_write_unix", &application.path());
    let more = "Record-Route: <sip:10.0.0.1;lr>, <sip:10.0.0.2;lr>\r\nRecord-Route: <sip:10.0.0.3>\r\n\
                Contact: \"A\" <sip:alice@10.0.0.9:5070>;expires=7\r\nSubject: I\r\n know\r\n";
    let via = caller.addr().to_string();
    let invite = crate::common::sip::request("INVITE", "sip:bob@example.org:5080", &via, more)
        .replace(
            "Content-Length: 0\r\n\r\n",
            "Content-Length: 8\r\n\r\nv=0\r\no=\r",
        );
    caller.send(&invite, proxy.addr());
    let got = application.receive();
    let field = |name| header(&invite, name).unwrap().to_owned();
    let from = field("From");
    let id = got[15].clone();
    let cseq = field("CSeq");
    let expected = [
        "0.3",
        "sip_request.vm",
        "INVITE",
        "bob",
        "example.org",
        "127.0.0.1",
        &proxy.addr().1.to_string(),
        "sip:bob@example.org:5080",
        "sip:alice@10.0.0.9:5070",
        &from,
        &field("To"),
        &field("Call-ID"),
        from.split("tag=").nth(1).unwrap(),
        "",
        cseq.split(' ').next().unwrap(),
        &id,
        "<sip:10.0.0.1;lr>,<sip:10.0.0.2;lr>,<sip:10.0.0.3>",
        "sip:10.0.0.1;lr",
        "P-MsgFlags: 21",
        "code: 17",
        "Word: x",
        "Subject: I know",
        ".",
        "v=0\r",
        "o=\r",
        "",
    ];
    assert_eq!(got, expected);
    let call = |text: &str| proxy.rpc(text);
    assert_eq!(call(&format!("tm.reply|180|Ringing|{id}|apptag")), "200 OK");
    assert!(
        caller
            .expect("SIP/2.0 180 Ringing")
            .contains(";tag=apptag\r\n")
    );
    let done = call(&format!(
        "tm.reply|200|Fine|{id}|apptag|Contact: <sip:app@x>|body"
    ));
    assert_eq!(done, "200 OK");
    let answer = caller.expect("SIP/2.0 200 Fine");
    assert_eq!(header(&answer, "Contact"), Some("<sip:app@x>"));
    assert_eq!(header(&answer, "Content-Length"), Some("4"));
    assert!(answer.ends_with("\r\n\r\nbody"), "{answer}");
    assert_eq!(
        call(&format!("tm.reply|486|Busy|{id}|apptag")),
        "500 Reply failed"
    );
    let via = format!("SIP/2.0/UDP {};branch=z9hG4bKack", caller.addr());
    caller.send(
        ack(&invite, &answer).replace(header(&invite, "Via").unwrap(), &via),
        proxy.addr(),
    );
    proxy.wait_idle();
    assert_eq!(
        call(&format!("tm.reply|200|OK|{id}|t")),
        "481 No such transaction"
    );
    for (text, fault) in [
        ("", "400 Reply code expected"),
        ("|99|x|1:1|t", "400 Reply code expected"),
        ("|200", "400 Reason phrase expected"),
        ("|200|OK", "400 Transaction ID expected"),
        ("|200|OK|1:1", "400 To tag expected"),
        ("|200|OK|1-1|t", "400 Invalid transaction ID"),
    ] {
        assert_eq!(call(&format!("tm.reply{text}")), fault);
    }
}

#[test]
fn a_strict_route_and_a_request_without_contact_are_written_as_a_callee_needs_them() {
    let caller = Phone::new();
    let application = Application::new();
    let proxy = proxy(
        "modparam(\"tm\", \"tw_append\", \"extra: msg[body]\")\n",
        "t_write_unix",
        &application.path(),
    );
    let via = caller.addr().to_string();
    let more = "Record-Route: <sip:10.0.0.1>,<sip:10.0.0.2;lr>\r\n";
    let message = crate::common::sip::request("MESSAGE", "sip:bob@example.org", &via, more)
        .replace(
            "To: <sip:bob@localhost>",
            "To: <sip:bob@localhost>\r\n ;tag=a b\r\n\t;x=1",
        )
        .replace(";tag=a b", ";tag=ab")
        .replace("Content-Length: 0\r\n\r\n", "Content-Length: 2\r\n\r\nhi");
    caller.send(&message, proxy.addr());
    let got = application.receive();
    assert_eq!(got[8], "sip:10.0.0.1");
    assert_eq!(
        got[10], "<sip:bob@localhost> ;tag=ab ;x=1",
        "one line, whatever was folded"
    );
    assert_eq!(got[13], "ab");
    assert_eq!(got[16], "<sip:10.0.0.2;lr>,<sip:alice@localhost>");
    assert_eq!(got[17], ".");
    assert_eq!(&got[18..], ["P-MsgFlags: 21", ".", "hi", ""]);
    assert_eq!(
        proxy.rpc(&format!("tm.reply|202|Accepted|{}|t", got[15])),
        "200 OK"
    );
    caller.expect("SIP/2.0 202 Accepted");
    proxy.wait_idle();
}

#[test]
fn an_application_that_is_silent_times_out_and_one_that_is_not_there_is_an_error() {
    let caller = Phone::new();
    let application = Application::new();
    let proxy = proxy(
        &format!("modparam(\"tm\", \"fr_timer\", 500)\n{EXTRA}"),
        "t_write_unix",
        &application.path(),
    );
    caller.send(caller.request("MESSAGE", "sip:bob@x"), proxy.addr());
    application.receive();
    caller.expect("SIP/2.0 408");
    let invite = caller.request("INVITE", "sip:bob@x");
    caller.send(&invite, proxy.addr());
    application.receive();
    let answer = caller.expect("SIP/2.0 408");
    caller.send(ack(&invite, &answer), proxy.addr());
    let path = application.path();
    drop(application);
    assert!(!path.exists());
    caller.send(caller.request("MESSAGE", "sip:bob@x"), proxy.addr());
    caller.expect("SIP/2.0 500 no application");
    proxy.wait_idle();
}

#[test]
fn a_call_that_an_application_has_can_be_cancelled() {
    let caller = Phone::new();
    let application = Application::new();
    let proxy = Proxy::new(&format!(
        "modparam(\"tm\", \"wt_timer\", 300)\n\
         route {{ if (method == \"CANCEL\") {{ t_relay(); drop; }}\n\
         if (!t_newtran()) drop; t_write_unix(\"{}\", \"vm\"); }}\n",
        application.path().display()
    ));
    let invite = caller.request("INVITE", "sip:bob@x");
    caller.send(&invite, proxy.addr());
    let got = application.receive();
    caller.send(cancel(&invite), proxy.addr());
    let [_, answer] = caller.expect_all(["SIP/2.0 200 canceling", "SIP/2.0 487"]);
    caller.send(ack(&invite, &answer), proxy.addr());
    proxy.wait_idle();
    assert_eq!(
        proxy.rpc(&format!("tm.reply|200|OK|{}|t", got[15])),
        "481 No such transaction"
    );
}

#[test]
fn a_failure_route_hands_a_busy_call_to_an_application() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let application = Application::new();
    let proxy = Proxy::new(&format!(
        "modparam(\"tm\", \"wt_timer\", 300)\n\
         route {{ t_on_failure(\"F\"); t_relay(); }}\n\
         failure_route[F] {{ if (t_check_status(\"486\")) {{ t_write_unix(\"{}\", \"vm\"); }} }}\n",
        application.path().display()
    ));
    let invite = caller.request("INVITE", &uri("bob", &callee));
    caller.send(&invite, proxy.addr());
    let seen = callee.expect("INVITE");
    callee.send(reply(&seen, "486 Busy Here", "b", ""), proxy.addr());
    let got = application.receive();
    caller.expect("SIP/2.0 100");
    assert_eq!(caller.rest(), [""; 0], "the 486 is no answer yet");
    assert_eq!(
        proxy.rpc(&format!("tm.reply|603|Leave a message|{}|vm", got[15])),
        "200 OK"
    );
    let answer = caller.expect("SIP/2.0 603 Leave a message");
    caller.send(ack(&invite, &answer), proxy.addr());
    proxy.wait_idle();
}

#[test]
fn a_busy_callee_beats_an_application_that_was_asked_at_the_same_time() {
    let (caller, callee) = (Phone::new(), Phone::new());
    let application = Application::new();
    let proxy = Proxy::new(&format!(
        "modparam(\"tm\", \"wt_timer\", 300)\n\
         route {{ if (!t_newtran()) drop; t_forward_nonack_uri(); t_write_unix(\"{}\", \"vm\"); }}\n",
        application.path().display()
    ));
    let invite = caller.request("INVITE", &uri("bob", &callee));
    caller.send(&invite, proxy.addr());
    application.receive();
    let seen = callee.expect("INVITE");
    callee.send(reply(&seen, "486 Busy Here", "b", ""), proxy.addr());
    let answer = caller.expect("SIP/2.0 486");
    caller.send(ack(&invite, &answer), proxy.addr());
    proxy.wait_idle();
}

#[test]
fn a_fifo_gets_the_request_while_somebody_reads_it() {
    let caller = Phone::new();
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("fifo");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    let proxy = proxy(EXTRA, "t_write_req", &path);
    caller.send(caller.request("MESSAGE", "sip:bob@x"), proxy.addr());
    caller.expect("SIP/2.0 500 no application");
    let mut fifo = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open(&path)
        .expect("a reader");
    caller.send(caller.request("MESSAGE", "sip:bob@x"), proxy.addr());
    let mut got = Vec::new();
    wait_until("the request comes", || {
        // Nothing there yet: tried again.
        let _ = fifo.read_to_end(&mut got);
        !got.is_empty()
    });
    let got = lines(&got);
    assert_eq!(
        (got[1].as_str(), got[2].as_str()),
        ("sip_request.vm", "MESSAGE")
    );
    assert_eq!(
        proxy.rpc(&format!("tm.reply|200|Got it|{}|t", got[15])),
        "200 OK"
    );
    caller.expect("SIP/2.0 200 Got it");
    proxy.wait_idle();
}

#[test]
fn what_can_not_be_written_is_refused_at_the_start() {
    let long = "x".repeat(120);
    for (param, call, why) in [
        (
            "extra",
            "t_write_unix(\"/x\", \"vm/other\")",
            "there is no tw_append named \"other\"",
        ),
        (
            "extra",
            "t_write_req(\"/x\", \"/extra\")",
            "is not of the form action",
        ),
        (
            "extra",
            "t_write_req(\"/x\", \"vm/\")",
            "is not of the form action",
        ),
        (
            "extra",
            &format!("t_write_req(\"/x\", \"{long}\")"),
            "is too long",
        ),
        (
            "extra",
            &format!("t_write_unix(\"/{long}\", \"vm\")"),
            "the path of the socket is longer",
        ),
        (
            "extra: x",
            "t_relay()",
            "avp[…], hdr[…] or msg[body] is wanted",
        ),
        ("extra", "t_relay()", "is not of the form name: element"),
    ] {
        let param = if param == "extra" && !why.contains("name: element") {
            "extra: msg[body]"
        } else {
            param
        };
        let setup = crate::common::Setup::with_config(&format!(
            "{}modparam(\"tm\", \"tw_append\", \"{param}\")\nroute {{ {call}; }}\n",
            crate::common::load(&["tm"])
        ));
        let output = setup.output(&["-D", "-D", "-E"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && text.contains(why),
            "{call}: {text}"
        );
    }
}
