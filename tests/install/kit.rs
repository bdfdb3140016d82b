//! What the tests of this folder share: installations of their own, and phones.

use crate::common::{Foreground, PATIENCE, Setup, modules_dir, repository};
use nix::sys::signal::Signal;
use std::net::UdpSocket;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// A script of the repository with this build, and nothing in its environment that would help it.
pub fn script(name: &str) -> Command {
    let mut command = Command::new(repository("scripts").join(name));
    command
        .env("BUILD", modules_dir())
        .env_remove("LD_LIBRARY_PATH");
    command
}

/// The server of an installation as an init system would start it.
pub fn installed(prefix: &Path) -> Command {
    let mut command = Command::new(prefix.join("sbin/ser"));
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    command.env_clear().env("PATH", path);
    command
}

pub fn run(mut command: Command) -> Output {
    let output = command.output().expect("the command runs");
    assert!(output.status.success(), "{command:?}: {output:?}");
    output
}

pub fn install(prefix: &Path) -> Output {
    let mut command = script("install");
    command.env("PREFIX", prefix).env_remove("DESTDIR");
    run(command)
}

/// An installation that is made quickly: from one that all tests share, with its libraries and modules.
pub fn install_quickly(prefix: &Path) {
    static MASTER: OnceLock<PathBuf> = OnceLock::new();
    let master = MASTER.get_or_init(|| {
        let prefix = Path::new(env!("CARGO_TARGET_TMPDIR")).join("installation");
        install(&prefix);
        prefix
    });
    for folder in ["sbin", "etc", "lib/systemd"] {
        copy(&master.join(folder), &prefix.join(folder), master, prefix);
    }
    symlink(master.join("lib/ser"), prefix.join("lib/ser")).unwrap();
}

/// Copies a folder; files that name the one prefix then name the other.
fn copy(from: &Path, to: &Path, old: &Path, new: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to, old, new);
            continue;
        }
        std::fs::copy(&from, &to).unwrap();
        if let Ok(text) = std::fs::read_to_string(&from) {
            let [old, new] = [old, new].map(|path| path.to_str().unwrap());
            std::fs::write(&to, text.replace(old, new)).unwrap();
        }
    }
}

/// Status line of the answer to a REGISTER.
pub fn register(port: u16) -> String {
    let phone = UdpSocket::bind("127.0.0.1:0").unwrap();
    phone.set_read_timeout(Some(PATIENCE)).unwrap();
    let own = phone.local_addr().unwrap();
    let request = format!(
        "REGISTER sip:127.0.0.1:{port} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {own};branch=z9hG4bK1\r\n\
         From: <sip:alice@127.0.0.1:{port}>;tag=1\r\n\
         To: <sip:alice@127.0.0.1:{port}>\r\n\
         Call-ID: 1@{own}\r\n\
         CSeq: 1 REGISTER\r\n\
         Contact: <sip:alice@{own}>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    let to = ("127.0.0.1", port);
    phone.send_to(request.as_bytes(), to).unwrap();
    let mut answer = [0; 4096];
    let length = phone.recv(&mut answer).expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..length]);
    answer.lines().next().unwrap_or_default().to_owned()
}

pub fn ends_well(setup: &Setup, mut server: Foreground) {
    server.signal(Signal::SIGINT);
    let status = server.wait();
    assert_eq!(status.code(), Some(0), "{}", setup.read("err"));
    server.tree.wait_gone();
}
