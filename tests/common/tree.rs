//! A server's process tree, seen from outside through /proc.

use super::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::sync::Mutex;

/// The attendant and whatever children it has had. Dropping it kills what is left, by pid.
pub struct Tree {
    attendant: i32,
    seen: Mutex<BTreeSet<i32>>,
}

/// One process as `ps` shows it.
#[derive(Clone, Debug)]
pub struct Process {
    pub pid: i32,
    /// The command line, words separated by blanks.
    pub args: String,
}

impl Process {
    /// The description in brackets at the end of the command line.
    pub fn desc(&self) -> &str {
        let (_, desc) = self.args.rsplit_once(" [").unwrap_or(("", ""));
        without_pulse(desc.trim_end().trim_end_matches(']'))
    }
}

impl Tree {
    /// Of a running attendant.
    pub fn of(attendant: i32) -> Tree {
        let seen = Mutex::new(BTreeSet::from([attendant]));
        Tree { attendant, seen }
    }

    pub fn attendant(&self) -> i32 {
        self.attendant
    }

    /// The attendant itself as `ps` shows it.
    pub fn root(&self) -> Process {
        describe(self.attendant)
    }

    /// The attendant's children in the order of their pids.
    pub fn children(&self) -> Vec<Process> {
        let path = format!("/proc/{0}/task/{0}/children", self.attendant);
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let pids: Vec<i32> = text.split_whitespace().flat_map(str::parse).collect();
        let mut seen = self.seen.lock().expect("not poisoned");
        seen.extend(&pids);
        pids.into_iter().map(describe).collect()
    }

    /// The child with that description.
    pub fn child(&self, desc: &str) -> i32 {
        let children = self.children();
        let found = children.iter().find(|p| p.desc() == desc);
        found
            .unwrap_or_else(|| panic!("no {desc} among {children:?}"))
            .pid
    }

    /// Whether the start is over: the main process has its final title.
    pub fn stands(&self) -> bool {
        self.children();
        let root = self.root();
        let desc = root.desc();
        let named = desc == "attendant" || desc.starts_with("stand-alone receiver");
        named && self.children().iter().all(|c| c.desc() != desc)
    }

    /// Sends a signal to the attendant.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.attendant), signal).expect("the attendant lives");
    }

    /// Waits until no process of the tree is left.
    pub fn wait_gone(&self) {
        wait_until("all processes end", || {
            let seen = self.seen.lock().expect("not poisoned");
            !seen.iter().any(|&pid| is_alive(pid))
        });
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.children();
        let seen = self.seen.lock().unwrap_or_else(|e| e.into_inner());
        for &pid in seen.iter().filter(|&&pid| is_server(pid)) {
            // It may end by itself meanwhile.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// A description without what the timer processes show of their work behind their names.
pub fn without_pulse(desc: &str) -> &str {
    let timers = ["timer", "slow timer"];
    let named = |name: &&&str| desc == **name || desc.starts_with(&format!("{name} "));
    timers.iter().find(named).copied().unwrap_or(desc)
}

fn describe(pid: i32) -> Process {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    let args = String::from_utf8_lossy(line).replace('\0', " ");
    Process { pid, args }
}

/// A process that has ended and waits for its parent counts as gone.
pub fn is_alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|s| {
        s.rsplit_once(") ")
            .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    })
}

/// The kernel may have given the number to somebody else meanwhile.
fn is_server(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "ser")
}
