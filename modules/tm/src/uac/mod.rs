//! Requests that this server makes itself (RFC 3261 §8.1, §17.1; SER's uac.c): a local transaction with one
//! branch, made in any process. Its replies go nowhere; callbacks are told of them.
//!
//! | file | what |
//! |---|---|
//! | `layout`, `ids` | the text of a request, Call-ID and From-tag |
//! | `own` | the text with our Via, for one destination |
//! | `accepted` | ACK of a 2xx, BYE of a dialog that nobody wants |
//! | `rpc`, `header_block`, `waiting` | the RPC methods `tm.t_uac_*` |

mod accepted;
mod header_block;
mod ids;
mod layout;
mod own;
pub mod rpc;
pub mod waiting;

pub use accepted::accepted;
pub use own::Own;

use crate::client::ClientState;
use crate::identity::Identity;
use crate::ready::Ready;
use crate::table::{self, TxId};
use crate::transaction::{Branch, Dest, Flag, Origin, Transaction};
use crate::{callbacks, newtran, outbox, rebuild, resolving, stats, tick};
use layout::Laid;
use ser::core::dns::{self, Destinations, Query, Resolution, Ticket};
use ser::core::forward::branch::hash_index;
use ser::core::module::api::tm::{TmEvent, UacRequest};
use ser::core::msg::{Bump, SerError};
use ser::core::net::all_sockets;
use ser::core::sip::{Method, Uri};
use ser::ipc::{ShmFull, ShmStr};

/// Sends a request; `None`: an ACK.
pub fn request(r: &UacRequest<'_>) -> Result<Option<TxId>, SerError> {
    let arena = Bump::new();
    let laid = layout::lay_out(r, &arena)?;
    let start = Start {
        r,
        own: Own::new(laid.text, r.socket),
        index: hash_index(laid.call_id, laid.cseq),
        laid,
        arena: &arena,
    };
    let uri = Uri::parse(start.laid.next_hop).map_err(|_| SerError::BAD_URI)?;
    match dns::resolve(Query::of_uri(&uri)?) {
        Resolution::Ready(all) if start.is_ack() => start.ack(all).map(|()| None),
        Resolution::Ready(all) => start.now(all).map(Some),
        Resolution::Failed(why) => Err(why.into()),
        Resolution::Pending(ticket) => start.later(ticket),
    }
}

/// A request that is about to be sent.
struct Start<'r> {
    r: &'r UacRequest<'r>,
    laid: Laid<'r>,
    own: Own<'r>,
    /// Its bucket.
    index: u16,
    arena: &'r Bump,
}

impl Start<'_> {
    fn is_ack(&self) -> bool {
        Method::parse(self.r.method) == Method::Ack
    }

    /// An ACK whose destination is known needs no state.
    fn ack(&self, mut all: Destinations) -> Result<(), SerError> {
        let uid = table::new_uid(&table::lock(self.index));
        let id = TxId {
            index: self.index,
            uid,
        };
        let ready = self.own.choose(id, 0, &mut all, self.arena)?;
        outbox::send(&ready.dest, ready.buf)
    }

    /// The destination is known.
    fn now(&self, mut all: Destinations) -> Result<TxId, SerError> {
        let id = self.insert()?;
        let sent = self.add(id, &mut all).and_then(|ready| {
            outbox::send(&ready.dest, ready.buf).or_else(|error| {
                let again = resolving::fail_over(id, 0, self.arena);
                again.then_some(()).ok_or(error)
            })
        });
        match sent {
            Ok(()) => Ok(id),
            Err(error) => {
                forget(id);
                Err(error)
            }
        }
    }

    /// Adds the branch and sets its timers.
    fn add(&self, id: TxId, all: &mut Destinations) -> Result<Ready<'_>, SerError> {
        let ready = self.own.choose(id, 0, all, self.arena)?;
        let later = rebuild::pack_own(&self.own, all, self.arena);
        let added = table::with(id, |t| -> Result<(), ShmFull> {
            let now = tick::now();
            let mut branch = ready.branch(t.fr, now)?;
            branch.later = ShmStr::try_new_in(later, table::tag())?;
            t.branches.try_push(branch)?;
            t.uas.fr_at = tick::NEVER;
            t.set_timers(now);
            Ok(())
        });
        match added {
            Some(Ok(())) => Ok(ready),
            Some(Err(ShmFull)) => Err(SerError::OUT_OF_MEM),
            None => Err(SerError::BUG),
        }
    }

    /// The name of the next hop must be looked up first; an ACK gets a transaction for as long as that takes.
    fn later(&self, ticket: Ticket<'_>) -> Result<Option<TxId>, SerError> {
        let id = self.insert()?;
        let later = rebuild::pack_own_all(&self.own, self.arena);
        let added = table::with(id, |t| -> Result<(), ShmFull> {
            let now = tick::now();
            let mut branch = Branch::new(ClientState::Resolving, t.uas.to);
            branch.later = ShmStr::try_new_in(later, table::tag())?;
            branch.fr_at = tick::after(now, t.fr);
            t.branches.try_push(branch)?;
            t.uas.fr_at = tick::NEVER;
            t.set_timers(now);
            Ok(())
        });
        if !matches!(added, Some(Ok(()))) {
            forget(id);
            return Err(SerError::OUT_OF_MEM);
        }
        resolving::start(ticket, id, 0);
        Ok((!self.is_ack()).then_some(id))
    }

    /// Makes the transaction, without a branch yet; should this process not come to that, it ends after a while.
    fn insert(&self) -> Result<TxId, SerError> {
        let mut bucket = table::lock(self.index);
        let uid = table::new_uid(&bucket);
        let t = self.build(uid)?;
        let id = t.id();
        let t = bucket.insert(t).map_err(|ShmFull| SerError::OUT_OF_MEM)?;
        let now = tick::now();
        t.uas.fr_at = tick::after(now, t.fr);
        t.set_timers(now);
        drop(bucket);
        stats::created(true);
        Ok(id)
    }

    fn build(&self, uid: u32) -> Result<Transaction, SerError> {
        let here = all_sockets().next().ok_or(SerError::NO_SOCKET)?;
        let nobody = Dest::new(here.addr, here, 0);
        let full = |ShmFull| SerError::OUT_OF_MEM;
        let mut t = newtran::blank(self.index, uid, nobody).map_err(full)?;
        t.request = ShmStr::try_new_in(self.laid.text, table::tag()).map_err(full)?;
        t.identity = Identity::of_own(self.laid.text, self.laid.call_id, self.laid.cseq);
        let method = Method::parse(self.r.method);
        t.method = method as u16;
        t.set(Flag::Local);
        t.set(Flag::Uac);
        t.set(Flag::Handled);
        if method == Method::Invite {
            t.set(Flag::Invite);
        }
        if let Some((callback, param)) = self.r.callback {
            let told = TmEvent::LocalCompleted as u16 | TmEvent::LocalResponseOut as u16;
            if !callbacks::attach(&mut t, told | self.r.events, callback, param) {
                return Err(SerError::OUT_OF_MEM);
            }
        }
        Ok(t)
    }
}

/// Takes back a transaction whose request was not sent; nobody is told.
fn forget(id: TxId) {
    drop(table::remove(id));
}

/// Where the replies of a transaction of our own came from.
pub fn seen_from(t: &mut Transaction, rcv: &ser::core::net::ReceiveInfo) {
    if t.has(Flag::Uac) {
        t.origin = Origin::of(rcv);
    }
}
