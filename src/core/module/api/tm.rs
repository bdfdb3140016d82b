//! The API of module `tm` for other modules (SER's load_tm): transactions of requests, requests of our own,
//! and callbacks for what happens to them.
//!
//! Transactions live in shared memory and any process may work on them, so they are named by
//! [`TransactionId`], and callbacks by the number that [`Tm::register_callback`] gave before the first fork.

pub use super::uac::UacRequest;
use crate::core::msg::{SerError, SipMsg};
use std::net::SocketAddr;

/// The name of a transaction: its bucket and its label, as in the branch of our Via.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub struct TransactionId {
    pub index: u16,
    pub label: u32,
}

/// What a callback is told; the discriminants are SER's TMCB bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u16)]
pub enum TmEvent {
    /// A transaction was made for a request (all of them; see [`Tm::on_request_in`]).
    RequestIn = 1,
    /// A reply of a next hop belongs to it.
    ResponseIn = 2,
    /// The ACK of a 2xx has come, once for each To-tag.
    EndToEndAck = 4,
    /// A branch is about to be built.
    RequestFwded = 8,
    /// A reply below 300 is passed on.
    ResponseFwded = 16,
    /// SER's ON_FAILURE_RO: only asks for noisy ends, is never called.
    OnFailureRo = 32,
    /// All branches have failed; before the failure_route.
    OnFailure = 64,
    /// A reply was sent upstream.
    ResponseOut = 128,
    /// A request of our own got its final reply.
    LocalCompleted = 256,
    /// A request of our own got a provisional reply (`pass_provisional_replies`).
    LocalResponseOut = 512,
    /// The transaction is gone; to free what the parameter names. Only `param` is set.
    Destroyed = 1024,
}

/// What a callback is called with.
#[derive(Debug)]
pub struct TmCallback<'c, 'a> {
    /// What happened.
    pub event: TmEvent,
    /// The transaction.
    pub transaction: TransactionId,
    /// The request, where there is one.
    pub request: Option<&'c mut SipMsg<'a>>,
    /// The reply; `None`: it is only assumed (timeout, cancellation), or was made here.
    pub reply: Option<&'c mut SipMsg<'a>>,
    /// Its status code, 0 where there is no reply.
    pub code: u16,
    /// What was given to [`Tm::attach`] or with the request.
    pub param: u64,
}

/// A callback. It runs in whatever process the event happens in, without any lock.
pub type TmCallbackFn = for<'c, 'a> fn(&mut TmCallback<'c, 'a>);

/// The number of a callback, the same in every process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TmCallbackId(pub u16);

/// What [`super::bind`] finds under `"tm"`, see [`TmApi`].
pub trait Tm: Send + Sync {
    /// Gives a callback its number, by a name that is its own (say `acc: missed call`); before the first fork.
    fn register_callback(&self, name: &str, callback: TmCallbackFn) -> TmCallbackId;
    /// Calls `id` for every transaction that is made for a request; before the first fork.
    fn on_request_in(&self, id: TmCallbackId, param: u64);
    /// Calls `id` for these events (bits of [`TmEvent`]) of the current transaction; false: there is none.
    fn attach(&self, events: u16, id: TmCallbackId, param: u64) -> bool;
    /// The transaction that the message being processed belongs to (SER's t_gett).
    fn current(&self) -> Option<TransactionId>;
    /// The transaction of this request, looked up if need be.
    fn find(&self, msg: &mut SipMsg<'_>) -> Option<TransactionId>;
    /// As the script's `t_newtran()`.
    fn newtran(&self, msg: &mut SipMsg<'_>) -> i32;
    /// As the script's `t_relay()`.
    fn relay(&self, msg: &mut SipMsg<'_>) -> i32;
    /// As the script's `t_reply()`.
    fn reply(&self, msg: &mut SipMsg<'_>, code: u16, reason: &[u8]) -> i32;
    /// The same with a To-tag of the caller's own, which dialogs need (SER's t_reply_with_body; headers and body
    /// go into `msg.reply_lumps`).
    fn reply_tagged(&self, msg: &mut SipMsg<'_>, code: u16, reason: &[u8], to_tag: &[u8]) -> i32;
    /// As the script's `t_release()`.
    fn release(&self, msg: &mut SipMsg<'_>) -> i32;
    /// Cancels the pending branches of an INVITE; how many are left to time out. `None`: no such transaction.
    fn cancel(&self, transaction: TransactionId) -> Option<usize>;
    /// Sends a request of this server's own (SER's t_request, t_uac, t_uac_with_ids), from any process, whatever
    /// message that is working on. `None`: an ACK, which has no transaction. An error: nothing was sent, and
    /// the callback is not called.
    ///
    /// A negative reply to an INVITE is acknowledged here, and so is every 2xx; a 2xx of another dialog than
    /// the one that the callback was told of (a request forked further on, a reply after a timeout) is ended
    /// with a BYE as well.
    fn request(&self, request: &UacRequest<'_>) -> Result<Option<TransactionId>, SerError>;
    /// Forwards the request of `msg` to a fixed address beside its script, absorbing the replies.
    fn replicate(&self, msg: &mut SipMsg<'_>, to: SocketAddr) -> i32;
}

/// Offered as `"tm"`.
#[derive(Clone, Copy)]
pub struct TmApi(pub &'static dyn Tm);
