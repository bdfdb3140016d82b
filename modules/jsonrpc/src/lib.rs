//! `jsonrpc`: remote control by JSON-RPC 2.0, over HTTP and over unix stream sockets with a request a line.
//!
//! | file | what |
//! |---|---|
//! | `call` | a request or batch, from its text to that of its reply |
//! | `json` | values as JSON |
//! | `over_http`, `over_lines` | the two transports |

mod call;
mod json;
mod over_http;
mod over_lines;

use over_http::RpcPage;
use over_lines::Lines;
use ser::core::module::{IntParam, Param, ParamKind, StrParam};
use ser::core::net::clients::{Listener, Next, Out, Talk};
use ser::core::net::control::{self, Access, Made, unix_stream};
use ser::core::net::http::{self, Http, Limits};
use ser::core::process::{ProcessSpec, rank, register_process, serve_streams};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

static MODE: IntParam = IntParam::new(0o600);
static USER: StrParam = StrParam::none();
static GROUP: StrParam = StrParam::none();
/// Bytes.
static MAX_REQUEST: IntParam = IntParam::new(1 << 20);

/// What is listened on when nothing is configured.
const DEFAULT: &str = "127.0.0.1:8080";
/// Most clients at once.
const MAX_CLIENTS: usize = 256;

static WANTED: Mutex<Vec<(Kind, Vec<u8>)>> = Mutex::new(Vec::new());
static OPEN: OnceLock<Endpoints> = OnceLock::new();

/// How JSON travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Http,
    Lines,
}

#[derive(Debug, Default)]
struct Endpoints {
    listeners: Vec<Listener>,
    kinds: Vec<Kind>,
    made: Vec<Made>,
}

ser::module! {
    name: "jsonrpc",
    params: &[
        Param { name: "listen", kind: ParamKind::StrFn(add_listen) },
        Param { name: "socket", kind: ParamKind::StrFn(add_socket) },
        Param { name: "mode", kind: ParamKind::Int(&MODE) },
        Param { name: "user", kind: ParamKind::Str(&USER) },
        Param { name: "group", kind: ParamKind::Str(&GROUP) },
        Param { name: "max_request", kind: ParamKind::Int(&MAX_REQUEST) },
    ],
    init: Some(init),
    destroy: Some(destroy),
}

fn add_listen(text: &[u8]) -> Result<(), String> {
    add(Kind::Http, text)
}

fn add_socket(text: &[u8]) -> Result<(), String> {
    add(Kind::Lines, text)
}

fn add(kind: Kind, text: &[u8]) -> Result<(), String> {
    if text.is_empty() {
        return Err("an address is expected".into());
    }
    let mut wanted = WANTED.lock().unwrap_or_else(PoisonError::into_inner);
    wanted.push((kind, text.to_vec()));
    Ok(())
}

fn init() -> Result<(), String> {
    max_request()?;
    let mode = control::mode(MODE.get()).map_err(|why| format!("parameter mode: {why}"))?;
    let access = Access::look_up(mode, USER.bytes(), GROUP.bytes())?;
    let mut wanted = WANTED.lock().unwrap_or_else(PoisonError::into_inner);
    if wanted.is_empty() {
        wanted.push((Kind::Http, DEFAULT.into()));
    }
    let mut open = Endpoints::default();
    for (kind, text) in wanted.drain(..) {
        open.add(kind, &text, &access)?;
    }
    let _ = OPEN.set(open);
    register_process(ProcessSpec {
        desc: "jsonrpc server".into(),
        rank: rank::PROC_RPC,
        count: 1,
        run,
    })
}

fn max_request() -> Result<usize, String> {
    let size = usize::try_from(MAX_REQUEST.get());
    let size = size.ok().filter(|n| (256..=64 << 20).contains(n));
    size.ok_or_else(|| "parameter max_request: it is 256 bytes to 64 MiB".into())
}

impl Endpoints {
    fn add(&mut self, kind: Kind, text: &[u8], access: &Access) -> Result<(), String> {
        let shown = String::from_utf8_lossy(text);
        let listener = match kind {
            Kind::Http => http::listen(&shown)?,
            Kind::Lines => {
                let path = text.strip_prefix(b"unix:").unwrap_or(text);
                let path = Path::new(OsStr::from_bytes(path));
                let (socket, made) = unix_stream(path, access)
                    .map_err(|why| format!("cannot listen on {shown}: {why}"))?;
                self.made.push(made);
                Listener::Unix(socket)
            }
        };
        self.listeners.push(listener);
        self.kinds.push(kind);
        Ok(())
    }
}

/// What is spoken with one client.
enum Either {
    Http(Http<RpcPage>),
    Lines(Lines),
}

impl Talk for Either {
    fn talk(&mut self, input: &mut Vec<u8>, out: &mut Out<'_>) -> Next {
        match self {
            Either::Http(http) => http.talk(input, out),
            Either::Lines(lines) => lines.talk(input, out),
        }
    }
    fn late(&mut self, out: &mut Out<'_>) -> Next {
        match self {
            Either::Http(http) => http.late(out),
            Either::Lines(lines) => lines.late(out),
        }
    }
    fn is_gone_when_silent(&self) -> bool {
        match self {
            Either::Http(http) => http.is_gone_when_silent(),
            Either::Lines(lines) => lines.is_gone_when_silent(),
        }
    }
}

/// The work loop.
fn run() {
    let Some(open) = OPEN.get() else { return };
    let body = max_request().unwrap_or(1 << 20);
    serve_streams(&open.listeners, MAX_CLIENTS, |number| {
        match open.kinds[number] {
            Kind::Http => Either::Http(Http::new(
                RpcPage::default(),
                Limits {
                    body,
                    ..Limits::default()
                },
            )),
            Kind::Lines => Either::Lines(Lines::new(body)),
        }
    });
}

fn destroy() -> Result<(), String> {
    if let Some(open) = OPEN.get() {
        open.made.iter().for_each(Made::remove);
    }
    Ok(())
}
