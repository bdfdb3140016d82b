//! The answer to a REGISTER: the Contact line of all valid bindings, status, P-Registrar-Error.

use crate::error::{RegError, reason};
use crate::params::{RECEIVED_PARAM, RETRY_AFTER};
use ser::core::forward::text::{push_number, push_q};
use ser::core::module::api::usrloc::{ContactInfo, Record};
use ser::core::msg::BumpVec;
use ser::core::msg::{ReplyLump, ReplyLumpKind, SipMsg};
use ser::core::overload::ask_to_wait;

/// Writes `Contact: <uri>;q=…;expires=…;received="…", …` CRLF for the valid bindings (whose address of
/// record is `aor`, if given); nothing where there is none. Runs under the record's lock.
pub fn write_contacts(
    line: &mut BumpVec<'_, u8>,
    record: &dyn Record,
    aor: Option<&[u8]>,
    now: i64,
) {
    record.for_each(&mut |_, contact| {
        let listed =
            contact.is_valid(now) && aor.is_none_or(|a| contact.aor.eq_ignore_ascii_case(a));
        if listed {
            line.extend_from_slice_copy(if line.is_empty() { b"Contact: " } else { b", " });
            write_contact(line, &contact, now);
        }
        true
    });
    if !line.is_empty() {
        line.extend_from_slice_copy(b"\r\n");
    }
}

fn write_contact(line: &mut BumpVec<'_, u8>, contact: &ContactInfo<'_>, now: i64) {
    line.push(b'<');
    line.extend_from_slice_copy(contact.uri);
    line.push(b'>');
    if contact.q >= 0 {
        line.extend_from_slice_copy(b";q=");
        push_q(line, contact.q);
    }
    line.extend_from_slice_copy(b";expires=");
    push_number(line, (contact.expires - now).max(0).unsigned_abs());
    if !contact.received.is_empty() {
        line.push(b';');
        line.extend_from_slice_copy(RECEIVED_PARAM.bytes());
        line.extend_from_slice_copy(b"=\"");
        line.extend_from_slice_copy(contact.received);
        line.push(b'"');
    }
}

/// Sends the answer with module `sl`. 1: stored and told; 0: refused and told (the script ends);
/// -1: the reply could not be sent.
pub fn send<'a>(msg: &mut SipMsg<'a>, contacts: &'a [u8], result: Result<(), RegError>) -> i32 {
    if !contacts.is_empty() {
        add_lines(msg, contacts);
    }
    let code = match result {
        Ok(()) => 200,
        Err(error) => {
            let (code, text) = error.answer();
            let mut lines = BumpVec::with_capacity_in(96, msg.arena);
            lines.extend_from_slice_copy(b"P-Registrar-Error: ");
            lines.extend_from_slice_copy(text.as_bytes());
            lines.extend_from_slice_copy(b"\r\n");
            if code >= 500 && RETRY_AFTER.get() > 0 {
                lines.extend_from_slice_copy(b"Retry-After: ");
                push_number(&mut lines, RETRY_AFTER.get().unsigned_abs());
                lines.extend_from_slice_copy(b"\r\n");
            }
            add_lines(msg, lines.into_bump_slice());
            if error.is_memory() && RETRY_AFTER.get() <= 0 {
                ask_to_wait(msg);
            }
            code
        }
    };
    let sl = crate::SL.get().expect("bound in init");
    if (sl.reply)(msg, code, reason(code).as_bytes()) < 0 {
        return -1;
    }
    i32::from(result.is_ok())
}

fn add_lines<'a>(msg: &mut SipMsg<'a>, text: &'a [u8]) {
    msg.reply_lumps.push(ReplyLump {
        kind: ReplyLumpKind::Header,
        text,
    });
}
