//! Functions of other modules that are told what happens to transactions (SER's t_hooks). They are
//! registered before the first fork and named by number; they run without any lock, the newest first.

use crate::saved;
use crate::table::{self, TxId};
use crate::transaction::{Attached, Transaction};
pub use ser::core::module::api::tm::TmEvent as Event;
use ser::core::module::api::tm::{TmCallback, TmCallbackFn, TmCallbackId};
use ser::core::msg::{Bump, SipMsg};
use ser::core::sip::Message;
use ser::ipc::number_of;
use std::sync::{OnceLock, RwLock};

#[derive(Default, Clone)]
struct Registered {
    /// By their numbers; none where another program had one that this one has not.
    functions: Vec<Option<TmCallbackFn>>,
    /// Some of them belong to other modules.
    modules: bool,
    request_in: Vec<(TmCallbackId, u64)>,
}

impl Registered {
    const NOTHING: Registered = Registered {
        functions: Vec::new(),
        modules: false,
        request_in: Vec::new(),
    };

    fn add(&mut self, name: &str, function: TmCallbackFn, of_module: bool) -> TmCallbackId {
        self.modules |= of_module;
        let Some(number) = number_of("tm callback", name) else {
            log::error!("BUG: tm: no number for the callback {name}, it is not called");
            return TmCallbackId(u16::MAX);
        };
        let place = usize::from(number);
        if self.functions.len() <= place {
            self.functions.resize(place + 1, None);
        }
        self.functions[place] = Some(function);
        TmCallbackId(number)
    }
}

static REGISTERED: RwLock<Registered> = RwLock::new(Registered::NOTHING);
/// As it stands at the first message: no lock on the message path.
static FROZEN: OnceLock<Registered> = OnceLock::new();

fn registered() -> &'static Registered {
    FROZEN.get_or_init(|| match REGISTERED.read() {
        Ok(registered) => registered.clone(),
        Err(poisoned) => poisoned.into_inner().clone(),
    })
}

fn change<R>(change: impl FnOnce(&mut Registered) -> R) -> R {
    match REGISTERED.write() {
        Ok(mut registered) => change(&mut registered),
        Err(poisoned) => change(&mut poisoned.into_inner()),
    }
}

/// Whether any module wants to know of anything.
pub fn any() -> bool {
    registered().modules
}

/// Gives a function of this module its number: one that is told of requests of our own and of nothing else.
pub fn register(name: &str, function: TmCallbackFn) -> TmCallbackId {
    change(|r| r.add(name, function, false))
}

/// Gives a function of another module its number.
pub fn register_of_module(name: &str, function: TmCallbackFn) -> TmCallbackId {
    change(|r| r.add(name, function, true))
}

/// Tells a function of every transaction that is made for a request.
pub fn on_request_in(id: TmCallbackId, param: u64) {
    change(|r| r.request_in.insert(0, (id, param)));
}

/// Attaches a function to a transaction; false without memory.
pub fn attach(t: &mut Transaction, types: u16, id: TmCallbackId, param: u64) -> bool {
    let attached = Attached {
        types,
        id: id.0,
        param,
    };
    t.callbacks.try_push(attached).is_ok()
}

/// Whether somebody wants to know of failures.
pub fn wants_failure(t: &Transaction) -> bool {
    let types = Event::OnFailure as u16 | Event::OnFailureRo as u16;
    t.callbacks.iter().any(|c| c.types & types != 0)
}

/// Those attached for an event, the newest first; no memory is taken when there are none.
fn attached(t: &Transaction, event: Event) -> Vec<Attached> {
    let wanted = t.callbacks.iter().rev();
    wanted
        .filter(|c| c.types & event as u16 != 0)
        .copied()
        .collect()
}

fn call<'a>(
    id: TxId,
    event: Event,
    (number, param): (u16, u64),
    request: Option<&mut SipMsg<'a>>,
    reply: Option<&mut SipMsg<'a>>,
    code: u16,
) {
    let functions = &registered().functions;
    let Some(function) = functions.get(usize::from(number)).copied().flatten() else {
        log::error!("BUG: tm: callback {number} is not registered");
        return;
    };
    function(&mut TmCallback {
        event,
        transaction: id.into(),
        request,
        reply,
        code,
        param,
    });
}

