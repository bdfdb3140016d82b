//! Module ctl against clients that break the rules, and a crowd of them; SIP goes on meanwhile.

use crate::common::{PATIENCE, Setup, free_port_pair, load, wait_until};
use crate::lab::Lab;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::time::Duration;

const COOKIE: [u8; 4] = [0x11, 0x22, 0x33, 0x44];

struct Ctl {
    lab: Lab,
    port: u16,
}

fn ctl() -> Ctl {
    let port = free_port_pair();
    let lines = format!(
        "modparam(\"ctl\", \"binrpc\", \"unixs:@DIR@/ctl\")\nmodparam(\"ctl\", \"binrpc\", \"tcp:127.0.0.1:{port}\")\n\
         modparam(\"ctl\", \"binrpc\", \"udp:127.0.0.1:{port}\")\nmodparam(\"ctl\", \"fifo\", \"unixs:@DIR@/line\")\n\
         route[1] {{ save(\"location\"); }}"
    );
    let lab = Lab::new(&["usrloc", "registrar", "ctl"], &lines);
    Ctl { lab, port }
}

fn string(text: &str) -> Vec<u8> {
    let length = text.len() + 1;
    let first = match length {
        0..8 => vec![(length as u8) << 4 | 1],
        _ => vec![0xa1, (length >> 8) as u8, length as u8],
    };
    [&first, text.as_bytes(), b"\0"].concat()
}

/// A request with that body.
fn request(body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16).to_be_bytes();
    [&[0xa1, 0x07], &length[..], &COOKIE, body].concat()
}

/// A request of that method with strings as parameters.
pub fn call(method: &str, params: &[&str]) -> Vec<u8> {
    let mut body = string(method);
    params.iter().for_each(|p| body.extend(string(p)));
    request(&body)
}

/// Kind and body of a packet.
pub fn read_packet(from: &mut impl Read) -> (u8, Vec<u8>) {
    let mut first = [0; 2];
    from.read_exact(&mut first).expect("a packet");
    assert_eq!(first[0], 0xa1, "magic and version");
    let length_bytes = usize::from(first[1] >> 2 & 3) + 1;
    let cookie_bytes = usize::from(first[1] & 3) + 1;
    let mut rest = vec![0; length_bytes + cookie_bytes];
    from.read_exact(&mut rest).expect("the header");
    let length = rest[..length_bytes].iter();
    let length = length.fold(0, |n, b| n << 8 | usize::from(*b));
    let mut body = vec![0; length];
    from.read_exact(&mut body).expect("the body");
    (first[1] >> 4, body)
}

fn holds(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|w| w == text.as_bytes())
}

/// Registers so many contacts, for long replies; `ctl` speaks BINRPC.
pub fn fill(ctl: &mut UnixStream, contacts: u32) {
    for i in 0..contacts {
        let uid = format!("u{i}");
        let add = ["location", &uid, "sip:u@h", "1000", "0.5", "0"];
        ctl.write_all(&call("usrloc.add_contact", &add))
            .expect("sent");
        assert_eq!(read_packet(ctl).0, 1);
    }
}

