//! Replies that are not there yet: while one client waits for the answer to a SIP request that the server sends for
//! it, others are answered, over every transport; and a client that goes away is not waited for.

use crate::common::sip::{Phone, reply};
use crate::common::{PATIENCE, free_port_pair, wait_until};
use crate::ctl::{call, read_packet};
use crate::lab::Lab;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};

const HEADERS: &str = "From: <sip:a@b>\nTo: <sip:c@d>";

/// What gives the answer of a call that was sent.
type Answer = Box<dyn FnOnce() -> String>;

/// `send` sends a call and does not wait for its answer.
fn others_are_answered_meanwhile(lab: &Lab, send: impl Fn(&str, &[&str]) -> Answer) {
    let phone = Phone::new();
    let uri = format!("sip:phone@{}", phone.addr());
    let waits = send("tm.t_uac_wait", &["OPTIONS", &uri, ".", ".", HEADERS]);
    let request = phone.recv();
    for text in ["one", "two"] {
        let answer = send("core.prints", &[text])();
        assert!(answer.contains(text), "{answer}");
    }
    phone.send(reply(&request, "200 Fine", "t", ""), lab.setup.addr());
    let answer = waits();
    assert!(answer.contains("Fine"), "{answer}");
    let answer = send("core.prints", &["afterwards"])();
    assert!(answer.contains("afterwards"), "{answer}");
    lab.sip_goes_on();
}

/// How many descriptors the process has open.
fn open_files(lab: &Lab, process: &str) -> usize {
    let pid = lab.server.tree.child(process);
    let folder = std::fs::read_dir(format!("/proc/{pid}/fd"));
    folder.expect("proc is mounted").count()
}

/// `connect` makes a connection, sends the call over it and gives it back.
fn who_goes_away_is_not_waited_for<C>(
    lab: &Lab,
    process: &str,
    connect: impl Fn(&str, &[&str]) -> C,
) {
    let phone = Phone::new();
    let uri = format!("sip:phone@{}", phone.addr());
    let before = open_files(lab, process);
    let client = connect("tm.t_uac_wait", &["OPTIONS", &uri, ".", ".", HEADERS]);
    phone.recv();
    assert!(open_files(lab, process) > before);
    drop(client);
    wait_until("the reply is given up", || {
        open_files(lab, process) == before
    });
    lab.sip_goes_on();
}

fn read_all(mut from: impl Read) -> String {
    let mut answer = String::new();
    from.read_to_string(&mut answer).expect("an answer");
    answer
}

fn tcp(port: u16, text: impl AsRef<[u8]>) -> TcpStream {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket.write_all(text.as_ref()).expect("sent");
    socket
}

