//! Sockets and pipes for remote control: made before privileges are dropped, with the owner and mode that
//! were asked for, and never in the place of something that somebody else uses.

use super::inherited;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, SFlag, fstat, lstat};
use nix::unistd::{Gid, Group, Uid, User, chown, mkfifo, unlink};
use std::fs::{File, OpenOptions, Permissions, set_permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Permissions from a number of the config.
pub fn mode(number: i64) -> Result<u32, &'static str> {
    let mode = u32::try_from(number).ok().filter(|m| *m <= 0o7777);
    mode.ok_or("not a mode: it is 0 to 4095 (octal 7777)")
}

/// Who may use it.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Access {
    pub mode: u32,
    pub user: Option<Uid>,
    pub group: Option<Gid>,
}

impl Access {
    /// `user` and `group`: names or numbers, empty: as the server.
    pub fn look_up(mode: u32, user: &[u8], group: &[u8]) -> Result<Access, String> {
        let text = |t: &[u8]| String::from_utf8_lossy(t).into_owned();
        let user = match text(user) {
            name if name.is_empty() => None,
            name => Some(match (name.parse(), User::from_name(&name)) {
                (Ok(number), _) => Uid::from_raw(number),
                (_, Ok(Some(user))) => user.uid,
                _ => return Err(format!("there is no user {name}")),
            }),
        };
        let group = match text(group) {
            name if name.is_empty() => None,
            name => Some(match (name.parse(), Group::from_name(&name)) {
                (Ok(number), _) => Gid::from_raw(number),
                (_, Ok(Some(group))) => group.gid,
                _ => return Err(format!("there is no group {name}")),
            }),
        };
        Ok(Access { mode, user, group })
    }

    fn give(&self, path: &Path) -> io::Result<()> {
        set_permissions(path, Permissions::from_mode(self.mode))?;
        if self.user.is_some() || self.group.is_some() {
            chown(path, self.user, self.group)?;
        }
        Ok(())
    }
}

/// A path that this server made, to be removed at its end if it is still the same file.
#[derive(Debug)]
pub struct Made {
    path: PathBuf,
    /// Open on it, so that its number is not given to another file.
    file: File,
}

impl Made {
    fn note(path: &Path) -> io::Result<Made> {
        let flags = libc::O_PATH | libc::O_NOFOLLOW;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)?;
        Ok(Made {
            path: path.to_owned(),
            file,
        })
    }

    /// Removes it.
    pub fn remove(&self) {
        let there = std::fs::symlink_metadata(&self.path);
        let same = match (there, self.file.metadata()) {
            (Ok(there), Ok(ours)) => (there.dev(), there.ino()) == (ours.dev(), ours.ino()),
            (_, _) => false,
        };
        if same && let Err(why) = std::fs::remove_file(&self.path) {
            log::warn!("WARNING: cannot remove {}: {why}", self.path.display());
        }
    }
}

/// Makes room at `path`: a socket that nobody listens on and a pipe that nobody reads are removed; anything else
/// stays.
fn clear(path: &Path) -> io::Result<()> {
    let stat = match lstat(path) {
        Err(Errno::ENOENT) => return Ok(()),
        other => other?,
    };
    let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
    if kind == SFlag::S_IFSOCK {
        let in_use = UnixStream::connect(path).is_ok()
            || UnixDatagram::unbound()
                .and_then(|s| s.connect(path))
                .is_ok();
        if in_use {
            return Err(io::Error::new(
                ErrorKind::AddrInUse,
                "another server listens on it",
            ));
        }
    } else if kind == SFlag::S_IFIFO {
        let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        if open(path, flags, Mode::empty()).is_ok() {
            return Err(io::Error::new(
                ErrorKind::AddrInUse,
                "another server reads it",
            ));
        }
    } else {
        return Err(io::Error::new(
            ErrorKind::AlreadyExists,
            "there is a file that is neither a socket nor a pipe",
        ));
    }
    Ok(unlink(path)?)
}

