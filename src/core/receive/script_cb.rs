//! Script callbacks: functions of modules that run before and after the script (SER's script_cb).
//!
//! They are registered before the first fork; the last registered runs first.

use crate::core::msg::SipMsg;
use parking_lot::RwLock;
use std::sync::OnceLock;

/// Runs before the script.
pub const PRE_SCRIPT_CB: u32 = 1;
/// Runs after the script.
pub const POST_SCRIPT_CB: u32 = 2;
/// For requests.
pub const REQ_TYPE_CB: u32 = 4;
/// For replies.
pub const RPL_TYPE_CB: u32 = 8;

/// A callback; a "pre" one that returns 0 stops the message.
pub type ScriptCb = for<'a> fn(&mut SipMsg<'a>, usize) -> i32;
type List = Vec<(ScriptCb, usize)>;

struct Lists {
    pre_req: List,
    post_req: List,
    pre_rpl: List,
    post_rpl: List,
}

static REGISTERED: RwLock<Lists> = RwLock::new(Lists {
    pre_req: Vec::new(),
    post_req: Vec::new(),
    pre_rpl: Vec::new(),
    post_rpl: Vec::new(),
});
/// The lists as they stand at the first message: no lock on the message path.
static FROZEN: OnceLock<Lists> = OnceLock::new();

/// Puts a callback at the head of a list.
fn add_callback(list: &mut List, f: ScriptCb, param: usize) {
    list.insert(0, (f, param));
}

/// Registers `f` for requests, replies or both (type bits), before or after the script (exactly one
/// of the two); `param` is handed to it.
pub fn register_script_cb(f: ScriptCb, kind: u32, param: usize) -> Result<(), String> {
    let (req, rpl) = (kind & REQ_TYPE_CB != 0, kind & RPL_TYPE_CB != 0);
    let (pre, post) = (kind & PRE_SCRIPT_CB != 0, kind & POST_SCRIPT_CB != 0);
    if !(req || rpl) || pre == post {
        let why = format!("BUG: register_script_cb: callback type {kind} not allowed");
        crate::core::log::crit!("{why}");
        return Err(why);
    }
    let mut lists = REGISTERED.write();
    if req {
        let list = if pre {
            &mut lists.pre_req
        } else {
            &mut lists.post_req
        };
        add_callback(list, f, param);
    }
    if rpl {
        let list = if pre {
            &mut lists.pre_rpl
        } else {
            &mut lists.post_rpl
        };
        add_callback(list, f, param);
    }
    Ok(())
}

fn destroy_cb_list(list: &mut List) {
    list.clear();
}

/// Forgets all callbacks; at exit.
pub fn destroy_script_cb() {
    let mut lists = REGISTERED.write();
    let Lists {
        pre_req,
        post_req,
        pre_rpl,
        post_rpl,
    } = &mut *lists;
    for list in [pre_req, post_req, pre_rpl, post_rpl] {
        destroy_cb_list(list);
    }
}

fn frozen() -> &'static Lists {
    FROZEN.get_or_init(|| {
        let lists = REGISTERED.read();
        Lists {
            pre_req: lists.pre_req.clone(),
            post_req: lists.post_req.clone(),
            pre_rpl: lists.pre_rpl.clone(),
            post_rpl: lists.post_rpl.clone(),
        }
    })
}

/// Runs the callbacks before the request script; `false`: one of them took the message.
pub fn exec_pre_req_cb(msg: &mut SipMsg<'_>) -> bool {
    frozen()
        .pre_req
        .iter()
        .all(|(f, param)| f(msg, *param) != 0)
}

/// Runs the callbacks after the request script.
pub fn exec_post_req_cb(msg: &mut SipMsg<'_>) {
    for (f, param) in &frozen().post_req {
        f(msg, *param);
    }
}

/// Runs the callbacks before the reply script; `false`: one of them took the message.
pub fn exec_pre_rpl_cb(msg: &mut SipMsg<'_>) -> bool {
    frozen()
        .pre_rpl
        .iter()
        .all(|(f, param)| f(msg, *param) != 0)
}

/// Runs the callbacks after the reply was forwarded.
pub fn exec_post_rpl_cb(msg: &mut SipMsg<'_>) {
    for (f, param) in &frozen().post_rpl {
        f(msg, *param);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: &mut SipMsg<'_>, _: usize) -> i32 {
        1
    }

    #[test]
    fn a_callback_is_either_before_or_after_and_for_something() {
        for kind in [
            0,
            PRE_SCRIPT_CB,
            REQ_TYPE_CB,
            REQ_TYPE_CB | PRE_SCRIPT_CB | POST_SCRIPT_CB,
        ] {
            assert!(register_script_cb(nothing, kind, 0).is_err(), "{kind}");
        }
    }

    #[test]
    fn the_last_registered_stands_first() {
        let mut list = List::new();
        add_callback(&mut list, nothing, 1);
        add_callback(&mut list, nothing, 2);
        assert_eq!(
            list.iter().map(|(_, param)| *param).collect::<Vec<_>>(),
            [2, 1]
        );
        destroy_cb_list(&mut list);
        assert!(list.is_empty());
    }
}
