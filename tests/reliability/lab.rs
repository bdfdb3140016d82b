//! A server whose script does on request what no script should do.

use crate::common::dump::Dump;
use crate::common::sip::{Phone, first_line};
use crate::common::wait_until;
use crate::site::Site;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ops::Deref;

/// The server.
pub struct Lab(Site);

impl Deref for Lab {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.0
    }
}

impl Lab {
    /// With one receiver, so that it is known who has a message; `text` stands behind the `loadmodule` lines.
    pub fn new(text: &str) -> Lab {
        Lab::with_receivers(1, text)
    }

    /// With so many receivers.
    pub fn with_receivers(receivers: usize, text: &str) -> Lab {
        let modules = ["tm", "textops", "xlog", "testmod"];
        let text = format!("disable_core_dump=yes\n{text}");
        Lab(Site::new(&modules, &text, &["-n", &receivers.to_string()]))
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

    /// The pids of all receivers, sorted.
    pub fn receivers_pids(&self) -> Vec<i32> {
        let children = self.server.tree.children();
        let receivers = children.iter().filter(|p| p.desc().starts_with("receiver"));
        receivers.map(|p| p.pid).collect()
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
