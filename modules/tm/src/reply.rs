//! Replies that go upstream: relayed ones and those made here. One function commits a reply under the lock
//! of its transaction; it is sent when the lock is released.

use crate::outbox::Outbox;
use crate::server::{Repeat, ServerEvent};
use crate::table;
use crate::transaction::{Flag, RELAYED_LOCAL, Repeater, Transaction};
use crate::{params, saved, stats, tick};
use ser::core::forward::build_reply;
use ser::core::forward::tag::{TAG_LEN, TagPrefix};
use ser::core::msg::{Bump, SerError, SipMsg};
use ser::ipc::ShmStr;
use std::sync::OnceLock;

/// First status code whose replies get a To-tag.
const FIRST_TAGGED: u16 = 180;

/// What an event of a transaction works with.
pub struct Work<'a> {
    pub arena: &'a Bump,
    pub now: u32,
    pub outbox: Outbox<'a>,
}

impl<'a> Work<'a> {
    /// With an empty outbox.
    pub fn new_in(arena: &'a Bump) -> Work<'a> {
        Work {
            arena,
            now: tick::now(),
            outbox: Outbox::new_in(arena),
        }
    }
}

/// Whose reply it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// Made here.
    Us,
    /// Of that branch.
    Branch(usize),
}

/// Accepts a reply: the server side steps on, keeps it, sets its timers and puts it into the outbox. False: it
/// may not be sent any more.
pub fn commit<'a>(
    t: &mut Transaction,
    code: u16,
    buf: &'a [u8],
    by: By,
    work: &mut Work<'a>,
) -> bool {
    let local = by == By::Us;
    let invite = t.has(Flag::Invite);
    let Some(step) = t
        .uas
        .state
        .on_event(invite, ServerEvent::Send { code, local })
    else {
        return false;
    };
    if let Ok(kept) = ShmStr::try_new_in(buf, table::tag()) {
        // Without memory it is sent, and not repeated.
        t.uas.reply.replace(kept);
    }
    t.uas.state = step.next;
    t.uas.status = code;
    t.uas.relayed = match by {
        By::Us => RELAYED_LOCAL,
        By::Branch(b) => b as i16,
    };
    schedule(t, step.repeat, step.wait, work.now);
    work.outbox.push(t.uas.to, buf);
    stats::replied(code, local);
    true
}

fn schedule(t: &mut Transaction, repeat: Repeat, wait: bool, now: u32) {
    let compiled = params::get();
    t.uas.repeat = Repeater::OFF;
    let repeated = match repeat {
        Repeat::No => false,
        Repeat::Unreliable => t.uas.to.is_unreliable(),
        Repeat::Always => true,
    };
    if repeated && !t.uas.reply.is_empty() {
        t.uas.repeat = Repeater::start(now, compiled.retr1);
    }
    if repeat != Repeat::No {
        t.uas.fr_at = tick::after(now, t.fr);
    }
    if wait {
        t.put_on_wait(now, compiled.wait);
    }
}

static PREFIX: OnceLock<TagPrefix> = OnceLock::new();

/// The tag that this server gives to the To of a request with that Via.
fn own_tag(msg: &SipMsg<'_>) -> [u8; TAG_LEN] {
    PREFIX
        .get_or_init(|| TagPrefix::new("SER-TM/tags", b'-'))
        .tag(msg.sip.via1())
}

/// A reply made here, and the To-tag that it has; empty: none.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a> {
    pub code: u16,
    pub buf: &'a [u8],
    to_tag: &'a [u8],
}

/// Makes a reply to the request `msg`; `to_tag`: to be used instead of our own.
pub fn make<'a>(
    msg: &mut SipMsg<'a>,
    code: u16,
    reason: &[u8],
    to_tag: Option<&[u8]>,
) -> Result<Made<'a>, SerError> {
    let its_own = msg.sip.to().ok().and_then(|to| to.tag);
    let its_own = its_own.filter(|tag| !tag.is_empty());
    let added: Option<&'a [u8]> = match to_tag {
        _ if its_own.is_some() || code < FIRST_TAGGED => None,
        Some(tag) => Some(msg.store(tag)),
        None => {
            let own = own_tag(msg);
            Some(msg.store(&own))
        }
    };
    let buf = build_reply(msg, code, reason, added)?;
    Ok(Made {
        code,
        buf,
        to_tag: added.or(its_own).unwrap_or_default(),
    })
}

/// Commits a reply made here.
pub fn commit_made<'a>(t: &mut Transaction, made: &Made<'a>, work: &mut Work<'a>) -> bool {
    let done = commit(t, made.code, made.buf, By::Us, work);
    if done
        && !made.to_tag.is_empty()
        && let Ok(tag) = ShmStr::try_new_in(made.to_tag, table::tag())
    {
        t.uas.to_tag.replace(tag);
    }
    done
}

/// Makes and commits a reply to a transaction's stored request, `extra` header lines added.
pub fn reply_stored<'a>(
    t: &mut Transaction,
    code: u16,
    reason: &[u8],
    extra: &'a [u8],
    work: &mut Work<'a>,
) -> bool {
    if t.has(Flag::Local) {
        return false;
    }
    let revived = saved::revive(t, work.arena);
    let made = match revived.message(work.arena, 0) {
        Ok(mut msg) => {
            if !extra.is_empty() {
                msg.reply_lumps.push(ser::core::msg::ReplyLump {
                    kind: ser::core::msg::ReplyLumpKind::Header,
                    text: extra,
                });
            }
            make(&mut msg, code, reason, None)
        }
        Err(why) => {
            log::error!("BUG: tm: a stored request cannot be read: {why:?}");
            return false;
        }
    };
    match made {
        Ok(made) => commit_made(t, &made, work),
        Err(error) => {
            log::error!("ERROR: tm: reply {code} cannot be made: {error}");
            false
        }
    }
}
