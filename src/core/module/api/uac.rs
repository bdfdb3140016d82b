//! A request that this server sends as a user agent client (RFC 3261 §8.1; SER's uac_req_t), for
//! [`super::tm::Tm::request`].

use super::tm::TmCallbackId;
use crate::core::dialog::{Dialog, DialogError, DialogState};
use crate::core::msg::Bump;
use crate::core::net::SocketInfo;

/// What is to be sent. Texts are taken as they are; none but `headers` and `body` may hold a line end.
#[derive(Clone, Copy, Debug, Default)]
pub struct UacRequest<'r> {
    /// Method, such as `MESSAGE`. An ACK is sent without a transaction.
    pub method: &'r [u8],
    /// Request-URI (in a dialog the remote target); empty: the URI in `to`.
    pub ruri: &'r [u8],
    /// To: `"name" <uri>;tag=…` or a bare URI.
    pub to: &'r [u8],
    /// From; a tag is added if it has none.
    pub from: &'r [u8],
    /// Further header lines. A line end is added where the last has none.
    pub headers: &'r [u8],
    /// The body; its Content-Length is written, its Content-Type is one of `headers`.
    pub body: &'r [u8],
    /// The URI it is sent to instead of its first route or Request-URI; empty: there.
    pub next_hop: &'r [u8],
    /// Values of Route, without the header name; empty: none. If the first is a strict router, it takes the
    /// place of `ruri`, which goes behind the last.
    pub route: &'r [u8],
    /// Empty: a new one is made.
    pub call_id: &'r [u8],
    /// 0: SER's first, 10.
    pub cseq: u32,
    /// The socket to send from; `None`: the one that leads there.
    pub socket: Option<&'static SocketInfo>,
    /// Told of [`super::tm::TmEvent::LocalCompleted`] once, and before that with `pass_provisional_replies` of each
    /// [`super::tm::TmEvent::LocalResponseOut`]; with its parameter. In whatever process that happens; perhaps
    /// before [`super::tm::Tm::request`] has returned.
    pub callback: Option<(TmCallbackId, u64)>,
    /// Bits of further [`super::tm::TmEvent`]s that the callback is told of, such as `Destroyed`.
    pub events: u16,
}

impl<'r> UacRequest<'r> {
    /// The request that may make `dialog` (SER's t_request_outside); the caller adds headers, body and callback.
    pub fn outside(
        dialog: &Dialog<'r>,
        method: &'r [u8],
        arena: &'r Bump,
    ) -> Result<UacRequest<'r>, DialogError> {
        match dialog.state {
            DialogState::New => Ok(UacRequest::of(dialog, method, arena)),
            state => Err(DialogError::State(state)),
        }
    }

    /// A request within `dialog` (SER's t_request_within), whose CSeq number is counted up, but for ACK and
    /// CANCEL.
    pub fn within(
        dialog: &mut Dialog<'r>,
        method: &'r [u8],
        arena: &'r Bump,
    ) -> Result<UacRequest<'r>, DialogError> {
        if !matches!(dialog.state, DialogState::Early | DialogState::Confirmed) {
            return Err(DialogError::State(dialog.state));
        }
        if method != b"ACK" && method != b"CANCEL" {
            dialog.local_seq += 1;
        }
        Ok(UacRequest::of(dialog, method, arena))
    }

    fn of(dialog: &Dialog<'r>, method: &'r [u8], arena: &'r Bump) -> UacRequest<'r> {
        UacRequest {
            method,
            ruri: dialog.target,
            to: dialog.remote.text(arena),
            from: dialog.local.text(arena),
            next_hop: dialog.dst_uri,
            route: dialog.route_set,
            call_id: dialog.call_id,
            cseq: dialog.local_seq,
            socket: dialog.socket,
            ..UacRequest::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::dialog::Party;

    fn dialog(state: DialogState) -> Dialog<'static> {
        let party = |uri, tag| Party {
            display: b"",
            uri,
            tag,
        };
        Dialog {
            state,
            target: b"sip:bob@h",
            route_set: b"<sip:p;lr>",
            ..Dialog::new_uac(b"c1", 7, party(b"sip:a@a", b"a"), party(b"sip:b@b", b""))
        }
    }

    #[test]
    fn requests_within_a_dialog_count_up_and_those_that_make_it_do_not() {
        let arena = Bump::new();
        let r = UacRequest::outside(&dialog(DialogState::New), b"INVITE", &arena).unwrap();
        assert_eq!((r.cseq, r.to), (7, &b"<sip:b@b>"[..]));
        assert_eq!(r.from, b"<sip:a@a>;tag=a");
        let mut d = dialog(DialogState::Confirmed);
        for (method, cseq) in [(&b"INFO"[..], 8), (b"ACK", 8), (b"BYE", 9)] {
            let r = UacRequest::within(&mut d, method, &arena).unwrap();
            assert_eq!((r.method, r.cseq), (method, cseq));
            assert_eq!((r.ruri, r.route), (&b"sip:bob@h"[..], &b"<sip:p;lr>"[..]));
        }
    }

    #[test]
    fn a_dialog_takes_only_the_requests_of_its_state() {
        let arena = Bump::new();
        for state in [DialogState::New, DialogState::Destroyed] {
            let within = UacRequest::within(&mut dialog(state), b"BYE", &arena);
            assert_eq!(within.err(), Some(DialogError::State(state)));
        }
        let outside = UacRequest::outside(&dialog(DialogState::Early), b"INVITE", &arena);
        assert_eq!(outside.err(), Some(DialogError::State(DialogState::Early)));
    }
}