/// Calls what is attached for an event.
pub fn run<'a>(
    id: TxId,
    event: Event,
    mut request: Option<&mut SipMsg<'a>>,
    mut reply: Option<&mut SipMsg<'a>>,
    code: u16,
) {
    if !any() {
        return;
    }
    let wanted = table::with(id, |t| attached(t, event)).unwrap_or_default();
    for one in wanted {
        let pair = (one.id, one.param);
        call(
            id,
            event,
            pair,
            request.as_deref_mut(),
            reply.as_deref_mut(),
            code,
        );
    }
}

/// A transaction was made for `msg`.
pub fn run_request_in(id: TxId, msg: &mut SipMsg<'_>) {
    for (callback, param) in &registered().request_in {
        call(
            id,
            Event::RequestIn,
            (callback.0, *param),
            Some(msg),
            None,
            0,
        );
    }
}

/// The ACK of a 2xx has come: who is to be told, the first time only.
pub fn end_to_end_ack(t: &mut Transaction) -> Vec<Attached> {
    let wanted = attached(t, Event::EndToEndAck);
    if wanted.is_empty() || t.has(crate::transaction::Flag::AckSeen) {
        return Vec::new();
    }
    t.set(crate::transaction::Flag::AckSeen);
    wanted
}

/// Tells them.
pub fn run_end_to_end_ack(id: TxId, wanted: Vec<Attached>, msg: &mut SipMsg<'_>) {
    for one in wanted {
        let pair = (one.id, one.param);
        call(id, Event::EndToEndAck, pair, Some(msg), None, 0);
    }
}

/// A reply went upstream.
pub fn response_out(id: TxId, code: u16, arena: &Bump) {
    if !any() {
        return;
    }
    with_messages(id, Event::ResponseOut, None, code, arena);
}

/// A request of our own has ended: with the reply of `branch`, or with one that is only assumed.
pub fn local_completed(id: TxId, branch: usize, arena: &Bump) {
    let code = table::with(id, |t| t.uas.status).unwrap_or(408);
    with_messages(id, Event::LocalCompleted, Some(branch), code, arena);
}

/// A request of our own got the provisional reply `reply`.
pub fn local_response_out(id: TxId, reply: &mut SipMsg<'_>) {
    if !any() {
        return;
    }
    let arena = reply.arena;
    let Some(revived) = table::with(id, |t| saved::revive(t, arena)) else {
        return;
    };
    let mut request = revived.message(arena, 0).ok();
    let code = reply.sip.status();
    run(
        id,
        Event::LocalResponseOut,
        request.as_mut(),
        Some(reply),
        code,
    );
}

/// Calls what is attached with the stored request and reply.
fn with_messages(id: TxId, event: Event, branch: Option<usize>, code: u16, arena: &Bump) {
    let found = table::with(id, |t| {
        let wanted = attached(t, event);
        if wanted.is_empty() {
            return None;
        }
        let reply: &[u8] = match branch {
            Some(branch) => arena.alloc_slice_copy(&t.branches[branch].reply),
            None => arena.alloc_slice_copy(&t.uas.reply),
        };
        Some((wanted, saved::revive(t, arena), reply, t.origin))
    });
    let Some((wanted, revived, reply, origin)) = found.flatten() else {
        return;
    };
    let mut request = revived.message(arena, 0).ok();
    let mut reply = Message::parse(reply, arena)
        .ok()
        .map(|sip| SipMsg::new(sip, arena, 0, origin.receive_info()));
    for one in wanted {
        let pair = (one.id, one.param);
        call(id, event, pair, request.as_mut(), reply.as_mut(), code);
    }
}

/// The transaction is gone.
pub fn destroyed(t: &Transaction) {
    for one in attached(t, Event::Destroyed) {
        call(t.id(), Event::Destroyed, (one.id, one.param), None, None, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: &mut TmCallback<'_, '_>) {}

    #[test]
    fn a_callback_of_our_own_is_none_of_a_module() {
        ser::ipc::test_segment();
        let mut registered = Registered::NOTHING;
        let own = registered.add("own", nothing, false);
        assert!(!registered.modules);
        let other = registered.add("of another module", nothing, true);
        assert!(own != other && registered.modules);
        assert_eq!(registered.add("own", nothing, false), own);
        assert!(registered.modules);
    }
}