impl Ctl {
    fn unix(&self) -> UnixStream {
        let socket = UnixStream::connect(self.lab.path("ctl")).expect("ctl listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        socket
    }

    /// A good client is answered.
    fn goes_on(&self) {
        let mut client = self.unix();
        client
            .write_all(&call("core.prints", &["x"]))
            .expect("sent");
        assert_eq!(read_packet(&mut client), (1, string("x")));
        self.lab.sip_goes_on();
    }
}

#[test]
fn packets_that_are_none_get_a_fault_and_the_end() {
    let ctl = ctl();
    for packet in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        vec![0xb1, 0x03, 1, 0, 0, 0, 0, 0],
        vec![0xa2, 0x03, 1, 0, 0, 0, 0, 0],
        vec![0xa1, 0x73, 1, 0, 0, 0, 0, 0],
        [&[0xa1, 0x0c, 0x7f, 0xff, 0xff, 0xff, 0x01][..], &[0; 100]].concat(),
        vec![0; 1000],
    ] {
        let mut client = ctl.unix();
        // It may be closed before all is sent.
        let _ = client.write_all(&packet);
        let (kind, body) = read_packet(&mut client);
        assert_eq!(kind, 3, "{packet:?}");
        assert!(holds(&body, "bad request: "), "{packet:?}");
        let mut more = Vec::new();
        let ended = client.read_to_end(&mut more);
        let reset = |e: &std::io::Error| e.kind() == ErrorKind::ConnectionReset;
        assert!(ended.as_ref().is_ok_and(|n| *n == 0) || ended.as_ref().is_err_and(reset));
    }
    ctl.goes_on();
}

#[test]
fn wrong_methods_and_parameters_get_a_fault_and_the_connection_goes_on() {
    let ctl = ctl();
    let mut client = ctl.unix();
    let int = [0x10, 0x05];
    for (packet, reason) in [
        (call("core.nosuch", &[]), "command core.nosuch not found"),
        (call("", &[]), "command  not found"),
        (
            request(&int),
            "bad request method: record doesn't match type",
        ),
        (
            request(&[]),
            "bad request method: end of packet encountered",
        ),
        (
            request(&[0xc1, 0xff, 0xff, 0xff, 0xff]),
            "bad request method: ",
        ),
        (
            request(&[0x71, b'a', b'b']),
            "bad request method: more data needed",
        ),
        (
            call("core.prints", &[]),
            "error at parameter 0: expected string type but end of packet",
        ),
        (
            request(&[&string("core.prints")[..], &[0x03, 0x83]].concat()),
            "error at parameter 0: expected string type but record doesn't match type",
        ),
        (
            request(&[&string("core.prints")[..], &[0x0f]].concat()),
            "error at parameter 0: expected string type but bad record",
        ),
        (
            call("core.kill", &["nine"]),
            "error at parameter 0: expected integer type",
        ),
    ] {
        client.write_all(&packet).expect("sent");
        let (kind, body) = read_packet(&mut client);
        assert_eq!(kind, 3, "{reason}");
        assert!(
            holds(&body, reason),
            "{reason}: {}",
            String::from_utf8_lossy(&body)
        );
    }
    client
        .write_all(&call("core.prints", &["x"]))
        .expect("sent");
    assert_eq!(read_packet(&mut client), (1, string("x")));
    ctl.goes_on();
}

#[test]
fn a_packet_in_pieces_is_put_together_and_half_a_packet_holds_nobody() {
    let ctl = ctl();
    let mut half = ctl.unix();
    half.write_all(&call("core.prints", &["half"])[..9])
        .expect("sent");
    let mut slow = ctl.unix();
    for byte in call("core.prints", &["slow"]) {
        slow.write_all(&[byte]).expect("sent");
    }
    assert_eq!(read_packet(&mut slow), (1, string("slow")));
    ctl.goes_on();
    drop(half);
    ctl.goes_on();
}

#[test]
fn datagrams_that_are_no_packets_are_answered_with_a_fault() {
    let ctl = ctl();
    let client = UdpSocket::bind("127.0.0.1:0").expect("a port");
    client.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    client.connect(("127.0.0.1", ctl.port)).expect("connected");
    let good = call("core.prints", &["x"]);
    let longer = [&good[..], b"more"].concat();
    for packet in [
        &b"hello"[..],
        &good[..7],
        &good[..good.len() - 1],
        &longer,
        &[0; 60_000],
        &[],
    ] {
        client.send(packet).expect("sent");
        let mut buffer = vec![0; 65_536];
        let length = client.recv(&mut buffer).expect("a fault");
        let (kind, body) = read_packet(&mut &buffer[..length]);
        assert_eq!(kind, 3);
        assert!(holds(&body, "bad request: "));
    }
    ctl.goes_on();
}

