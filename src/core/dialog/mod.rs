//! Dialogs (RFC 3261 §12; SER's dlg.c): what two user agents share beyond one transaction, for modules that
//! are one of them.
//!
//! A [`Dialog`] is plain text and numbers that borrow from the messages it was made of; it holds no lock, sends
//! nothing and is kept by whoever uses it, in shared memory in its packed form ([`Dialog::pack`]).
//!
//! | here | SER |
//! |---|---|
//! | [`Dialog::new_uac`], [`Dialog::response_uac`] | new_dlg_uac, dlg_response_uac |
//! | [`Dialog::new_uas`], [`Dialog::update_uas`], [`Dialog::request_uas`] | new_dlg_uas, update_dlg_uas, dlg_request_uas |
//! | [`Dialog::set_target`], [`Dialog::hooks`] | set_dlg_target, `hooks` of dlg_t |
//! | `Display` | print_dlg |
//! | `UacRequest::within`, `UacRequest::outside` (`core::module::api::tm`) | t_request_within, t_request_outside |

mod hooks;
mod pack;
mod show;
mod uac;
mod uas;

pub use hooks::{Hooks, address};

use crate::core::msg::{Bump, BumpVec, SipMsg};
use crate::core::net::SocketInfo;
use crate::core::sip::{ContactOrder, HdrType, NameAddr, ParseError};
use std::fmt;

/// Where a dialog is (RFC 3261 §12).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DialogState {
    /// The request that may make it was not answered yet.
    New,
    /// A provisional reply with a To-tag was seen.
    Early,
    /// A 2xx was seen.
    Confirmed,
    /// It has ended, or never was.
    Destroyed,
}

/// One side of a dialog.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Party<'a> {
    /// Display name as in From or To, with its quotes; empty: none.
    pub display: &'a [u8],
    /// The URI in From or To.
    pub uri: &'a [u8],
    /// Its tag; empty where it has none (yet).
    pub tag: &'a [u8],
}

impl<'a> Party<'a> {
    /// What stands in a From or To.
    pub fn of(address: &NameAddr<'a>) -> Party<'a> {
        Party {
            display: address.display,
            uri: address.uri,
            tag: address.tag.unwrap_or_default(),
        }
    }

    /// Back into the text of a From or To.
    pub fn push_to(&self, out: &mut BumpVec<'_, u8>) {
        if !self.display.is_empty() {
            out.extend_from_slice_copy(self.display);
            out.push(b' ');
        }
        out.push(b'<');
        out.extend_from_slice_copy(self.uri);
        out.push(b'>');
        if !self.tag.is_empty() {
            out.extend_from_slice_copy(b";tag=");
            out.extend_from_slice_copy(self.tag);
        }
    }

    /// The text of a From or To.
    pub fn text<'t>(&self, arena: &'t Bump) -> &'t [u8] {
        let len = self.display.len() + self.uri.len() + self.tag.len() + 8;
        let mut out = BumpVec::with_capacity_in(len, arena);
        self.push_to(&mut out);
        out.into_bump_slice()
    }
}

/// One dialog, from the view of this server.
#[derive(Clone, Copy, Debug)]
pub struct Dialog<'a> {
    /// Where it is.
    pub state: DialogState,
    /// Call-ID.
    pub call_id: &'a [u8],
    /// This side: From of requests that we send.
    pub local: Party<'a>,
    /// The other side: To of requests that we send.
    pub remote: Party<'a>,
    /// CSeq number of our last request.
    pub local_seq: u32,
    /// CSeq number of the last request of the other side.
    pub remote_seq: Option<u32>,
    /// The other side's Contact (§12.1: remote target).
    pub target: &'a [u8],
    /// The route set as the value of Route headers, in the order of our requests; empty: none.
    pub route_set: &'a [u8],
    /// Where requests are sent instead of to the first route or the target; empty: there.
    pub dst_uri: &'a [u8],
    /// Made by a request to a sips URI.
    pub secure: bool,
    /// The socket to send from: the one the other side knows. `None`: whichever leads there.
    pub socket: Option<&'static SocketInfo>,
}

