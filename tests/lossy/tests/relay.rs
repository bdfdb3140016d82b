//! The relay seen from outside: real sockets on both sides.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running relay; it ends with the test.
struct Relay {
    child: Child,
    out: BufReader<ChildStdout>,
    listen: SocketAddr,
}

impl Relay {
    fn start(target: SocketAddr, options: &[&str]) -> Relay {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lossy"))
            .args([
                "--link",
                &format!("127.0.0.1:0={target}"),
                "--seconds",
                "30",
            ])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the relay starts");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("its address");
        let address = line.split('"').nth(3).expect("an address in quotes");
        let listen = address.parse().expect("an address");
        Relay { child, out, listen }
    }

    /// Ends it; what it says about the two directions.
    fn end(mut self) -> [BTreeMap<String, u64>; 2] {
        let term = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(term.expect("kill").success());
        assert!(self.child.wait().expect("its end").success());
        let mut text = String::new();
        self.out.read_to_string(&mut text).expect("its report");
        ["to_target", "to_client"].map(|way| numbers(&text, way))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Ended already: nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The numbers in the object behind a name.
fn numbers(json: &str, name: &str) -> BTreeMap<String, u64> {
    let (_, rest) = json.split_once(&format!("\"{name}\": {{")).expect(name);
    let (body, _) = rest.split_once('}').expect("an object");
    let pairs = body.split(", ").map(|pair| {
        let (key, value) = pair.split_once(": ").expect("a pair");
        (
            key.trim_matches('"').to_owned(),
            value.parse().expect("a number"),
        )
    });
    pairs.collect()
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a limit");
    socket
}

/// How far the sender may be ahead of what the server has seen: no receive buffer is so small.
const AHEAD: u32 = 100;

/// Sends numbers to the relay while the server takes what comes of them; it has all come when the server hears
/// nothing for a while.
fn send(to: SocketAddr, count: u32, server: &UdpSocket) -> Vec<u32> {
    let seen = Arc::new(AtomicU32::new(0));
    let last = seen.clone();
    let sender = std::thread::spawn(move || {
        let client = socket();
        for number in 0..count {
            while number > last.load(Ordering::Relaxed) + AHEAD {
                std::thread::sleep(Duration::from_millis(1));
            }
            let text = number.to_string();
            client.send_to(text.as_bytes(), to).expect("sent");
        }
    });
    let silence = Duration::from_secs(2);
    server.set_read_timeout(Some(silence)).expect("a limit");
    let mut room = [0; 64];
    let got = std::iter::from_fn(|| {
        let (length, _) = server.recv_from(&mut room).ok()?;
        let text = std::str::from_utf8(&room[..length]).expect("a number");
        let number = text.parse().expect("a number");
        seen.fetch_max(number, Ordering::Relaxed);
        Some(number)
    })
    .collect();
    sender.join().expect("all sent");
    got
}

#[test]
fn a_good_network_brings_every_client_its_own_answers() {
    let server = socket();
    let relay = Relay::start(server.local_addr().unwrap(), &[]);
    let clients: Vec<_> = (0..40).map(|_| socket()).collect();
    for client in &clients {
        let own = client.local_addr().unwrap().to_string();
        client.send_to(own.as_bytes(), relay.listen).unwrap();
    }
    let mut room = [0; 64];
    for _ in &clients {
        let (length, source) = server.recv_from(&mut room).unwrap();
        server.send_to(&room[..length], source).unwrap();
    }
    for client in &clients {
        let (length, source) = client.recv_from(&mut room).unwrap();
        let own = client.local_addr().unwrap().to_string();
        assert_eq!((&room[..length], source), (own.as_bytes(), relay.listen));
    }
    for way in relay.end() {
        assert_eq!((way["received"], way["sent"], way["dropped"]), (40, 40, 0));
    }
}

#[test]
fn what_is_lost_doubled_and_late_is_what_the_report_says() {
    let server = socket();
    let options = [
        "--drop",
        "10",
        "--duplicate",
        "10",
        "--reorder",
        "20",
        "--seed",
        "5",
    ];
    let relay = Relay::start(server.local_addr().unwrap(), &options);
    let got = send(relay.listen, 1000, &server);
    let [way, back] = relay.end();
    assert_eq!(way["received"], 1000);
    assert_eq!(way["sent"], got.len() as u64);
    let different: std::collections::BTreeSet<_> = got.iter().collect();
    assert_eq!(different.len() as u64, 1000 - way["dropped"]);
    assert_eq!(got.len() - different.len(), way["duplicated"] as usize);
    assert!(way["reordered"] > 0 && got.windows(2).any(|two| two[0] > two[1]));
    assert!((50..150).contains(&way["dropped"]), "{way:?}");
    assert_eq!((back["received"], back["sent"]), (0, 0));
}

#[test]
fn a_seed_loses_the_same_datagrams_again() {
    let lost = || {
        let server = socket();
        let relay = Relay::start(
            server.local_addr().unwrap(),
            &["--drop", "30", "--seed", "9"],
        );
        send(relay.listen, 200, &server)
    };
    let once = lost();
    assert!(once.len() < 200);
    assert_eq!(once, lost());
}

#[test]
fn a_wrong_option_is_an_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_lossy"))
        .args(["--link", "127.0.0.1:0=127.0.0.1:9", "--drop", "200"])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("between 0 and 100"), "{text}");
}
