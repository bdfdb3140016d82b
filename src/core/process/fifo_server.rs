//! The process `fifo server`: answers the requests that come through SER's FIFOs, that of the core parameter
//! `fifo` and that of module fifo.
//!
//! Invariant: pipes are made before the first fork; there is one process for all of them.

use super::{ProcessSpec, idle, rank, register_process, stop_unless_busy};
use crate::core::net::clients::LATE_LOOK;
use crate::core::net::control::{self, Access, Made};
use crate::core::rpc::pipe::{PipeServer, ReplyPipes};
use crate::core::settings;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use parking_lot::RwLock;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// A FIFO that is wanted.
#[derive(Clone, Debug)]
pub struct FifoSpec {
    /// Where it is made.
    pub path: PathBuf,
    /// Who may write into it.
    pub access: Access,
    /// Where the replies go.
    pub replies: ReplyPipes,
}

#[derive(Debug)]
struct Served {
    path: PathBuf,
    pipe: File,
    made: Made,
    replies: ReplyPipes,
}

static SERVED: RwLock<Vec<Served>> = RwLock::new(Vec::new());

/// Makes a FIFO, and sees to it that there is a process that serves it; before the first fork.
pub fn serve_fifo(spec: FifoSpec) -> Result<(), String> {
    let path = spec.path;
    let mut served = SERVED.write();
    let (pipe, made) = control::fifo(&path, &spec.access)
        .map_err(|why| format!("cannot make the FIFO {}: {why}", path.display()))?;
    let first = served.is_empty();
    served.push(Served {
        path,
        pipe,
        made,
        replies: spec.replies,
    });
    if !first {
        return Ok(());
    }
    register_process(ProcessSpec {
        desc: "fifo server".into(),
        rank: rank::PROC_FIFO,
        count: 1,
        run,
    })
}

/// Makes the FIFO of the core parameters `fifo`, `fifo_mode`, `fifo_user`, `fifo_group`, `fifo_dir`, if they
/// ask for one.
pub(in crate::core) fn serve_core_fifo() -> Result<(), String> {
    let settings = settings::get();
    let Some(path) = settings.stored("fifo").filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let text = |name| settings.stored(name).unwrap_or("").as_bytes();
    let mode = settings.stored("fifo_mode").map_or(Ok(0o660), str::parse);
    let mode = mode.map_err(|_| "fifo_mode: not a mode".to_owned())?;
    let access = Access::look_up(mode, text("fifo_user"), text("fifo_group"))
        .map_err(|why| format!("fifo_user, fifo_group: {why}"))?;
    let mut replies = ReplyPipes::default();
    if let Some(dir) = settings.stored("fifo_dir") {
        replies.dir = dir.into();
    }
    serve_fifo(FifoSpec {
        path: Path::new(path).to_owned(),
        access,
        replies,
    })
}

/// Removes the FIFOs, at the end of the server.
pub(in crate::core) fn remove_fifos() {
    SERVED.read().iter().for_each(|served| served.made.remove());
}

/// The work loop.
fn run() {
    // Nothing is added after the fork.
    let served = SERVED.read();
    log::info!("fifo process starting: {}", std::process::id());
    for one in served.iter() {
        log::info!("fifo server up at {}...", one.path.display());
    }
    let mut servers: Vec<PipeServer> = served.iter().map(|_| PipeServer::default()).collect();
    loop {
        let late = servers.iter_mut().map(PipeServer::answer_late);
        let late = late.fold(false, |any, one| any | one);
        wait(&served, late);
        for (one, server) in served.iter().zip(&mut servers) {
            server.serve(&one.pipe, &one.replies);
        }
        stop_unless_busy(servers.iter().any(PipeServer::is_busy));
    }
}

fn wait(served: &[Served], late: bool) {
    let fds = served
        .iter()
        .map(|s| PollFd::new(s.pipe.as_fd(), PollFlags::POLLIN));
    let mut fds: Vec<PollFd<'_>> = fds.collect();
    let look = if late {
        PollTimeout::from(LATE_LOOK)
    } else {
        PollTimeout::NONE
    };
    // An interrupted wait only means an early look.
    let _ = idle(|| poll(&mut fds, look));
}
