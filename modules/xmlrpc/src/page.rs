//! The HTTP page that answers method calls.

use crate::call::Call;
use crate::reply::{self, Xml};
use ser::core::net::http::{Pages, Reply, Request};
use ser::core::rpc::values::{self, Late};
use std::io;

/// The page; it stands at every path, as in SER.
#[derive(Default)]
pub struct RpcPage {
    /// The reply that is not there yet.
    late: Option<Late>,
}

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
            Ok(call) => {
                self.late = values::run(call.method.as_bytes(), call.params, &Xml, reply)?;
                self.late(reply)
            }
            Err(fault) => {
                reply.write(&reply::fault(&fault))?;
                reply.finish()
            }
        }
    }

    fn late(&mut self, reply: &mut Reply<'_, '_>) -> io::Result<()> {
        if let Some(late) = &mut self.late
            && !late.send(&Xml, reply)?
        {
            reply.later();
            return Ok(());
        }
        reply.finish()
    }
}