fn unix(lab: &Lab, name: &str, text: impl AsRef<[u8]>) -> UnixStream {
    let mut socket = UnixStream::connect(lab.path(name)).expect("it listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket.write_all(text.as_ref()).expect("sent");
    socket
}

/// The text protocol takes the header lines one a parameter.
fn line(method: &str, params: &[&str], reply: &str) -> String {
    let params: String = params.iter().map(|p| format!("{p}\n")).collect();
    format!(":{method}:{reply}\n{params}\n")
}

/// A unix datagram socket of a client, and its path.
fn datagram(lab: &Lab) -> (UnixDatagram, tempfile::TempDir) {
    let folder = tempfile::tempdir_in(lab.setup.dir.path()).expect("a folder");
    let socket = UnixDatagram::bind(folder.path().join("client")).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    (socket, folder)
}

fn ask_in_a_datagram(lab: &Lab, server: &str, text: &str) -> Answer {
    let (socket, folder) = datagram(lab);
    let sent = socket.send_to(text.as_bytes(), lab.path(server));
    assert_eq!(sent.expect("sent"), text.len());
    Box::new(move || {
        let mut buffer = vec![0; 65_536];
        let length = socket.recv(&mut buffer).expect("an answer");
        drop(folder);
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    })
}

/// A server with module ctl on every kind of socket; what is not a path is on `port`.
fn ctl() -> (Lab, u16) {
    let port = free_port_pair();
    let lines = format!(
        "modparam(\"ctl\", \"binrpc\", \"unixs:@DIR@/ctl\")\nmodparam(\"ctl\", \"binrpc\", \"udp:127.0.0.1:{port}\")\n\
         modparam(\"ctl\", \"fifo\", \"tcp:127.0.0.1:{port}\")\nmodparam(\"ctl\", \"fifo\", \"unixs:@DIR@/line\")\n\
         modparam(\"ctl\", \"fifo\", \"unixd:@DIR@/datagram\")"
    );
    (Lab::new(&["tm", "ctl"], &lines), port)
}

#[test]
fn over_ctl_by_binrpc() {
    let (lab, port) = ctl();
    others_are_answered_meanwhile(&lab, |method, params| {
        let mut socket = unix(&lab, "ctl", call(method, params));
        Box::new(move || {
            let (kind, body) = read_packet(&mut socket);
            assert_eq!(kind, 1);
            String::from_utf8_lossy(&body).into_owned()
        })
    });
    others_are_answered_meanwhile(&lab, |method, params| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        socket
            .send_to(&call(method, params), ("127.0.0.1", port))
            .expect("sent");
        Box::new(move || {
            let mut buffer = vec![0; 65_536];
            let length = socket.recv(&mut buffer).expect("an answer");
            let (kind, body) = read_packet(&mut &buffer[..length]);
            assert_eq!(kind, 1);
            String::from_utf8_lossy(&body).into_owned()
        })
    });
    who_goes_away_is_not_waited_for(&lab, "ctl handler", |method, params| {
        unix(&lab, "ctl", call(method, params))
    });
}

#[test]
fn over_ctl_by_the_text_protocol() {
    let (lab, port) = ctl();
    // Who closes his half of the connection still wants the reply.
    others_are_answered_meanwhile(&lab, |method, params| {
        let socket = tcp(port, line(method, params, ""));
        socket.shutdown(Shutdown::Write).expect("nothing more");
        Box::new(move || read_all(socket))
    });
    others_are_answered_meanwhile(&lab, |method, params| {
        let socket = unix(&lab, "line", line(method, params, ""));
        socket.shutdown(Shutdown::Write).expect("nothing more");
        Box::new(move || read_all(socket))
    });
    others_are_answered_meanwhile(&lab, |method, params| {
        ask_in_a_datagram(&lab, "datagram", &line(method, params, ""))
    });
    who_goes_away_is_not_waited_for(&lab, "ctl handler", |method, params| {
        unix(&lab, "line", line(method, params, ""))
    });
}

#[test]
fn requests_behind_one_that_waits_are_answered_after_it() {
    let (lab, _) = ctl();
    let phone = Phone::new();
    let uri = format!("sip:phone@{}", phone.addr());
    let wait = line("tm.t_uac_wait", &["OPTIONS", &uri, ".", ".", HEADERS], "");
    let both = wait + &line("core.prints", &["behind"], "");
    let socket = unix(&lab, "line", both);
    socket.shutdown(Shutdown::Write).expect("nothing more");
    let request = phone.recv();
    phone.send(reply(&request, "486 Busy", "t", ""), lab.setup.addr());
    let answer = read_all(socket);
    assert!(answer.starts_with("200 OK\n486\nBusy\n"), "{answer}");
    assert!(answer.ends_with("200 OK\nbehind\n"), "{answer}");
}

#[test]
fn over_a_unix_datagram_socket() {
    for children in [1, 3] {
        let lines = format!("unix_sock=\"@DIR@/sock\"\nunix_sock_children={children}");
        let lab = Lab::new(&["tm"], &lines);
        others_are_answered_meanwhile(&lab, |method, params| {
            ask_in_a_datagram(&lab, "sock", &line(method, params, ""))
        });
    }
}

fn ask_by_pipe(lab: &Lab, method: &str, params: &[&str]) -> File {
    let (reply, name) = lab.reply_pipe();
    std::fs::write(lab.path("fifo"), line(method, params, &name)).expect("written");
    reply
}

