//! `serctl ping` and `serctl cisco_restart`: requests that the server sends to a phone.

use crate::common::PATIENCE;
use crate::lab::{Lab, failed};
use std::net::UdpSocket;

/// A phone that answers one request with `status`; the request.
fn phone(status: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let uri = format!("sip:phone@{}", socket.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        let (length, from) = socket.recv_from(&mut buffer).expect("a request");
        let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let copied = ["Via:", "From:", "Call-ID:", "CSeq:"];
        let is_copied = |line: &&str| copied.iter().any(|name| line.starts_with(name));
        let mut reply = format!("SIP/2.0 {status}\r\n");
        for line in request.lines().filter(is_copied) {
            reply.push_str(&format!("{line}\r\n"));
        }
        let to = request
            .lines()
            .find(|l| l.starts_with("To:"))
            .expect("a To");
        reply.push_str(&format!("{to};tag=p\r\nContent-Length: 0\r\n\r\n"));
        socket.send_to(reply.as_bytes(), from).unwrap();
        request
    });
    (uri, answering)
}

#[test]
fn ping_sends_options_and_shows_the_answer() {
    let lab = Lab::new(&["tm"], "");
    let (uri, answering) = phone("200 Here");
    assert_eq!(lab.says(&["ping", &uri]), "200 Here\n");
    let request = answering.join().unwrap();
    assert!(
        request.starts_with(&format!("OPTIONS {uri} SIP/2.0\r\n")),
        "{request}"
    );
    let own = format!("Contact: <sip:daemon@127.0.0.1:{}>\r\n", lab.setup.port);
    assert!(request.contains(&own), "{request}");
}

#[test]
fn an_answer_that_is_no_success_is_shown_and_fails() {
    let lab = Lab::new(&["tm"], "");
    let (uri, answering) = phone("486 Busy Here");
    let output = lab.serctl(&["ping", &uri]);
    assert_eq!(output.stdout, b"486 Busy Here\n");
    assert_eq!(output.status.code(), Some(1));
    answering.join().unwrap();
}

#[test]
fn cisco_restart_notifies_check_sync() {
    let lab = Lab::new(&["tm"], "");
    let (uri, answering) = phone("200 OK");
    assert_eq!(lab.says(&["cisco_restart", &uri]), "200 OK\n");
    let request = answering.join().unwrap();
    assert!(request.starts_with("NOTIFY "), "{request}");
    assert!(request.contains("\r\nEvent: check-sync\r\n"), "{request}");
}

#[test]
fn without_module_tm_the_server_says_what_is_missing() {
    let lab = Lab::new(&[], "");
    let (code, said) = failed(lab.serctl(&["ping", "sip:a@127.0.0.1"]));
    assert_eq!(
        (code, said.as_str()),
        (Some(1), "error: 500 - command tm.t_uac_dlg not found\n")
    );
}
