//! What black-box tests share: the built server, its modules, free ports, and process trees that end
//! with the test.

#![allow(dead_code)]

pub mod baresip;
pub mod dns;
pub mod dump;
pub mod lossy;
pub mod player;
pub mod proxy;
pub mod rpc;
pub mod shipped;
pub mod sip;
pub mod sipp;
pub mod tree;

use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
pub use tree::Tree;
#[allow(unused_imports, reason = "not every test looks at titles")]
pub use tree::without_pulse;

/// Longest wait for anything; generous, because many tests run at once.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A file of this repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The server's binary.
pub fn ser() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_ser"))
}

/// Where `libNAME.so` of each module is.
pub fn modules_dir() -> PathBuf {
    let ser = ser();
    ser.parent().expect("a binary is in a folder").to_owned()
}

/// Path of a module for `loadmodule`.
pub fn module(name: &str) -> PathBuf {
    let path = modules_dir().join(format!("lib{name}.so"));
    let built = "cargo build --workspace makes it";
    assert!(path.exists(), "{} is missing: {built}", path.display());
    path
}

/// The `loadmodule` lines of these modules, in that order.
pub fn load(names: &[&str]) -> String {
    let line = |name: &&str| format!("loadmodule \"{}\"\n", module(name).display());
    names.iter().map(line).collect()
}

/// A UDP port of 127.0.0.1 that nobody uses and no other test of this program gets.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + (std::process::id() % 400) as u16 * 100;
    loop {
        let port = start + NEXT.fetch_add(1, Ordering::Relaxed) % 100;
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// Such a port, free for TCP too, as is the next one.
pub fn free_port_pair() -> u16 {
    let free = |port| TcpListener::bind(("127.0.0.1", port)).is_ok();
    loop {
        let (first, second) = (free_port(), free_port());
        if first + 1 == second && free(first) && free(second) {
            return first;
        }
    }
}

/// Waits until `done` says yes; panics with `what` when it does not.
pub fn wait_until(what: &str, done: impl FnMut() -> bool) {
    wait_within(PATIENCE, what, done);
}

/// The same for what takes longer.
pub fn wait_within(patience: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < patience, "waited too long: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// A folder with a config, and the options that every start in a test needs.
pub struct Setup {
    pub dir: TempDir,
    pub port: u16,
}

impl Setup {
    /// A config that drops everything.
    pub fn new() -> Setup {
        Setup::with_config("route {\n    drop;\n}\n")
    }

    /// The given config; the address to listen on comes from the command line.
    pub fn with_config(text: &str) -> Setup {
        let dir = tempfile::tempdir().expect("a folder for the test");
        std::fs::write(dir.path().join("ser.cfg"), text).expect("config is written");
        let port = free_port();
        Setup { dir, port }
    }

    /// A path in the test's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Content of a file of the test's folder; empty if there is none.
    pub fn read(&self, name: &str) -> String {
        let bytes = std::fs::read(self.path(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The address that the command line names.
    pub fn addr(&self) -> (&'static str, u16) {
        ("127.0.0.1", self.port)
    }

    /// The pids of all processes that were started with this setup's config.
    pub fn processes(&self) -> Vec<i32> {
        let config = self.path("ser.cfg");
        let config = config.to_str().expect("a plain name");
        let entries = std::fs::read_dir("/proc").expect("proc is mounted");
        let pids = entries
            .flatten()
            .filter_map(|e| e.file_name().to_str()?.parse().ok());
        let ours = |pid: &i32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(config)
        };
        pids.filter(ours).collect()
    }

    /// The server with config, address, two receivers, and `options`.
    pub fn command(&self, options: &[&str]) -> Command {
        let mut command = Command::new(ser());
        command
            .arg("-f")
            .arg(self.path("ser.cfg"))
            .arg("-l")
            .arg(format!("udp:127.0.0.1:{}", self.port))
            .args(["-n", "2"])
            .args(options)
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub fn output(&self, options: &[&str]) -> Output {
        let start = Instant::now();
        let output = self.command(options).output().expect("the server runs");
        assert!(start.elapsed() < PATIENCE, "{options:?} took too long");
        output
    }

    /// Starts it in the foreground (`options` say so). Returns when the tree stands.
    pub fn foreground(&self, options: &[&str]) -> Foreground {
        self.start(self.command(options))
    }

    /// Runs a command that becomes the server in the foreground; its output goes to the files `out` and
    /// `err`. Returns when the tree stands.
    pub fn start(&self, mut command: Command) -> Foreground {
        let out = File::create(self.path("out")).expect("a file for stdout");
        let err = File::create(self.path("err")).expect("a file for stderr");
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        let child = child.expect("the server starts");
        let tree = Tree::of(child.id() as i32);
        let mut server = Foreground { child, tree };
        wait_until("the tree stands", || {
            let ended = server.child.try_wait().expect("state of the server");
            assert!(ended.is_none(), "ended at once: {}", self.read("err"));
            server.tree.stands()
        });
        server
    }

    /// Starts it as a daemon with pid file `pid`; returns when the launcher has.
    pub fn daemon(&self, options: &[&str]) -> Tree {
        self.launch(self.command(options))
    }

    /// Runs a command that leaves a daemon behind.
    pub fn launch(&self, mut command: Command) -> Tree {
        let pid_file = self.path("pid");
        let err = File::create(self.path("err")).expect("a file for stderr");
        let status = command
            .arg("-P")
            .arg(&pid_file)
            .stdout(Stdio::null())
            .stderr(err)
            .status();
        let status = status.expect("the launcher runs");
        assert!(status.success(), "launcher: {status}: {}", self.read("err"));
        Tree::of(read_pid(&pid_file))
    }
}

/// The number in a pid file.
pub fn read_pid(path: &Path) -> i32 {
    let text = std::fs::read_to_string(path).expect("pid file");
    assert!(text.ends_with('\n'), "{text:?}");
    text.trim().parse().expect("a number")
}

/// A server in the foreground; the whole tree ends with it.
pub struct Foreground {
    child: Child,
    pub tree: Tree,
}

impl Foreground {
    /// Sends a signal to the attendant.
    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        self.tree.signal(signal);
    }

    /// Waits for the attendant's end.
    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the server ends", || {
            status = self.child.try_wait().expect("state of the server");
            status.is_some()
        });
        status.expect("just seen")
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        // Another program may have taken over, which does not end with this process: it is seen now, and ends with the tree.
        self.tree.children();
        // Ended already: nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
