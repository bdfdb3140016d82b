//! JSON-RPC over HTTP: `POST /rpc`.

use crate::call::{Answering, Progress};
use ser::core::net::http::{Pages, Reply, Request};
use std::io;

/// Where requests are posted.
const PATHS: [&str; 3] = ["/rpc", "/RPC", "/jsonrpc"];

/// The page that answers.
#[derive(Default)]
pub struct RpcPage {
    /// What is being answered.
    answering: Option<Answering>,
}

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
        self.answering = Some(Answering::new(&request.body, reply)?);
        self.late(reply)
    }

    fn late(&mut self, reply: &mut Reply<'_, '_>) -> io::Result<()> {
        let Some(answering) = &mut self.answering else {
            return Ok(());
        };
        match answering.go_on(reply)? {
            Progress::Answered => reply.finish(),
            Progress::Silent => reply.send(204, ""),
            Progress::Late => {
                reply.later();
                Ok(())
            }
        }
    }
}
