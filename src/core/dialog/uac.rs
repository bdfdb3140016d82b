//! The side that sent the request which made the dialog (RFC 3261 §12.1.2, §12.2.1.2, §13.2.2), and what replies
//! to any request of ours mean for it.

use super::{Dialog, DialogError, DialogState, Party, is_sips, record_route, refreshes_target};
use crate::core::msg::SipMsg;

impl<'a> Dialog<'a> {
    /// A dialog that a request of ours may make; `remote` has no tag yet, `local` needs one. The first
    /// request has `local_seq`.
    pub fn new_uac(
        call_id: &'a [u8],
        local_seq: u32,
        local: Party<'a>,
        remote: Party<'a>,
    ) -> Dialog<'a> {
        Dialog {
            state: DialogState::New,
            call_id,
            local,
            remote,
            local_seq,
            remote_seq: None,
            target: remote.uri,
            route_set: b"",
            dst_uri: b"",
            secure: is_sips(remote.uri),
            socket: None,
        }
    }

    /// The dialog that the request `msg`, which this server sent, may make.
    pub fn of_request(msg: &mut SipMsg<'a>) -> Result<Dialog<'a>, DialogError> {
        let number = msg.sip.cseq_number()?;
        let call_id = msg.sip.call_id()?;
        let (local, remote) = (Party::of(&msg.sip.from()?), Party::of(&msg.sip.to()?));
        let mut dialog = Dialog::new_uac(call_id, number.unwrap_or(0), local, remote);
        dialog.target = msg.request_uri();
        dialog.secure = is_sips(dialog.target);
        Ok(dialog)
    }

    /// Takes a reply to a request of ours in. `OtherDialog`: the reply is of another branch of a forked
    /// request, this dialog is as it was.
    pub fn response_uac(&mut self, reply: &mut SipMsg<'a>) -> Result<(), DialogError> {
        if reply.sip.call_id()? != self.call_id
            || reply.sip.from()?.tag.unwrap_or_default() != self.local.tag
        {
            return Err(DialogError::OtherDialog);
        }
        match (self.state, reply.sip.status()) {
            (DialogState::Destroyed, _) | (_, ..=100) => Ok(()),
            (DialogState::New | DialogState::Early, 101..=199) => self.provisional(reply),
            (DialogState::New | DialogState::Early, 200..=299) => {
                // Whatever an earlier provisional reply said (§13.2.2.4).
                self.learn(reply)?;
                self.state = DialogState::Confirmed;
                Ok(())
            }
            (DialogState::New | DialogState::Early, 300..) => {
                self.state = DialogState::Destroyed;
                Ok(())
            }
            (DialogState::Confirmed, ..=199) => Ok(()),
            (DialogState::Confirmed, code) => self.later_final(reply, code),
        }
    }

    /// A provisional reply makes an early dialog if it has a tag.
    fn provisional(&mut self, reply: &mut SipMsg<'a>) -> Result<(), DialogError> {
        let tag = reply.sip.to()?.tag.unwrap_or_default();
        match self.state {
            _ if tag.is_empty() => Ok(()),
            DialogState::Early if tag != self.remote.tag => Err(DialogError::OtherDialog),
            DialogState::Early => Ok(self.refresh_target(reply)?),
            DialogState::New | DialogState::Confirmed | DialogState::Destroyed => {
                self.learn(reply)?;
                self.state = DialogState::Early;
                Ok(())
            }
        }
    }

    /// Tag, target and route set of the other side; the last in the order of our requests.
    fn learn(&mut self, reply: &mut SipMsg<'a>) -> Result<(), DialogError> {
        let tag = reply.sip.to()?.tag.unwrap_or_default();
        let route_set = record_route(reply, true)?;
        self.refresh_target(reply)?;
        self.remote.tag = tag;
        self.route_set = route_set;
        Ok(())
    }

    /// A final reply to a request within the dialog.
    fn later_final(&mut self, reply: &mut SipMsg<'a>, code: u16) -> Result<(), DialogError> {
        if reply.sip.to()?.tag.unwrap_or_default() != self.remote.tag {
            return Err(DialogError::OtherDialog);
        }
        let (_, method) = reply.sip.cseq()?;
        let bye = method.eq_ignore_ascii_case(b"BYE");
        match code {
            // The other side knows of no dialog, or is gone (§12.2.1.2).
            408 | 481 => self.state = DialogState::Destroyed,
            // The BYE may be sent again with credentials.
            401 | 407 => {}
            // A dialog that was left is over, whatever the answer (§15.1.1).
            _ if bye => self.state = DialogState::Destroyed,
            200..=299 if refreshes_target(method) => self.refresh_target(reply)?,
            // Such a request changes nothing, or was refused.
            _ => {}
        }
        Ok(())
    }
}
