//! baresip (Debian package baresip-core), a phone without a screen: it reads commands from a UDP port and
//! tells in its log what happens. Its audio is a file of silence.

use super::{free_port, free_port_pair, wait_until};
use std::fs::File;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A running phone; it ends with the test.
pub struct Phone {
    child: Child,
    dir: TempDir,
    console: UdpSocket,
}

impl Phone {
    /// Starts a phone at 127.0.0.1 with one line of baresip's `accounts`.
    pub fn start(account: &str) -> Phone {
        Phone::start_at("127.0.0.1", account)
    }

    /// Starts one at another address of loopback.
    pub fn start_at(ip: &str, account: &str) -> Phone {
        let dir = tempfile::tempdir().expect("a folder for the phone");
        let console_port = free_port();
        write_silence(&dir.path().join("silence.wav"));
        write(&dir, "accounts", &format!("{account}\n"));
        write(&dir, "contacts", "");
        write(&dir, "config", &config(dir.path(), ip, console_port));
        let log = File::create(dir.path().join("log")).expect("a file for the log");
        let child = Command::new("baresip")
            .arg("-f")
            .arg(dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("baresip runs (Debian package baresip-core)");
        let console = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        console
            .connect(("127.0.0.1", console_port))
            .expect("loopback has addresses");
        Phone {
            child,
            dir,
            console,
        }
    }

    /// Types a command.
    pub fn type_in(&self, command: &str) {
        let sent = self.console.send(format!("{command}\n").as_bytes());
        sent.expect("the phone listens");
    }

    /// Waits until the log has the text.
    pub fn says(&self, text: &str) {
        wait_until(&format!("{text} in {}", self.log()), || {
            self.log().contains(text)
        });
    }

    /// What it has told up to now.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.dir.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("a phone's log:\n{}", self.log());
        }
        // Ended already: nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write(dir: &TempDir, name: &str, text: &str) {
    std::fs::write(dir.path().join(name), text).expect("the phone's files are written");
}

/// SIP is also listened for over TCP, and over TLS on the next port. Of the ports for RTP, which are below those of
/// `free_port`, it takes one that is free.
fn config(dir: &Path, ip: &str, console_port: u16) -> String {
    let silence = dir.join("silence.wav");
    let silence = silence.display();
    let heard = dir.join("heard.wav");
    let heard = heard.display();
    let (host, v6) = match ip.contains(':') {
        true => (format!("[{ip}]"), "yes"),
        false => (ip.to_owned(), "no"),
    };
    format!(
        "sip_listen {host}:{}
net_interface {ip}
net_prefer_ipv6 {v6}
rtp_ports 10000-19998
audio_source aufile,{silence}
audio_player aufile,{heard}
audio_alert aufile,{heard}
cons_listen 127.0.0.1:{console_port}
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module_app account.so
module_app menu.so
module cons.so
",
        free_port_pair(),
    )
}

/// Two minutes of nothing, 8 kHz, 16 bits, mono.
fn write_silence(path: &Path) {
    const RATE: u32 = 8000;
    const BYTES: u32 = 120 * RATE * 2;
    let mut wav = Vec::with_capacity(44 + BYTES as usize);
    wav.extend(b"RIFF");
    wav.extend((36 + BYTES).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16u32.to_le_bytes());
    wav.extend([1, 0, 1, 0]);
    wav.extend(RATE.to_le_bytes());
    wav.extend((RATE * 2).to_le_bytes());
    wav.extend([2, 0, 16, 0]);
    wav.extend(b"data");
    wav.extend(BYTES.to_le_bytes());
    wav.resize(44 + BYTES as usize, 0);
    std::fs::write(path, wav).expect("the phone's audio is written");
}
