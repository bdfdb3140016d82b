//! `prometheus`: the page of metrics that Prometheus and what understands its formats ask for, over HTTP in a process
//! of its own.
//!
//! | file | what |
//! |---|---|
//! | `page` | what is answered to a request |
//! | `accept` | which format the client wants |
//! | `text` | values in that format |

mod accept;
mod page;
mod text;

use page::MetricsPage;
use ser::core::module::{IntParam, Param, ParamKind, StrParam};
use ser::core::net::clients::Listener;
use ser::core::net::http::{self, Http, Limits};
use ser::core::process::{ProcessSpec, rank, register_process, serve_streams};
use std::sync::OnceLock;

static ADDRESS: StrParam = StrParam::new("127.0.0.1");
/// Prometheus itself has 9090, its gateway and alert manager the ports behind it, exporters those from 9100 on.
static PORT: IntParam = IntParam::new(9064);
static PATH: StrParam = StrParam::new("/metrics");
static MAX_CLIENTS: IntParam = IntParam::new(32);

/// Requests for a page have no body to speak of.
const LIMITS: Limits = Limits {
    head: 8 * 1024,
    body: 8 * 1024,
};

static OPEN: OnceLock<[Listener; 1]> = OnceLock::new();

ser::module! {
    name: "prometheus",
    params: &[
        Param { name: "address", kind: ParamKind::Str(&ADDRESS) },
        Param { name: "port", kind: ParamKind::Int(&PORT) },
        Param { name: "path", kind: ParamKind::Str(&PATH) },
        Param { name: "max_clients", kind: ParamKind::Int(&MAX_CLIENTS) },
    ],
    init: Some(init),
}

fn init() -> Result<(), String> {
    path()?;
    max_clients()?;
    let place = place(&String::from_utf8_lossy(ADDRESS.bytes()), PORT.get())?;
    let _ = OPEN.set([http::listen(&place)?]);
    register_process(ProcessSpec {
        desc: "prometheus server".into(),
        rank: rank::PROC_RPC,
        count: 1,
        run,
    })
}

/// Address and port as one text.
fn place(address: &str, port: i64) -> Result<String, String> {
    let port = u16::try_from(port).ok().filter(|port| *port != 0);
    let port = port.ok_or("parameter port: it is 1 to 65535")?;
    let bare = address.trim_start_matches('[').trim_end_matches(']');
    match bare {
        "" => Err("parameter address: an address is expected".into()),
        ip if ip.contains(':') => Ok(format!("[{ip}]:{port}")),
        name => Ok(format!("{name}:{port}")),
    }
}

fn path() -> Result<String, String> {
    let path = String::from_utf8_lossy(PATH.bytes());
    let fits = |c: char| c.is_ascii_graphic() && !matches!(c, '?' | '#');
    match path.starts_with('/') && path.chars().all(fits) {
        true => Ok(path.into_owned()),
        false => Err("parameter path: it begins with / and has no blank, ? or #".into()),
    }
}

fn max_clients() -> Result<usize, String> {
    let most = usize::try_from(MAX_CLIENTS.get());
    let most = most.ok().filter(|n| (1..=1024).contains(n));
    most.ok_or_else(|| "parameter max_clients: it is 1 to 1024".into())
}

/// The work loop.
fn run() {
    let (Some(open), Ok(path), Ok(most)) = (OPEN.get(), path(), max_clients()) else {
        log::error!("BUG: prometheus: init has not run");
        return;
    };
    serve_streams(open, most, |_| {
        Http::new(MetricsPage { path: path.clone() }, LIMITS)
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_and_port_become_one_place() {
        assert_eq!(place("127.0.0.1", 9064).as_deref(), Ok("127.0.0.1:9064"));
        assert_eq!(place("::1", 80).as_deref(), Ok("[::1]:80"));
        assert_eq!(place("[::1]", 80).as_deref(), Ok("[::1]:80"));
        for (address, port) in [("", 80), ("127.0.0.1", 0), ("127.0.0.1", 65536)] {
            assert!(place(address, port).is_err(), "{address} {port}");
        }
    }
}
