//! A SIP message, parsed lazily (RFC 3261 §7).
//!
//! Invariants: `headers` holds the fields before `next`, in order; `first_of` names the first of each
//! type among them; an error leaves all three as they were, so that asking again fails again. What
//! SER decodes on the way (Via, To, CSeq, Content-Length) is decoded here too, and a malformed one
//! stops the parser.

use super::contact::{Contact, ContactBody};
use super::digest::Credentials;
use super::header_line::{self, Stop};
use super::name_addr::RouteList;
use super::{CSeq, FirstLine, HdrType, Header, Method, NameAddr, ParseError, Via, value};
use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

/// A message whose first line and headers up to the first Via are parsed; the rest on demand.
#[derive(Debug)]
pub struct Message<'a> {
    buf: &'a [u8],
    arena: &'a Bump,
    first: FirstLine<'a>,
    headers: BumpVec<'a, Header<'a>>,
    /// A bit for each type that was met, and `VIA2` for a second Via value.
    met: u64,
    /// Index in `headers` of the first of each type that was met; `FAR` from there on.
    first_of: [u8; HdrType::COUNT],
    /// Offset of the first byte that is not parsed.
    next: usize,
    state: State,
    via1: Option<&'a Via<'a>>,
    via2: Option<&'a Via<'a>>,
    to: Option<&'a NameAddr<'a>>,
    from: Option<&'a NameAddr<'a>>,
    cseq: Option<&'a CSeq<'a>>,
    content_length: Option<u32>,
}

/// The bit of a header type in `met`: SER's header flags.
#[inline(always)]
fn bit(kind: HdrType) -> u64 {
    1 << kind as u8
}

/// A second Via value was met; SER's flag for it.
const VIA2: u64 = 1 << 2;

/// What is decoded while scanning.
const DECODED: u64 = 1 << HdrType::Via as u8
    | 1 << HdrType::To as u8
    | 1 << HdrType::CSeq as u8
    | 1 << HdrType::ContentLength as u8;

/// In `first_of`: at this index or behind it.
const FAR: u8 = u8::MAX;

/// How far the headers are parsed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// More may follow.
    Open,
    /// The buffer ended without an empty line.
    NoBody,
    /// The empty line is found; the body begins at `next`.
    Body,
}

/// All contacts of a message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Contacts<'a> {
    /// One of the Contact headers is `*`.
    pub star: bool,
    /// Number of Contact headers.
    pub headers: usize,
    /// The addresses.
    pub list: &'a [Contact<'a>],
}

/// In which order [`Message::contacts`] lists the addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ContactOrder {
    /// As SER iterates: headers in order, the values of each header from last to first.
    Ser,
    /// As they stand in the message.
    Text,
}

