//! `t_load_contacts`, `t_next_contacts`: serial forking.

use crate::contacts::{self, Taken};
use crate::{context, newtran, params, table};
use ser::core::module::Args;
use ser::core::msg::{RouteKind, SipMsg};

/// Nobody waits any more.
const NONE_LEFT: i32 = -2;

/// `t_load_contacts()`: puts the destinations aside where they differ in q; 1.
pub fn t_load_contacts(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    contacts::load(msg);
    1
}

/// `t_next_contacts()`: 1; in a failure route -2 when nobody waits any more.
pub fn t_next_contacts(msg: &mut SipMsg<'_>, _: Args) -> i32 {
    match contacts::next(msg) {
        Taken::Group => ring(msg, true),
        Taken::Last => ring(msg, false),
        Taken::Nothing if msg.route_kind == RouteKind::Failure => return NONE_LEFT,
        Taken::Nothing => {}
    }
    1
}

/// While others wait a group rings for `fr_inv_timer_next` only; a timer that the script or an attribute has
/// chosen stays.
fn ring(msg: &mut SipMsg<'_>, others_wait: bool) {
    let (usual, next) = (params::get().fr_inv, params::get().fr_inv_next);
    let Some(next) = next else { return };
    let (from, to) = if others_wait {
        (usual, next)
    } else {
        (next, usual)
    };
    match context::get().transaction {
        Some(id) => {
            table::with(id, |t| {
                if t.fr_inv == from {
                    t.fr_inv = to;
                }
            });
        }
        None if newtran::fr_inv(msg) == from => context::update(|c| c.fr_inv = to),
        None => {}
    }
}
