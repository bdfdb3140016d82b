//! The config that is shipped, as it is but for the port and the socket of remote control.

use super::{Setup, free_port, repository, ser};
use std::process::Command;

/// The shipped ser.cfg, listening on another port of 127.0.0.1.
pub fn on_port(port: u16) -> String {
    at("127.0.0.1", port)
}

/// The same at another address, IPv6 in brackets.
fn at(ip: &str, port: u16) -> String {
    let text = std::fs::read_to_string(repository("ser.cfg")).expect("ser.cfg is shipped");
    let listen = "listen=udp:127.0.0.1:5060\n";
    assert_eq!(text.matches(listen).count(), 1, "ser.cfg listens once");
    let text = text.replace(listen, &format!("listen=udp:{ip}:{port}\n"));
    // Servers of other tests have the usual one.
    let behind = "modparam(\"usrloc\", \"db_mode\", 0)";
    assert_eq!(text.matches(behind).count(), 1, "ser.cfg sets db_mode once");
    let socket = format!("modparam(\"ctl\", \"binrpc\", \"unixs:/tmp/ser_ctl_{port}\")\n{behind}");
    text.replace(behind, &socket)
}

impl Setup {
    /// With the shipped config.
    pub fn shipped() -> Setup {
        Setup::shipped_at("127.0.0.1")
    }

    /// With the shipped config at another address, IPv6 in brackets.
    pub fn shipped_at(ip: &str) -> Setup {
        let dir = tempfile::tempdir().expect("a folder for the test");
        let port = free_port();
        std::fs::write(dir.path().join("ser.cfg"), at(ip, port)).expect("config is written");
        Setup { dir, port }
    }

    /// The server as the config says, nothing overridden.
    pub fn as_configured(&self, options: &[&str]) -> Command {
        let mut command = Command::new(ser());
        command.arg("-f").arg(self.path("ser.cfg")).args(options);
        command
    }
}