impl<'a> Message<'a> {
    /// Parses the first line and the headers up to and including the first Via.
    ///
    /// # Errors
    /// A bad first line, a bad Via, or a bad header before it. A message without Via is no error.
    pub fn parse(buf: &'a [u8], arena: &'a Bump) -> Result<Message<'a>, ParseError> {
        let (first, next) = FirstLine::parse(buf)?;
        let mut message = Message {
            buf,
            arena,
            first,
            headers: BumpVec::with_capacity_in(24, arena),
            met: 0,
            first_of: [0; HdrType::COUNT],
            next,
            state: State::Open,
            via1: None,
            via2: None,
            to: None,
            from: None,
            cseq: None,
            content_length: None,
        };
        message.advance(bit(HdrType::Via))?;
        Ok(message)
    }

    /// The whole receive buffer.
    #[inline]
    pub fn buf(&self) -> &'a [u8] {
        self.buf
    }

    /// The arena that the message lives in.
    #[inline]
    pub fn arena(&self) -> &'a Bump {
        self.arena
    }

    /// The first line.
    #[inline]
    pub fn first(&self) -> &FirstLine<'a> {
        &self.first
    }

    /// True for a request.
    #[inline]
    pub fn is_request(&self) -> bool {
        matches!(self.first, FirstLine::Request { .. })
    }

    /// Method of a request, `Other` in a reply (use `cseq` there).
    #[inline]
    pub fn method(&self) -> Method {
        match self.first {
            FirstLine::Request { method, .. } => method,
            FirstLine::Reply { .. } => Method::Other,
        }
    }

    /// The method of a request as it stands there; empty in a reply.
    #[inline]
    pub fn method_name(&self) -> &'a [u8] {
        match self.first {
            FirstLine::Request { method_name, .. } => method_name,
            FirstLine::Reply { .. } => b"",
        }
    }

    /// Status code of a reply, 0 in a request.
    #[inline]
    pub fn status(&self) -> u16 {
        match self.first {
            FirstLine::Request { .. } => 0,
            FirstLine::Reply { code, .. } => code,
        }
    }

    /// Parses on until the first header of `kind` is found. `Ok(None)`: it is not there.
    ///
    /// # Errors
    /// A malformed To, CSeq, Content-Length or Via met on the way is an error, as in SER.
    #[inline]
    pub fn header(&mut self, kind: HdrType) -> Result<Option<Header<'a>>, ParseError> {
        if self.met & bit(kind) == 0 {
            self.advance(bit(kind))?;
        }
        Ok(self.seen(kind))
    }

    /// The first header of `kind` among those parsed so far.
    #[inline]
    pub fn seen(&self, kind: HdrType) -> Option<Header<'a>> {
        if self.met & bit(kind) == 0 {
            return None;
        }
        let index = match self.first_of[kind as usize] {
            FAR => self.headers.iter().position(|h| h.kind == kind)?,
            index => usize::from(index),
        };
        self.headers.get(index).copied()
    }

    /// Parses all headers.
    ///
    /// # Errors
    /// The first malformed header; those before it stay usable.
    pub fn parse_all(&mut self) -> Result<(), ParseError> {
        self.advance(0)
    }

    /// True when every header is parsed: the empty line or the end of the buffer is reached.
    #[inline]
    pub fn all_parsed(&self) -> bool {
        self.state != State::Open
    }

    /// The headers parsed so far, in order (all of them after `parse_all`).
    #[inline]
    pub fn parsed_headers(&self) -> &[Header<'a>] {
        &self.headers
    }

    /// Parses all headers and walks those of one type, in order.
    ///
    /// # Errors
    /// As `parse_all`.
    pub fn headers_of(
        &mut self,
        kind: HdrType,
    ) -> Result<impl Iterator<Item = &Header<'a>>, ParseError> {
        self.parse_all()?;
        Ok(self.headers.iter().filter(move |h| h.kind == kind))
    }

    /// First Via value (parsed by `parse`); `None` only where the message has no Via.
    #[inline]
    pub fn via1(&self) -> Option<&Via<'a>> {
        self.via1
    }

    /// Second Via value, in the first or in a later Via header.
    ///
    /// # Errors
    /// As `header`.
    pub fn via2(&mut self) -> Result<Option<Via<'a>>, ParseError> {
        if self.met & VIA2 == 0 {
            self.advance(VIA2)?;
        }
        Ok(self.via2.copied())
    }

    /// The Via values of the headers parsed so far, in order.
    pub fn parsed_vias(&self) -> impl Iterator<Item = Via<'a>> + '_ {
        let of_via = self.headers.iter().filter(|h| h.kind == HdrType::Via);
        of_via.flat_map(|h| {
            let mut rest = Some(h.body);
            std::iter::from_fn(move || {
                // Every Via header was parsed to its end when it was met.
                let (via, more) = Via::parse(rest.take()?).ok()?;
                rest = more;
                Some(via)
            })
        })
    }

    /// Number of Via values in the headers parsed so far.
    pub fn parsed_via_count(&self) -> usize {
        if self.met & VIA2 == 0 {
            return usize::from(self.via1.is_some());
        }
        self.parsed_vias().count()
    }

    /// CSeq: number as text, method token.
    ///
    /// # Errors
    /// `Missing`, or as `header`.
    #[inline]
    pub fn cseq(&mut self) -> Result<(&'a [u8], &'a [u8]), ParseError> {
        self.header(HdrType::CSeq)?;
        let cseq = self.cseq.ok_or(ParseError::Missing)?;
        Ok((cseq.number, cseq.method))
    }

    /// The number of CSeq, `None` if it is none below 2^32.
    ///
    /// # Errors
    /// As `cseq`.
    pub fn cseq_number(&mut self) -> Result<Option<u32>, ParseError> {
        self.cseq()?;
        Ok(self.cseq.and_then(|cseq| cseq.value()))
    }

    /// From, parsed and cached.
    ///
    /// # Errors
    /// `Missing`, `To` for a malformed From, or as `header`.
    #[inline]
    pub fn from(&mut self) -> Result<NameAddr<'a>, ParseError> {
        if let Some(from) = self.from {
            return Ok(*from);
        }
        let header = self.header(HdrType::From)?.ok_or(ParseError::Missing)?;
        let wide = self.wide(header.body);
        let from = self.arena.alloc_with(NameAddr::default);
        let read = from.read_in(wide, header.body.len());
        read.map_err(|e| self.placed(e, wide))?;
        self.from = Some(from);
        Ok(*from)
    }

    /// To, parsed and cached.
    ///
    /// # Errors
    /// `Missing`, or as `header`.
    #[inline]
    pub fn to(&mut self) -> Result<NameAddr<'a>, ParseError> {
        self.header(HdrType::To)?;
        self.to.copied().ok_or(ParseError::Missing)
    }

    /// Call-ID body.
    ///
    /// # Errors
    /// `Missing`, or as `header`.
    #[inline]
    pub fn call_id(&mut self) -> Result<&'a [u8], ParseError> {
        let header = self.header(HdrType::CallId)?;
        header.map(|h| h.body).ok_or(ParseError::Missing)
    }

    /// Content-Length as a number; `None` without the header.
    ///
    /// # Errors
    /// As `header`.
    pub fn content_length(&mut self) -> Result<Option<u32>, ParseError> {
        self.header(HdrType::ContentLength)?;
        Ok(self.content_length)
    }

    /// Body: everything behind the empty line; `None` without an empty line.
    ///
    /// # Errors
    /// As `parse_all`.
    pub fn body(&mut self) -> Result<Option<&'a [u8]>, ParseError> {
        self.parse_all()?;
        Ok((self.state == State::Body).then(|| &self.buf[self.next..]))
    }

    /// Offset where the headers parsed so far end; after `parse_all` that of the empty line, or the
    /// length without one.
    pub fn headers_end(&self) -> usize {
        let last = self.headers.last();
        last.map_or(self.next, |h| self.offset_of(h.raw) + h.raw.len())
    }

    /// All contact addresses; `None` without a Contact header.
    ///
    /// # Errors
    /// The first malformed Contact, or as `parse_all`.
    pub fn contacts(&mut self, order: ContactOrder) -> Result<Option<Contacts<'a>>, ParseError> {
        self.parse_all()?;
        let mut contacts = Contacts::default();
        let mut list = BumpVec::new_in(self.arena);
        for header in self.headers.iter().filter(|h| h.kind == HdrType::Contact) {
            contacts.headers += 1;
            let from = list.len();
            match ContactBody::new(header.body) {
                ContactBody::Star => contacts.star = true,
                ContactBody::List(values) => {
                    for value in values {
                        list.push(value.map_err(|e| self.placed(e, header.body))?);
                    }
                }
            }
            if order == ContactOrder::Ser {
                list[from..].reverse();
            }
        }
        contacts.list = list.into_bump_slice();
        Ok((contacts.headers > 0).then_some(contacts))
    }

    /// All values of the Route (or Record-Route) headers, in order.
    ///
    /// # Errors
    /// The first malformed value, or as `parse_all`.
    pub fn routes(&mut self, kind: HdrType) -> Result<&'a [NameAddr<'a>], ParseError> {
        self.parse_all()?;
        let mut list = BumpVec::new_in(self.arena);
        for header in self.headers.iter().filter(|h| h.kind == kind) {
            for value in RouteList::new(header.body) {
                list.push(value.map_err(|e| self.placed(e, header.body))?);
            }
        }
        Ok(list.into_bump_slice())
    }

    /// The first Digest credentials for `realm` in the headers of `kind` (Authorization or
    /// Proxy-Authorization), and their header. Headers that cannot be read are passed over.
    ///
    /// # Errors
    /// As `parse_all`.
    pub fn credentials(
        &mut self,
        kind: HdrType,
        realm: &[u8],
    ) -> Result<Option<(Header<'a>, Credentials<'a>)>, ParseError> {
        let mut all = self.headers_of(kind)?;
        Ok(all.find_map(|header| {
            let found = Credentials::parse(header.body).ok()?;
            (found.realm == Some(realm)).then_some((*header, found))
        }))
    }

    /// Seconds of the Expires header; `None` without it or when it is no number.
    ///
    /// # Errors
    /// As `header`.
    pub fn expires(&mut self) -> Result<Option<u32>, ParseError> {
        let header = self.header(HdrType::Expires)?;
        Ok(header.and_then(|h| value::expires(h.body)))
    }

    /// Offset of a slice of this message's buffer. The empty slice of a field that is absent lies
    /// nowhere, and its offset has no meaning.
    #[inline]
    pub fn offset_of(&self, part: &[u8]) -> usize {
        (part.as_ptr() as usize).wrapping_sub(self.buf.as_ptr() as usize)
    }

    /// `part` of the buffer and all that follows it.
    #[inline(always)]
    fn wide(&self, part: &[u8]) -> &'a [u8] {
        self.buf.get(self.offset_of(part)..).unwrap_or_default()
    }

    /// `error` of the parser of `part` with its offset counted from the start of the buffer.
    fn placed(&self, error: ParseError, part: &[u8]) -> ParseError {
        error.shifted(self.offset_of(part))
    }

    /// Parses headers until one whose bit is in `want` was met, or to the end.
    fn advance(&mut self, want: u64) -> Result<(), ParseError> {
        if self.state != State::Open {
            return Ok(());
        }
        let buf = self.buf;
        while let Some(left) = header_line::starts(buf, self.next) {
            let (kind, field) = match header_line::plain(left) {
                Some(found) => found,
                None => header_line::loose(left).ok_or(ParseError::Header(self.next))?,
            };
            let header = Header {
                kind,
                name: &left[..field.name],
                body: &left[field.body],
                raw: &left[..field.end],
            };
            if bit(kind) & DECODED != 0 {
                self.decode(kind, header.body)?;
            }
            self.keep(header);
            self.next += field.end;
            if self.met & want != 0 {
                return Ok(());
            }
        }
        match header_line::stop(buf, self.next)? {
            Stop::Empty(body) => (self.state, self.next) = (State::Body, body),
            Stop::End => self.state = State::NoBody,
        }
        Ok(())
    }

    /// Files a header, and whether it is the first of its type.
    #[inline(always)]
    fn keep(&mut self, header: Header<'a>) {
        let kind = bit(header.kind);
        if self.met & kind == 0 {
            let index = self.headers.len().min(usize::from(FAR));
            self.first_of[header.kind as usize] = index as u8;
            self.met |= kind;
        }
        self.headers.push(header);
    }

    /// Decodes what is decoded while scanning; the first of a type is kept.
    #[inline(never)]
    fn decode(&mut self, kind: HdrType, body: &'a [u8]) -> Result<(), ParseError> {
        let decoded = match kind {
            HdrType::Via => return self.decode_via(body),
            HdrType::To => {
                let to = self.arena.alloc_with(NameAddr::default);
                let read = to.read_in(self.wide(body), body.len());
                read.map(|()| {
                    self.to.get_or_insert(to);
                })
            }
            HdrType::CSeq => CSeq::parse_in(self.wide(body), body.len()).map(|cseq| {
                self.cseq.get_or_insert_with(|| self.arena.alloc(cseq));
            }),
            HdrType::ContentLength => value::content_length(body).map(|n| {
                self.content_length.get_or_insert(n);
            }),
            _ => Ok(()),
        };
        decoded.map_err(|e| self.placed(e, body))
    }

    /// Parses every value of a Via body and keeps the first two of the message.
    #[inline]
    fn decode_via(&mut self, body: &'a [u8]) -> Result<(), ParseError> {
        let wide = self.wide(body);
        let mut at = 0;
        let mut found = (self.via1, self.via2);
        loop {
            let via = self.arena.alloc_with(Via::default);
            let end = via.read(&wide[at..], body.len() - at);
            at += end.map_err(|e| self.placed(e, &wide[at..]))? + 1;
            let via: &'a Via<'a> = via;
            if found.0.is_none() {
                found.0 = Some(via);
            } else if found.1.is_none() {
                found.1 = Some(via);
            }
            if !via.more {
                break;
            }
        }
        (self.via1, self.via2) = found;
        if self.via2.is_some() {
            self.met |= VIA2;
        }
        Ok(())
    }
}
