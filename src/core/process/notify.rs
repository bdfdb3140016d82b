//! Tells the service manager (systemd, or who else set `NOTIFY_SOCKET`) how the server is: sd_notify(3),
//! and sd_watchdog_enabled(3) for the pings.
//!
//! The socket is connected before a chroot puts its path out of reach, and kept; that is why no library
//! that connects for each message is used. Invariant: only the attendant speaks, and nothing it has to do
//! waits longer than [`PATIENCE`] for a manager that does not listen.

use super::shared::process_count;
use nix::poll::PollTimeout;
use parking_lot::Mutex;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(1);

static MANAGER: OnceLock<Manager> = OnceLock::new();

/// The line to the manager.
#[derive(Debug)]
struct Manager {
    socket: UnixDatagram,
    /// How often it wants to hear from us: half of the time after which it takes us for hung.
    ping_every: Option<Duration>,
    told: Mutex<Told>,
}

/// What the manager knows.
#[derive(Debug)]
struct Told {
    pinged: Instant,
    /// Zero until the server is ready, and again when it stops.
    processes: u32,
}

/// Connects to the manager, if there is one. Before a chroot and before the program forks.
pub fn connect() {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty()) else {
        return;
    };
    match Manager::connect(&path) {
        Ok(manager) => drop(MANAGER.set(manager)),
        Err(e) => log::warn!("cannot reach NOTIFY_SOCKET {}: {e}", path.display()),
    }
}

/// Every process is at work; `MAINPID` is for a server that has left the process that was started.
pub fn ready() {
    if let Some(manager) = MANAGER.get() {
        let processes = process_count();
        manager.told.lock().processes = processes;
        let pid = std::process::id();
        let status = serving(processes);
        manager.send(&format!("READY=1\nMAINPID={pid}\nSTATUS={status}"));
    }
}

/// What is due now: a ping, and the number of processes if it has changed.
pub(super) fn tick() {
    if let Some(manager) = MANAGER.get() {
        manager.ping_if_due();
        manager.tell_processes(process_count());
    }
}

/// `timeout`, cut to the time of the next ping.
pub(super) fn until_ping(timeout: PollTimeout) -> PollTimeout {
    match MANAGER.get().and_then(Manager::until_ping) {
        Some(left) if timeout.is_none() || left < timeout => left,
        _ => timeout,
    }
}

/// The configuration is being read again (systemd: sd_notify(3), `RELOADING=1`).
pub(super) fn reloading() {
    if let Some(manager) = MANAGER.get() {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let usec = now.tv_sec * 1_000_000 + now.tv_nsec / 1000;
        manager.send(&format!(
            "RELOADING=1\nMONOTONIC_USEC={usec}\nSTATUS=reading the configuration again"
        ));
    }
}

/// That is over, however it ended.
pub(super) fn reloaded() {
    if let Some(manager) = MANAGER.get() {
        let status = serving(manager.told.lock().processes);
        manager.send(&format!("READY=1\nSTATUS={status}"));
    }
}

/// Whether there is a manager that can be told of another main process.
pub(super) fn is_managed() -> bool {
    MANAGER.get().is_some()
}

/// Another process is the main one from now on. Only the one before can tell this.
pub(super) fn succeeded(pid: i32) {
    if let Some(manager) = MANAGER.get() {
        manager.told.lock().processes = 0;
        manager.send(&format!("MAINPID={pid}"));
    }
}

/// The server was told to stop, or has to.
pub fn stopping() {
    if let Some(manager) = MANAGER.get() {
        manager.told.lock().processes = 0;
        manager.send("STOPPING=1\nSTATUS=stopping");
    }
}

/// The start failed, or the server did.
pub fn failed(why: &str) {
    if let Some(manager) = MANAGER.get() {
        let line = why.lines().next().unwrap_or_default();
        manager.send(&format!("STATUS={line}"));
    }
}

fn serving(processes: u32) -> String {
    format!("serving with {processes} processes")
}

impl Manager {
    fn connect(path: &OsStr) -> io::Result<Manager> {
        let socket = UnixDatagram::unbound()?;
        match path.as_bytes() {
            [b'@', name @ ..] => socket.connect_addr(&SocketAddr::from_abstract_name(name)?)?,
            _ => socket.connect(path)?,
        }
        socket.set_write_timeout(Some(PATIENCE))?;
        let told = Told {
            pinged: Instant::now(),
            processes: 0,
        };
        Ok(Manager {
            socket,
            ping_every: ping_interval(|name| std::env::var(name).ok()),
            told: Mutex::new(told),
        })
    }

    fn send(&self, state: &str) {
        if let Err(e) = self.socket.send(state.as_bytes()) {
            log::warn!("cannot tell the service manager {state:?}: {e}");
        }
    }

    fn until_ping(&self) -> Option<PollTimeout> {
        let every = self.ping_every?;
        let left = every.saturating_sub(self.told.lock().pinged.elapsed());
        // Rounded up: a poll that ends too early finds nothing due.
        let left = PollTimeout::try_from(left + Duration::from_millis(1));
        Some(left.unwrap_or(PollTimeout::MAX))
    }

    fn ping_if_due(&self) {
        let mut told = self.told.lock();
        if self
            .ping_every
            .is_some_and(|every| told.pinged.elapsed() >= every)
        {
            told.pinged = Instant::now();
            self.send("WATCHDOG=1");
        }
    }

    fn tell_processes(&self, processes: u32) {
        let mut told = self.told.lock();
        if told.processes != 0 && told.processes != processes {
            told.processes = processes;
            self.send(&format!("STATUS={}", serving(processes)));
        }
    }
}

/// Half of `WATCHDOG_USEC`, where `WATCHDOG_PID` is this process or not given.
fn ping_interval(variable: impl Fn(&str) -> Option<String>) -> Option<Duration> {
    let for_us = variable("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
    let usec: u64 = variable("WATCHDOG_USEC")?.parse().ok()?;
    (for_us && usec > 0).then(|| Duration::from_micros(usec) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(usec: &str, pid: Option<u32>) -> Option<Duration> {
        ping_interval(|name| match name {
            "WATCHDOG_USEC" => Some(usec.to_owned()),
            "WATCHDOG_PID" => pid.map(|pid| pid.to_string()),
            _ => None,
        })
    }

    #[test]
    fn pings_go_out_twice_as_often_as_the_manager_asks() {
        let second = Some(Duration::from_secs(1));
        assert_eq!(interval("2000000", None), second);
        assert_eq!(interval("2000000", Some(std::process::id())), second);
    }

    #[test]
    fn a_watchdog_of_another_process_or_of_no_time_is_none() {
        assert_eq!(interval("2000000", Some(1)), None);
        assert_eq!(interval("0", None), None);
        assert_eq!(interval("soon", None), None);
    }
}
