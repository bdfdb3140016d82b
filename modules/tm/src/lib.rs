//! `tm`: stateful transactions (RFC 3261 §17, §16; RFC 6026).
//!
//! | file | what |
//! |---|---|
//! | `params` | parameters |
//! | `table`, `transaction`, `tick` | the table in shared memory, a transaction, moments |
//! | `client`, `server` | the state machines of both sides, pure |
//! | `identity`, `newtran`, `context` | matching requests, making transactions, what this process is at |
//! | `relay`, `forward`, `ready`, `branch_id` | `t_relay`: branches, their messages |
//! | `resolving`, `rebuild` | branches whose next hop is a name; failover |
//! | `reply_in`, `decide`, `reply` | replies of next hops, what they mean, replies upstream |
//! | `contacts` | serial forking by q |
//! | `twrite`, `tw_append` | requests handed to an application |
//! | `armed`, `failure`, `cancel`, `hop` | routes by name, failure_route, CANCEL, requests made from a branch's own |
//! | `uac/` | requests of our own |
//! | `timers` | retransmission, final response timers, the end |
//! | `saved`, `avps`, `pack` | what the script decided, in shared memory |
//! | `commands/`, `selects` | the script functions; `@tm…` |
//! | `callbacks`, `api`, `rpc`, `stats` | what others are told, and can do |

mod api;
mod armed;
mod avps;
mod branch_id;
mod callbacks;
mod cancel;
mod client;
mod commands;
mod contacts;
mod context;
mod decide;
mod failure;
mod forward;
mod hop;
mod identity;
mod newtran;
mod outbox;
mod pack;
mod params;
mod ready;
mod rebuild;
mod relay;
mod reply;
mod reply_in;
mod resolving;
mod rpc;
mod saved;
mod selects;
mod server;
mod stats;
mod table;
mod tick;
mod timers;
mod transaction;
mod tw_append;
mod twrite;
mod uac;

use ser::core::module::{Param, ParamKind};
use ser::core::msg::SipMsg;
use ser::core::process::finish_first;
use ser::core::receive::script_cb::{
    POST_SCRIPT_CB, PRE_SCRIPT_CB, REQ_TYPE_CB, RPL_TYPE_CB, register_script_cb,
};

ser::module! {
    name: "tm",
    cmds: commands::COMMANDS,
    rpc_methods: rpc::METHODS,
    metrics: stats::METRICS,
    params: &[
        Param { name: "ruri_matching", kind: ParamKind::Int(&params::RURI_MATCHING) },
        Param { name: "via1_matching", kind: ParamKind::Int(&params::VIA1_MATCHING) },
        Param { name: "fr_timer", kind: ParamKind::Int(&params::FR_TIMER) },
        Param { name: "fr_inv_timer", kind: ParamKind::Int(&params::FR_INV_TIMER) },
        Param { name: "wt_timer", kind: ParamKind::Int(&params::WT_TIMER) },
        Param { name: "delete_timer", kind: ParamKind::Int(&params::DELETE_TIMER) },
        Param { name: "retr_timer1", kind: ParamKind::Int(&params::RETR_TIMER1) },
        Param { name: "retr_timer2", kind: ParamKind::Int(&params::RETR_TIMER2) },
        Param { name: "noisy_ctimer", kind: ParamKind::Int(&params::NOISY_CTIMER) },
        Param { name: "uac_from", kind: ParamKind::Str(&params::UAC_FROM) },
        Param { name: "unix_tx_timeout", kind: ParamKind::Int(&params::UNIX_TX_TIMEOUT) },
        Param { name: "restart_fr_on_each_reply", kind: ParamKind::Int(&params::RESTART_FR) },
        Param { name: "fr_timer_avp", kind: ParamKind::Str(&params::FR_TIMER_AVP) },
        Param { name: "fr_inv_timer_avp", kind: ParamKind::Str(&params::FR_INV_TIMER_AVP) },
        Param { name: "pass_provisional_replies", kind: ParamKind::Int(&params::PASS_PROVISIONAL) },
        Param { name: "aggregate_challenges", kind: ParamKind::Int(&params::AGGREGATE_CHALLENGES) },
        Param { name: "default_code", kind: ParamKind::Int(&params::DEFAULT_CODE) },
        Param { name: "default_reason", kind: ParamKind::Str(&params::DEFAULT_REASON) },
        Param { name: "fr_inv_timer_next", kind: ParamKind::Int(&params::FR_INV_TIMER_NEXT) },
        Param { name: "contact_avp", kind: ParamKind::Str(&params::CONTACT_AVP) },
        // Kamailio's name.
        Param { name: "contacts_avp", kind: ParamKind::Str(&params::CONTACT_AVP) },
        Param { name: "tw_append", kind: ParamKind::StrFn(tw_append::declare) },
        Param { name: "auto_inv_100", kind: ParamKind::Int(&params::AUTO_INV_100) },
    ],
    register: Some(register),
    init: Some(init),
    response: Some(reply_in::reply_received),
}

/// What the script refers to by name.
fn register() {
    selects::register();
    contacts::register();
}

fn init() -> Result<(), String> {
    params::init()?;
    table::init()?;
    stats::init()?;
    timers::init()?;
    resolving::init()?;
    uac::waiting::init()?;
    api::provide();
    finish_first(table::unfinished);
    register_script_cb(before, PRE_SCRIPT_CB | REQ_TYPE_CB | RPL_TYPE_CB, 0)?;
    register_script_cb(after, POST_SCRIPT_CB | REQ_TYPE_CB, 0)
}

fn before(_: &mut SipMsg<'_>, _: usize) -> i32 {
    context::reset();
    1
}

fn after(msg: &mut SipMsg<'_>, _: usize) -> i32 {
    relay::after_script(msg);
    1
}
