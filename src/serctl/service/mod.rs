//! `serctl start`, `stop`, `restart`, `reload`, `status`: through the init system where it knows the server, else by
//! the pid file as the original did (reference: init-scripts §7).
//!
//! A server that was started by one of them is not in the books of the other, so there is one rule: the operator's
//! `PID_FILE` means the pid file, else systemd where it runs and has the unit, else `/etc/init.d/SERVICE`, else the pid
//! file.

mod by_pid_file;

use crate::verbs::wrong_use;
use crate::{Failure, Tool};
use by_pid_file::ByPidFile;
use nix::unistd::{AccessFlags, access};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Who starts and stops the server.
enum Manager<'t> {
    Systemd(&'t str),
    Script(PathBuf),
    PidFile(ByPidFile<'t>),
}

/// Starts the server.
pub fn start(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    act(tool, "start", args, out, |server, out| server.start(out))
}

/// Stops it.
pub fn stop(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    act(tool, "stop", args, out, |server, out| server.stop(out))
}

/// Stops and starts it.
pub fn restart(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    act(tool, "restart", args, out, |server, out| {
        server.restart(out)
    })
}

/// Says whether it runs.
pub fn status(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    act(tool, "status", args, out, |server, out| server.status(out))
}

fn act(
    tool: &Tool,
    verb: &str,
    args: &[String],
    out: &mut dyn Write,
    by_pid_file: fn(&ByPidFile<'_>, &mut dyn Write) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if !args.is_empty() {
        return Err(wrong_use(verb));
    }
    match Manager::find(tool) {
        Manager::Systemd(service) => {
            let unit = format!("{service}.service");
            run(Command::new("systemctl").args([verb, &unit]))
        }
        Manager::Script(path) => run(Command::new(path).arg(verb)),
        Manager::PidFile(server) => by_pid_file(&server, out),
    }
}

impl Manager<'_> {
    fn find(tool: &Tool) -> Manager<'_> {
        let service = tool.get("SERVICE");
        let script = Path::new("/etc/init.d").join(service);
        if tool.variables.is_set("PID_FILE").is_some() {
            Manager::PidFile(ByPidFile::new(tool))
        } else if knows_unit(service) {
            Manager::Systemd(service)
        } else if access(&script, AccessFlags::X_OK).is_ok() {
            Manager::Script(script)
        } else {
            Manager::PidFile(ByPidFile::new(tool))
        }
    }
}

/// Whether systemd runs here (sd_booted(3)) and has such a unit.
fn knows_unit(service: &str) -> bool {
    let unit = format!("{service}.service");
    let asked = || {
        let mut command = Command::new("systemctl");
        command.args(["cat", &unit]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::null()).status()
    };
    Path::new("/run/systemd/system").is_dir() && asked().is_ok_and(|status| status.success())
}

/// What it says goes to the terminal, its exit code becomes ours.
fn run(command: &mut Command) -> Result<(), Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status();
    let status = status.map_err(|why| Failure::Other(format!("{program}: {why}")))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(code) => Err(Failure::Silent(u8::try_from(code).unwrap_or(1))),
        None => Err(Failure::Other(format!("{program}: {status}"))),
    }
}
