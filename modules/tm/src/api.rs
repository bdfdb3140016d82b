//! What other modules get of this one (SER's load_tm).

use crate::callbacks;
use crate::commands::replying;
use crate::context;
use crate::forward::Hop;
use crate::newtran::{self, NewTran};
use crate::table;
use crate::{relay, rpc, uac};
use ser::core::module::api::tm::{
    Tm, TmApi, TmCallbackFn, TmCallbackId, TransactionId, UacRequest,
};
use ser::core::module::api::{self};
use ser::core::msg::{SerError, SipMsg};
use std::net::SocketAddr;

struct Api;

static API: TmApi = TmApi(&Api);

/// Offers it; from `init`.
pub fn provide() {
    api::provide("tm", &API);
}

impl Tm for Api {
    fn register_callback(&self, name: &str, callback: TmCallbackFn) -> TmCallbackId {
        callbacks::register_of_module(name, callback)
    }
    fn on_request_in(&self, id: TmCallbackId, param: u64) {
        callbacks::on_request_in(id, param);
    }
    fn attach(&self, events: u16, id: TmCallbackId, param: u64) -> bool {
        let attached = context::get()
            .transaction
            .and_then(|tx| table::with(tx, |t| callbacks::attach(t, events, id, param)));
        attached == Some(true)
    }
    fn current(&self) -> Option<TransactionId> {
        context::get().transaction.map(TransactionId::from)
    }
    fn find(&self, msg: &mut SipMsg<'_>) -> Option<TransactionId> {
        newtran::lookup(msg).ok().flatten().map(TransactionId::from)
    }
    fn newtran(&self, msg: &mut SipMsg<'_>) -> i32 {
        match newtran::newtran(msg) {
            NewTran::Created(_) | NewTran::Ack => 1,
            NewTran::Absorbed => 0,
            NewTran::Exists(_) => SerError::SCRIPT.0,
            NewTran::Failed(error) => error.0,
        }
    }
    fn relay(&self, msg: &mut SipMsg<'_>) -> i32 {
        relay::relay(msg, Hop::Uri, false)
    }
    fn reply(&self, msg: &mut SipMsg<'_>, code: u16, reason: &[u8]) -> i32 {
        replying::reply(msg, code, reason, None)
    }
    fn reply_tagged(&self, msg: &mut SipMsg<'_>, code: u16, reason: &[u8], to_tag: &[u8]) -> i32 {
        replying::reply(msg, code, reason, Some(to_tag))
    }
    fn release(&self, msg: &mut SipMsg<'_>) -> i32 {
        if let Ok(Some(id)) = newtran::lookup(msg) {
            relay::release(id);
        }
        1
    }
    fn cancel(&self, transaction: TransactionId) -> Option<usize> {
        rpc::cancel_all(transaction.into())
    }
    fn request(&self, request: &UacRequest<'_>) -> Result<Option<TransactionId>, SerError> {
        Ok(uac::request(request)?.map(TransactionId::from))
    }
    fn replicate(&self, msg: &mut SipMsg<'_>, to: SocketAddr) -> i32 {
        let proto = msg.rcv.proto;
        relay::relay(msg, Hop::Fixed(to, proto), true)
    }
}
