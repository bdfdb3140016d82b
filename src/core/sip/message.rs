//! A SIP message, parsed lazily (RFC 3261 §7).

use super::{HdrType, Header, Method, NameAddr, Via};
use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

/// The first line of a message.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum FirstLine<'a> {
    Request {
        method: Method,
        method_name: &'a [u8],
        uri: &'a [u8],
        version: &'a [u8],
    },
    Reply {
        version: &'a [u8],
        code: u16,
        reason: &'a [u8],
    },
}

/// Why bytes are not a usable message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParseError {
    /// Fewer than 17 bytes.
    TooShort,
    /// The first line is empty or wrong.
    FirstLine,
    /// A header line without colon, or one that the end of the buffer cuts.
    Header,
    /// A Via that cannot be read.
    Via,
    /// A To that cannot be read.
    To,
    /// A CSeq that cannot be read.
    CSeq,
    /// A Content-Length that is no number.
    ContentLength,
    /// The header asked for is not there.
    Missing,
}

/// A message whose first line and headers up to the first Via are parsed; the rest on demand.
pub struct Message<'a> {
    buf: &'a [u8],
    first: FirstLine<'a>,
    headers: BumpVec<'a, Header<'a>>,
    // to be completed by the parser
}

#[allow(unused_variables, missing_docs)]
impl<'a> Message<'a> {
    /// Parses the first line and the headers up to and including the first Via.
    pub fn parse(buf: &'a [u8], arena: &'a Bump) -> Result<Message<'a>, ParseError> {
        todo!()
    }
    /// The whole receive buffer.
    #[inline]
    pub fn buf(&self) -> &'a [u8] {
        self.buf
    }
    #[inline]
    pub fn first(&self) -> &FirstLine<'a> {
        &self.first
    }
    pub fn is_request(&self) -> bool {
        todo!()
    }
    /// Method of a request, `Other` in a reply (use `cseq` there).
    pub fn method(&self) -> Method {
        todo!()
    }
    /// Status code of a reply, 0 in a request.
    pub fn status(&self) -> u16 {
        todo!()
    }
    /// Parses on until the first header of `kind` is found. `Ok(None)`: it is not there.
    /// A malformed To, CSeq, Content-Length or Via met on the way is an error, as in SER.
    pub fn header(&mut self, kind: HdrType) -> Result<Option<Header<'a>>, ParseError> {
        todo!()
    }
    /// Parses all headers.
    pub fn parse_all(&mut self) -> Result<(), ParseError> {
        todo!()
    }
    /// The headers parsed so far, in order (all of them after `parse_all`).
    #[inline]
    pub fn parsed_headers(&self) -> &[Header<'a>] {
        &self.headers
    }
    /// First Via value (parsed by `parse`); `None` only where the message has no Via.
    pub fn via1(&self) -> Option<&Via<'a>> {
        todo!()
    }
    /// Second Via value, in the first or in a later Via header.
    pub fn via2(&mut self) -> Result<Option<Via<'a>>, ParseError> {
        todo!()
    }
    /// CSeq: number as text, method token.
    pub fn cseq(&mut self) -> Result<(&'a [u8], &'a [u8]), ParseError> {
        todo!()
    }
    /// From, parsed and cached.
    pub fn from(&mut self) -> Result<NameAddr<'a>, ParseError> {
        todo!()
    }
    /// To, parsed and cached.
    pub fn to(&mut self) -> Result<NameAddr<'a>, ParseError> {
        todo!()
    }
    /// Call-ID body.
    pub fn call_id(&mut self) -> Result<&'a [u8], ParseError> {
        todo!()
    }
    /// Body: everything behind the empty line; `None` without an empty line.
    pub fn body(&mut self) -> Result<Option<&'a [u8]>, ParseError> {
        todo!()
    }
    /// Offset of a slice of this message's buffer.
    #[inline]
    pub fn offset_of(&self, part: &[u8]) -> usize {
        part.as_ptr() as usize - self.buf.as_ptr() as usize
    }
}
