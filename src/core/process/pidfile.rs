//! The pid file (`-P`) and the process group file (`-G`).
//!
//! Invariant: a file that belongs to another running instance is neither changed nor removed. An
//! instance proves that a pid file is its own by the record lock which it holds on the open file; the
//! kernel drops that lock with the process, however it ends.

use crate::core::net::inherited;
use rustix::fs::{FlockOperation, fcntl_lock};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The first words of the names under which pid files are handed on.
pub const OFFERED: &str = "pid file";

/// A pid file of this process; [`PidFile::remove`] takes it away.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    file: File,
}

impl PidFile {
    /// Writes the pid of this process. An old file is replaced when the process in it is gone.
    pub fn create(path: &Path) -> Result<PidFile, String> {
        let mut pid_file = loop {
            let opened = PidFile::open_locked(path, true)?;
            // Whoever held the lock until now may have removed the file.
            if let Some(pid_file) = opened.filter(PidFile::is_ours) {
                break pid_file;
            }
        };
        if check_old(&mut pid_file.file, path)? {
            log::warn!("pid file contains old pid, replacing pid");
        }
        pid_file.write()?;
        Ok(pid_file)
    }

    /// Takes over the file of the program that this one takes the place of. That one has the lock as long as it lives;
    /// then the number in the file says whose it is.
    pub fn take_over(path: &Path) -> Result<PidFile, String> {
        let name = offered_as(path);
        let Some(file) = inherited::take(&name) else {
            return PidFile::create(path);
        };
        let mut pid_file = PidFile {
            path: path.to_owned(),
            file: file.into(),
        };
        pid_file.write()?;
        Ok(pid_file)
    }

    fn write(&mut self) -> Result<(), String> {
        let shown = self.path.display();
        write_number(&mut self.file, std::process::id())
            .map_err(|e| format!("unable to write pid file {shown}: {e}"))?;
        inherited::offer(&offered_as(&self.path), &self.file);
        Ok(())
    }

    /// Whether [`PidFile::create`] can succeed, as far as an existing file says. Nothing is changed.
    pub fn check(path: &Path) -> Result<(), String> {
        match PidFile::open_locked(path, false)? {
            Some(mut pid_file) => check_old(&mut pid_file.file, path).map(|_| ()),
            None => Ok(()),
        }
    }

    /// `None`: there is no file, and none was to be created.
    fn open_locked(path: &Path, create: bool) -> Result<Option<PidFile>, String> {
        let shown = path.display();
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(create).mode(0o644);
        let file = match options.open(path) {
            Err(e) if e.kind() == ErrorKind::NotFound && !create => return Ok(None),
            file => file.map_err(|e| format!("unable to create pid file {shown}: {e}"))?,
        };
        fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| format!("running process found in the pid file {shown}"))?;
        let path = path.to_owned();
        Ok(Some(PidFile { path, file }))
    }

    /// Removes the file if it is still the one that was written here. A directory that a changed
    /// user may not write to leaves an empty file behind.
    pub fn remove(mut self) {
        if !self.is_ours() {
            return;
        }
        if let Err(e) = std::fs::remove_file(&self.path) {
            log::warn!("cannot remove pid file {}: {e}", self.path.display());
            if let Err(e) = self.file.set_len(0).and_then(|()| self.file.flush()) {
                log::warn!("cannot empty pid file {}: {e}", self.path.display());
            }
        }
    }

    fn is_ours(&self) -> bool {
        let there = std::fs::metadata(&self.path);
        match (there, self.file.metadata()) {
            (Ok(there), Ok(open)) => there.dev() == open.dev() && there.ino() == open.ino(),
            _ => false,
        }
    }
}

fn offered_as(path: &Path) -> String {
    format!("{OFFERED} {}", path.display())
}

/// Judges what an existing file holds: nothing, a pid, or something that is no pid file at all. True: the pid of a
/// process that is gone or another program's.
fn check_old(file: &mut File, path: &Path) -> Result<bool, String> {
    let shown = path.display();
    let Some(old) = read_number(file).map_err(|e| format!("pid file {shown}: {e}"))? else {
        return Ok(false);
    };
    match old {
        None => Err(format!(
            "pid file {shown} exists, but doesn't contain a valid pid number"
        )),
        Some(pid) if is_server(pid) => {
            Err(format!("running process found in the pid file {shown}"))
        }
        Some(_) => Ok(true),
    }
}

