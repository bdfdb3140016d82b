//! `serctl fifo` and `serctl unixsock`: a raw command of the line protocol, as the original's serctl and its sisters
//! sc_unixsock sent them. Old command names are the server's business.

use crate::line::LineServer;
use crate::verbs::wrong_use;
use crate::{Address, Failure, Tool};
use std::io::Write;

/// Through the FIFO.
pub fn fifo(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    let address = Address::Fifo(tool.get("SER_FIFO").into());
    send("fifo", tool, &address, args, out)
}

/// Over the socket of module unixsock.
pub fn unixsock(tool: &Tool, args: &[String], out: &mut dyn Write) -> Result<(), Failure> {
    let address = Address::LineDatagram(tool.get("SER_UNIXSOCK").into());
    send("unixsock", tool, &address, args, out)
}

/// Shows the reply as it comes, the status only if it is not 200.
fn send(
    verb: &str,
    tool: &Tool,
    address: &Address,
    args: &[String],
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let (method, params) = args.split_first().ok_or_else(|| wrong_use(verb))?;
    if params.iter().any(|param| param.contains(['\n', '\r'])) {
        let text = "a parameter is a line: write \\n for a line end inside of it";
        return Err(Failure::other(text));
    }
    let address = tool.server.as_ref().unwrap_or(address);
    let server = LineServer::of(address, tool.reply_dir()).ok_or_else(|| {
        Failure::Usage(format!(
            "{verb} speaks over fifo:PATH or unixsock:PATH, not {address}"
        ))
    })?;
    let mut reply = Reply::default();
    server.exchange(method, params, &mut |piece| reply.show(piece, out))?;
    reply.end(out)
}

/// A reply of which the first line may not be whole yet.
#[derive(Default)]
struct Reply {
    status: Vec<u8>,
    failed: Option<bool>,
}

impl Reply {
    fn show(&mut self, piece: &[u8], out: &mut dyn Write) -> Result<(), Failure> {
        if self.failed.is_some() {
            return Ok(out.write_all(piece)?);
        }
        self.status.extend_from_slice(piece);
        let Some(end) = self.status.iter().position(|b| *b == b'\n') else {
            return Ok(());
        };
        let status = std::mem::take(&mut self.status);
        let (status, values) = status.split_at(end + 1);
        let is_ok = status.to_ascii_lowercase().starts_with(b"200 ok");
        self.failed = Some(!status.starts_with(b"2"));
        if !is_ok {
            out.write_all(status)?;
        }
        Ok(out.write_all(values)?)
    }

    fn end(&self, out: &mut dyn Write) -> Result<(), Failure> {
        out.write_all(&self.status)?;
        out.flush()?;
        match self.failed {
            Some(false) => Ok(()),
            // The server has said why.
            Some(true) => Err(Failure::Silent(1)),
            None => Err(Failure::other("the server's reply has no status")),
        }
    }
}
