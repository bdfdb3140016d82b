//! A server whose script does on request what no script should do.

use crate::common::dump::Dump;
use crate::common::sip::{Phone, first_line};
use crate::common::{Foreground, Setup, load, rpc, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The server.
pub struct Lab {
    pub setup: Setup,
    pub server: Foreground,
}

impl Lab {
    /// With one receiver, so that it is known who has a message; `text` stands behind the `loadmodule` lines.
    pub fn new(text: &str) -> Lab {
        Lab::with_receivers(1, text)
    }

    /// With so many receivers.
    pub fn with_receivers(receivers: usize, text: &str) -> Lab {
        let setup = Setup::new();
        let modules = load(&["sl", "tm", "textops", "xlog", "ctl", "testmod"]);
        let ctl = setup.path("ctl");
        let config = format!(
            "{modules}modparam(\"ctl\", \"fifo\", \"unixs:{}\")\n{text}",
            ctl.display()
        );
        std::fs::write(setup.path("ser.cfg"), config).expect("config is written");
        let cwd = setup.dir.path().to_str().expect("a plain name").to_owned();
        let receivers = receivers.to_string();
        let server = setup.foreground(&["-D", "-D", "-E", "-n", &receivers, "-w", &cwd]);
        Lab { setup, server }
    }

    /// Where it listens.
    pub fn addr(&self) -> (&'static str, u16) {
        self.setup.addr()
    }

    /// The number of the line of ser.cfg that holds `text`.
    pub fn line(&self, text: &str) -> usize {
        let config = self.setup.read("ser.cfg");
        let lines = config.lines();
        let before = lines.take_while(|line| !line.contains(text));
        before.count() + 1
    }

    /// The log so far.
    pub fn log(&self) -> String {
        self.setup.read("err")
    }

    /// Waits for this text in the log.
    pub fn wait_for(&self, text: &str) {
        let mut log = String::new();
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until(text, || {
                log = self.log();
                log.contains(text)
            });
        }));
        assert!(found.is_ok(), "not in the log: {text}\n{log}");
    }

    /// The name of the first receiver.
    pub fn receiver(&self) -> String {
        format!("receiver child=0 sock=127.0.0.1:{}", self.setup.port)
    }

    /// The pid of a process.
    pub fn pid(&self, desc: &str) -> i32 {
        self.server.tree.child(desc)
    }

    /// Kills a process and waits until another has taken its place.
    pub fn kill(&self, desc: &str, signal: Signal) -> i32 {
        let pid = self.pid(desc);
        kill(Pid::from_raw(pid), signal).expect("it lives");
        self.wait_replaced(desc, pid);
        pid
    }

    /// Waits until another process than `pid` has this description.
    pub fn wait_replaced(&self, desc: &str, pid: i32) {
        wait_until("the process is replaced", || {
            let children = self.server.tree.children();
            let mut same = children.iter().filter(|p| p.desc() == desc);
            same.any(|p| p.pid != pid)
        });
    }

    /// Calls an RPC method; the lines of the answer.
    pub fn rpc(&self, method: &str, params: &[&str]) -> Vec<String> {
        rpc::call(&self.setup.path("ctl"), method, params)
    }

    /// A counter, over all processes.
    pub fn counter(&self, name: &str) -> u64 {
        Dump::of(&self.setup, &self.server).value(name)
    }

    /// Asks by OPTIONS and expects a 200.
    pub fn answers(&self) {
        let phone = Phone::new();
        let reply = phone.ask(phone.request("OPTIONS", "sip:localhost"), self.addr());
        assert_eq!(first_line(&reply), "SIP/2.0 200 OK");
    }
}
