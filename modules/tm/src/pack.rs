//! Numbers and texts in a row of bytes: the form in which decisions and attributes lie in shared memory.

use ser::core::msg::{Bump, BumpVec};

/// Writes a row.
pub struct Packer<'a> {
    out: BumpVec<'a, u8>,
}

impl<'a> Packer<'a> {
    /// An empty row.
    pub fn new_in(arena: &'a Bump) -> Packer<'a> {
        Packer {
            out: BumpVec::with_capacity_in(256, arena),
        }
    }

    /// A number.
    pub fn number(&mut self, n: u32) {
        self.out.extend_from_slice_copy(&n.to_le_bytes());
    }

    /// A text.
    pub fn text(&mut self, text: &[u8]) {
        self.number(text.len() as u32);
        self.bytes(text);
    }

    /// Bytes as they are, at the end of the row.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice_copy(bytes);
    }

    /// A text that may be missing.
    pub fn maybe(&mut self, text: Option<&[u8]>) {
        self.number(u32::from(text.is_some()));
        if let Some(text) = text {
            self.text(text);
        }
    }

    /// What was written.
    pub fn finish(self) -> &'a [u8] {
        self.out.into_bump_slice()
    }
}

/// Reads a row; beyond its end everything is zero and empty.
#[derive(Clone, Copy, Debug)]
pub struct Unpacker<'a>(pub &'a [u8]);

impl<'a> Unpacker<'a> {
    fn take(&mut self, len: usize) -> &'a [u8] {
        let (part, rest) = self.0.split_at_checked(len).unwrap_or((self.0, b""));
        self.0 = rest;
        part
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A number.
    pub fn number(&mut self) -> u32 {
        let bytes = self.take(4);
        bytes.try_into().map_or(0, u32::from_le_bytes)
    }

    /// A text.
    pub fn text(&mut self) -> &'a [u8] {
        let len = self.number() as usize;
        self.take(len)
    }

    /// A text that may be missing.
    pub fn maybe(&mut self) -> Option<&'a [u8]> {
        (self.number() != 0).then(|| self.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_in_the_same_order() {
        let arena = Bump::new();
        let mut row = Packer::new_in(&arena);
        row.number(7);
        row.text(b"seven");
        row.maybe(None);
        row.maybe(Some(b""));
        let mut row = Unpacker(row.finish());
        assert_eq!((row.number(), row.text()), (7, &b"seven"[..]));
        assert_eq!((row.maybe(), row.maybe()), (None, Some(&b""[..])));
        assert!(row.is_empty());
        assert_eq!((row.number(), row.text()), (0, &b""[..]));
    }
}
