//! The stateful proxy under test: ours, or Debian's kamailio when the variable PROXY says so, which proves a test.

use super::dump::Dump;
use super::lossy::numbers;
use super::{Foreground, Setup, modules_dir, repository, rpc, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::process::{Child, Command, Stdio};

/// A running proxy; it ends with the test.
pub struct Proxy {
    pub setup: Setup,
    process: Process,
}

enum Process {
    Ser(Foreground),
    Kamailio(Child),
}

impl Proxy {
    /// Starts it with the script `tests/sipp/proxy/route.cfg`, in which `@NAME@` is replaced for each pair (NAME,
    /// value), and two receivers.
    pub fn start(values: &[(&str, &str)]) -> Proxy {
        let kamailio = std::env::var("PROXY").is_ok_and(|name| name == "kamailio");
        let setup = Setup::with_config("");
        let name = if kamailio { "kamailio" } else { "ser" };
        std::fs::write(setup.path("ser.cfg"), config(name, &setup, values)).expect("a config");
        let process = if kamailio {
            Process::Kamailio(start_kamailio(&setup))
        } else {
            Process::Ser(setup.foreground(&["-D", "-D", "-E"]))
        };
        Proxy { setup, process }
    }

    /// Its UDP port.
    pub fn port(&self) -> u16 {
        self.setup.port
    }

    /// Whether it is not kamailio.
    pub fn is_ours(&self) -> bool {
        matches!(self.process, Process::Ser(_))
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.setup.read("err")
    }

    /// The first line in which ours complains: it logs nothing but errors here, and what SIGUSR1 asks for.
    pub fn complaint(&self) -> Option<String> {
        match &self.process {
            Process::Ser(_) => self
                .log()
                .lines()
                .find(|line| !is_status(line))
                .map(str::to_owned),
            Process::Kamailio(_) => None,
        }
    }

    /// How many transactions it has (RPC `tm.stats`).
    pub fn transactions(&self) -> u64 {
        match &self.process {
            Process::Ser(_) => {
                let text = rpc::call(&self.setup.path("ctl"), "tm.stats", &[]).join("\n");
                let current = numbers(&text, "current:");
                *current
                    .first()
                    .unwrap_or_else(|| panic!("no current in {text}"))
            }
            Process::Kamailio(_) => kamcmd(&self.setup, "tm.stats", "current"),
        }
    }

    /// Bytes of shared memory in use.
    pub fn shm_used(&self) -> u64 {
        match &self.process {
            Process::Ser(server) => Dump::of(&self.setup, server).value("used+overhead"),
            Process::Kamailio(_) => kamcmd(&self.setup, "core.shmmem", "used"),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Process::Kamailio(child) = &mut self.process {
            // Asked to, it ends its children; it may have ended already.
            let _ = kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM);
            let _ = child.wait();
        }
    }
}

fn config(name: &str, setup: &Setup, values: &[(&str, &str)]) -> String {
    let read = |file: &str| {
        let path = repository("tests/sipp/proxy").join(file);
        std::fs::read_to_string(path).expect("a config of the tests")
    };
    let mut text = read(&format!("{name}.cfg")) + &read("route.cfg");
    let modules = modules_dir().display().to_string();
    let dir = setup.dir.path().display().to_string();
    let own = [("MODULES", modules.as_str()), ("DIR", dir.as_str())];
    for (mark, value) in own.iter().chain(values) {
        text = text.replace(&format!("@{mark}@"), value);
    }
    text
}

fn start_kamailio(setup: &Setup) -> Child {
    let dir = setup.dir.path();
    let err = File::create(setup.path("err")).expect("a file for stderr");
    let mut child = Command::new("kamailio")
        .args(["-DD", "-E", "-m", "256", "-n", "2", "-l"])
        .arg(format!("udp:127.0.0.1:{}", setup.port))
        .args(["-x", "fm", "-X", "fm", "-f"])
        .arg(setup.path("ser.cfg"))
        .arg("-Y")
        .arg(dir)
        .arg("-P")
        .arg(setup.path("pid"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(err)
        .spawn()
        .expect("kamailio starts (Debian package kamailio)");
    wait_until("kamailio answers", || {
        let ended = child.try_wait().expect("state of kamailio");
        assert!(ended.is_none(), "ended at once: {}", setup.read("err"));
        ask_kamailio(setup, "core.version").is_some()
    });
    child
}

/// What kamailio answers to an RPC; `None` while it does not.
fn ask_kamailio(setup: &Setup, method: &str) -> Option<String> {
    let output = Command::new("kamcmd")
        .arg("-s")
        .arg(format!("unix:{}", setup.path("ctl").display()))
        .arg(method)
        .output()
        .expect("kamcmd runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(text)
}

/// A number in its answer.
fn kamcmd(setup: &Setup, method: &str, name: &str) -> u64 {
    let text = ask_kamailio(setup, method).expect("kamailio answers");
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
    let number = line.and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("no {name} in {text}"))
}

/// Whether a line of the log belongs to the answer to SIGUSR1.
fn is_status(line: &str) -> bool {
    let text = line.split_once(") ").map_or(line, |(_, text)| text);
    text.starts_with(' ') || text == "Statistics:" || text.starts_with("Memory status")
}
