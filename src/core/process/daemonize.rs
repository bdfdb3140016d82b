//! Leaving the terminal: own session, own process group, standard streams on /dev/null.
//!
//! The process that the operator started (the launcher) waits on a pipe until the tree behind it is
//! ready, and its exit status says so: 0, or 255 when the start failed (SER's launcher does not wait and
//! always says 0). Invariant: the launcher reports success only after [`Launcher::ready`].

use super::fork::{Forked, fork};
use nix::unistd::{dup2_stderr, dup2_stdin, dup2_stdout, pipe2, setsid};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

/// What the launcher's exit status is when the start failed.
pub const FAILED: i32 = 255;
const READY: u8 = b'+';

/// The daemon's line to the process that started it.
#[derive(Debug)]
pub struct Launcher(File);

impl Launcher {
    /// Lets the launcher exit with 0. An error means that it went away, so nobody wants the server.
    pub fn ready(mut self) -> std::io::Result<()> {
        self.0.write_all(&[READY])
    }
}

/// Changes root and working directory; `-t` and `-w`.
pub fn enter(chroot: Option<&str>, workdir: Option<&str>) -> Result<(), String> {
    if let Some(dir) = chroot {
        nix::unistd::chroot(dir).map_err(|e| format!("cannot chroot to {dir}: {e}"))?;
    }
    let dir = workdir.unwrap_or("/");
    nix::unistd::chdir(Path::new(dir)).map_err(|e| format!("cannot chdir to {dir}: {e}"))
}

/// Forks twice with a new session between; only the daemon returns. The launcher ends inside.
pub fn detach() -> Result<Launcher, String> {
    let wrong = |what: &'static str| move |e: nix::Error| format!("cannot daemonize: {what}: {e}");
    let (reader, writer) = pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(wrong("pipe"))?;
    if let Forked::Parent(_) = fork().map_err(wrong("fork"))? {
        drop(writer);
        wait_for_daemon(File::from(reader));
    }
    setsid().map_err(wrong("setsid"))?;
    if let Forked::Parent(_) = fork().map_err(wrong("fork"))? {
        super::fork::exit_now(0);
    }
    Ok(Launcher(File::from(writer)))
}

fn wait_for_daemon(mut pipe: File) -> ! {
    let mut answer = [0];
    let ready = pipe.read_exact(&mut answer).is_ok() && answer == [READY];
    super::fork::exit_now(if ready { 0 } else { FAILED });
}

/// Moves stdin and stdout to /dev/null, stderr too unless the log goes there.
pub fn close_terminal(keep_stderr: bool) -> Result<(), String> {
    let wrong = |e| format!("cannot reopen standard streams on /dev/null: {e}");
    let null = OpenOptions::new().read(true).write(true).open("/dev/null");
    let null = null.map_err(|e| format!("cannot open /dev/null: {e}"))?;
    // Fails only when stdout is broken already.
    let _ = std::io::stdout().flush();
    dup2_stdin(&null).map_err(wrong)?;
    dup2_stdout(&null).map_err(wrong)?;
    if !keep_stderr {
        dup2_stderr(&null).map_err(wrong)?;
        crate::core::log::forget_stderr();
    }
    Ok(())
}

/// The descriptors above stderr that were open when the program started: whoever started it forgot them.
#[derive(Debug)]
pub struct Inherited(Vec<i32>);

impl Inherited {
    /// To be called before anything is opened.
    pub fn find() -> Inherited {
        let entries = std::fs::read_dir("/proc/self/fd");
        let numbers = entries.into_iter().flatten().flatten();
        let numbers = numbers.filter_map(|e| e.file_name().to_str()?.parse().ok());
        let mut fds: Vec<i32> = numbers.filter(|&fd| fd > 2).collect();
        // The listing's own descriptor is closed by now.
        fds.retain(|fd| Path::new(&format!("/proc/self/fd/{fd}")).is_symlink());
        Inherited(fds)
    }

    /// Closes them, so that a daemon keeps nothing of its terminal alive.
    pub fn close(self) {
        for fd in self.0 {
            if let Err(e) = nix::unistd::close(fd) {
                log::debug!("closing inherited descriptor {fd}: {e}");
            }
        }
    }
}