#[test]
fn over_the_fifo() {
    let lab = Lab::new(&["tm"], "fifo=\"@DIR@/fifo\"\nfifo_dir=\"@DIR@\"");
    others_are_answered_meanwhile(&lab, |method, params| {
        let mut reply = ask_by_pipe(&lab, method, params);
        Box::new(move || {
            let mut answer = Vec::new();
            wait_until("a reply", || {
                // Nothing is there as long as nobody writes.
                let _ = reply.read_to_end(&mut answer);
                !answer.is_empty()
            });
            String::from_utf8_lossy(&answer).into_owned()
        })
    });
    who_goes_away_is_not_waited_for(&lab, "fifo server", |method, params| {
        ask_by_pipe(&lab, method, params)
    });
}

fn json(method: &str, params: &[&str]) -> String {
    let params: Vec<String> = params.iter().map(|p| format!("{p:?}")).collect();
    format!(
        "{{\"jsonrpc\":\"2.0\",\"method\":\"{method}\",\"params\":[{}],\"id\":1}}",
        params.join(",")
    )
}

fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn jsonrpc() -> (Lab, u16) {
    let port = free_port_pair();
    let lines = format!(
        "modparam(\"jsonrpc\", \"listen\", \"127.0.0.1:{port}\")\nmodparam(\"jsonrpc\", \"socket\", \"@DIR@/json\")"
    );
    (Lab::new(&["tm", "jsonrpc"], &lines), port)
}

#[test]
fn over_jsonrpc() {
    let (lab, port) = jsonrpc();
    let by_http = |method: &str, params: &[&str]| tcp(port, post("/rpc", &json(method, params)));
    others_are_answered_meanwhile(&lab, |method, params| {
        let socket = by_http(method, params);
        Box::new(move || read_all(socket))
    });
    others_are_answered_meanwhile(&lab, |method, params| {
        let socket = unix(&lab, "json", json(method, params) + "\n");
        socket.shutdown(Shutdown::Write).expect("nothing more");
        Box::new(move || read_all(socket))
    });
    who_goes_away_is_not_waited_for(&lab, "jsonrpc server", by_http);
    who_goes_away_is_not_waited_for(&lab, "jsonrpc server", |method, params| {
        unix(&lab, "json", json(method, params) + "\n")
    });
}

#[test]
fn the_replies_to_a_batch_keep_their_order_when_one_of_them_waits() {
    let (lab, port) = jsonrpc();
    let phone = Phone::new();
    let uri = format!("sip:phone@{}", phone.addr());
    let wait = json("tm.t_uac_wait", &["OPTIONS", &uri, ".", ".", HEADERS]);
    let silent =
        json("tm.t_uac_wait", &["MESSAGE", &uri, ".", ".", HEADERS]).replace(",\"id\":1", "");
    let print = |text| json("core.prints", &[text]);
    let batch = format!("[{},{silent},{wait},{}]", print("a"), print("b"));
    let socket = tcp(port, post("/rpc", &batch));
    let message = phone.recv();
    assert!(message.starts_with("MESSAGE "), "{message}");
    let request = loop {
        let next = phone.recv();
        if next.starts_with("OPTIONS ") {
            break next;
        }
    };
    phone.send(reply(&request, "486 Busy", "t", ""), lab.setup.addr());
    let answer = read_all(socket);
    let places = ["[{", "\"a\"", "\"Busy\"", "\"b\"", "}]"].map(|text| answer.find(text));
    assert!(places.iter().all(Option::is_some), "{answer}");
    assert!(places.is_sorted(), "{answer}");
}

#[test]
fn over_xmlrpc() {
    let port = free_port_pair();
    let lines = format!("modparam(\"xmlrpc\", \"listen\", \"127.0.0.1:{port}\")");
    let lab = Lab::new(&["tm", "xmlrpc"], &lines);
    let connect = |method: &str, params: &[&str]| {
        let params = params.iter().map(|p| p.replace('<', "&lt;"));
        let params: String = params
            .map(|p| format!("<param><value>{p}</value></param>"))
            .collect();
        let call = format!(
            "<?xml version=\"1.0\"?><methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>"
        );
        tcp(port, post("/RPC2", &call))
    };
    others_are_answered_meanwhile(&lab, |method, params| {
        let socket = connect(method, params);
        Box::new(move || read_all(socket))
    });
    who_goes_away_is_not_waited_for(&lab, "xmlrpc server", connect);
}