/// Listens on a unix stream socket.
pub fn unix_stream(path: &Path, access: &Access) -> io::Result<(UnixListener, Made)> {
    let name = format!("unix stream {}", path.display());
    let socket = inherited::take_or(&name, || {
        clear(path)?;
        let socket = UnixListener::bind(path)?;
        access.give(path)?;
        Ok(socket)
    })?;
    socket.set_nonblocking(true)?;
    Ok((socket, Made::note(path)?))
}

/// Opens a unix datagram socket.
pub fn unix_datagram(path: &Path, access: &Access) -> io::Result<(UnixDatagram, Made)> {
    let name = format!("unix datagram {}", path.display());
    let socket = inherited::take_or(&name, || {
        clear(path)?;
        let socket = UnixDatagram::bind(path)?;
        access.give(path)?;
        Ok(socket)
    })?;
    socket.set_nonblocking(true)?;
    Ok((socket, Made::note(path)?))
}

/// Makes a named pipe and opens it for reading; it never reports an end.
pub fn fifo(path: &Path, access: &Access) -> io::Result<(File, Made)> {
    let name = format!("fifo {}", path.display());
    let pipe = inherited::take_or(&name, || {
        clear(path)?;
        mkfifo(path, Mode::from_bits_truncate(0o600))?;
        access.give(path)?;
        let flags = OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        Ok(File::from(open(path, flags, Mode::empty())?))
    })?;
    Ok((pipe, Made::note(path)?))
}

/// Opens a client's reply pipe for writing: a named pipe with one link, not a symbolic link. Nobody may be
/// reading yet: it is tried `retries` times more, `wait` apart.
pub fn reply_pipe(path: &Path, retries: u32, wait: Duration) -> io::Result<File> {
    let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut tried = 0;
    let pipe = loop {
        match open(path, flags, Mode::empty()) {
            Ok(pipe) => break pipe,
            Err(Errno::ENXIO) if tried < retries => {
                tried += 1;
                std::thread::sleep(wait);
            }
            Err(why) => return Err(why.into()),
        }
    };
    let stat = fstat(&pipe)?;
    let kind = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT;
    if kind != SFlag::S_IFIFO || stat.st_nlink != 1 {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "the reply file is no named pipe of its own",
        ));
    }
    Ok(File::from(pipe))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Access = Access {
        mode: 0o600,
        user: None,
        group: None,
    };

    #[test]
    fn a_socket_in_use_and_a_file_are_left_alone_and_a_stale_socket_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ctl");
        let (first, made) = unix_stream(&path, &ANY).unwrap();
        assert_eq!(
            unix_stream(&path, &ANY).unwrap_err().kind(),
            ErrorKind::AddrInUse
        );
        drop(first);
        let (_second, again) = unix_stream(&path, &ANY).unwrap();
        made.remove();
        assert!(path.exists(), "it is another file by now");
        again.remove();
        assert!(!path.exists());
        std::fs::write(&path, "text").unwrap();
        assert!(unix_stream(&path, &ANY).is_err());
        assert!(fifo(&path, &ANY).is_err());
        let pipe = dir.path().join("fifo");
        let (first, _) = fifo(&pipe, &ANY).unwrap();
        assert!(fifo(&pipe, &ANY).is_err(), "it is read");
        drop(first);
        assert!(fifo(&pipe, &ANY).is_ok());
        assert_eq!(std::fs::read(&path).unwrap(), b"text");
    }

    #[test]
    fn a_mode_has_twelve_bits() {
        assert_eq!(mode(0o7777), Ok(0o7777));
        assert!(mode(0o10000).is_err() && mode(-1).is_err() && mode(1 << 40).is_err());
    }

    #[test]
    fn a_reply_pipe_must_be_a_pipe_that_is_not_linked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("reply");
        let open = |path: &Path| reply_pipe(path, 0, Duration::ZERO);
        let (_pipe, _made) = fifo(&path, &ANY).unwrap();
        assert!(open(&path).is_ok());
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(open(&link).is_err(), "a symbolic link");
        std::fs::hard_link(&path, dir.path().join("hard")).unwrap();
        assert!(open(&path).is_err(), "two links");
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(open(&file).is_err(), "a file");
    }
}
