//! The page of metrics: `GET /metrics`. It leaves family by family, in bounded memory.

use crate::accept;
use crate::text::Writer;
use ser::core::net::http::{Pages, Reply, Request};
use ser::core::stats::metrics::{self, Samples};
use std::io;

/// What answers.
#[derive(Debug)]
pub struct MetricsPage {
    /// Where the page is.
    pub path: String,
}

impl Pages for MetricsPage {
    fn answer(&mut self, request: &Request, reply: &mut Reply<'_, '_>) -> io::Result<()> {
        if request.path != self.path {
            return reply.send(404, &format!("Not Found: the metrics are at {}", self.path));
        }
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            return reply.refuse_method("GET, HEAD");
        }
        let format = accept::wanted(request.field("accept"));
        reply.kind(format.content_type());
        let mut writer = Writer::new(format);
        for family in metrics::all() {
            let mut sent = Ok(());
            writer.begin(family);
            Samples::of(family, &mut |labels, value| {
                writer.sample(family, labels, &value);
                if sent.is_ok() {
                    sent = reply.write(writer.written());
                }
                writer.clear();
            });
            sent?;
        }
        writer.end();
        reply.write(writer.written())?;
        reply.finish()
    }
}
