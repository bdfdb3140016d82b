//! How a program was started, so that the one that takes its place is started likewise.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// How this program was started: as it was started, its successor is.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub(super) file: PathBuf,
    arguments: Vec<OsString>,
    folder: PathBuf,
}

impl Invocation {
    /// To be called before the working directory changes, and while the file is there still: another may be put in its
    /// place while the server runs.
    pub fn note() -> io::Result<Invocation> {
        Ok(Invocation {
            file: std::env::current_exe()?,
            arguments: std::env::args_os().collect(),
            folder: std::env::current_dir()?,
        })
    }

    /// What starts it again.
    pub(super) fn command(&self) -> Command {
        let mut arguments = self.arguments.iter();
        let mut command = Command::new(&self.file);
        if let Some(name) = arguments.next() {
            command.arg0(name);
        }
        command.args(arguments).current_dir(&self.folder);
        command
    }
}