/// `None`: empty. `Some(None)`: no number.
fn read_number(file: &mut File) -> std::io::Result<Option<Option<i32>>> {
    let mut text = Vec::new();
    file.take(64).read_to_end(&mut text)?;
    if text.is_empty() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&text);
    let digits = text.trim_start();
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    Ok(Some(digits[..end].parse().ok()))
}

fn write_number(file: &mut File, number: u32) -> std::io::Result<()> {
    file.rewind()?;
    file.set_len(0)?;
    writeln!(file, "{number}")
}

/// Whether a process of that number lives and may be a server that does not lock its pid file (the
/// original). A number that the kernel has given to another program since is an old one.
fn is_server(pid: i32) -> bool {
    if pid <= 0 || pid as u32 == std::process::id() {
        return false;
    }
    if rustix::process::Pid::from_raw(pid)
        .is_none_or(|pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH))
    {
        return false;
    }
    match std::fs::read(format!("/proc/{pid}/cmdline")) {
        // Empty: a kernel thread, or a process that has ended and nobody has waited for.
        Ok(line) => {
            let program = line.split(|&b| b == 0 || b == b' ').next();
            let name = program.and_then(|p| p.rsplit(|&b| b == b'/').next());
            name == Some(b"ser".as_slice())
        }
        Err(_) => true,
    }
}

/// The process group file: written with the group's number when the server leads a group of its own.
#[derive(Debug)]
pub struct PgidFile {
    path: PathBuf,
    number: u32,
}

impl PgidFile {
    /// Writes `pgid`; `None`: there is no group of our own, and nothing is written. A file that
    /// holds no number is an error, one of another instance stays.
    pub fn create(path: &Path, pgid: Option<i32>) -> Result<Option<PgidFile>, String> {
        let shown = path.display();
        if let Ok(mut old) = File::open(path) {
            let content = read_number(&mut old).map_err(|e| format!("pgid file {shown}: {e}"))?;
            if content == Some(None) {
                return Err(format!(
                    "pgid file {shown} exists, but doesn't contain a valid pgid number"
                ));
            }
        }
        let Some(number) = pgid.and_then(|n| u32::try_from(n).ok()) else {
            log::warn!("we don't have our own process so we won't save our pgid");
            return Ok(None);
        };
        std::fs::write(path, format!("{number}\n"))
            .map_err(|e| format!("unable to create pgid file {shown}: {e}"))?;
        let path = path.to_owned();
        Ok(Some(PgidFile { path, number }))
    }

    /// Removes the file if it still holds our number.
    pub fn remove(self) {
        let ours = std::fs::read_to_string(&self.path)
            .is_ok_and(|text| text.trim() == self.number.to_string());
        if ours && let Err(e) = std::fs::remove_file(&self.path) {
            log::warn!("cannot remove pgid file {}: {e}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ser.pid");
        std::fs::write(&path, content).unwrap();
        (dir, path)
    }

    #[test]
    fn a_pid_file_holds_the_pid_and_a_line_end_and_goes_away() {
        let (_dir, path) = file("");
        let pid_file = PidFile::create(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
        pid_file.remove();
        assert!(!path.exists());
    }

    #[test]
    fn the_pid_of_a_process_that_is_gone_is_replaced() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        let (_dir, path) = file(&format!("{pid}\n"));
        PidFile::create(&path).unwrap().remove();
        assert!(!path.exists());
    }

    #[test]
    fn the_pid_of_another_program_is_an_old_one() {
        let (_dir, path) = file("1\n");
        if !is_server(1) {
            PidFile::create(&path).unwrap().remove();
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_file_without_a_number_is_left_alone() {
        let (_dir, path) = file("root:x:0:0\n");
        let why = PidFile::create(&path).unwrap_err();
        assert!(why.contains("doesn't contain a valid pid number"), "{why}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "root:x:0:0\n");
    }

    #[test]
    fn a_file_that_somebody_put_in_our_place_is_not_removed() {
        let (_dir, path) = file("");
        let pid_file = PidFile::create(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "4711\n").unwrap();
        pid_file.remove();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "4711\n");
    }

    #[test]
    fn without_an_own_group_no_pgid_file_is_written_and_a_foreign_one_stays() {
        let (_dir, path) = file("4711\n");
        assert!(PgidFile::create(&path, None).unwrap().is_none());
        assert!(path.exists());
        let ours = PgidFile::create(&path, Some(815)).unwrap().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "815\n");
        ours.remove();
        assert!(!path.exists());
    }
}
