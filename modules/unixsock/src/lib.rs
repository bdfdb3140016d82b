//! `unixsock`: remote control by the text protocol over a unix datagram socket. The core does the work in the
//! processes `unixsock server` ([`ser::core::process::serve_unixsock`]); here are the parameters.

use ser::core::module::{IntParam, Param, ParamKind, StrParam};
use ser::core::net::control::{self, Access};
use ser::core::process::{UnixSockSpec, serve_unixsock};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

static SOCKET: StrParam = StrParam::none();
static CHILDREN: IntParam = IntParam::new(1);
/// Milliseconds.
static SEND_TIMEOUT: IntParam = IntParam::new(2_000);
static USER: StrParam = StrParam::none();
static GROUP: StrParam = StrParam::none();
static MODE: IntParam = IntParam::new(0o660);

ser::module! {
    name: "unixsock",
    params: &[
        Param { name: "socket", kind: ParamKind::Str(&SOCKET) },
        Param { name: "children", kind: ParamKind::Int(&CHILDREN) },
        Param { name: "send_timeout", kind: ParamKind::Int(&SEND_TIMEOUT) },
        Param { name: "socket_user", kind: ParamKind::Str(&USER) },
        Param { name: "socket_group", kind: ParamKind::Str(&GROUP) },
        Param { name: "socket_mode", kind: ParamKind::Int(&MODE) },
    ],
    init: Some(init),
}

fn init() -> Result<(), String> {
    let socket = SOCKET.bytes();
    if socket.is_empty() {
        return Ok(());
    }
    let children = u32::try_from(CHILDREN.get()).ok();
    let children = children.filter(|n| (1..=64).contains(n));
    let mode = control::mode(MODE.get()).map_err(|why| format!("parameter socket_mode: {why}"))?;
    let timeout = u64::try_from(SEND_TIMEOUT.get()).ok();
    let timeout = timeout.filter(|ms| (1..=60_000).contains(ms));
    let timeout = timeout.ok_or("parameter send_timeout: it is 1 to 60000 milliseconds")?;
    serve_unixsock(UnixSockSpec {
        path: OsStr::from_bytes(socket).into(),
        access: Access::look_up(mode, USER.bytes(), GROUP.bytes())?,
        children: children.ok_or("parameter children: it is 1 to 64")?,
        send_timeout: Duration::from_millis(timeout),
    })
}
