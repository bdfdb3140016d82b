//! The methods `ctl.*`: who is connected, what is listened on. They know the connections of the handler
//! process, and nothing in others.

use crate::connection::Connection;
use crate::endpoint::Endpoint;
use crate::endpoints;
use ser::core::net::clients::Client;
use ser::core::rpc::{RpcContext, RpcFault, RpcMethod, RpcValue};
use std::cell::RefCell;

/// A client as `ctl.who` tells it.
#[derive(Clone, Debug)]
pub struct Peer {
    protocol: &'static str,
    transport: &'static str,
    host: String,
    port: String,
    own_host: String,
    own_port: String,
}

impl Peer {
    /// A client of `endpoint`.
    pub fn new(endpoint: &Endpoint, host: String, port: String) -> Peer {
        let (own_host, own_port) = endpoint.name();
        Peer {
            protocol: endpoint.protocol().name(),
            transport: endpoint.transport(),
            host,
            port,
            own_host,
            own_port,
        }
    }
}

thread_local! {
    /// `None`: this process is not the handler.
    static CLIENTS: RefCell<Option<Vec<Peer>>> = const { RefCell::new(None) };
}

/// Tells the methods who is connected.
pub fn set_clients(clients: &[Client<Connection>]) {
    let peers = clients.iter().map(|c| c.talk.peer.clone()).collect();
    CLIENTS.replace(Some(peers));
}

const fn method(name: &'static str, func: ser::core::rpc::RpcFn, doc: &'static str) -> RpcMethod {
    RpcMethod {
        name,
        func,
        doc,
        ret_array: true,
    }
}

/// All of them.
pub const METHODS: &[RpcMethod] = &[
    method("ctl.who", who, "list open connections"),
    method(
        "ctl.connections",
        connections,
        "returns number of open connections",
    ),
    method("ctl.listen", listen, "list ctl listen sockets"),
];

fn clients() -> Result<Vec<Peer>, RpcFault> {
    CLIENTS
        .with_borrow(Clone::clone)
        .ok_or_else(|| RpcFault::new(606, "rpc available only over binrpc (ctl)"))
}

fn add_all(ctx: &mut dyn RpcContext, texts: &[&str]) -> Result<(), RpcFault> {
    texts
        .iter()
        .try_for_each(|t| ctx.add(RpcValue::Str(t.as_bytes().to_vec())))
}

fn who(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let peers = clients()?;
    if peers.is_empty() {
        return Err(RpcFault::new(400, "no open stream connection"));
    }
    for p in peers {
        let texts = [
            p.protocol,
            p.transport,
            &p.host,
            &p.port,
            &p.own_host,
            &p.own_port,
        ];
        add_all(ctx, &texts)?;
    }
    Ok(())
}

fn connections(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    let number = clients()?.len();
    ctx.add(RpcValue::Int(number as i64))
}

fn listen(ctx: &mut dyn RpcContext) -> Result<(), RpcFault> {
    for endpoint in endpoints() {
        let (name, port) = endpoint.name();
        let texts = [
            endpoint.protocol().name(),
            endpoint.transport(),
            &name,
            &port,
        ];
        add_all(ctx, &texts)?;
    }
    Ok(())
}
