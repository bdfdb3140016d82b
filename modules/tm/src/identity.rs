//! What makes two requests belong to one transaction (RFC 3261 §17.2.3): the branch and sent-by of the
//! topmost Via where the branch has the magic cookie; without it the fields that RFC 2543 names.

use crate::params::{RURI_MATCHING, VIA1_MATCHING};
use crate::transaction::{Flag, Transaction};
use ser::core::forward::branch::{MAGIC_COOKIE, hash_index};
use ser::core::msg::SipMsg;
use ser::core::sip::{Method, ParseError, Via};

ser::shm_struct! {
    /// A part of the request as it was received.
    #[derive(Clone, Copy, Debug)]
    pub struct Span {
        at: u32,
        len: u32,
    }
}

impl Span {
    /// Of nothing.
    pub const EMPTY: Span = Span { at: 0, len: 0 };

    /// Where `part` lies in `whole`, which it is a slice of.
    pub fn of(whole: &[u8], part: &[u8]) -> Span {
        if part.is_empty() {
            return Span::EMPTY;
        }
        Span {
            at: (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize) as u32,
            len: part.len() as u32,
        }
    }

    /// The part.
    #[inline]
    pub fn get(self, whole: &[u8]) -> &[u8] {
        let at = self.at as usize;
        whole.get(at..at + self.len as usize).unwrap_or_default()
    }
}

ser::shm_struct! {
    /// Where the parts that are compared stand in the stored request.
    #[derive(Clone, Copy, Debug)]
    pub struct Identity {
        method_name: Span,
        branch: Span,
        host: Span,
        transport: Span,
        port: u16,
        via: Span,
        ruri: Span,
        call_id: Span,
        cseq: Span,
        from: Span,
        from_tag: Span,
        to: Span,
        to_uri: Span,
    }
}

impl Identity {
    /// Of a transaction that nobody's request made.
    pub const NONE: Identity = Identity {
        method_name: Span::EMPTY,
        branch: Span::EMPTY,
        host: Span::EMPTY,
        transport: Span::EMPTY,
        port: 0,
        via: Span::EMPTY,
        ruri: Span::EMPTY,
        call_id: Span::EMPTY,
        cseq: Span::EMPTY,
        from: Span::EMPTY,
        from_tag: Span::EMPTY,
        to: Span::EMPTY,
        to_uri: Span::EMPTY,
    };

    /// Of a request of our own: no request is compared with it, but it is looked for by these.
    pub fn of_own(request: &[u8], call_id: &[u8], cseq: &[u8]) -> Identity {
        let method_name = request.split(|b| *b == b' ').next().unwrap_or_default();
        Identity {
            method_name: Span::of(request, method_name),
            call_id: Span::of(request, call_id),
            cseq: Span::of(request, cseq),
            ..Identity::NONE
        }
    }

    /// The method as the request has it.
    pub fn method_name<'t>(&self, request: &'t [u8]) -> &'t [u8] {
        self.method_name.get(request)
    }

    /// The number in CSeq, as text.
    pub fn cseq<'t>(&self, request: &'t [u8]) -> &'t [u8] {
        self.cseq.get(request)
    }

    /// The Call-ID.
    pub fn call_id<'t>(&self, request: &'t [u8]) -> &'t [u8] {
        self.call_id.get(request)
    }
}

/// The compared parts of a request that was just received.
#[derive(Clone, Copy, Debug)]
pub struct Incoming<'a> {
    pub method: Method,
    method_name: &'a [u8],
    pub index: u16,
    buf: &'a [u8],
    via: &'a [u8],
    branch: &'a [u8],
    host: &'a [u8],
    transport: &'a [u8],
    port: u16,
    ruri: &'a [u8],
    call_id: &'a [u8],
    cseq: &'a [u8],
    from: &'a [u8],
    from_tag: &'a [u8],
    to: &'a [u8],
    to_uri: &'a [u8],
    to_tag: &'a [u8],
}

/// Reads only the headers that are needed.
pub fn read<'a>(msg: &mut SipMsg<'a>) -> Result<Incoming<'a>, ParseError> {
    let (cseq, _) = msg.sip.cseq()?;
    let call_id = msg.sip.call_id()?;
    let from = msg.sip.from()?;
    let to = msg.sip.to()?;
    let via: Via<'a> = *msg.sip.via1().ok_or(ParseError::Missing)?;
    Ok(Incoming {
        method: msg.sip.method(),
        method_name: msg.sip.method_name(),
        index: hash_index(call_id, cseq),
        buf: msg.buf(),
        via: via.raw,
        branch: via.branch.unwrap_or_default(),
        host: via.host,
        transport: via.transport,
        port: via.port_no,
        ruri: msg.original_uri(),
        call_id,
        cseq,
        from: from.raw,
        from_tag: from.tag.unwrap_or_default(),
        to: to.raw,
        to_uri: to.uri,
        to_tag: to.tag.unwrap_or_default(),
    })
}

