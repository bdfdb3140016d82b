//! `ctl`: remote control by BINRPC and the line protocol, over unix, TCP and UDP sockets and named pipes.
//!
//! | file | what |
//! |---|---|
//! | `address` | the grammar of listen addresses |
//! | `endpoint` | what is listened on, opened before privileges are dropped |
//! | `handler` | the process `ctl handler`: one loop over everything |
//! | `connection` | one client of a stream socket |
//! | `datagrams` | requests in datagrams |
//! | `binrpc_call` | one BINRPC request, from its bytes to those of its reply |
//! | `who` | the methods `ctl.*` |

mod address;
mod binrpc_call;
mod connection;
mod datagrams;
mod endpoint;
mod handler;
mod who;

use address::{Address, Protocol};
use endpoint::Endpoint;
use ser::core::module::{IntParam, Param, ParamKind, StrParam};
use ser::core::net::control::{self, Access};
use ser::core::process::{ProcessSpec, rank, register_process};
use std::sync::{Mutex, OnceLock, PoisonError};

static MODE: IntParam = IntParam::new(0o600);
static USER: StrParam = StrParam::none();
static GROUP: StrParam = StrParam::none();

/// What is listened on when nothing is configured.
const DEFAULT: &[u8] = b"unixs:/tmp/ser_ctl";

static ADDRESSES: Mutex<Vec<Address>> = Mutex::new(Vec::new());
static ENDPOINTS: OnceLock<Vec<Endpoint>> = OnceLock::new();

ser::module! {
    name: "ctl",
    rpc_methods: who::METHODS,
    params: &[
        Param { name: "binrpc", kind: ParamKind::StrFn(add_binrpc) },
        Param { name: "fifo", kind: ParamKind::StrFn(add_fifo) },
        Param { name: "mode", kind: ParamKind::Int(&MODE) },
        Param { name: "user", kind: ParamKind::Str(&USER) },
        Param { name: "group", kind: ParamKind::Str(&GROUP) },
    ],
    init: Some(init),
    destroy: Some(destroy),
}

fn add_binrpc(text: &[u8]) -> Result<(), String> {
    add(text, Protocol::Binrpc)
}

fn add_fifo(text: &[u8]) -> Result<(), String> {
    add(text, Protocol::Line)
}

fn add(text: &[u8], protocol: Protocol) -> Result<(), String> {
    let address = Address::parse(text, protocol)?;
    let mut addresses = ADDRESSES.lock().unwrap_or_else(PoisonError::into_inner);
    addresses.push(address);
    Ok(())
}

fn init() -> Result<(), String> {
    let mode = control::mode(MODE.get()).map_err(|why| format!("parameter mode: {why}"))?;
    let access = Access::look_up(mode, USER.bytes(), GROUP.bytes())?;
    let mut addresses = ADDRESSES.lock().unwrap_or_else(PoisonError::into_inner);
    if addresses.is_empty() {
        addresses.push(Address::parse(DEFAULT, Protocol::Binrpc)?);
    }
    let mut opened = Vec::new();
    for address in addresses.drain(..) {
        opened.push(Endpoint::open(address, &access)?);
    }
    let _ = ENDPOINTS.set(opened);
    register_process(ProcessSpec {
        desc: "ctl handler".into(),
        rank: rank::PROC_RPC,
        count: 1,
        run: handler::run,
    })
}

fn endpoints() -> &'static [Endpoint] {
    ENDPOINTS.get().map_or(&[], Vec::as_slice)
}

fn destroy() -> Result<(), String> {
    endpoints().iter().for_each(Endpoint::remove);
    Ok(())
}
