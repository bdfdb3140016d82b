//! `t_set_fr`: the final response timers of one transaction.

use crate::context;
use crate::params::to_ticks;
use crate::table;
use crate::tick::{self, NEVER};
use crate::transaction::Transaction;
use ser::core::module::Args;
use ser::core::msg::SipMsg;

/// `t_set_fr(fr_inv_timer [, fr_timer])` in milliseconds, 0 leaves a timer alone; -1 for values out of range.
pub fn t_set_fr(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let mut timer = |i: usize| -> Result<u32, ()> {
        if i >= args.len() {
            return Ok(0);
        }
        match args.int(i, msg) {
            Some(0) | None => Ok(0),
            Some(ms) => to_ticks(ms).map_err(|why| log::error!("ERROR: t_set_fr: {why}")),
        }
    };
    let (Ok(fr_inv), Ok(fr)) = (timer(0), timer(1)) else {
        return -1;
    };
    match context::get().transaction {
        Some(id) => {
            table::with(id, |t| change(t, fr_inv, fr));
        }
        None => context::update(|c| (c.fr_inv, c.fr) = (fr_inv, fr)),
    }
    1
}

/// The timers of branches that still wait begin anew.
fn change(t: &mut Transaction, fr_inv: u32, fr: u32) {
    let now = tick::now();
    if fr_inv != 0 {
        t.fr_inv = fr_inv;
    }
    if fr != 0 {
        t.fr = fr;
    }
    let (fr_inv, fr) = (t.fr_inv, t.fr);
    for branch in t.branches.iter_mut().filter(|b| b.fr_at != NEVER) {
        let ticks = if branch.ringing { fr_inv } else { fr };
        branch.fr_at = tick::after(now, ticks);
    }
    t.set_timers(now);
}