/// Whether no request of others made it.
fn made_here(t: &Transaction) -> bool {
    t.has(Flag::Local) && !t.has(Flag::Replicated)
}

/// What a request is to a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Match {
    No,
    /// A retransmission, or the ACK to a reply that was made or passed on here.
    Same,
    /// The ACK to a 2xx that was passed on: end to end, no part of the transaction.
    EndToEndAck,
}

impl<'a> Incoming<'a> {
    /// What is kept of it.
    pub fn identity(&self) -> Identity {
        let span = |part: &[u8]| Span::of(self.buf, part);
        Identity {
            method_name: span(self.method_name),
            branch: span(self.branch),
            host: span(self.host),
            transport: span(self.transport),
            port: self.port,
            via: span(self.via),
            ruri: span(self.ruri),
            call_id: span(self.call_id),
            cseq: span(self.cseq),
            from: span(self.from),
            from_tag: span(self.from_tag),
            to: span(self.to),
            to_uri: span(self.to_uri),
        }
    }

    /// Whether the topmost branch was made after RFC 3261.
    fn has_magic(&self) -> bool {
        self.branch.len() > MAGIC_COOKIE.len() && self.branch.starts_with(MAGIC_COOKIE)
    }

    /// What this request is to `t`.
    pub fn matches(&self, t: &Transaction) -> Match {
        if made_here(t) {
            return Match::No;
        }
        if self.method == Method::Ack {
            return self.matches_ack(t);
        }
        if t.method != self.method as u16 {
            return Match::No;
        }
        let same = if self.has_magic() {
            self.same_via(t)
        } else {
            self.same_method_name(t)
                && self.same_fields(t)
                && self.to == t.identity.to.get(&t.request)
        };
        if same && (self.method != Method::Other || self.same_method_name(t)) {
            Match::Same
        } else {
            Match::No
        }
    }

    fn matches_ack(&self, t: &Transaction) -> Match {
        if !t.has(Flag::Invite) {
            return Match::No;
        }
        let raw: &[u8] = &t.request;
        let id = &t.identity;
        if t.uas.status < 300 {
            let same_dialog = self.cseq == id.cseq.get(raw)
                && self.call_id == id.call_id.get(raw)
                && self.from_tag == id.from_tag.get(raw);
            return match (same_dialog, t.uas.relayed >= 0) {
                (false, _) => Match::No,
                (true, true) => Match::EndToEndAck,
                (true, false) if self.to_tag == &*t.uas.to_tag => Match::Same,
                (true, false) => Match::No,
            };
        }
        let same = if self.has_magic() {
            self.same_via(t)
        } else {
            self.same_fields(t) && self.to_uri == id.to_uri.get(raw)
        };
        if same { Match::Same } else { Match::No }
    }

    /// Whether `t` is what this CANCEL wants cancelled, or what this request was cancelled by.
    pub fn is_cancel_pair(&self, t: &Transaction) -> bool {
        let cancels = |method| method == Method::Cancel as u16;
        if made_here(t) || cancels(self.method as u16) == cancels(t.method) {
            return false;
        }
        if self.has_magic() {
            self.same_via(t)
        } else {
            self.same_fields(t) && self.to_uri == t.identity.to_uri.get(&t.request)
        }
    }

    fn same_via(&self, t: &Transaction) -> bool {
        let (raw, id): (&[u8], _) = (&t.request, &t.identity);
        self.port == id.port
            && self.branch == id.branch.get(raw)
            && self.host == id.host.get(raw)
            && self.transport == id.transport.get(raw)
    }

    fn same_fields(&self, t: &Transaction) -> bool {
        let (raw, id): (&[u8], _) = (&t.request, &t.identity);
        self.cseq == id.cseq.get(raw)
            && self.call_id == id.call_id.get(raw)
            && self.from == id.from.get(raw)
            && (RURI_MATCHING.get() == 0 || self.ruri == id.ruri.get(raw))
            && (VIA1_MATCHING.get() == 0 || self.via == id.via.get(raw))
    }

    /// Methods that have no number of their own are compared by name.
    fn same_method_name(&self, t: &Transaction) -> bool {
        self.method_name == t.identity.method_name(&t.request)
    }
}
