//! A running server with one receiver, a client and a next hop, each on a socket of its own.

use crate::common::{Foreground, PATIENCE, Setup, module, rpc};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// The server and the two ends.
pub struct Scene {
    pub setup: Setup,
    /// Where module ctl is to listen.
    rpc: PathBuf,
    // Keeps that folder.
    _folder: TempDir,
    pub client: UdpSocket,
    pub next_hop: UdpSocket,
    server: Foreground,
}

/// `loadmodule` lines.
pub fn load(modules: &[&str]) -> String {
    let line = |name: &&str| format!("loadmodule \"{}\"\n", module(name).display());
    modules.iter().map(line).collect()
}

/// A socket of 127.0.0.1.
fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket
}

impl Scene {
    /// Loads `modules` and runs `script`: what follows the `loadmodule` lines. In it `@NEXT@` is the
    /// next hop as `"127.0.0.1", PORT`, `@RPC@` a path for module ctl.
    pub fn new(modules: &[&str], script: &str) -> Scene {
        let next_hop = socket();
        let next = format!("\"127.0.0.1\", {}", port_of(&next_hop));
        let folder = tempfile::tempdir().expect("a folder");
        let rpc = folder.path().join("rpc");
        let script = script.replace("@NEXT@", &next);
        let script = script.replace("@RPC@", &rpc.to_string_lossy());
        let config = format!("check_via=no\nsip_warning=no\n{}{script}\n", load(modules));
        let setup = Setup::with_config(&config);
        let server = setup.foreground(&["-D", "-D", "-E", "-n", "1"]);
        Scene {
            setup,
            rpc,
            _folder: folder,
            client: socket(),
            next_hop,
            server,
        }
    }

    /// The server's address.
    pub fn server(&self) -> String {
        format!("127.0.0.1:{}", self.setup.port)
    }

    /// Sends a request with the usual headers; `more` are further header lines, an empty line and a
    /// body may follow. Line ends are written as `\n`.
    pub fn send(&self, method: &str, uri: &str, more: &str) {
        let uri = uri.replace("@ME@", &self.server());
        let more = more.replace("@ME@", &self.server());
        let to = if more.contains("\nTo:") || more.starts_with("To:") {
            String::new()
        } else {
            "To: <sip:bob@b.org>\n".to_owned()
        };
        let (head, body) = more.split_once("\n\n").unwrap_or((more.trim_end(), ""));
        let head = if head.is_empty() {
            String::new()
        } else {
            format!("{head}\n")
        };
        let text = format!(
            "{method} {uri} SIP/2.0\nVia: SIP/2.0/UDP {};branch=z9hG4bK{n};rport\n\
             From: \"Alice\" <sip:alice@a.org>;tag=ft\n{to}Call-ID: c{n}@test\nCSeq: 7 {method}\n\
             {head}Content-Length: {}\n\n{body}",
            self.client.local_addr().expect("bound"),
            body.replace('\n', "\r\n").len(),
            n = next_number(),
        );
        self.send_raw(&text.replace('\n', "\r\n"));
    }

    /// Sends bytes as they are.
    pub fn send_raw(&self, text: &str) {
        let sent = self.client.send_to(text.as_bytes(), self.server());
        assert_eq!(sent.expect("it is sent"), text.len());
    }

    /// The answer to a request.
    pub fn ask(&self, method: &str, uri: &str, more: &str) -> Message {
        self.send(method, uri, more);
        receive(&self.client)
    }

    /// What the next hop gets of a request.
    pub fn relay(&self, method: &str, uri: &str, more: &str) -> Message {
        self.send(method, uri, more);
        receive(&self.next_hop)
    }

    /// Stops the server and waits for its end; what it left.
    pub fn stop(self) -> Setup {
        let Scene {
            setup, mut server, ..
        } = self;
        server.signal(nix::sys::signal::Signal::SIGTERM);
        server.wait();
        setup
    }

    /// Calls an RPC method by the text protocol of module ctl, whose socket the script has put at `@RPC@`;
    /// the lines of the answer.
    pub fn rpc(&self, method: &str, params: &[&str]) -> Vec<String> {
        rpc::call(&self.rpc, method, params)
    }

    /// The log so far.
    pub fn log(&self) -> String {
        self.setup.read("err")
    }
}

fn next_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub fn port_of(socket: &UdpSocket) -> u16 {
    socket.local_addr().expect("bound").port()
}

/// The next message on a socket.
pub fn receive(socket: &UdpSocket) -> Message {
    let mut buffer = [0; 65536];
    let length = socket.recv(&mut buffer).expect("a message comes");
    Message(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

/// A message as text.
#[derive(Debug)]
pub struct Message(pub String);

impl Message {
    /// The first line.
    pub fn first(&self) -> &str {
        self.0.split("\r\n").next().unwrap_or("")
    }
    /// The status line without the version.
    pub fn status(&self) -> &str {
        self.first().strip_prefix("SIP/2.0 ").unwrap_or("")
    }
    /// The Request-URI.
    pub fn uri(&self) -> &str {
        self.first().split(' ').nth(1).unwrap_or("")
    }
    /// The bodies of all headers of that name, as they stand behind colon and blank.
    pub fn all(&self, name: &str) -> Vec<&str> {
        let head = self.0.split("\r\n\r\n").next().unwrap_or("");
        let lines = head.split("\r\n").skip(1);
        let with_name = lines.filter_map(|line| line.split_once(':'));
        let same = with_name.filter(|(n, _)| n.eq_ignore_ascii_case(name));
        same.map(|(_, body)| body.strip_prefix(' ').unwrap_or(body))
            .collect()
    }
    /// The body of the only header of that name; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} stands several times: {}", self.0);
        all.first().copied().unwrap_or("")
    }
}
