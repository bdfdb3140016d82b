//! [`SipMsg`]: SER's `sip_msg`. Everything in it lives until `receive_msg` ends, in the process's arena.

use super::{Avps, Branches, Lumps, OnSend, Q_UNSPECIFIED, ReplyLump, RouteKind, SerError};
use crate::core::net::{ReceiveInfo, SocketInfo};
use crate::core::sip::{Credentials, FirstLine, Message, ParseError, Uri};
use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;

/// Highest message flag.
pub const MAX_FLAG: i64 = 31;

/// A message and what is decided about it.
pub struct SipMsg<'a> {
    /// The parsed message.
    pub sip: Message<'a>,
    /// Memory that lives as long as the message.
    pub arena: &'a Bump,
    /// Number of the message in this process, from 1.
    pub id: u32,
    /// Where it came from.
    pub rcv: ReceiveInfo,
    /// The rewritten Request-URI (in a reply: never set).
    new_uri: Option<&'a [u8]>,
    /// Cache of the parsed current Request-URI.
    parsed_uri: Option<Uri<'a>>,
    /// Where the request is sent instead of to its Request-URI.
    pub dst_uri: Option<&'a [u8]>,
    /// Preference of the Request-URI in thousandths, or unspecified.
    pub ruri_q: i32,
    /// Further destinations.
    pub branches: Branches<'a>,
    /// Edits made when the message is forwarded.
    pub lumps: Lumps<'a>,
    /// Additions to replies made by the server.
    pub reply_lumps: BumpVec<'a, ReplyLump<'a>>,
    /// The credentials that authentication accepted.
    pub authorized: Option<Credentials<'a>>,
    /// Attributes.
    pub avps: Avps<'a>,
    /// Message flags 0..=31.
    pub flags: u32,
    /// `force_rport()` was called.
    pub force_rport: bool,
    /// The socket that the message must leave from.
    pub force_send_socket: Option<&'static SocketInfo>,
    /// Text put into Via and Record-Route instead of our address.
    pub advertised_address: Option<&'a [u8]>,
    /// Port put there, 0: our own.
    pub advertised_port: u16,
    /// Why the last step failed.
    pub error: SerError,
    /// The kind of route block being executed.
    pub route_kind: RouteKind,
    /// `$?`
    pub retcode: i32,
    /// Set while an onsend_route runs.
    pub onsend: Option<OnSend<'a>>,
    /// A transaction has answered this request with a final reply: no other final one may follow.
    pub answered: bool,
    /// Nothing more is owed to the sender of this request: a final reply was sent, or the request was sent on.
    pub settled: bool,
    /// The script panicked. A module that holds the request for its sender answers it in its callback after the
    /// script, and says so in `settled`.
    pub panicked: bool,
    /// Value of Max-Forwards after `maxfwd` changed it in an edit.
    pub max_forwards: Option<u32>,
    now: Option<i64>,
}

impl<'a> SipMsg<'a> {
    /// Wraps a freshly parsed message.
    pub fn new(sip: Message<'a>, arena: &'a Bump, id: u32, rcv: ReceiveInfo) -> Self {
        let settings = crate::core::settings::get();
        SipMsg {
            sip,
            arena,
            id,
            rcv,
            new_uri: None,
            parsed_uri: None,
            dst_uri: None,
            ruri_q: Q_UNSPECIFIED,
            branches: Branches::new_in(arena),
            lumps: Lumps::new_in(arena),
            reply_lumps: BumpVec::new_in(arena),
            authorized: None,
            avps: Avps::new_in(arena),
            flags: 0,
            force_rport: false,
            force_send_socket: None,
            advertised_address: settings.advertised_address.as_deref().map(str::as_bytes),
            advertised_port: settings.advertised_port,
            error: SerError::OK,
            route_kind: RouteKind::Request,
            retcode: 0,
            onsend: None,
            answered: false,
            settled: false,
            panicked: false,
            max_forwards: None,
            now: None,
        }
    }

    /// The receive buffer.
    #[inline]
    pub fn buf(&self) -> &'a [u8] {
        self.sip.buf()
    }

    /// The rewritten Request-URI, if it was rewritten.
    #[inline]
    pub fn new_uri(&self) -> Option<&'a [u8]> {
        self.new_uri
    }

    /// The current Request-URI: the rewritten one or that of the first line; empty in a reply.
    #[inline]
    pub fn request_uri(&self) -> &'a [u8] {
        match (self.new_uri, self.sip.first()) {
            (Some(uri), _) => uri,
            (None, FirstLine::Request { uri, .. }) => uri,
            (None, FirstLine::Reply { .. }) => b"",
        }
    }

    /// The Request-URI as received; empty in a reply.
    pub fn original_uri(&self) -> &'a [u8] {
        match self.sip.first() {
            FirstLine::Request { uri, .. } => uri,
            FirstLine::Reply { .. } => b"",
        }
    }

    /// Rewrites the Request-URI. `uri` must live in the arena (see [`SipMsg::store`]).
    pub fn set_uri(&mut self, uri: &'a [u8]) {
        self.new_uri = Some(uri);
        self.parsed_uri = None;
    }

    /// Forgets a rewritten Request-URI.
    pub fn revert_uri(&mut self) {
        self.new_uri = None;
        self.parsed_uri = None;
    }

    /// The current Request-URI, parsed once.
    pub fn parsed_uri(&mut self) -> Result<Uri<'a>, ParseError> {
        if let Some(uri) = self.parsed_uri {
            return Ok(uri);
        }
        let uri = Uri::parse(self.request_uri())?;
        self.parsed_uri = Some(uri);
        Ok(uri)
    }

    /// Where the message goes next: `dst_uri`, else the current Request-URI.
    #[inline]
    pub fn next_hop(&self) -> &'a [u8] {
        self.dst_uri.unwrap_or_else(|| self.request_uri())
    }

    /// Copies bytes into the message's arena.
    #[inline]
    pub fn store(&self, bytes: &[u8]) -> &'a [u8] {
        self.arena.alloc_slice_copy(bytes)
    }

    /// Unix time in seconds, the same for the whole life of the message.
    pub fn now(&mut self) -> i64 {
        *self.now.get_or_insert_with(crate::core::time::unix_time)
    }
}

impl std::fmt::Debug for SipMsg<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SipMsg {} ({:?})", self.id, self.sip.first())
    }
}
