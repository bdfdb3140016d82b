//! What is left to do for an attendant that has handed over: it is the parent of its processes still, and tells its
//! successor of their deaths; signals that reach it are for the successor.
//!
//! Invariant: it changes nothing in shared memory but the answer to who ordered the upgrade, and in its table nothing
//! but the state of its own processes, until it is over or the successor is dead.

use super::link::{Link, Verb};
use crate::core::net::inherited;
use crate::core::process::attendant::{Attendant, Stop};
use crate::core::process::notify;
use crate::core::process::reload::Attempt;
use crate::core::process::table::State;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::os::fd::AsFd;

/// How it ended.
pub(super) enum Relayed {
    /// The successor is in office, and this process has nothing left to do.
    Over(Stop),
    /// The successor is dead, and this one is in office again; why.
    Back(String),
}

struct Relay<'l> {
    link: &'l mut Link,
    successor: Pid,
    /// How the successor ended.
    ended: Option<WaitStatus>,
    done: bool,
    /// All processes of this attendant have ended.
    over: bool,
    why: String,
}

impl Attendant {
    pub(super) fn relay(&mut self, link: &mut Link, successor: Pid, attempt: Attempt) -> Relayed {
        self.relay_from(false, link, successor, attempt)
    }

    /// The same when the successor is in office for good.
    pub(super) fn relay_to_the_end(
        &mut self,
        link: &mut Link,
        successor: Pid,
        attempt: Attempt,
    ) -> Relayed {
        self.relay_from(true, link, successor, attempt)
    }

    fn relay_from(
        &mut self,
        done: bool,
        link: &mut Link,
        successor: Pid,
        attempt: Attempt,
    ) -> Relayed {
        let mut relay = Relay {
            link,
            successor,
            // It may have ended while this program ended what it had begun.
            ended: ended_before(successor),
            done,
            over: false,
            why: String::new(),
        };
        loop {
            let mut fds = [
                PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
                PollFd::new(relay.link.as_fd(), PollFlags::POLLIN),
            ];
            // A line that has ended is ready for ever.
            let watched = if relay.link.is_gone() { 1 } else { 2 };
            // Its end is to be told at once.
            let waits = relay.over || !self.is_over(&relay);
            if waits {
                match poll(&mut fds[..watched], notify::until_ping(PollTimeout::NONE)) {
                    Ok(_) | Err(Errno::EINTR) => {}
                    Err(e) => log::error!("poll: {e}"),
                }
            }
            if !relay.done {
                notify::tick();
            }
            while let Some(signal) = self.signals.next() {
                relay.pass_on(signal.ssi_signo as i32);
            }
            self.tell_deaths(&mut relay);
            while let Some(message) = relay.link.receive() {
                match message.verb {
                    Verb::Done => {
                        relay.done = true;
                        notify::succeeded(successor.as_raw());
                        self.end_upgrade(attempt, successor);
                    }
                    Verb::Failed => relay.why = message.text,
                    Verb::Ready | Verb::Foreign | Verb::Yours | Verb::Died | Verb::Over => {
                        log::error!("BUG: the new program says {:?}", message.verb);
                    }
                }
            }
            if !relay.over && self.is_over(&relay) {
                relay.over = true;
                // Who started it may wait for this process for long: addresses are not its own any more.
                if let Err(why) = inherited::let_go() {
                    log::error!("ERROR: cannot let go of sockets: {why}");
                }
                // If it cannot be told, it sees the end of the line.
                let _ = relay.link.send(Verb::Over, "");
            }
            if let Some(end) = self.end_of(&relay) {
                return end;
            }
        }
    }

    fn tell_deaths(&mut self, relay: &mut Relay<'_>) {
        loop {
            let status = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return,
                Ok(status) => status,
                Err(Errno::EINTR) => continue,
                Err(e) => return log::error!("waitpid: {e}"),
            };
            let Some(pid) = status.pid() else { continue };
            if pid == relay.successor {
                relay.ended = Some(status);
                continue;
            }
            if let Some(entry) = self.table.by_pid(pid) {
                entry.state = State::Dead;
                // If it cannot be told, it is gone, and everything is taken back.
                let _ = relay.link.send(Verb::Died, &write_death(pid, status));
            }
        }
    }

    /// Whether nothing of this program is left.
    fn is_over(&self, relay: &Relay<'_>) -> bool {
        relay.done && self.table.alive().next().is_none()
    }

    fn end_of(&self, relay: &Relay<'_>) -> Option<Relayed> {
        let has_children = self.table.alive().next().is_some();
        match (relay.done, relay.ended) {
            // Whoever started it in the foreground waits for this process.
            (true, None) if has_children || self.is_waited_for() => None,
            (true, None) => Some(Relayed::Over(Stop::Succeeded(true))),
            (true, Some(_)) if has_children => None,
            (true, Some(status)) => {
                let well = matches!(status, WaitStatus::Exited(_, 0));
                Some(Relayed::Over(Stop::Succeeded(well)))
            }
            (false, Some(status)) => Some(Relayed::Back(match relay.why.as_str() {
                "" => format!("{status:?}"),
                why => why.to_owned(),
            })),
            (false, None) => None,
        }
    }
}

impl Relay<'_> {
    fn pass_on(&self, number: i32) {
        match Signal::try_from(number) {
            Ok(Signal::SIGCHLD | Signal::SIGPIPE) | Err(_) => {}
            // It may be dead.
            Ok(signal) => drop(kill(self.successor, signal)),
        }
    }
}

/// How it ended if it is not there any more.
fn ended_before(successor: Pid) -> Option<WaitStatus> {
    match waitpid(successor, Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::StillAlive) => None,
        Ok(status) => Some(status),
        // Somebody has waited for it.
        Err(_) => Some(WaitStatus::Exited(successor, 255)),
    }
}

fn write_death(pid: Pid, status: WaitStatus) -> String {
    match status {
        WaitStatus::Signaled(_, signal, core) => {
            format!("{pid} signal {} {}", signal as i32, u8::from(core))
        }
        WaitStatus::Exited(_, code) => format!("{pid} exit {code} 0"),
        other => {
            log::error!("BUG: {pid} changed its state: {other:?}");
            format!("{pid} exit 255 0")
        }
    }
}

/// Reads what the old attendant tells of a death.
pub(super) fn read_death(text: &str) -> Option<(Pid, WaitStatus)> {
    let words: Vec<&str> = text.split(' ').collect();
    let [pid, how, number, core] = words[..] else {
        return None;
    };
    let pid = Pid::from_raw(pid.parse().ok()?);
    let number: i32 = number.parse().ok()?;
    let status = match how {
        "signal" => WaitStatus::Signaled(pid, Signal::try_from(number).ok()?, core == "1"),
        "exit" => WaitStatus::Exited(pid, number),
        _ => return None,
    };
    Some((pid, status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_death_is_read_as_it_was_written() {
        let pid = Pid::from_raw(4711);
        for status in [
            WaitStatus::Exited(pid, 3),
            WaitStatus::Signaled(pid, Signal::SIGSEGV, true),
        ] {
            assert_eq!(read_death(&write_death(pid, status)), Some((pid, status)));
        }
        assert_eq!(read_death("x exit 0 0"), None);
        assert_eq!(read_death("1 vanished 0 0"), None);
    }
}
