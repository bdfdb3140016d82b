//! A server with a script that answers OPTIONS, and its process tree.

use crate::common::{Foreground, PATIENCE, Setup, load};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The server.
pub struct Lab {
    pub setup: Setup,
    client: UdpSocket,
    pub server: Foreground,
}

impl Lab {
    /// Loads `modules`; `lines` stand before the script. In them `@DIR@` is the folder of the test.
    pub fn new(modules: &[&str], lines: &str) -> Lab {
        let setup = Setup::new();
        let dir = setup.dir.path().to_string_lossy().into_owned();
        let lines = lines.replace("@DIR@", &dir);
        let config = format!(
            "{}{lines}\nroute {{ sl_send_reply(\"200\", \"OK\"); }}\n",
            load(&[&["sl"], modules].concat()),
        );
        std::fs::write(setup.path("ser.cfg"), config).expect("config is written");
        let server = setup.foreground(&["-D", "-D", "-E", "-n", "1"]);
        let client = UdpSocket::bind("127.0.0.1:0").expect("a port");
        client.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Lab {
            setup,
            client,
            server,
        }
    }

    /// A path in the folder of the test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.setup.path(name)
    }

    /// Asks by OPTIONS and waits for the 200.
    pub fn sip_goes_on(&self) {
        let request = "OPTIONS sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1;rport\r\n\
                       From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n";
        let sent = self.client.send_to(request.as_bytes(), self.setup.addr());
        sent.expect("sent");
        let mut buffer = [0; 4096];
        let n = self.client.recv(&mut buffer).expect("an answer");
        assert!(buffer[..n].starts_with(b"SIP/2.0 200 OK"), "another answer");
    }

    /// Runs a shell script in the folder of the test; what it wrote to stdout.
    pub fn shell(&self, script: &str) -> String {
        let output = Command::new("timeout")
            .args(["30", "sh", "-c", script])
            .current_dir(self.setup.dir.path())
            .stdin(Stdio::null())
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{script}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a Python program in the folder of the test with words after its name; its output, or why it failed.
    pub fn python(&self, program: &str, words: &[&str]) -> String {
        let output = Command::new("timeout")
            .args(["60", "python3", "-c", program])
            .args(words)
            .current_dir(self.setup.dir.path())
            .output()
            .expect("python3 runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The log so far.
    pub fn log(&self) -> String {
        self.setup.read("err")
    }
}
