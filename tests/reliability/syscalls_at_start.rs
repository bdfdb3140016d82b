//! A system call fails while the server starts: it comes to serve, or ends with a word and leaves nobody behind.

use crate::common::Setup;
use crate::common::sip::Phone;
use crate::common::tree::is_alive;
use crate::strace::{Fault, can_inject, launch};
use crate::syscalls::{config, depth, is_wanted};
use std::time::Duration;

/// A server that starts while a call fails.
struct Start {
    setup: Setup,
    strace: std::process::Child,
}

impl Start {
    fn new(fault: Fault, n: u32) -> Start {
        let setup = Setup::new();
        let (config, _) = config(&setup);
        std::fs::write(setup.path("ser.cfg"), config).expect("config is written");
        let strace = launch(
            setup.command(&["-D", "-D", "-E"]),
            fault,
            n,
            &setup.path("strace"),
        );
        Start { setup, strace }
    }

    /// Whether it serves; else it has ended.
    fn serves(&mut self) -> bool {
        let phone = Phone::new();
        let request = phone.request("OPTIONS", "sip:localhost");
        for _ in 0..300 {
            phone.send(&request, self.setup.addr());
            if phone.try_recv(Duration::from_millis(100)).is_some() {
                return true;
            }
            if self.strace.try_wait().expect("its state").is_some() {
                return false;
            }
        }
        panic!("it neither serves nor ends: {}", self.setup.read("err"));
    }

    /// Its processes, the attendant first.
    fn processes(&self) -> Vec<i32> {
        let is_ser = |pid: &i32| {
            std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|c| c.trim() == "ser")
        };
        let mut pids = self.setup.processes();
        pids.retain(|pid| is_ser(pid) && is_alive(*pid));
        pids.sort_unstable();
        pids
    }
}

impl Drop for Start {
    fn drop(&mut self) {
        for pid in self.processes() {
            // It may end by itself meanwhile.
            let _ = nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(pid),
                nix::sys::signal::Signal::SIGKILL,
            );
        }
        let _ = self.strace.wait();
    }
}

#[test]
fn a_start_fails_with_a_word_or_comes_to_serve() {
    if !can_inject() {
        return;
    }
    // Not those that the loader of programs makes before the server runs.
    let faults = [
        ("socket", "EMFILE"),
        ("bind", "EADDRINUSE"),
        ("setsockopt", "ENOMEM"),
        ("openat", "EMFILE"),
        ("write", "EIO"),
        ("pipe2", "EMFILE"),
        ("eventfd2", "EMFILE"),
        ("signalfd4", "EMFILE"),
        ("timerfd_create", "EMFILE"),
        ("memfd_create", "EMFILE"),
        ("fallocate", "ENOSPC"),
        ("ftruncate", "ENOSPC"),
        ("clone", "EAGAIN"),
        ("prctl", "EPERM"),
        ("rt_sigaction", "EINVAL"),
        ("mknodat", "EACCES"),
        ("chmod", "EPERM"),
        ("listen", "EADDRINUSE"),
    ];
    let mut wrong = Vec::new();
    for fault in faults.into_iter().filter(is_wanted) {
        for n in 1..=depth() {
            let mut start = Start::new(fault, n);
            let fine = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let served = start.serves();
                let said = start.setup.read("err");
                eprintln!("{fault:?}, time {n}: served {served}: {said}");
                if !served {
                    assert!(!said.trim().is_empty(), "nothing is said");
                    assert_eq!(start.processes(), [0; 0], "somebody is left");
                }
                assert!(!said.contains("panicked"), "{said}");
            }));
            if fine.is_err() {
                wrong.push((fault, n));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
