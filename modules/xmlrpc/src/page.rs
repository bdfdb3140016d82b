//! The HTTP page that answers method calls.

use crate::call::Call;
use crate::reply::{self, Xml};
use ser::core::net::http::{Pages, Reply, Request};
use ser::core::rpc::line::Sink;
use ser::core::rpc::values;
use std::io;

/// The page; it stands at every path, as in SER.
#[derive(Debug)]
pub struct RpcPage;

impl Pages for RpcPage {
    fn answer(&mut self, request: &Request, reply: &mut Reply<'_, '_>) -> io::Result<()> {
        if request.method != "POST" {
            return reply.refuse_method("POST");
        }
        // A browser says on whose behalf it asks, and no page on the web is to control the server.
        if request.field("origin").is_some() {
            return reply.send(403, "Forbidden: requests of web pages are not served");
        }
        reply.kind("text/xml");
        match Call::parse(&request.body) {
            Ok(call) => values::run(call.method.as_bytes(), call.params, &Xml, &mut Body(reply))?,
            Err(fault) => reply.write(&reply::fault(&fault))?,
        }
        reply.finish()
    }
}

struct Body<'r, 'o, 's>(&'r mut Reply<'o, 's>);

impl Sink for Body<'_, '_, '_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.0.write(piece)
    }
    fn finish(&mut self) -> io::Result<()> {
        self.0.finish()?;
        self.0.flush()
    }
}
