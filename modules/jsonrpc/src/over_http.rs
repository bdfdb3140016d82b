//! JSON-RPC over HTTP: `POST /rpc`.

use crate::call;
use ser::core::net::http::{Pages, Reply, Request};
use ser::core::rpc::line::Sink;
use std::io;

/// Where requests are posted.
const PATHS: [&str; 3] = ["/rpc", "/RPC", "/jsonrpc"];

/// The page that answers.
#[derive(Debug)]
pub struct RpcPage;

impl Pages for RpcPage {
    fn answer(&mut self, request: &Request, reply: &mut Reply<'_, '_>) -> io::Result<()> {
        if !PATHS.contains(&request.path.as_str()) {
            return reply.send(404, "Not Found: requests are posted to /rpc");
        }
        if request.method != "POST" {
            return reply.refuse_method("POST");
        }
        // A browser says on whose behalf it asks, and no page on the web is to control the server.
        if request.field("origin").is_some() {
            return reply.send(403, "Forbidden: requests of web pages are not served");
        }
        reply.kind("application/json");
        match call::answer(&request.body, &mut Body(reply))? {
            true => reply.finish(),
            false => reply.send(204, ""),
        }
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
