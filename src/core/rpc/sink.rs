//! Where the bytes of a reply go.

use crate::core::net::http;
use std::io;

/// Where the reply goes.
pub trait Sink {
    /// Takes a piece of the reply; an error: the client is gone.
    fn write(&mut self, piece: &[u8]) -> io::Result<()>;
    /// The reply is complete and leaves now, where it would not by itself.
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Vec<u8> {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.extend_from_slice(piece);
        Ok(())
    }
}

impl Sink for http::Reply<'_, '_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        http::Reply::write(self, piece)
    }
    fn finish(&mut self) -> io::Result<()> {
        http::Reply::finish(self)?;
        self.flush()
    }
}