/// Why a message does not go with a dialog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DialogError {
    /// A header that dialogs need is missing or cannot be read.
    Message(ParseError),
    /// Call-ID or tags are those of another one.
    OtherDialog,
    /// The CSeq number is lower than one that was seen; the answer is 500 (§12.2.2).
    OutOfOrder,
    /// Not in this state.
    State(DialogState),
    /// No dialog comes of a reply with this status code.
    Code(u16),
}

impl fmt::Display for DialogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DialogError::Message(why) => write!(f, "{why}"),
            DialogError::OtherDialog => f.write_str("the message belongs to another dialog"),
            DialogError::OutOfOrder => f.write_str("the CSeq number is too low"),
            DialogError::State(state) => write!(f, "not in state {state:?}"),
            DialogError::Code(code) => write!(f, "a reply {code} makes no dialog"),
        }
    }
}

impl std::error::Error for DialogError {}

impl From<ParseError> for DialogError {
    fn from(why: ParseError) -> DialogError {
        DialogError::Message(why)
    }
}

impl<'a> Dialog<'a> {
    /// Where and how the next request is sent (§12.2.1.1).
    pub fn hooks<'h>(&self, arena: &'h Bump) -> Result<Hooks<'h>, ParseError>
    where
        'a: 'h,
    {
        let mut hooks = address(self.target, self.route_set, arena)?;
        if !self.dst_uri.is_empty() {
            hooks.next_hop = self.dst_uri;
        }
        Ok(hooks)
    }

    /// Sends further requests to `target` by way of `dst_uri`; an empty one leaves what is there.
    pub fn set_target(&mut self, target: &'a [u8], dst_uri: &'a [u8]) {
        if !target.is_empty() {
            self.target = target;
        }
        if !dst_uri.is_empty() {
            self.dst_uri = dst_uri;
        }
    }

    /// Whether Call-ID and tags of a request of the other side are those of this dialog.
    pub fn is_of(&self, request: &mut SipMsg<'_>) -> Result<bool, ParseError> {
        let tag = |address: NameAddr<'_>, own: &[u8]| address.tag.unwrap_or_default() == own;
        Ok(request.sip.call_id()? == self.call_id
            && tag(request.sip.from()?, self.remote.tag)
            && tag(request.sip.to()?, self.local.tag))
    }

    /// Takes the Contact of a message for the remote target; without one the old target stays.
    fn refresh_target(&mut self, msg: &mut SipMsg<'a>) -> Result<(), ParseError> {
        let contacts = msg.sip.contacts(ContactOrder::Text)?;
        if let Some(first) = contacts.and_then(|c| c.list.first()) {
            self.target = first.uri;
        }
        Ok(())
    }
}

/// The Record-Route values of a message as one value of Route.
fn record_route<'a>(msg: &mut SipMsg<'a>, reversed: bool) -> Result<&'a [u8], ParseError> {
    let values = msg.sip.routes(HdrType::RecordRoute)?;
    let mut out = BumpVec::new_in(msg.arena);
    for n in 0..values.len() {
        let at = if reversed { values.len() - 1 - n } else { n };
        if n > 0 {
            out.extend_from_slice_copy(b", ");
        }
        out.extend_from_slice_copy(values[at].raw);
    }
    Ok(out.into_bump_slice())
}

/// Whether a 2xx to a request of this method, and the request itself, may move the remote target (RFC 3261
/// §12.2, RFC 3311, RFC 6665).
fn refreshes_target(method: &[u8]) -> bool {
    const ALL: [&[u8]; 5] = [b"INVITE", b"UPDATE", b"SUBSCRIBE", b"NOTIFY", b"REFER"];
    ALL.iter().any(|m| m.eq_ignore_ascii_case(method))
}

fn is_sips(uri: &[u8]) -> bool {
    uri.get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"sips:"))
}

#[cfg(test)]
mod tests;
