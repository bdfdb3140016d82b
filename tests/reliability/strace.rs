//! System calls that fail: strace stands between the processes of a server and the kernel, and makes calls fail there,
//! so the server needs no code for it and every call of every process can be reached.

use crate::common::{Foreground, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A call, and the error that it fails with.
pub type Fault = (&'static str, &'static str);

/// In each process the call fails the `n`th time from now on, once.
pub fn injection((call, error): Fault, n: u32) -> [String; 2] {
    let inject = format!("inject={call}:error={error}:when={n}");
    ["-e".to_owned(), inject]
}

/// Whether strace may follow processes here; in a container it may be forbidden.
pub fn can_inject() -> bool {
    let seen = Command::new("strace")
        .args(["-qq", "-e", "trace=none", "true"])
        .stdin(Stdio::null())
        .output();
    let fine = seen.as_ref().is_ok_and(|output| output.status.success());
    if !fine {
        eprintln!("system calls: not tested, strace cannot follow a process here: {seen:?}");
    }
    fine
}

/// Runs a server under strace from its first call on; its output goes to `err` in the folder of `log`.
pub fn launch(server: Command, fault: Fault, n: u32, log: &Path) -> Child {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "--seccomp-bpf", "-o"]).arg(log);
    command.args(["-e", &format!("trace={}", fault.0)]);
    command.args(injection(fault, n));
    command.arg(server.get_program()).args(server.get_args());
    let err = File::create(log.with_file_name("err")).expect("a file");
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(err);
    command.spawn().expect("strace runs")
}

/// strace at all processes of a server, and at those that they fork.
pub struct Strace(Child);

impl Strace {
    /// Returns when it has them all; what it has seen stands in `log`.
    pub fn attach(server: &Foreground, fault: Fault, n: u32, log: &Path) -> Strace {
        let pids: Vec<i32> = server.tree.children().iter().map(|p| p.pid).collect();
        let pids: Vec<i32> = [server.tree.attendant()].into_iter().chain(pids).collect();
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o"]).arg(log);
        command.args(["-e", &format!("trace={}", fault.0)]);
        command.args(injection(fault, n));
        for pid in &pids {
            command.args(["-p", &pid.to_string()]);
        }
        let err = File::create(log.with_extension("err")).expect("a file");
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(err);
        let strace = Strace(child.spawn().expect("strace runs"));
        wait_until("strace has all processes", || {
            pids.iter().all(|pid| is_traced(*pid))
        });
        strace
    }

    /// Lets the processes go.
    pub fn detach(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // It may have ended with the last process.
        let _ = kill(Pid::from_raw(self.0.id() as i32), Signal::SIGINT);
        let _ = self.0.wait();
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.end();
        }
    }
}

/// Whether somebody follows that process; one that is gone has been.
fn is_traced(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let tracer = status.lines().find_map(|l| l.strip_prefix("TracerPid:"));
    tracer.is_none_or(|tracer| tracer.trim() != "0")
}
