//! Starting and stopping by a pid file, with the texts of the original.
//!
//! What it did not do: a pid file whose process is gone does not keep the server from starting, `stop` waits until
//! the server is gone and never hits a stranger who has got its number, and `restart` leaves a server alone whose
//! config would not start again.

use crate::link::own_name;
use crate::{Failure, Tool};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{AccessFlags, Pid, access};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Where the pid file is by default.
const PID_FILE: &str = "/var/run/ser.pid";
/// How long a stop may take: the server gives itself 60 s (`exit_timeout`).
const STOP_TIME: Duration = Duration::from_secs(65);
/// Between two looks whether it is gone.
const LOOK: Duration = Duration::from_millis(50);
/// Exit code of `status` where the server does not run (LSB), and where its pid file was left behind.
const NOT_RUNNING: u8 = 3;
const DEAD: u8 = 1;

/// A server and its pid file.
pub struct ByPidFile<'t> {
    program: PathBuf,
    pid_file: PathBuf,
    options: Vec<&'t str>,
    syslog: bool,
}

/// What a pid file says.
enum Found {
    Nothing,
    /// Something else than a number, or the number of no process.
    Stale,
    Running(Pid),
    /// A process that is no server.
    Stranger(Pid, String),
}

impl<'t> ByPidFile<'t> {
    /// As the variables have it.
    pub fn new(tool: &'t Tool) -> ByPidFile<'t> {
        let path = |name| tool.variables.is_set(name).map(PathBuf::from);
        ByPidFile {
            program: path("SERBIN").unwrap_or_else(program_beside),
            pid_file: path("PID_FILE").unwrap_or_else(|| PID_FILE.into()),
            options: tool.get("STARTOPTIONS").split_whitespace().collect(),
            syslog: tool.get("SYSLOG") != "0",
        }
    }

    /// `start`
    pub fn start(&self, out: &mut dyn Write) -> Result<(), Failure> {
        write!(out, "\nStarting SER : ")?;
        let file = self.pid_file.display();
        if let Found::Running(_) = self.find() {
            return end(out, &format!("PID file exists! ({file}) already running?"));
        }
        let program = self.program.display();
        if access(&self.program, AccessFlags::X_OK).is_err() {
            let text = format!("SER binaries not found at {program}; reconfigure SERBIN");
            return end(out, &text);
        }
        out.flush()?;
        let (started, said) = self.launch()?;
        match (started, self.find()) {
            (true, Found::Running(pid)) => Ok(writeln!(out, "started pid({pid})")?),
            (true, _) => end(
                out,
                &format!("PID file {file} does not exist -- SER start failed"),
            ),
            (false, _) => end(out, &format!("SER start failed\n{}", said.trim_end())),
        }
    }

    /// Whether the launcher says that the server runs, and what it wrote to stderr if that is not the terminal.
    fn launch(&self) -> Result<(bool, String), Failure> {
        let mut command = Command::new(&self.program);
        command.arg("-P").arg(&self.pid_file).args(&self.options);
        command.stdin(Stdio::null());
        let failed = |why| Failure::Other(format!("{}: {why}", self.program.display()));
        if !self.syslog {
            let status = command.arg("-E").status().map_err(failed)?;
            return Ok((status.success(), String::new()));
        }
        // No pipe: a server that logs to stderr keeps it open.
        let mut said = unnamed_file()?;
        command.stdout(Stdio::null()).stderr(said.try_clone()?);
        let status = command.status().map_err(failed)?;
        let mut text = Vec::new();
        said.rewind()?;
        said.read_to_end(&mut text)?;
        Ok((
            status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        ))
    }

    /// `stop`
    pub fn stop(&self, out: &mut dyn Write) -> Result<(), Failure> {
        write!(out, "Stopping SER : ")?;
        let pid = match self.find() {
            Found::Running(pid) => pid,
            Found::Nothing => return end(out, "No PID file found! SER probably not running"),
            Found::Stale => return end(out, "The PID file is stale! SER probably not running"),
            Found::Stranger(pid, name) => {
                let file = self.pid_file.display();
                return end(
                    out,
                    &format!("{file} names process {pid}, which is {name}: it is left alone"),
                );
            }
        };
        out.flush()?;
        kill(pid, Signal::SIGTERM).map_err(|why| Failure::Other(format!("kill {pid}: {why}")))?;
        let limit = Instant::now() + STOP_TIME;
        while is_alive(pid) {
            if Instant::now() > limit {
                return end(out, &format!("process {pid} does not end"));
            }
            std::thread::sleep(LOOK);
        }
        Ok(writeln!(out, "stopped")?)
    }

    /// `restart`
    pub fn restart(&self, out: &mut dyn Write) -> Result<(), Failure> {
        self.check_config()?;
        self.stop(out)?;
        self.start(out)
    }

    /// Whether the server would start again.
    fn check_config(&self) -> Result<(), Failure> {
        let mut command = Command::new(&self.program);
        let output = command.arg("-c").args(&self.options).output();
        let output =
            output.map_err(|why| Failure::Other(format!("{}: {why}", self.program.display())))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(Failure::Other(format!(
                "the server would not start again, and goes on as it is:\n{}",
                String::from_utf8_lossy(&output.stderr).trim_end()
            ))),
        }
    }

    /// `status`
    pub fn status(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let file = self.pid_file.display();
        let (text, code) = match self.find() {
            Found::Running(pid) => return Ok(writeln!(out, "SER is running, pid {pid}")?),
            Found::Nothing => (format!("SER is not running (no {file})"), NOT_RUNNING),
            Found::Stale | Found::Stranger(..) => {
                (format!("SER is not running, but there is {file}"), DEAD)
            }
        };
        writeln!(out, "{text}")?;
        Err(Failure::Silent(code))
    }

    fn find(&self) -> Found {
        let Ok(text) = std::fs::read_to_string(&self.pid_file) else {
            return Found::Nothing;
        };
        match text.trim().parse() {
            Ok(number @ 1..) if is_alive(Pid::from_raw(number)) => {
                let (pid, name) = (Pid::from_raw(number), name_of(number));
                match name == self.process_name() {
                    true => Found::Running(pid),
                    false => Found::Stranger(pid, name),
                }
            }
            Ok(_) | Err(_) => Found::Stale,
        }
    }

    /// As the kernel keeps it, cut to 15 bytes.
    fn process_name(&self) -> String {
        let name = self.program.file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        String::from_utf8_lossy(&name.as_bytes()[..name.len().min(15)]).into_owned()
    }
}

/// The original printed its failures to stdout, too.
fn end(out: &mut dyn Write, text: &str) -> Result<(), Failure> {
    writeln!(out, "{text}")?;
    out.flush()?;
    Err(Failure::Silent(1))
}

/// `ser` in the folder of `serctl`.
fn program_beside() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_default();
    own.with_file_name("ser")
}

fn name_of(pid: i32) -> String {
    let name = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("comm"));
    name.unwrap_or_default().trim_end().to_owned()
}

/// A process that has ended and waits for its parent counts as gone.
fn is_alive(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
    state.is_some_and(|rest| !rest.starts_with(['Z', 'X']))
}

/// A file that nobody else can open.
fn unnamed_file() -> Result<File, Failure> {
    let path = std::env::temp_dir().join(own_name());
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create_new(true).open(&path);
    let file = file.map_err(|why| Failure::Other(format!("{}: {why}", path.display())))?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
