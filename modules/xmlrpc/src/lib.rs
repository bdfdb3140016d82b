//! `xmlrpc`: remote control by XML-RPC over HTTP, in a process of its own.
//!
//! | file | what |
//! |---|---|
//! | `call` | a method call from XML |
//! | `reply` | its reply as XML |
//! | `page` | the HTTP page that answers |

mod call;
mod page;
mod reply;

use page::RpcPage;
use ser::core::module::{IntParam, Param, ParamKind, StrParam};
use ser::core::net::clients::Listener;
use ser::core::net::http::{self, Http, Limits};
use ser::core::process::{ProcessSpec, rank, register_process, serve_streams};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Bytes.
static MAX_REQUEST: IntParam = IntParam::new(1 << 20);
static ROUTE: StrParam = StrParam::none();
/// SER's spelling; it had no effect there either.
static INTROSPECTION: IntParam = IntParam::new(1);

/// What is listened on when nothing is configured.
const DEFAULT: &str = "127.0.0.1:8081";
/// Most clients at once.
const MAX_CLIENTS: usize = 256;

static WANTED: Mutex<Vec<String>> = Mutex::new(Vec::new());
static OPEN: OnceLock<Vec<Listener>> = OnceLock::new();

ser::module! {
    name: "xmlrpc",
    params: &[
        Param { name: "listen", kind: ParamKind::StrFn(add_listen) },
        Param { name: "max_request", kind: ParamKind::Int(&MAX_REQUEST) },
        Param { name: "route", kind: ParamKind::Str(&ROUTE) },
        Param { name: "enable_instrospection", kind: ParamKind::Int(&INTROSPECTION) },
    ],
    init: Some(init),
}

fn add_listen(text: &[u8]) -> Result<(), String> {
    if text.is_empty() {
        return Err("an address is expected".into());
    }
    let mut wanted = WANTED.lock().unwrap_or_else(PoisonError::into_inner);
    wanted.push(String::from_utf8_lossy(text).into_owned());
    Ok(())
}

fn init() -> Result<(), String> {
    max_request()?;
    if ROUTE.get().is_some() {
        log::warn!(
            "WARNING: xmlrpc: the parameter route has no effect: calls do not come through the script"
        );
    }
    let mut wanted = WANTED.lock().unwrap_or_else(PoisonError::into_inner);
    if wanted.is_empty() {
        wanted.push(DEFAULT.into());
    }
    let open: Result<Vec<Listener>, String> = wanted.iter().map(|t| http::listen(t)).collect();
    let _ = OPEN.set(open?);
    register_process(ProcessSpec {
        desc: "xmlrpc server".into(),
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

/// The work loop.
fn run() {
    let limits = Limits {
        body: max_request().unwrap_or(1 << 20),
        ..Limits::default()
    };
    let listeners = OPEN.get().map_or(&[][..], Vec::as_slice);
    serve_streams(listeners, MAX_CLIENTS, |_| {
        Http::new(RpcPage::default(), limits)
    });
}
