//! `save` and its relatives: one REGISTER.

use crate::error::RegError;
use crate::wanted::{self, Wanted};
use crate::{attributes, bindings, domain, metrics, reply, uid, usrloc};
use ser::core::module::Args;
use ser::core::module::api::usrloc::{Record, contact_flags};
use ser::core::msg::BumpVec;
use ser::core::msg::SipMsg;

/// Stores the contacts and answers. 1: done; 0: refused with an answer, the script ends; -1: the
/// answer could not be sent, or the AOR filter has no value.
pub fn save(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    save_and_reply(msg, args, 0)
}

/// As [`save`], but a database never gets to see the contacts.
pub fn save_memory(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    save_and_reply(msg, args, contact_flags::MEM)
}

fn save_and_reply(msg: &mut SipMsg<'_>, args: Args, flags: u32) -> i32 {
    let Ok(aor) = aor_filter(msg, args) else {
        return -1;
    };
    let (contacts, result) = process(msg, args, aor, flags);
    reply::send(msg, contacts, result)
}

/// Stores the contacts and leaves the answer in attributes. 1: done; -2: refused; -1 as [`save`].
pub fn save_noreply(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    save_and_tell_script(msg, args, 0)
}

/// Both: no reply, and a database never gets to see the contacts.
pub fn save_mem_nr(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    save_and_tell_script(msg, args, contact_flags::MEM)
}

fn save_and_tell_script(msg: &mut SipMsg<'_>, args: Args, flags: u32) -> i32 {
    let Ok(aor) = aor_filter(msg, args) else {
        return -1;
    };
    let (contacts, result) = process(msg, args, aor, flags);
    if result.is_err() {
        return -2;
    }
    attributes::set_answer(msg, 200, crate::error::reason(200), contacts);
    1
}

/// The optional second argument; an error when it has no value for this message.
pub fn aor_filter<'a>(msg: &mut SipMsg<'a>, args: Args) -> Result<Option<&'a [u8]>, ()> {
    if args.len() < 2 {
        return Ok(None);
    }
    args.str(1, msg).map(Some).ok_or(())
}

/// Parses, then changes and lists the bindings under their lock. A user that cannot be made out has
/// no bindings and is told so with 200, as in SER.
fn process<'a>(
    msg: &mut SipMsg<'a>,
    args: Args,
    aor: Option<&[u8]>,
    flags: u32,
) -> (&'a [u8], Result<(), RegError>) {
    let wanted = wanted::wanted(msg, flags);
    let (wanted, mut result) = match wanted {
        Ok(wanted) => (wanted, Ok(())),
        Err(error) => (Wanted::List, Err(error)),
    };
    let now = msg.now();
    let mut line = BumpVec::with_capacity_in(128, msg.arena);
    if let Some(uid) = uid::of_to(msg) {
        let mut run = |record: &mut dyn Record| {
            if let Err(error) = bindings::apply(record, &wanted, now) {
                result = Err(error);
            }
            reply::write_contacts(&mut line, record, aor, now);
        };
        match wanted {
            Wanted::Change(_) => {
                if usrloc().update_record(domain(args), uid, &mut run).is_err() {
                    result = Err(RegError::InsertFailed);
                }
            }
            Wanted::List | Wanted::RemoveAll => {
                usrloc().with_record(domain(args), uid, &mut run);
            }
        }
    }
    metrics::count_register(result);
    (line.into_bump_slice(), result)
}