#[test]
fn a_client_that_reads_nothing_holds_nobody() {
    let ctl = ctl();
    fill(&mut ctl.unix(), 2000);
    let mut lazy: Vec<UnixStream> = (0..5).map(|_| ctl.unix()).collect();
    for client in &mut lazy {
        client.set_nonblocking(true).expect("set");
        // As many as the socket takes.
        for _ in 0..200 {
            if client.write_all(&call("usrloc.dump", &[])).is_err() {
                break;
            }
        }
    }
    let mut line = UnixStream::connect(ctl.lab.path("line")).expect("ctl listens");
    line.write_all(b":usrloc.dump:\n\n").expect("sent");
    ctl.goes_on();
    ctl.lab.sip_goes_on();
}

#[test]
fn requests_that_were_sent_ahead_are_all_answered() {
    let ctl = ctl();
    fill(&mut ctl.unix(), 2000);
    let mut client = ctl.unix();
    let ahead: Vec<u8> = (0..20).flat_map(|_| call("usrloc.dump", &[])).collect();
    client.write_all(&ahead).expect("sent");
    for _ in 0..20 {
        let (kind, body) = read_packet(&mut client);
        assert!(kind == 1 && body.len() > 200_000, "{kind} {}", body.len());
    }
    ctl.goes_on();
}

#[test]
fn two_hundred_clients_at_once_are_answered_or_turned_away() {
    let ctl = ctl();
    let open = |_| TcpStream::connect(("127.0.0.1", ctl.port)).expect("ctl listens");
    let mut crowd: Vec<TcpStream> = (0..200).map(open).collect();
    let mut answered = 0;
    for client in &mut crowd {
        client.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let sent = client.write_all(&call("core.prints", &["x"]));
        let mut first = [0];
        if sent.is_ok() && client.read(&mut first).is_ok_and(|n| n == 1) {
            answered += 1;
        }
    }
    assert_eq!(answered, 128, "so many are let in");
    ctl.lab.sip_goes_on();
    drop(crowd);
    wait_until("the crowd has gone", || {
        let mut client = ctl.unix();
        client
            .set_read_timeout(Some(Duration::from_secs(5)))
            .expect("a timeout");
        let sent = client.write_all(&call("core.prints", &["x"]));
        sent.is_ok() && client.read(&mut [0]).is_ok_and(|n| n == 1)
    });
    ctl.goes_on();
}

#[test]
fn random_bytes_end_nothing_but_their_connection() {
    let ctl = ctl();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    for round in 0..200 {
        let mut packet = call("core.prints", &["some text"]);
        let at = usize::from(random()) % packet.len();
        packet[at] = random();
        if round % 3 == 0 {
            packet.truncate(at);
        }
        let socket = if round % 2 == 0 { "ctl" } else { "line" };
        let mut client = UnixStream::connect(ctl.lab.path(socket)).expect("ctl listens");
        // It may be closed before all is sent.
        let _ = client.write_all(&packet);
    }
    ctl.goes_on();
}

#[test]
fn parameters_that_cannot_work_are_refused() {
    for (param, text) in [
        ("\"mode\", 70000", "parameter mode: not a mode"),
        ("\"mode\", -1", "parameter mode: not a mode"),
        ("\"user\", \"nobody-of-that-name\"", "there is no user"),
        ("\"binrpc\", \"tcp:h:0\"", "is no port"),
    ] {
        let load = load(&["ctl"]);
        let config = format!(
            "{load}modparam(\"ctl\", {param})\nmodparam(\"ctl\", \"binrpc\", \"/nowhere/ctl\")\nroute {{ drop; }}\n"
        );
        let output = Setup::with_config(&config).output(&["-D", "-D", "-E"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(255), "{said}");
        assert!(said.contains(text), "{param}: {said}");
    }
}
