//! Substitutions as sed writes them: `/regex/replacement/flags`.

use crate::text::{behind_first_line, put};
use ser::core::module::Args;
use ser::core::msg::SipMsg;
use ser::core::script::{Subst, set_user};

fn compiled(args: Args) -> Option<&'static Subst> {
    args.custom::<Subst>(0)
}

/// On everything behind the first line; 1 if there was something to replace.
pub fn subst(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let Some(subst) = compiled(args) else {
        return -1;
    };
    let base = behind_first_line(msg);
    let text = &msg.buf()[base..];
    let found = subst.matches(text, msg);
    for one in &found {
        put(msg, base + one.start, one.end - one.start, one.text);
    }
    if found.is_empty() { -1 } else { 1 }
}

/// On the current Request-URI.
pub fn subst_uri(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let Some(subst) = compiled(args) else {
        return -1;
    };
    match subst.apply(msg.request_uri(), msg) {
        Some(uri) => {
            msg.set_uri(uri);
            1
        }
        None => -1,
    }
}

/// On the user part of the current Request-URI; empty where there is none.
pub fn subst_user(msg: &mut SipMsg<'_>, args: Args) -> i32 {
    let Some(subst) = compiled(args) else {
        return -1;
    };
    let Ok(uri) = msg.parsed_uri() else { return -1 };
    match subst.apply(uri.user, msg) {
        Some(user) => set_user(msg, user),
        None => -1,
    }
}
