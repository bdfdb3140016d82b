//! Runs one command of the shell: gives it its input, takes its output, waits for its end, and kills it where it takes
//! longer than `time_to_kill`.
//!
//! Invariant: the command is waited for on every way out, so that no zombie stays.

use crate::{SETVARS, TIME_TO_KILL, variables};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use ser::core::msg::SipMsg;
use ser::core::stats::work::{Blocked, blocked};
use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The most that a command may say, in bytes: some times the longest twelve URIs.
const MOST_OUTPUT: usize = 65536;

/// What is exchanged with the command.
pub enum Output<'m> {
    /// It gets this; what it says goes where the server's own output goes.
    Ignored(&'m [u8]),
    /// It gets nothing, and what it says is wanted.
    Wanted,
}

/// Runs it; what it said, or `None` if it could not be run or did not end with status 0, which was logged.
pub fn run(msg: &mut SipMsg<'_>, text: &[u8], exchange: Output<'_>) -> Option<Vec<u8>> {
    let limit = u64::try_from(TIME_TO_KILL.get()).unwrap_or(0);
    let mut shell = Command::new("/bin/sh");
    shell.arg("-c").arg(OsStr::from_bytes(text));
    let input = match exchange {
        Output::Ignored(input) => {
            shell.stdin(Stdio::piped());
            input
        }
        Output::Wanted => {
            shell.stdin(Stdio::null()).stdout(Stdio::piped());
            &[]
        }
    };
    if SETVARS.get() != 0 {
        variables::set(msg, &mut shell);
    }
    if limit > 0 {
        // With what it starts itself, which is killed with it.
        shell.process_group(0);
    }
    let result = blocked(Blocked::Exec, || {
        let mut child = shell.spawn()?;
        let until = (limit > 0).then(|| Instant::now() + Duration::from_secs(limit));
        let said = attend(&mut child, input, until);
        if said.is_err() {
            kill(&mut child, limit > 0);
        }
        let status = child.wait()?;
        Ok((said?, status))
    });
    judge(text, result)
}

fn judge(text: &[u8], result: io::Result<(Vec<u8>, ExitStatus)>) -> Option<Vec<u8>> {
    let shown = text.escape_ascii();
    match result {
        Ok((said, status)) if status.success() => return Some(said),
        Ok((_, status)) if status.code().is_some() => {
            log::debug!("DEBUG: exec: {shown}: {status}");
        }
        Ok((_, status)) => log::error!("ERROR: exec: {shown}: {status}"),
        Err(why) if why.kind() == ErrorKind::TimedOut => {
            log::error!("ERROR: exec: {shown}: killed after time_to_kill");
        }
        Err(why) => log::error!("ERROR: exec: {shown}: {why}"),
    }
    None
}

/// Feeds and hears the command until it has ended and, where it is heard, has closed its output.
fn attend(child: &mut Child, input: &[u8], until: Option<Instant>) -> io::Result<Vec<u8>> {
    let pid = Pid::from_child(child);
    let end = pidfd_open(pid, PidfdFlags::empty())?;
    let mut stdin = child.stdin.take();
    let mut stdout = child.stdout.take();
    if let Some(pipe) = &stdin {
        fcntl_setfl(pipe, fcntl_getfl(pipe)? | OFlags::NONBLOCK)?;
    }
    let (mut left, mut said, mut ended) = (input, Vec::new(), false);
    loop {
        if left.is_empty() || ended {
            // The command sees the end of its input.
            stdin = None;
        }
        if ended && stdout.is_none() {
            return Ok(said);
        }
        let mut fds = Vec::with_capacity(3);
        if !ended {
            fds.push(PollFd::new(&end, PollFlags::IN));
        }
        if let Some(pipe) = &stdin {
            fds.push(PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::OUT));
        }
        if let Some(pipe) = &stdout {
            fds.push(PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN));
        }
        wait(&mut fds, until)?;
        let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
        let mut next = |there: bool| there && ready.next().unwrap_or(false);
        let (now_ended, writable, readable) =
            (next(!ended), next(stdin.is_some()), next(stdout.is_some()));
        ended |= now_ended;
        if let Some(pipe) = stdin.as_mut().filter(|_| writable) {
            match pipe.write(left) {
                Ok(n) => left = &left[n..],
                // It does not want to know, as `sleep` does not.
                Err(why) if why.kind() == ErrorKind::BrokenPipe => left = &[],
                Err(why) if is_passing(&why) => {}
                Err(why) => return Err(why),
            }
        }
        if let Some(pipe) = stdout.as_mut().filter(|_| readable) {
            let mut buffer = [0; 4096];
            match pipe.read(&mut buffer) {
                Ok(0) => stdout = None,
                Ok(n) if said.len() + n > MOST_OUTPUT => {
                    return Err(io::Error::other("it says too much"));
                }
                Ok(n) => said.extend_from_slice(&buffer[..n]),
                Err(why) if is_passing(&why) => {}
                Err(why) => return Err(why),
            }
        }
    }
}

fn is_passing(why: &io::Error) -> bool {
    matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Waits until something is ready; an error of kind `TimedOut` when `until` is past.
fn wait(fds: &mut [PollFd<'_>], until: Option<Instant>) -> io::Result<()> {
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return Err(ErrorKind::TimedOut.into());
        }
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(fds, timeout.as_ref()) {
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(()),
            Err(why) => return Err(why.into()),
        }
    }
}

/// Kills the command; with all that it has started where it has a process group of its own.
fn kill(child: &mut Child, group: bool) {
    let killed = if group {
        kill_process_group(Pid::from_child(child), Signal::KILL).map_err(io::Error::from)
    } else {
        child.kill()
    };
    if let Err(why) = killed {
        log::error!("ERROR: exec: kill: {why}");
    }
}
