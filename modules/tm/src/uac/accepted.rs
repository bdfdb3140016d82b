//! 2xx replies to an INVITE of our own (RFC 3261 §13.2.2.4): each is acknowledged, as often as it comes. One of
//! another dialog than the one that the callback was told of is ended with a BYE: nobody knows of it.

use super::{layout, own::Own};
use crate::outbox;
use crate::table::{self, TxId};
use crate::transaction::Transaction;
use ser::core::dialog::Dialog;
use ser::core::dns::{self, Query, Resolution};
use ser::core::forward::tag::crc16;
use ser::core::module::api::tm::UacRequest;
use ser::core::msg::{Bump, BumpVec, MAX_BRANCHES, SerError, SipMsg};
use ser::core::net::ReceiveInfo;
use ser::core::sip::{HdrType, Message, Uri};

/// A 2xx has come for `branch`, and was taken in.
pub fn accepted(id: TxId, branch: usize, reply: &mut SipMsg<'_>) {
    if let Err(error) = acknowledge(id, branch, reply) {
        log::error!("ERROR: tm: a 2xx to a request of our own is not acknowledged: {error}");
    }
}

/// What is needed of the transaction.
struct Seen<'a> {
    request: &'a [u8],
    /// The 2xx that the callback is told of (empty: it could not be kept); `None`: something else.
    told: Option<&'a [u8]>,
}

fn acknowledge<'a>(id: TxId, branch: usize, reply: &mut SipMsg<'a>) -> Result<(), SerError> {
    let arena = reply.arena;
    let seen = table::with(id, |t| Seen {
        request: arena.alloc_slice_copy(&t.branches[branch].request),
        told: told(t, arena),
    });
    let seen = seen.ok_or(SerError::BUG)?;
    let bad = |_| SerError::BAD_REQ;
    let mut request = message(seen.request, &reply.rcv, arena).ok_or(SerError::BUG)?;
    let mut dialog = Dialog::of_request(&mut request).map_err(bad)?;
    dialog.socket = reply.rcv.socket;
    dialog.response_uac(reply).map_err(bad)?;
    let ack = UacRequest {
        headers: credentials(&mut request),
        ..UacRequest::within(&mut dialog, b"ACK", arena).map_err(bad)?
    };
    // The same ACK for every copy of the 2xx, another for every dialog.
    let number = MAX_BRANCHES + usize::from(crc16(&[dialog.remote.tag]));
    send_ack(&ack, id, number, arena)?;
    if !is_same_dialog(seen.told, dialog.remote.tag, arena) {
        log::warn!("WARNING: tm: a 2xx that nobody waits for: its dialog is ended");
        let bye = UacRequest::within(&mut dialog, b"BYE", arena).map_err(bad)?;
        super::request(&bye)?;
    }
    Ok(())
}

/// The 2xx that completed the transaction.
fn told<'a>(t: &Transaction, arena: &'a Bump) -> Option<&'a [u8]> {
    let winner = usize::try_from(t.uas.relayed).ok()?;
    let by_2xx = (200..300).contains(&t.uas.status);
    by_2xx.then(|| &*arena.alloc_slice_copy(&t.branches[winner].reply))
}

fn message<'a>(text: &'a [u8], rcv: &ReceiveInfo, arena: &'a Bump) -> Option<SipMsg<'a>> {
    let sip = Message::parse(text, arena).ok()?;
    Some(SipMsg::new(sip, arena, 0, *rcv))
}

/// The INVITE's credentials, which its ACK needs too (§13.2.2.4), as header lines.
fn credentials<'a>(request: &mut SipMsg<'a>) -> &'a [u8] {
    let mut out = BumpVec::new_in(request.arena);
    if request.sip.parse_all().is_ok() {
        let kinds = [HdrType::Authorization, HdrType::ProxyAuthorization];
        let headers = request.sip.parsed_headers().iter();
        for header in headers.filter(|h| kinds.contains(&h.kind)) {
            out.extend_from_slice_copy(header.raw);
        }
    }
    out.into_bump_slice()
}

/// Sends it at once if its destination is known, else when it is.
fn send_ack(ack: &UacRequest<'_>, id: TxId, number: usize, arena: &Bump) -> Result<(), SerError> {
    let laid = layout::lay_out(ack, arena)?;
    let uri = Uri::parse(laid.next_hop).map_err(|_| SerError::BAD_URI)?;
    match dns::resolve(Query::of_uri(&uri)?) {
        Resolution::Ready(mut all) => {
            let own = Own::new(laid.text, ack.socket);
            let ready = own.choose(id, number, &mut all, arena)?;
            outbox::send(&ready.dest, ready.buf)
        }
        Resolution::Failed(why) => Err(why.into()),
        Resolution::Pending(_) => super::request(ack).map(drop),
    }
}

/// Whether the 2xx that the callback is told of has this To-tag.
fn is_same_dialog(told: Option<&[u8]>, tag: &[u8], arena: &Bump) -> bool {
    let Some(told) = told else { return false };
    let told = Message::parse(told, arena).ok();
    // One that could not be kept is the first that came.
    told.and_then(|mut sip| sip.to().ok())
        .is_none_or(|to| to.tag.unwrap_or_default() == tag)
}
