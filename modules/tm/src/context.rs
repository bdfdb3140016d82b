//! What this process knows of the message it works on: its transaction, and what the script has prepared for
//! one that is yet to be made.

use crate::table::TxId;
use ser::core::isolation;
use ser::core::stats::{Counter, count, work};
use std::cell::RefCell;

/// How the message and the transactions were compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Lookup {
    #[default]
    NotYet,
    /// There is none.
    None,
    /// It belongs to this one.
    Found,
    /// It is the ACK to a 2xx that was passed on.
    EndToEndAck,
}

/// Of one message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context {
    pub lookup: Lookup,
    pub transaction: Option<TxId>,
    /// The transaction was made by this very message.
    pub created: bool,
    /// Nothing is left to do after the script, as long as the message flags are these.
    pub handled: Option<u32>,
    /// Routes armed before there is a transaction, by name.
    pub failure: Option<&'static str>,
    pub reply: Option<&'static str>,
    pub branch: Option<&'static str>,
    /// `t_set_fr` before there is a transaction, in ticks; 0: not set.
    pub fr: u32,
    pub fr_inv: u32,
    /// In a failure route: the branch whose reply won; in an onreply route: the one that replied.
    pub current_branch: Option<usize>,
}

thread_local! {
    static CONTEXT: RefCell<Context> = RefCell::new(Context::default());
}

/// That of the message being processed.
pub fn get() -> Context {
    CONTEXT.with_borrow(|c| *c)
}

/// Changes it.
pub fn update(change: impl FnOnce(&mut Context)) {
    CONTEXT.with_borrow_mut(change);
}

/// A fresh one, for a new message.
pub fn reset() {
    CONTEXT.with_borrow_mut(|c| *c = Context::default());
}

/// Runs a route in the context of a transaction; a panic costs the route, not the transaction.
pub fn guarded(context: Context, what: &str, route: impl FnOnce()) {
    if isolation::catch(|| inside(context, route)).is_none() {
        count(Counter::Panics);
        log::error!("ERROR: tm: panic in {what}, line {}", work::line());
    }
}

/// Runs `f` in the context of a transaction and restores the outer one, also after a panic.
pub fn inside<R>(context: Context, f: impl FnOnce() -> R) -> R {
    struct Restore(Context);
    impl Drop for Restore {
        fn drop(&mut self) {
            let outer = self.0;
            CONTEXT.with_borrow_mut(|c| *c = outer);
        }
    }
    let _restore = Restore(CONTEXT.replace(context));
    f()
}
