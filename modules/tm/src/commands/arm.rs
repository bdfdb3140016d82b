//! `t_on_failure`, `t_on_reply`, `t_on_branch`: which routes run for this transaction, or for the one that
//! this message will make.

use crate::context;
use crate::table;
use crate::transaction::Routes;
use ser::core::module::{Arg, Args};
use ser::core::msg::SipMsg;
use ser::ipc::ShmStr;

/// The name that the argument means; none for the unnamed route, which disarms.
fn name(args: Args) -> Option<&'static str> {
    match args.0.first() {
        Some(Arg::Route(name)) if &**name != "0" => Some(name),
        _ => None,
    }
}

/// Arms a route of the current transaction; false if there is none yet.
fn arm(name: Option<&str>, place: fn(&mut Routes) -> &mut ShmStr) -> bool {
    let Some(id) = context::get().transaction else {
        return false;
    };
    let name = ShmStr::try_new_in(name.unwrap_or("").as_bytes(), table::tag());
    match name {
        Ok(name) => {
            table::with(id, |t| place(&mut t.routes).replace(name));
        }
        Err(full) => log::error!("ERROR: tm: route not armed: {full}"),
    }
    true
}

/// `t_on_failure("name")`
pub fn t_on_failure(_: &mut SipMsg<'_>, args: Args) -> i32 {
    let name = name(args);
    if !arm(name, |r| &mut r.failure) {
        context::update(|c| c.failure = name);
    }
    1
}

/// `t_on_reply("name")`
pub fn t_on_reply(_: &mut SipMsg<'_>, args: Args) -> i32 {
    let name = name(args);
    if !arm(name, |r| &mut r.reply) {
        context::update(|c| c.reply = name);
    }
    1
}

/// `t_on_branch("name")`
pub fn t_on_branch(_: &mut SipMsg<'_>, args: Args) -> i32 {
    let name = name(args);
    if !arm(name, |r| &mut r.branch) {
        context::update(|c| c.branch = name);
    }
    1
}
