//! `fifo`: remote control through a named pipe, the FIFO of SER. The core does the work in the process `fifo
//! server` ([`ser::core::process::serve_fifo`]); here are the parameters.

use ser::core::module::{IntParam, Param, ParamKind, StrParam};
use ser::core::net::control::{self, Access};
use ser::core::process::{FifoSpec, serve_fifo};
use ser::core::rpc::pipe::ReplyPipes;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

static FILE: StrParam = StrParam::none();
static DIR: StrParam = StrParam::new("/tmp/");
static USER: StrParam = StrParam::none();
static GROUP: StrParam = StrParam::none();
static MODE: IntParam = IntParam::new(0o660);
static RETRIES: IntParam = IntParam::new(4);
/// Microseconds.
static WAIT: IntParam = IntParam::new(80_000);

/// A reply pipe is not waited for longer than this.
const MAX_WAIT: Duration = Duration::from_secs(10);

ser::module! {
    name: "fifo",
    params: &[
        Param { name: "fifo_file", kind: ParamKind::Str(&FILE) },
        Param { name: "fifo_dir", kind: ParamKind::Str(&DIR) },
        Param { name: "user", kind: ParamKind::Str(&USER) },
        Param { name: "mode", kind: ParamKind::Int(&MODE) },
        Param { name: "group", kind: ParamKind::Str(&GROUP) },
        Param { name: "reply_retries", kind: ParamKind::Int(&RETRIES) },
        Param { name: "reply_wait", kind: ParamKind::Int(&WAIT) },
    ],
    init: Some(init),
}

fn init() -> Result<(), String> {
    let file = FILE.bytes();
    if file.is_empty() {
        return Ok(());
    }
    let mode = control::mode(MODE.get()).map_err(|why| format!("parameter mode: {why}"))?;
    let path = |bytes| OsStr::from_bytes(bytes).into();
    serve_fifo(FifoSpec {
        path: path(file),
        access: Access::look_up(mode, USER.bytes(), GROUP.bytes())?,
        replies: replies(path(DIR.bytes()))?,
    })
}

fn replies(dir: std::path::PathBuf) -> Result<ReplyPipes, String> {
    let retries = u32::try_from(RETRIES.get());
    let retries = retries.map_err(|_| "parameter reply_retries: it is not negative")?;
    let wait = u64::try_from(WAIT.get()).map(Duration::from_micros);
    let wait = wait.map_err(|_| "parameter reply_wait: it is not negative")?;
    if wait.saturating_mul(retries) > MAX_WAIT {
        return Err("reply_retries times reply_wait is more than 10 seconds".into());
    }
    Ok(ReplyPipes { dir, retries, wait })
}
