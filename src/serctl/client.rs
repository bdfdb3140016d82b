//! A client of the server: calls RPC methods by BINRPC or, where the server has a FIFO alone, by the line protocol,
//! and gives the values of their replies.

use crate::line::LineServer;
use crate::link::Link;
use crate::value::{self, Value};
use crate::{Address, Failure};
use ser::core::rpc::RpcValue;
use ser::core::rpc::binrpc::{Error, Kind, Reader, Writer, packet, read_header};
use std::fmt::Display;
use std::path::Path;

/// A connection to the server.
#[derive(Debug)]
pub struct Client {
    server: Server,
}

#[derive(Debug)]
enum Server {
    Binrpc {
        link: Link,
        /// Goes with the next request, and comes back with its reply.
        cookie: u32,
    },
    Line(LineServer),
}

impl Client {
    /// Connects; `replies`: where the pipes for replies are made if the address is a FIFO.
    pub fn connect(address: &Address, replies: &Path) -> Result<Client, Failure> {
        let server = match LineServer::of(address, replies) {
            Some(server) => Server::Line(server),
            None => Server::Binrpc {
                link: Link::open(address).map_err(|why| unreachable(address, why))?,
                cookie: std::process::id(),
            },
        };
        Ok(Client { server })
    }

    /// Calls a method; the values of its reply.
    pub fn call(&mut self, method: &str, params: &[RpcValue]) -> Result<Vec<Value>, Failure> {
        match &mut self.server {
            Server::Binrpc { link, cookie } => {
                *cookie = cookie.wrapping_add(1);
                call_binrpc(link, *cookie, method, params)
            }
            Server::Line(server) => server.call(method, params),
        }
    }

    /// Calls a method without parameters that gives one value.
    pub fn one(&mut self, method: &str) -> Result<Value, Failure> {
        let first = self.call(method, &[])?.into_iter().next();
        first.ok_or_else(|| Failure::Other(format!("{method}: an empty reply")))
    }

    /// Calls a method that the server may not have, because a module is not loaded or it is older; `None`: so it is.
    pub fn if_known(
        &mut self,
        method: &str,
        params: &[RpcValue],
    ) -> Result<Option<Vec<Value>>, Failure> {
        match self.call(method, params) {
            Ok(values) => Ok(Some(values)),
            Err(why) if why.is_unknown_method() => Ok(None),
            Err(why) => Err(why),
        }
    }
}

fn unreachable(address: &Address, why: impl Display) -> Failure {
    Failure::Unreachable(format!(
        "no server at {address}: {why}; is it running, and is module ctl loaded?"
    ))
}

fn call_binrpc(
    link: &mut Link,
    cookie: u32,
    method: &str,
    params: &[RpcValue],
) -> Result<Vec<Value>, Failure> {
    let mut body = Writer::new();
    body.string(method.as_bytes());
    params.iter().for_each(|param| body.value(param));
    let request = packet(Kind::Request, cookie, &body.finish());
    let lost = |why: std::io::Error| Failure::Unreachable(format!("{method}: {why}"));
    link.send(&request).map_err(lost)?;
    loop {
        let reply = link.receive().map_err(lost)?;
        let header = read_header(&reply).map_err(|why| broken(method, why))?;
        // A late datagram may belong to a request that was given up.
        if header.cookie == cookie {
            return values(method, header.kind, &reply[header.header_len..]);
        }
    }
}

fn broken(method: &str, why: Error) -> Failure {
    Failure::Other(format!("{method}: the reply cannot be read: {why}"))
}

fn values(method: &str, kind: Kind, body: &[u8]) -> Result<Vec<Value>, Failure> {
    let mut reader = Reader::new(body);
    let mut values = Vec::new();
    while !reader.is_empty() {
        values.push(value::read(&mut reader).map_err(|why| broken(method, why))?);
    }
    match (kind, values.as_slice()) {
        (Kind::Reply, _) => Ok(values),
        (Kind::Fault, [Value::Int(code), Value::Str(reason)]) => Err(Failure::Fault {
            code: *code,
            reason: reason.clone(),
        }),
        (Kind::Fault | Kind::Request, _) => Err(broken(method, Error::BadPacket)),
    }
}
