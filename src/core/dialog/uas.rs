//! The side that was sent the request which made the dialog (RFC 3261 §12.1.1), and requests of the other side
//! within it (§12.2.2).

use super::{Dialog, DialogError, DialogState, Party, is_sips, record_route, refreshes_target};
use crate::core::msg::SipMsg;
use crate::core::sip::{Method, ParseError};

impl<'a> Dialog<'a> {
    /// The dialog that answering `request` with `code` (101 to 299) and the To-tag `tag` makes.
    pub fn new_uas(
        request: &mut SipMsg<'a>,
        code: u16,
        tag: &'a [u8],
    ) -> Result<Dialog<'a>, DialogError> {
        let state = match code {
            101..=199 => DialogState::Early,
            200..=299 => DialogState::Confirmed,
            _ => return Err(DialogError::Code(code)),
        };
        let mut local = Party::of(&request.sip.to()?);
        if !local.tag.is_empty() {
            // It belongs to a dialog already.
            return Err(DialogError::OtherDialog);
        }
        local.tag = tag;
        let remote = Party::of(&request.sip.from()?);
        let mut dialog = Dialog {
            state,
            call_id: request.sip.call_id()?,
            local,
            remote,
            local_seq: 0,
            remote_seq: Some(cseq(request)?),
            target: remote.uri,
            route_set: record_route(request, false)?,
            dst_uri: b"",
            secure: is_sips(request.original_uri()),
            socket: request.rcv.socket,
        };
        dialog.refresh_target(request)?;
        Ok(dialog)
    }

    /// Another reply of ours to the request that made the dialog: a final one confirms or ends it.
    pub fn update_uas(&mut self, code: u16) -> Result<(), DialogError> {
        self.state = match (self.state, code) {
            (DialogState::New | DialogState::Early, 101..=199) => DialogState::Early,
            (DialogState::New | DialogState::Early, 200..=299) => DialogState::Confirmed,
            (DialogState::New | DialogState::Early, 300..) => DialogState::Destroyed,
            (DialogState::New | DialogState::Early, ..=100) => return Err(DialogError::Code(code)),
            (state @ (DialogState::Confirmed | DialogState::Destroyed), _) => {
                return Err(DialogError::State(state));
            }
        };
        Ok(())
    }

    /// Takes a request of the other side within the dialog in. `OutOfOrder` asks for the answer 500.
    pub fn request_uas(&mut self, request: &mut SipMsg<'a>) -> Result<(), DialogError> {
        if !self.is_of(request)? {
            return Err(DialogError::OtherDialog);
        }
        if self.state == DialogState::Destroyed {
            return Err(DialogError::State(self.state));
        }
        let number = cseq(request)?;
        match request.sip.method() {
            // They carry the number of the request that they belong to.
            Method::Ack | Method::Cancel => return Ok(()),
            _ if self.remote_seq.is_some_and(|last| number < last) => {
                return Err(DialogError::OutOfOrder);
            }
            Method::Bye => self.state = DialogState::Destroyed,
            _ => {}
        }
        let (_, method) = request.sip.cseq()?;
        if refreshes_target(method) {
            self.refresh_target(request)?;
        }
        self.remote_seq = Some(number);
        Ok(())
    }
}

fn cseq(request: &mut SipMsg<'_>) -> Result<u32, ParseError> {
    request.sip.cseq_number()?.ok_or(ParseError::CSeq(0))
}
